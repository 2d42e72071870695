"""One job, several processes, a PostgreSQL server: whoever works and whoever is killed, the output is that of one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from agent.jobs import find_job
from agent.store import Store, open_url
from agent.store.schema import Job
from agent.store.schema_pieces import JobPiece, JobShare
from tests.jobs.conftest import Told, table
from tests.jobs.test_jobs import ROOT, command, finished, names, wait_for
from tests.store.conftest import server  # noqa: F401
from tests.store.postgres import Server

Yingma = Callable[..., Told]
PIECES = 4
SHORT = "1"  # seconds of a lease, where a test waits for its end
OWN = ("-m", "agent")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    all_other = [(f"{name} {n}号机", *rest) for n, (name, *rest) in enumerate(names(PIECES * 1_000))]
    rows = [*all_other, *all_other[::7]]  # some stand there twice
    return table(tmp_path_factory.mktemp("in") / "in.csv", ("name", "modality", "institution"), *rows)


@pytest.fixture(scope="module")
def wanted(source: Path) -> bytes:
    """What one process makes of it."""
    out = source.parent / "out.csv"
    finished(command("normalize", source, "-o", out, "--workers", "1", home=source.parent / "home"))
    return out.read_bytes()


class Group:
    """Machines that have a database in common, each with a home of its own; all wait at their first name until `go`."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.folder, self.out, self.go = store, folder, folder / "out.csv", folder / "go"
        self._waiting = (str(ROOT / "tests/jobs/dying.py"), "wait", str(self.go))
        self._processes: list[Any] = []

    def job(self, *arguments: object, wait: bool = True) -> Any:
        return self._start("one", ("job", *arguments), self._waiting if wait else OWN)

    def begin(self, source: Path, *more: str) -> Any:
        """The job, which waits with the two pieces that it has claimed first."""
        shared = ("--id", "j", "--engine", "shared", "--workers", "1", "--feed", "none")
        process = self.job("run", source, "-o", self.out, *shared, *more)
        wait_for(process, lambda: len(self.leased("job")) == 2)
        return process

    def worker(self, wait: bool = False, program: tuple[str, ...] = OWN) -> Any:
        arguments = ("job", "work", "j", "--workers", "1", "--json")
        return self._start("two", arguments, self._waiting if wait else program)

    def _start(self, home: str, arguments: tuple[object, ...], program: tuple[str, ...]) -> Any:
        self._processes.append(command(*arguments, home=self.folder / home, program=program))
        return self._processes[-1]

    def leased(self, by: str = "") -> list[int]:
        """The pieces that the job's own process works at, or the other ones."""
        whose = col(JobPiece.lease_by) == by if by else col(JobPiece.lease_by) != "job"
        with self.store.reading() as session:
            found = select(col(JobPiece.start)).where(whose, col(JobPiece.answers).is_(None))
            return sorted(session.scalars(found))

    def handed_in(self) -> int:
        with self.store.reading() as session:
            counted = select(func.count()).select_from(JobPiece).where(col(JobPiece.answers).is_not(None))
            return session.scalar(counted) or 0

    def ends(self, process: Any, wanted: bytes) -> None:
        """The job ends with the bytes of one process, and nothing of it is left to work at."""
        finished(process)
        assert self.out.read_bytes() == wanted
        with self.store.reading() as session:
            assert [session.scalar(select(func.count()).select_from(each)) for each in (JobPiece, JobShare)] == [0, 0]
            assert session.scalars(select(Job)).one().state == "done"
        folder = find_job(self.folder / "one", "j")
        assert len(list(folder.answers.glob("*.json"))) == len(list(folder.answers.iterdir())) == PIECES

    def close(self) -> None:
        for each in self._processes:
            if each.poll() is None:
                os.killpg(each.pid, signal.SIGKILL)
                each.communicate()


@pytest.fixture
def group(
    server: Server,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Group]:
    url = server.create()
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv("YINGMA_DATABASE_URL", address)
    store = open_url(url)
    found = Group(store, tmp_path)
    yield found
    found.close()
    store.close()
    server.drop(url)


def killed(process: Any) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def told(process: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(finished(process))
    return found


def test_two_processes_share_the_pieces_of_a_job(
    group: Group, yingma: Yingma, source: Path, wanted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, worker = group.begin(source), group.worker()
    wait_for(worker, lambda: group.handed_in() == PIECES - 2)  # all that the job has not claimed itself
    assert group.leased("job") == [0, 1_000]
    group.go.touch()
    group.ends(job, wanted)
    assert told(worker) == {"id": "j", "pieces": PIECES - 2, "names": (PIECES - 2) * 1_000}
    monkeypatch.setenv("YINGMA_HOME", str(group.folder / "one"))
    shown = json.loads(yingma("job", "show", "j", "--json")[1])
    worked = {
        each["pid"]: (each["host"], each["pieces"], each["names"], each["in_hand"]) for each in shown["worked_by"]
    }
    here = socket.gethostname()[:40]
    assert worked == {job.pid: (here, 2, 2_000, 0), worker.pid: (here, PIECES - 2, (PIECES - 2) * 1_000, 0)}
    seen = [each["seen"] for each in shown["worked_by"]]
    assert shown["started"] <= min(seen) <= max(seen) <= shown["ended"]
    assert f"process {worker.pid}: {PIECES - 2} pieces" in yingma("job", "show", "j")[1]


def test_the_pieces_of_a_worker_that_was_killed_are_given_out_again(
    group: Group, source: Path, wanted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YINGMA_LEASE_SECONDS", SHORT)
    job, worker = group.begin(source), group.worker(wait=True)
    wait_for(worker, lambda: len(group.leased()) == 2)
    killed(worker)
    assert len(group.leased()) == 2  # it was amid them
    group.go.touch()
    group.ends(job, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("fate", ["killed", "asleep"])
def test_a_worker_goes_on_without_the_process_that_began_the_job(
    fate: str, group: Group, source: Path, wanted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YINGMA_LEASE_SECONDS", SHORT)
    job = group.begin(source)
    if fate == "killed":
        killed(job)
    else:
        os.killpg(job.pid, signal.SIGSTOP)
    assert told(group.worker())["pieces"] == PIECES
    assert group.handed_in() == PIECES
    group.go.touch()
    if fate == "killed":
        job = group.job("resume", "j", wait=False)
    else:
        os.killpg(job.pid, signal.SIGCONT)  # it was given up for dead, and has its two pieces still
    group.ends(job, wanted)


@pytest.mark.slow
def test_a_job_that_is_stopped_stops_its_workers(group: Group, yingma: Yingma, source: Path, wanted: bytes) -> None:
    job, worker = group.begin(source), group.worker()
    wait_for(worker, lambda: group.handed_in() == PIECES - 2)
    os.kill(job.pid, signal.SIGTERM)  # as job cancel does
    assert "Stopped" in finished(job, 130)
    assert "The job j was stopped; what was handed in is kept." in finished(worker, 130)
    code, _, err = yingma("job", "work", "j")
    assert (code, err.startswith("The job j is not running (cancelled)")) == (2, True)
    assert group.handed_in() >= PIECES - 2  # what the job let go may be claimed before it says that it is stopped
    group.ends(group.job("resume", "j", wait=False), wanted)


@pytest.mark.slow
def test_stopping_a_job_whose_own_process_is_dead_stops_its_workers(
    group: Group, yingma: Yingma, source: Path, wanted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YINGMA_HOME", str(group.folder / "one"))
    job, worker = group.begin(source), group.worker()
    wait_for(worker, lambda: group.handed_in() == PIECES - 2)
    killed(job)  # it holds two pieces, for which the worker waits
    shown = json.loads(yingma("job", "show", "j", "--json")[1])
    assert (shown["state"], [each["pieces"] for each in shown["worked_by"]]) == ("interrupted", [PIECES - 2])
    with monkeypatch.context() as patch:
        patch.setenv("YINGMA_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
        code, _, err = yingma("job", "cancel", "j")
        assert (code, "cannot be used" in err) == (1, True)
    assert worker.poll() is None
    for _ in range(2):  # once more changes nothing
        assert yingma("job", "cancel", "j")[0] == 0
        with group.store.reading() as session:
            assert session.scalars(select(Job)).one().state == "cancelled"
    assert "The job j was stopped; what was handed in is kept." in finished(worker, 130)
    assert "is not running (cancelled)" in yingma("job", "work", "j")[2]
    assert group.handed_in() == PIECES - 2
    group.ends(group.job("resume", "j", wait=False), wanted)


@pytest.mark.slow
def test_a_worker_of_other_code_is_refused(group: Group, source: Path, wanted: bytes) -> None:
    """A checkout that was changed under the same version number."""
    program = "import sys, agent.versions; agent.versions.code_hash = lambda: '0'; from agent.cli import run; "
    job = group.begin(source)
    said = json.loads(finished(group.worker(program=("-c", program + "sys.exit(run(sys.argv[1:]))")), 2))["error"]
    assert said["en"].startswith("This machine is of other versions than the job j (here / the job: code 0 / ")
    group.go.touch()
    group.ends(job, wanted)


def test_a_worker_of_another_lexicon_is_refused(group: Group, source: Path, wanted: bytes, tmp_path: Path) -> None:
    copy = shutil.copytree(ROOT / "standard", tmp_path / "other" / "standard")
    noise = copy / "data" / "lexicon" / "noise.tsv"
    row = noise.read_text(encoding="utf-8").splitlines()[-1].split("\t")
    with open(noise, "a", encoding="utf-8") as file:
        file.write("\t".join(["某院自编词", *row[1:]]) + "\n")
    program = (
        f"import sys; sys.path.insert(0, {str(copy.parent)!r}); from agent.cli import run; sys.exit(run(sys.argv[1:]))"
    )
    job = group.begin(source)
    said = json.loads(finished(group.worker(program=("-c", program)), 2))["error"]
    assert said["kind"] == "InputError"
    assert said["en"].startswith("This machine is of other versions than the job j (here / the job: lexicon ")
    assert "catalogue" not in said["en"]  # that one is the same
    assert (group.leased(), group.handed_in()) == ([], 0)
    group.go.touch()
    group.ends(job, wanted)


@pytest.mark.slow
def test_the_shipped_model_says_the_same_in_all_processes(group: Group, tmp_path: Path) -> None:
    rows = [(f"{part}{word}{scan}", "", "") for part in PARTS for word in ("CT", "MR", "检查") for scan in SCANS]
    source = table(tmp_path / "m.csv", ("name", "modality", "institution"), *rows)
    job, worker = group.begin(source, "--model", "local"), group.worker()
    wait_for(worker, lambda: group.handed_in() > 0)
    group.go.touch()
    finished(job)
    assert told(worker)["pieces"] == 1
    alone = tmp_path / "alone.csv"
    finished(command("normalize", source, "-o", alone, "--model", "local", "--workers", "1", home=tmp_path / "three"))
    assert group.out.read_bytes() == alone.read_bytes()
    spent = find_job(group.folder / "one", "j").status()["spent"]
    assert spent["calls"] > 0


PARTS = (
    "胸部",
    "头颅",
    "上腹部",
    "腰椎",
    "左膝",
    "甲状腺",
    "盆腔",
    "颈部",
    "全身",
    "脑子",
    "肚子",
    "右脚",
    "耳朵",
    "心",
)
SCANS = ("平扫", "增强", "平扫+增强", "特殊", "延迟", "多排", "常规", "薄层", "动态", "复查", "会诊", "急诊")


@pytest.mark.parametrize("arguments", [("run", "in.csv", "-o", "out.csv", "--engine", "shared"), ("work", "j")])
def test_sqlite_is_one_machine(arguments: tuple[str, ...], yingma: Yingma, tmp_path: Path, home: Path) -> None:
    table(tmp_path / "in.csv", ("name",), ("胸部CT平扫",))
    paths = [str(tmp_path / each) if each.endswith(".csv") else each for each in arguments]
    code, _, err = yingma("job", *paths)
    assert code == 2
    assert "with SQLite there is one machine, and the workers of a job are its own processes: --workers" in err
    assert yingma("job", "list", "--json")[1].strip() == "[]"
    assert not (tmp_path / "out.csv").exists()


def test_what_cannot_be_shared_is_said_in_a_sentence(group: Group, yingma: Yingma, tmp_path: Path) -> None:
    source = table(tmp_path / "in.csv", ("name",), ("胸部CT平扫",))
    run = ("job", "run", source, "-o", tmp_path / "out.csv", "--id", "j")
    code, _, err = yingma("job", "work", "j")
    assert (code, err.startswith("The database has no job j; begin it with")) == (2, True)
    for more in (("--model", "http://127.0.0.1:9/v1"), ("--model", "local", "--max-calls", "5")):
        code, _, err = yingma(*run, "--engine", "shared", *more)
        assert code == 2
        assert "--engine shared takes --model none or local only, and no budget" in err
    assert yingma(*run)[0] == 0
    code, _, err = yingma("job", "work", "j")
    assert (code, err.strip()) == (
        2,
        "The job j is not running (done); one that was stopped goes on with job resume j.",
    )
