"""The files of deploy/: units that systemd takes, a compose file whose parts fit together, a backup that holds."""

from __future__ import annotations

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
    assert (len(units), ours, done.returncode) == (5, [], 0)


def test_what_the_files_set_are_settings() -> None:
    """In the file of settings, the units and the compose file."""
    for name in ("yingma.env", "yingma.service", "yingma-daily.service", "yingma-backup.service", "compose.yaml"):
        named = set(re.findall(r"YINGMA_[A-Z_]+", (DEPLOY / name).read_text(encoding="utf-8")))
        assert named - SETTINGS <= {"YINGMA_FILES"}, name


def test_the_parts_of_the_compose_file_fit_together() -> None:
    compose: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    services = compose["services"]
    assert set(services) == {"db", "yingma"}
    for service in services.values():
        assert set(service["secrets"]) <= set(compose["secrets"])
        assert set(service.get("depends_on", {})) <= set(services)
        named = [each.split(":")[0] for each in service["volumes"] if not each.startswith(("$", ".", "/"))]
        assert set(named) <= set(compose["volumes"])
        assert all(each.startswith("127.0.0.1:") for each in service.get("ports", []))  # TLS is the proxy's
        assert service["healthcheck"]["test"]
    build = services["yingma"]["build"]
    root = (DEPLOY / build["context"]).resolve()
    assert root == DEPLOY.parent
    assert (root / build["dockerfile"]).is_file()
    program = root / services["yingma"]["command"][0]
    assert os.access(program, os.X_OK)
    secret = f"/run/secrets/{services['yingma']['secrets'][0]}"
    assert secret in program.read_text(encoding="utf-8")
    assert services["db"]["environment"]["POSTGRES_PASSWORD_FILE"] == secret


def backup(home: Path, folder: Path, **environment: str) -> Path:
    """A copy, as the timer makes it."""
    done = subprocess.run(
        [DEPLOY / "backup.sh", folder],
        env={**os.environ, "YINGMA_HOME": str(home), "YINGMA_BACKUP_PYTHON": sys.executable, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(done.stdout.strip())


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
