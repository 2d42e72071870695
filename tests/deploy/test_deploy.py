"""The files of deploy/: units that systemd takes, a compose file whose parts fit, a backup that holds, days coded."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy.engine import URL

from agent.jobs.folder import Folder, new_job
from agent.settings import Settings
from agent.store import open_url
from tests.store.postgres import binaries, running
from tests.store.world import ANKLE, World

DEPLOY = Path(__file__).resolve().parent.parent.parent / "deploy"
SETTINGS = {f"YINGMA_{name.upper()}" for name in Settings.model_fields}


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """As they are but for where Yingma lies: what they start has to be there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    units = [*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")]
    for unit in units:
        text = unit.read_text(encoding="utf-8").replace("/opt/yingma", str(DEPLOY.parent))
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    paths = sorted(str(tmp_path / unit.name) for unit in units)
    done = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "yingma" in line]
    assert (len(units), ours, done.returncode) == (6, [], 0)


def test_what_the_files_set_are_settings() -> None:
    """In the file of settings, the units and the compose file."""
    for name in (
        "yingma.env",
        "yingma.service",
        "yingma-work@.service",
        "yingma-daily.service",
        "yingma-backup.service",
        "compose.yaml",
    ):
        named = set(re.findall(r"YINGMA_[A-Z_]+", (DEPLOY / name).read_text(encoding="utf-8")))
        assert named - SETTINGS <= {"YINGMA_FILES"}, name


def test_the_parts_of_the_compose_file_fit_together() -> None:
    compose: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    services = compose["services"]
    assert set(services) == {"db", "chroma", "yingma"}
    for service in services.values():
        assert set(service.get("secrets", ())) <= set(compose["secrets"])
        assert set(service.get("depends_on", {})) <= set(services)
        named = [each.split(":")[0] for each in service["volumes"] if not each.startswith(("$", ".", "/"))]
        assert set(named) <= set(compose["volumes"])
        assert all(each.startswith("127.0.0.1:") for each in service.get("ports", []))  # TLS is the proxy's
        assert "profiles" in service or service["healthcheck"]["test"]
    version = importlib.metadata.version("chromadb")
    assert services["chroma"]["image"].endswith(f":{version}"), "client and server are of one version"
    build = services["yingma"]["build"]
    root = (DEPLOY / build["context"]).resolve()
    assert root == DEPLOY.parent
    assert (root / build["dockerfile"]).is_file()
    program = root / services["yingma"]["command"][0]
    assert os.access(program, os.X_OK)
    secret = f"/run/secrets/{services['yingma']['secrets'][0]}"
    assert secret in program.read_text(encoding="utf-8")
    assert services["db"]["environment"]["POSTGRES_PASSWORD_FILE"] == secret


def called(name: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """A script, as a unit calls it."""
    return subprocess.run(
        [DEPLOY / name, *map(str, arguments)],
        env={**os.environ, "YINGMA_DEPLOY_PYTHON": sys.executable, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def backup(home: Path, folder: Path, **environment: str) -> Path:
    """A copy, as the timer makes it."""
    done = called("backup.sh", folder, YINGMA_HOME=str(home), **environment)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def with_database(home: Path) -> None:
    """An empty database in the home."""
    open_url(URL.create("sqlite", database=str(home / "yingma.db"))).close()


def test_a_backup_of_sqlite_holds_what_was_decided(home: Path, tmp_path: Path) -> None:
    """Made while the database is open; older ones are removed, the newest are kept."""
    store = open_url(URL.create("sqlite", database=str(home / "yingma.db")))
    World(store).put(ANKLE)
    (home / "jobs" / "a").mkdir(parents=True)
    (home / "jobs" / "a" / "spec.json").write_text("{}", encoding="utf-8")
    (home / "settings.toml").write_text('lang = "zh"\n', encoding="utf-8")
    for day in range(20):
        (tmp_path / f"yingma-200001{day:02}T000000").mkdir()
    copy = backup(home, tmp_path)
    store.close()
    kept = sorted(each.name for each in tmp_path.iterdir())
    assert (len(kept), kept[-1], kept[0]) == (14, copy.name, "yingma-20000107T000000")
    with tarfile.open(copy / "home.tar") as packed:
        assert {"settings.toml", "jobs/a/spec.json"} <= set(packed.getnames())
    again = open_url(URL.create("sqlite", database=str(copy / "yingma.db")))
    found = World(again)
    found.check()
    assert found.cluster(ANKLE).names == 1
    again.close()


def test_a_backup_of_postgresql_is_put_back(home: Path, tmp_path: Path) -> None:
    folder = binaries()
    if folder is None or shutil.which("pg_dump") is None:
        pytest.skip("PostgreSQL (initdb, pg_dump) is not installed")
    with running(folder) as server:
        url, empty = server.create(), server.create()
        store = open_url(url)
        World(store).put(ANKLE)
        copy = backup(home, tmp_path, YINGMA_DATABASE_URL=url.render_as_string(hide_password=False))
        store.close()
        target = empty.set(drivername="postgresql").render_as_string(hide_password=False)
        subprocess.run(["pg_restore", "--no-owner", "-d", target, copy / "yingma.dump"], check=True)
        again = open_url(empty)
        found = World(again)
        found.check()
        assert found.cluster(ANKLE).names == 1
        again.close()


def test_without_a_database_there_is_no_backup(home: Path, tmp_path: Path) -> None:
    """The server's settings are missing: said, and nothing that looks like a copy is left."""
    (home / "settings.toml").write_text('lang = "en"\n', encoding="utf-8")
    done = called("backup.sh", tmp_path, YINGMA_HOME=str(home), YINGMA_LANG="en")
    assert (done.returncode, done.stdout, list(tmp_path.iterdir())) == (1, "", [])
    assert done.stderr.startswith("There is no database to copy")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("where", ["environment", "settings.toml"])
def test_a_password_is_in_no_argument(home: Path, tmp_path: Path, where: str) -> None:
    """pg_dump is one that writes down how it was called; the address is taken from where the server takes it."""
    program, told, copies = tmp_path / "bin" / "pg_dump", tmp_path / "told", tmp_path / "copies"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$PGPASSWORD" "$@" > {told}\n', encoding="utf-8")
    program.chmod(0o755)
    environment = {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    if where == "settings.toml":  # and the password as an option behind the address
        url = "postgresql://someone@db.example:5433/exams?sslmode=require&password=s%40cret"
        (home / "settings.toml").write_text(f'database_url = "{url}"\n', encoding="utf-8")
    else:
        url = "postgresql://someone:s%40cret@db.example:5433/exams?sslmode=require"
        environment["YINGMA_DATABASE_URL"] = url
    backup(home, copies, **environment)
    password, *arguments = told.read_text(encoding="utf-8").splitlines()
    assert password == "s@cret"
    assert "cret" not in " ".join(arguments)
    assert {"host=db.example", "port=5433", "user=someone", "dbname=exams", "sslmode=require"} <= set(
        arguments[-1].removeprefix("--dbname=").split()
    )


def test_when_pg_dump_fails_there_is_no_backup(home: Path, tmp_path: Path) -> None:
    if shutil.which("pg_dump") is None:
        pytest.skip("pg_dump is not installed")
    nowhere = f"postgresql://someone@/exams?host={tmp_path}"
    done = called("backup.sh", tmp_path / "copies", YINGMA_HOME=str(home), YINGMA_DATABASE_URL=nowhere)
    assert (done.returncode, done.stdout, list((tmp_path / "copies").iterdir())) == (1, "", [])


def test_a_backup_is_for_its_owner_and_without_secrets_and_drafts(home: Path, tmp_path: Path) -> None:
    with_database(home)
    folder = new_job(home, {"inputs": ["in.csv"], "output": "out.csv", "id": "a"}, "2026-11-28T00:00:00+00:00")
    folder.hide("secrets.json", ["password"])
    (home / "jobs" / ".turns").mkdir()
    (home / "jobs" / ".turns" / "1").write_text("", encoding="utf-8")
    (folder.path / ".status.json.123").write_text("{", encoding="utf-8")
    (folder.answers / ".000000000.json.123").write_text("{", encoding="utf-8")
    copy = backup(home, tmp_path / "copies")
    with tarfile.open(copy / "home.tar") as packed:
        names = {each.name for each in packed if each.isfile()}
    assert names == {"jobs/a/spec.json", "jobs/a/status.json"}
    assert {each.stat().st_mode & 0o077 for each in (copy.parent, copy, *copy.iterdir())} == {0}


def test_a_file_that_vanishes_while_it_is_read_does_no_harm(home: Path, tmp_path: Path) -> None:
    """tar itself removes it, after it has listed the folder: its first checkpoint comes within the first file."""
    with_database(home)
    job = home / "jobs" / "a"
    job.mkdir(parents=True)
    (job / "1").write_bytes(bytes(100_000))
    gone = job / "2"
    gone.write_text("{}", encoding="utf-8")
    (job / "3").write_text("{}", encoding="utf-8")
    options = f"--sort=name --checkpoint=1 --checkpoint-action=exec='rm -f {gone}'"
    copy = backup(home, tmp_path, TAR_OPTIONS=options)
    assert not gone.exists()
    with tarfile.open(copy / "home.tar") as packed:
        assert [each.name for each in packed if each.isfile()] == ["jobs/a/1", "jobs/a/3"]


def test_what_tar_cannot_do_is_no_backup(home: Path, tmp_path: Path) -> None:
    with_database(home)
    (home / "settings.toml").write_text('lang = "zh"\n', encoding="utf-8")
    done = called("backup.sh", tmp_path, YINGMA_HOME=str(home), TAR_OPTIONS="--directory=/nowhere")
    assert (done.returncode != 0, done.stdout, list(tmp_path.iterdir())) == (True, "", [])


@pytest.mark.slow
def test_a_day_goes_on_with_those_before_it(home: Path, tmp_path: Path) -> None:
    """One was killed, one was cancelled; the day itself has no file, which is told, and done when it is there."""
    files = tmp_path / "files"
    (files / "in").mkdir(parents=True)
    (files / "out").mkdir()
    for number, state in ((26, "running"), (27, "cancelled")):
        day = f"2026-11-{number}"
        source = files / "in" / f"{day}.csv"
        source.write_text("name\n胸部CT平扫\n", encoding="utf-8")
        options = {"inputs": [str(source)], "output": str(files / "out" / source.name), "id": f"daily-{day}"}
        new_job(home, options, f"{day}T00:00:00+00:00").write("status.json", {"state": state})
    environment = {"YINGMA_HOME": str(home), "YINGMA_FILES": str(files), "YINGMA_MODEL": "none"}
    done = called("daily.sh", "2026-11-28", **environment)
    assert done.returncode == 1
    assert "2026-11-28.csv" in done.stderr
    assert [each.name for each in (files / "out").iterdir()] == ["2026-11-26.csv"]
    shutil.copy(files / "in" / "2026-11-27.csv", files / "in" / "2026-11-28.csv")
    done = called("daily.sh", "2026-11-28", **environment)
    assert done.returncode == 0, done.stderr
    states = {each.name: Folder(each).status()["state"] for each in (home / "jobs").glob("daily-*")}
    assert states == {"daily-2026-11-26": "done", "daily-2026-11-27": "cancelled", "daily-2026-11-28": "done"}


def test_commands_of_the_docs_have_the_settings_and_show_no_password() -> None:
    """backup.sh by hand, without the server's settings, would look for another database: its unit has them."""
    text = (DEPLOY.parent / "docs" / "hospital-group.md").read_text(encoding="utf-8")
    commands = [line for line in text.splitlines() if line.startswith("    ") and "=" not in line.split()[0]]
    assert not [line for line in commands if "backup.sh" in line or re.search(r"://\w+:", line)]
