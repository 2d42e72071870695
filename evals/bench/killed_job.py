"""A job in a home and a database of its own, the process that runs it, and the moment at which it is to be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.engine import URL

from agent.jobs.folder import Folder
from agent.store import open_url
from evals.bench.kept_rows import Rows, kept_rows
from evals.bench.machine import ROOT, child_environment, children

PHASES = ("starting", "reading", "answering", "writing", "feeding", "ending")
LOOK = 0.003  # seconds between two looks at where it is
LONGEST = 600.0  # seconds of one run of a job, after which it hangs
JOB = "k"


class Shape(NamedTuple):
    """A kind of job. `tables`: its database has them, and the key of the audit, from the beginning."""

    name: str
    ending: str
    exams: int  # of each name
    quoted: bool = False
    tables: bool = True


class Aim(NamedTuple):
    """A moment to be: how far in which phase, and who is killed then; `server` is the database server."""

    phase: str
    share: float
    victim: str


class Home(NamedTuple):
    """A folder of all state, and its database."""

    path: Path
    url: URL
    shape: Shape

    def environment(self) -> dict[str, str]:
        """Of its processes."""
        url = "" if self.url.drivername == "sqlite" else self.url.set(drivername="postgresql")
        shown = url if isinstance(url, str) else url.render_as_string(hide_password=False)
        audit = str(self.shape.tables).lower()
        return child_environment(
            YINGMA_HOME=str(self.path), YINGMA_DATABASE_URL=shown, YINGMA_AUDIT=audit, YINGMA_LANG="en"
        )

    def rows(self) -> Rows:
        """The rows of its store."""
        store = open_url(self.url)
        try:
            return kept_rows(store)
        finally:
            store.close()


class Run:
    """A job, and the process that was started last and not killed. `stopped`: the database was away since it began."""

    def __init__(self, shape: Shape, home: Home, source: Path) -> None:
        self.home, self.source = home, source
        self.folder = Folder(home.path / "jobs" / JOB)
        self.output = home.path / "out" / f"out.{shape.ending}"
        self.writes = home.path / "writes.txt"
        self.logs: list[Path] = []  # of each start
        self.orphaned: list[Path] = []  # of them, where workers outlived the main process: Python's may say so
        self.process: subprocess.Popen[bytes] | None = None
        self.stopped = False
        self.began = 0.0

    def options(self) -> dict[str, Any]:
        """Of the job, as `start` gives them on the command line."""
        return {
            "id": JOB,
            "inputs": [str(self.source)],
            "output": str(self.output),
            "workers": 2,
            "model": "none",
            "feed": "review",
            "lang": "en",
        }

    def start(self, last: int | None = None) -> subprocess.Popen[bytes]:
        """Go on with the job, or begin it where there is none yet. `last`: the write at which it dies (dying.py)."""
        words = ["resume", JOB]
        if not self.folder.has("spec.json"):
            words = ["run", str(self.source), "-o", str(self.output), "--id", JOB, "--workers", "2"]
            words += ["--model", "none", "--feed", "review"]
        program = ["agent"] if last is None else ["evals.bench.dying", str(last), str(self.writes)]
        self.logs.append(self.home.path / f"log-{len(self.logs) + 1}.txt")
        with open(self.logs[-1], "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *program, "job", *words],
                cwd=ROOT,
                env=self.home.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.stopped, self.began = False, time.monotonic()
        return self.process

    def phase(self) -> str:
        """Where the process is, by what the job says of itself."""
        try:
            status = self.folder.read("status.json")
        except (OSError, ValueError):
            return "starting"
        if status.get("state") == "done":
            return "ending"
        if self.process is None or status.get("pid") != self.process.pid or status.get("phase") not in PHASES:
            return "starting"
        if status["phase"] == "feeding" and self._fed() >= status["total"]:
            return "ending"
        return str(status["phase"])

    def _fed(self) -> int:
        try:
            return int(self.folder.read("fed.json")["names"])
        except (OSError, ValueError):
            return -1

    def wait_for(self, aim: Aim, seconds: dict[str, float], late: float) -> str | None:
        """Until the moment; the phase then. None where the process ended before. `late`: the seconds to wait where the
        phase is over."""
        due = PHASES.index(aim.phase)
        self._reach(due)
        phase = self.phase()
        wait = late
        if phase == aim.phase:
            wait = aim.share * seconds[phase] * self._left(phase)
            if aim.victim == "worker":  # the end of the phase is that of the workers, too
                self._until(lambda: bool(self.workers()) or self.phase() != aim.phase)
                wait /= 2
        elif PHASES.index(phase) < due:
            return None  # it has ended, and its file says so by now
        limit = time.monotonic() + wait
        self._until(lambda: time.monotonic() >= limit)
        assert self.process is not None
        return None if self.process.poll() is not None else self.phase()

    def _left(self, phase: str) -> float:
        """Which share of a phase is to be done."""
        if phase not in ("answering", "feeding"):
            return 1.0
        status = self.folder.read("status.json")
        return 1.0 - status["done"] / status["total"] if status.get("total") else 1.0

    def finish(self) -> int:
        """Let it end, begun where it does not run; its exit code. TimeoutError where it hangs."""
        process = self.process or self.start()
        self._until(lambda: False)
        return process.wait()

    def close(self) -> None:
        """Kill what runs of it."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _reach(self, due: int) -> None:
        """Until it is in a phase, or in one behind it."""
        self._until(lambda: PHASES.index(self.phase()) >= due)

    def _until(self, holds: Callable[[], bool]) -> None:
        """Until it holds or the process has ended. TimeoutError where that takes too long."""
        assert self.process is not None
        while self.process.poll() is None and not holds():
            if time.monotonic() - self.began > LONGEST:
                raise TimeoutError(f"it ran more than {LONGEST:.0f} seconds, last in the phase {self.phase()}")
            time.sleep(LOOK)

    def measure(self) -> dict[str, float]:
        """Run it to its end: the seconds of its phases. RuntimeError where it fails. Its writes are counted."""
        self.start(0)
        seconds, since = dict.fromkeys(PHASES, 0.0), self.began
        for phase, following in zip(PHASES, (*PHASES[1:], None), strict=True):
            due = len(PHASES) if following is None else PHASES.index(following)
            self._reach(due)
            moment = time.monotonic()
            seconds[phase], since = moment - since, moment
        if code := self.finish():
            raise RuntimeError(f"a job that nobody disturbed ended with {code}: {self.last_line()}")
        return seconds

    def workers(self) -> list[int]:
        """The processes that the job started to answer names, and that run."""
        assert self.process is not None
        found = children(self.process.pid)
        try:
            return [each for each in found if b"resource_tracker" not in Path(f"/proc/{each}/cmdline").read_bytes()]
        except OSError:  # one of them has just ended
            return []

    def last_line(self) -> str:
        """What it said last."""
        lines = self.logs[-1].read_text(encoding="utf-8").strip().splitlines()
        return lines[-1] if lines else "nothing"
