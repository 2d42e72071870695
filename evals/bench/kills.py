"""`kills`: jobs that are killed at random moments and go on, against the same jobs never disturbed: bytes and rows.

    shape of job ──▶ undisturbed, once: output, rows of the store, seconds of each phase
                 └─▶ run, killed, resumed, killed, … ──▶ ends ──▶ the same bytes, the same rows, nothing left beside it

A job is `yingma job run` over generated names (evals/bench/rows.py), in a home and a database of its own. It is killed
by SIGKILL three to seven times: its whole process group, its main process alone, or one worker, after which it goes on
by itself. Each moment is drawn: a phase of the job, and where in it, of the time that the phase took undisturbed; where
the phase is over already, the moment is soon after. Then the job goes on as a person would have it: `job resume`, or
`job run` where it was killed before there was a job. On a PostgreSQL server of the bench's own, each job also lives
through a crash of the server: `pg_ctl stop -m immediate`, and started again within a second. The seed fixes what is
drawn; where exactly a process is at that moment is the machine's.

Shapes: `csv` (by DuckDB, from about 10,000 names on), `parquet`, and `quoted`, csv for the csv module into a database
without tables, so that those are made under fire. The standing audit draws from the first two: their databases begin
with the same key of it.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.engine import URL, make_url

from agent.jobs.folder import Folder, new_job
from agent.settings import POSTGRESQL
from agent.store import now, open_url
from agent.store.audit import audit_key
from agent.store.engine import FILE_NAME
from evals.bench.kept_rows import Rows, differences, kept_rows
from evals.bench.machine import ROOT, child_environment
from evals.bench.postgres import Databases, Server, binaries, running
from evals.bench.rows import exam_rows
from standard.errors import InputError

NAMES, KILLS, SEED = 12_000, 50, 1
FEWEST, MOST = 3, 7  # kills of one job
PHASES = ("starting", "reading", "answering", "writing", "feeding", "ending")
AIMS = (*PHASES, "answering")  # most that can go wrong goes on there
VICTIMS = ("group", "group", "main", "worker")  # of a kill while workers answer; elsewhere there are none
LATE = 0.2  # seconds at most from a phase that is found over to the kill
DOWN = 1.0  # seconds at most that the database server is down
LOOK = 0.003
LONGEST = 600.0  # seconds of one run of a job, after which it hangs
JOB = "k"


class Shape(NamedTuple):
    """A kind of job. `tables`: its database has them, and the key of the audit, from the beginning."""

    name: str
    ending: str
    exams: int  # of each name
    quoted: bool = False
    tables: bool = True


SHAPES = (
    Shape("csv", "csv", 30),
    Shape("parquet", "parquet", 30),
    Shape("quoted", "csv", 5, quoted=True, tables=False),
)


class Aim(NamedTuple):
    """A moment to be: how far in which phase, and who is killed then; `server` is the database server."""

    phase: str
    share: float
    victim: str


class Undisturbed(NamedTuple):
    """What a job gives that nobody disturbs."""

    output: bytes
    rows: Rows
    counts: dict[str, int]
    seconds: dict[str, float]


@dataclass
class Hit:
    """A kill: in which phase it was found then, and what became of the job."""

    phase: str
    victim: str
    resumed: bool = False
    same_bytes: bool = False
    same_rows: bool = False


@dataclass
class Outcome:
    """A job that was killed, and what differs in it."""

    shape: str
    hits: list[Hit] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def run_kills_bench(names: int = NAMES, kills: int = KILLS, seed: int = SEED, store: str = "sqlite") -> dict[str, Any]:
    """Kill jobs so many times. `store`: sqlite, postgresql (a server of the bench's own), or the URL of a server on
    which databases are made and dropped. `differences` is empty where all is as undisturbed; else `kept` is the folder.

    InputError where there is no such store.
    """
    began = time.monotonic()
    with _databases(store) as databases:
        place = Path(tempfile.mkdtemp(prefix="yingma-kills-"))
        outcomes = []
        try:
            outcomes = Killing(place, names, seed, databases).jobs(kills)
        finally:
            wrong = [f"job {at} ({each.shape}): {line}" for at, each in enumerate(outcomes, 1) for line in each.wrong]
            if not wrong:
                shutil.rmtree(place)
    hits = [hit for each in outcomes for hit in each.hits]
    return {
        "store": store if "://" not in store else "url",
        "names": names,
        "seed": seed,
        "kills": sum(hit.victim != "server" for hit in hits),
        "stops": sum(hit.victim == "server" for hit in hits),
        "jobs": len(outcomes),
        "seconds": round(time.monotonic() - began),
        "phases": {phase: _summed([hit for hit in hits if hit.phase == phase]) for phase in PHASES},
        "differences": wrong,
        "kept": str(place) if wrong else "",
    }


def _summed(hits: list[Hit]) -> dict[str, int]:
    victims = {victim: sum(hit.victim == victim for hit in hits) for victim in ("group", "main", "worker", "server")}
    ends = {key: sum(getattr(hit, key) for hit in hits) for key in ("resumed", "same_bytes", "same_rows")}
    return {**victims, "all": len(hits), **ends}


@contextmanager
def _databases(store: str) -> Iterator[Databases | None]:
    """Where databases are made; None for SQLite."""
    if store == "sqlite":
        yield None
    elif store == "postgresql":
        folder = binaries()
        if folder is None:
            raise InputError(
                "本机没有 PostgreSQL（initdb、pg_ctl）；请安装它，或用 --store sqlite。",
                "PostgreSQL (initdb, pg_ctl) is not installed here; install it, or use --store sqlite.",
            )
        with running(folder) as server:
            yield server
    elif store.startswith(POSTGRESQL):
        yield Databases(make_url("postgresql+psycopg://" + store.split("://", 1)[1]))
    else:
        raise InputError(
            f"没有 {store} 这种数据库（--store）；请用 sqlite、postgresql，或 postgresql:// 地址。",
            f"There is no store {store} (--store); use sqlite, postgresql, or a URL postgresql://...",
        )


class Killing:
    """Jobs in a folder. `databases`: where theirs are; None for SQLite in their homes."""

    def __init__(self, place: Path, names: int, seed: int, databases: Databases | None) -> None:
        self.place, self.names, self.databases = place, names, databases
        self.chance = random.Random(seed)
        self._sources: dict[str, Path] = {}
        self._known: dict[tuple[str, str], Undisturbed] = {}
        self._template: URL | None = None

    def jobs(self, kills: int) -> list[Outcome]:
        """Jobs until there were so many kills, the shapes by turns; until one differs before it was ever killed."""
        done: list[Outcome] = []
        left = kills
        while left > 0:
            aims = self._aims(min(left, self.chance.randint(FEWEST, MOST)))
            outcome = self._job(SHAPES[len(done) % len(SHAPES)], f"job-{len(done) + 1}", aims)
            done.append(outcome)
            left -= sum(hit.victim != "server" for hit in outcome.hits)
            if outcome.wrong and not outcome.hits:
                break
        return done

    def _aims(self, kills: int) -> list[Aim]:
        """Moments of one job. Answering comes first, while there is something to answer; else in any order."""
        aims = []
        for _ in range(kills):
            phase = self.chance.choice(AIMS)
            victim = self.chance.choice(VICTIMS if phase == "answering" else VICTIMS[:-1])
            aims.append(Aim(phase, self.chance.random(), victim))
        if isinstance(self.databases, Server):
            aims.append(Aim(self.chance.choice(PHASES), self.chance.random(), "server"))
        self.chance.shuffle(aims)
        return sorted(aims, key=lambda aim: aim.phase != "answering")

    def _job(self, shape: Shape, name: str, aims: list[Aim]) -> Outcome:
        """One job from its beginning to its end, killed on the way, and compared."""
        wanted = self._undisturbed(shape, now().isoformat(timespec="seconds"))
        outcome = Outcome(shape.name)
        with self._home(shape, name) as home:
            run = _Run(shape, home, self._source(shape))
            for aim in aims:
                hit = self._kill(run, aim, wanted.seconds, outcome)
                if hit is None:
                    break
                outcome.hits.append(hit)
            process = run.process or run.start()
            if process.wait(LONGEST) and not run.stopped:
                outcome.wrong.append(f"it ended with {process.returncode}: {run.last_line()}")
            elif process.returncode:
                process = run.start()
                if process.wait(LONGEST):
                    outcome.wrong.append(f"it did not go on after the database was back: {run.last_line()}")
            if not outcome.wrong:
                created = run.folder.spec().created  # draws of the audit depend on the day
                self._compare(run, home, self._undisturbed(shape, created), outcome)
        return outcome

    def _kill(self, run: _Run, aim: Aim, seconds: dict[str, float], outcome: Outcome) -> Hit | None:
        """Start it where nothing runs, wait for the moment, kill. None where it ended before."""
        while True:
            process = run.process or run.start()
            phase = run.wait_for(aim, seconds, self.chance.random() * LATE)
            if phase is not None:
                break
            if process.returncode == 0 or not run.stopped:
                return None
            run.process = None  # the database was gone, and it said so
        return Hit(phase, self._strike(run, process, aim.victim))

    def _strike(self, run: _Run, process: subprocess.Popen[bytes], victim: str) -> str:
        """Kill; gives whom: the group where there is no worker."""
        if victim == "server":
            assert isinstance(self.databases, Server)
            run.stopped = True
            self.databases.stop_hard()
            try:
                time.sleep(self.chance.random() * DOWN)
            finally:
                self.databases.start()
            return victim
        workers = run.children() if victim == "worker" else []
        if workers:
            os.kill(self.chance.choice(workers), signal.SIGKILL)
            return victim
        victim = "group" if victim == "worker" else victim
        os.kill(process.pid, signal.SIGKILL) if victim == "main" else os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        run.process = None
        return victim

    def _compare(self, run: _Run, home: _Home, wanted: Undisturbed, outcome: Outcome) -> None:
        """The output, what stands beside it, the counts, and the rows of the store."""
        same_bytes = run.output.read_bytes() == wanted.output
        if not same_bytes:
            outcome.wrong.append("the output has other bytes")
        outcome.wrong += [
            f"left beside the output: {each}"
            for each in sorted(os.listdir(run.output.parent))
            if each != run.output.name
        ]
        status = run.folder.status()
        if status["state"] != "done" or status["counts"] != wanted.counts:
            outcome.wrong.append(f"its status is {status['state']}, {status['counts']} instead of {wanted.counts}")
        if "Traceback" in run.log.read_text(encoding="utf-8"):
            outcome.wrong.append("a traceback in its log")
        rows = differences(wanted.rows, home.rows())
        outcome.wrong += rows
        for hit in outcome.hits:
            hit.resumed, hit.same_bytes, hit.same_rows = True, same_bytes, not rows

    def _undisturbed(self, shape: Shape, created: str) -> Undisturbed:
        """The same job, of the same day, that nobody disturbs."""
        key = shape.name, created[:10]
        if key not in self._known:
            with self._home(shape, "-".join(("undisturbed", *key))) as home:
                run = _Run(shape, home, self._source(shape))
                new_job(home.path, run.options(), created)
                seconds = run.measure()
                status = run.folder.status()
                self._known[key] = Undisturbed(run.output.read_bytes(), home.rows(), status["counts"], seconds)
        return self._known[key]

    def _source(self, shape: Shape) -> Path:
        """The table that jobs of a shape read."""
        if shape.name not in self._sources:
            table = exam_rows(self.names * shape.exams, self.names)
            path = self.place / f"{shape.name}.{shape.ending}"
            if shape.ending == "parquet":
                table.write_parquet(path)
            else:
                table.write_csv(path, quote_style="always" if shape.quoted else "never")
            self._sources[shape.name] = path
        return self._sources[shape.name]

    @contextmanager
    def _home(self, shape: Shape, name: str) -> Iterator[_Home]:
        """A folder of all state, with its database."""
        path = self.place / name
        path.mkdir()
        (path / "out").mkdir()
        if self._template is None and shape.tables:
            self._template = self.databases.create() if self.databases is not None else self._sqlite(self.place)
            _prepare(self._template)
        if self.databases is None:
            url = self._sqlite(path)
            if shape.tables:
                shutil.copy(self.place / FILE_NAME, path)
            yield _Home(path, url, shape)
            return
        url = self.databases.create(self._template if shape.tables else None)
        try:
            yield _Home(path, url, shape)
        finally:
            self.databases.drop(url)

    @staticmethod
    def _sqlite(folder: Path) -> URL:
        return URL.create("sqlite", database=str(folder / FILE_NAME))


def _prepare(url: URL) -> None:
    """Tables, and the key by which the audit draws, else another one in every database."""
    store = open_url(url)
    store.write(audit_key)
    store.close()


class _Home(NamedTuple):
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


class _Run:
    """A job and the process that runs it, if one does. `stopped`: the database was away since it began."""

    def __init__(self, shape: Shape, home: _Home, source: Path) -> None:
        self.home, self.source = home, source
        self.folder = Folder(home.path / "jobs" / JOB)
        self.output = home.path / "out" / f"out.{shape.ending}"
        self.log = home.path / "log.txt"
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

    def start(self) -> subprocess.Popen[bytes]:
        """Go on with the job, or begin it where there is none yet."""
        words = ["resume", JOB]
        if not self.folder.has("spec.json"):
            words = ["run", str(self.source), "-o", str(self.output), "--id", JOB, "--workers", "2"]
            words += ["--model", "none", "--feed", "review"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agent", "job", *words],
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
        self._until(lambda: PHASES.index(self.phase()) >= due)
        phase = self.phase()
        wait = late
        if phase == aim.phase:
            wait = aim.share * seconds[phase] * self._left(phase)
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

    def _until(self, holds: Callable[[], bool]) -> None:
        """Until it holds or the process has ended."""
        assert self.process is not None
        while self.process.poll() is None and not holds():
            if time.monotonic() - self.began > LONGEST:
                os.killpg(self.process.pid, signal.SIGKILL)
                raise TimeoutError(f"a run of the job in {self.home.path} took more than {LONGEST} seconds")
            time.sleep(LOOK)

    def measure(self) -> dict[str, float]:
        """Run it to its end: the seconds of its phases."""
        process = self.start()
        seconds, phase, since = dict.fromkeys(PHASES, 0.0), "starting", time.monotonic()
        while process.poll() is None:
            found = self.phase()
            moment = time.monotonic()
            if PHASES.index(found) > PHASES.index(phase):
                seconds[phase] += moment - since
                phase, since = found, moment
            time.sleep(LOOK)
        seconds[phase] += time.monotonic() - since
        if process.returncode:
            raise RuntimeError(f"a job that nobody disturbed ended with {process.returncode}: {self.last_line()}")
        return seconds

    def children(self) -> list[int]:
        """The processes that the job started and that run."""
        assert self.process is not None
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            return [int(each) for each in path.read_text(encoding="ascii").split()]
        except OSError:
            return []

    def last_line(self) -> str:
        """What it said last."""
        lines = self.log.read_text(encoding="utf-8").strip().splitlines()
        return lines[-1] if lines else "nothing"
