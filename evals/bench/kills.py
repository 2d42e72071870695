"""`kills`: jobs that are killed at random moments and go on, against the same jobs never disturbed: bytes and rows.

    shape of job ──▶ undisturbed, once: output, rows of the store, seconds of each phase
                 └─▶ run, killed, resumed, killed, … ──▶ ends ──▶ the same bytes, the same rows, nothing left beside it

A job is `yingma job run` over generated names (evals/bench/rows.py), in a home and a database of its own. It is killed
by SIGKILL three to seven times: its whole process group; its main process alone; one worker, after which it goes on by
itself; or the group just before one of its writes (evals/bench/dying.py). The moment is drawn: a phase of the job, and
where in it, of the time that the phase took undisturbed (where the phase is over already, soon after); or the number of
a write, small ones more often, since few are left to a job that goes on. Then the job goes on as a person would have
it: `job resume`, or `job run` where it was killed before there was a job. On a PostgreSQL server of the bench's own,
each job also lives through a crash of the server: `pg_ctl stop -m immediate`, and started again within a second. The
seed fixes what is drawn; where exactly a process is at that moment is the machine's.

Shapes: `csv` (by DuckDB, from about 5,000 names on), `parquet`, and `quoted`, csv for the csv module into a database
without tables, so that those are made under fire. The standing audit draws from the first two: their databases begin
with the same key of it.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.engine import URL

from agent.jobs.folder import new_job
from agent.settings import POSTGRESQL
from agent.store import now, open_url
from agent.store.audit import audit_key
from agent.store.engine import FILE_NAME, address, shown
from evals.bench.kept_rows import Rows, differences
from evals.bench.killed_job import PHASES, Aim, Home, Run, Shape
from evals.bench.postgres import Databases, Server, binaries, running
from evals.bench.rows import exam_rows
from standard.errors import InputError

NAMES, KILLS, SEED = 6_000, 50, 1
FEWEST, MOST = 3, 7  # kills of one job
AIMS = (*PHASES, "answering", "answering")  # most that can go wrong goes on there
STRUCK, ENDS = ("group", "main", "worker", "write", "server"), ("resumed", "same_bytes", "same_rows")
COLUMNS = (*STRUCK, "all", *ENDS)
VICTIMS = ("group", "main", "write")
WORKERS = ("worker", "worker")  # more of them while workers answer
LATE = 0.2  # seconds at most from a phase that is found over to the kill
DOWN = 1.0  # seconds at most that the database server is down


SHAPES = (
    Shape("csv", "csv", 60),
    Shape("parquet", "parquet", 30),
    Shape("quoted", "csv", 5, quoted=True, tables=False),
)


class Undisturbed(NamedTuple):
    """What a job gives that nobody disturbs."""

    output: bytes
    rows: Rows
    counts: dict[str, int]
    seconds: dict[str, float]
    writes: int


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


def run_kills_bench(
    home: Path, names: int = NAMES, kills: int = KILLS, seed: int = SEED, store: str = "sqlite"
) -> dict[str, Any]:
    """Kill jobs so many times. `store`: sqlite, postgresql (a server of the bench's own), or the URL of a server on
    which databases are made and dropped. `differences` is empty where all is as undisturbed; else `kept` is the folder.
    `home` is not touched.

    InputError where there is no such store, StoreError where its server does not answer.
    """
    began = time.monotonic()
    with _databases(store) as databases:
        place = Path(tempfile.mkdtemp(prefix="yingma-kills-"))
        wrong: list[str] = []
        try:
            with closing(Killing(place, names, seed, databases)) as killing:
                outcomes = killing.jobs(kills)
            wrong += [f"job {at} ({each.shape}): {line}" for at, each in enumerate(outcomes, 1) for line in each.wrong]
        finally:
            if not wrong:
                shutil.rmtree(place)
    hits = [hit for each in outcomes for hit in each.hits]
    return {
        "store": shown_store(store),
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


def shown_store(store: str) -> str:
    """A store as it may be printed: without a password."""
    return shown(address("--store", store, InputError)) if store.startswith(POSTGRESQL) else store


def _summed(hits: list[Hit]) -> dict[str, int]:
    """How many there were, by whom they hit; how many went on and ended as they should."""
    counts = {victim: sum(hit.victim == victim for hit in hits) for victim in STRUCK}
    counts |= {key: sum(getattr(hit, key) for hit in hits) for key in ENDS}
    return {**counts, "all": len(hits)}


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
        yield Databases(address("--store", store, InputError))
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

    def close(self) -> None:
        """Drop the database that others were made of."""
        if self.databases is not None and self._template is not None:
            self.databases.drop(self._template)

    def _aims(self, kills: int) -> list[Aim]:
        """Moments of one job: workers, then answering, while there is something to answer; the others in any order."""
        aims = []
        for _ in range(kills):
            phase = self.chance.choice(AIMS)
            victim = self.chance.choice((*VICTIMS, *WORKERS) if phase == "answering" else VICTIMS)
            aims.append(Aim(phase, self.chance.random(), victim))
        if isinstance(self.databases, Server):
            aims.append(Aim(self.chance.choice(PHASES), self.chance.random(), "server"))
        self.chance.shuffle(aims)
        return sorted(aims, key=lambda aim: (aim.victim != "worker", aim.phase != "answering"))

    def _job(self, shape: Shape, name: str, aims: list[Aim]) -> Outcome:
        """One job from its beginning to its end, killed on the way, and compared."""
        wanted = self._undisturbed(shape, now().isoformat(timespec="seconds"))
        outcome = Outcome(shape.name)
        with self._home(shape, name) as home, closing(Run(shape, home, self._source(shape))) as run:
            try:
                for aim in aims:
                    hit = self._kill(run, aim, wanted)
                    if hit is None:
                        break
                    outcome.hits.append(hit)
                if code := self._finished(run):
                    outcome.wrong.append(f"it ended with {code}: {run.last_line()}")
            except TimeoutError as error:
                outcome.wrong.append(str(error))
            if not outcome.wrong:
                created = run.folder.spec().created  # draws of the audit depend on the day
                self._compare(run, home, self._undisturbed(shape, created), outcome)
        return outcome

    def _kill(self, run: Run, aim: Aim, wanted: Undisturbed) -> Hit | None:
        """Start it where nothing runs, wait for the moment, kill. None where it ended before."""
        if aim.victim == "write" and run.process is None:
            run.start(1 + int((wanted.writes - 1) * aim.share**2))
            if run.finish() != -signal.SIGKILL:
                return None
            hit = Hit(run.phase(), aim.victim)
            run.process = None
            return hit
        while True:
            process = run.process or run.start()
            phase = run.wait_for(aim, wanted.seconds, self.chance.random() * LATE)
            if phase is not None:
                return Hit(phase, self._strike(run, process, aim.victim))
            if process.returncode == 0 or not run.stopped:
                return None
            run.start()  # the database was away, and it said so

    @staticmethod
    def _finished(run: Run) -> int:
        """Let it end; its exit code. Once more where the database was away."""
        code = run.finish()
        if code and run.stopped:
            run.start()
            code = run.finish()
        return code

    def _strike(self, run: Run, process: subprocess.Popen[bytes], victim: str) -> str:
        """Kill; gives whom: the group where there is no worker, or it is too late to count writes."""
        if victim == "server":
            assert isinstance(self.databases, Server)
            run.stopped = True
            self.databases.stop_hard()
            try:
                time.sleep(self.chance.random() * DOWN)
            finally:
                self.databases.start()
            return victim
        workers = run.workers() if victim == "worker" else []
        if workers:
            os.kill(self.chance.choice(workers), signal.SIGKILL)
            return victim
        victim = "main" if victim == "main" else "group"
        if victim == "main":
            run.orphaned.append(run.logs[-1])
            os.kill(process.pid, signal.SIGKILL)
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        run.process = None
        return victim

    def _compare(self, run: Run, home: Home, wanted: Undisturbed, outcome: Outcome) -> None:
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
        for log in run.logs:
            if "Traceback" in log.read_text(encoding="utf-8") and log not in run.orphaned:
                outcome.wrong.append(f"a traceback in {log.name}")
        rows = differences(wanted.rows, home.rows())
        outcome.wrong += rows
        for hit in outcome.hits:
            hit.resumed, hit.same_bytes, hit.same_rows = True, same_bytes, not rows

    def _undisturbed(self, shape: Shape, created: str) -> Undisturbed:
        """The same job, of the same day, that nobody disturbs."""
        key = shape.name, created[:10]
        if key not in self._known:
            name = "-".join(("undisturbed", *key))
            with self._home(shape, name) as home, closing(Run(shape, home, self._source(shape))) as run:
                new_job(home.path, run.options(), created)
                seconds = run.measure()
                status = run.folder.status()
                writes = int(run.writes.read_text(encoding="ascii"))
                output = run.output.read_bytes()
                self._known[key] = Undisturbed(output, home.rows(), status["counts"], seconds, writes)
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
    def _home(self, shape: Shape, name: str) -> Iterator[Home]:
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
            yield Home(path, url, shape)
            return
        url = self.databases.create(self._template if shape.tables else None)
        try:
            yield Home(path, url, shape)
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
