"""`shared`: several worker processes on one job, through PostgreSQL: names a second with one, and with two.

The pieces of a job lie in the database of YINGMA_DATABASE_URL, held back until all workers say that they are there;
each is `job work` in a process of its own, which works out one piece at a time. Timed is from the first claim to the
last answer, so without the start of the workers, and with all that the database has to do. Names a core-second count
the cores of the workers alone, not of the database: where the machine has other work as well, only they say anything.
"""

from __future__ import annotations

import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import exists, select
from sqlmodel import col

from agent import bulk
from agent.answer import Query
from agent.settings import load_settings
from agent.store import Store, end_job, now, open_job, open_store
from agent.store import pieces as stored
from agent.store.schema import Job
from agent.store.schema_pieces import JobPiece
from evals.bench.machine import ROOT, child_environment, children
from evals.bench.names import bench_names

NAMES, RUNS, WORKERS = 20_000, 3, (1, 2)
OWNER = "bench"
HELD = 600.0  # seconds, for the workers to start in
LOOK = 0.01  # seconds between two looks


def run_shared_bench(home: Path, names: int = NAMES, runs: int = RUNS) -> dict[str, Any]:
    """Names a second by number of workers (median of the runs). Left out where there is no PostgreSQL. `home` is not
    touched; the database keeps a row for each run, so it should be one of its own."""
    settings = load_settings()
    if not settings.database_url.get_secret_value():
        return {"left_out": "YINGMA_DATABASE_URL"}
    queries = [Query(*each[:3]) for each in bench_names(names)]
    store = open_store(settings)
    try:
        found = {count: [_timed(store, queries, count) for _ in range(runs)] for count in WORKERS}
    finally:
        store.close()
    return {
        "names": names,
        "runs": runs,
        "names_per_s": {count: round(names / statistics.median(t for t, _ in each)) for count, each in found.items()},
        "names_per_core_s": {
            count: round(names / statistics.median(cores for _, cores in each)) for count, each in found.items()
        },
        "spread": {
            count: [round(names / pick(t for t, _ in each)) for pick in (max, min)] for count, each in found.items()
        },
        "left_out": "",
    }


def _timed(store: Store, queries: list[Query], workers: int) -> tuple[float, float]:
    """From the first claim to the last answer of one job: seconds, and seconds of the workers' cores."""
    from agent.opening import open_pipeline
    from agent.versions import versions_of

    name, make = f"bench-{secrets.token_hex(4)}", secrets.token_hex(16)
    places = [(start, min(start + bulk.CHUNK, len(queries))) for start in range(0, len(queries), bulk.CHUNK)]
    wanted, versions = {"edition": None, "model": "none", "device_codes": False}, versions_of(open_pipeline())

    def begin(session: Any) -> int:
        job = open_job(session, name, now(), None, wanted)
        assert job.id is not None
        stored.open_pieces(session, job.id, make, versions, None, places, queries, OWNER)
        while stored.claim(session, job.id, make, OWNER, HELD) is not None:
            session.flush()
        return job.id

    job_id = store.write(begin)
    with tempfile.TemporaryDirectory(prefix="yingma-bench-") as folder:
        command = [sys.executable, "-m", "agent", "job", "work", name, "--workers", "1"]
        started = [
            subprocess.Popen(
                command,
                cwd=ROOT,
                env=child_environment(YINGMA_HOME=f"{folder}/{number}"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            for number in range(workers)
        ]
        try:
            for each in started:
                _begun(each)
            store.write(lambda session: stored.let_go(session, job_id, OWNER))
            _until(started, lambda: _some(store, col(JobPiece.lease_by).is_not(None), job_id))
            began, before = time.perf_counter(), sum(_cores(each.pid) for each in started)
            _until(started, lambda: not _some(store, col(JobPiece.answers).is_(None), job_id))
            seconds, cores = time.perf_counter() - began, sum(_cores(each.pid) for each in started) - before
            with store.reading() as session:
                said = [each.names for each in stored.at_work(session, job_id) if each.handed_in]
            for each in started:
                each.communicate()
        finally:
            for each in started:
                each.kill()
    assert sum(said) == len(queries)
    assert len(said) == workers
    store.write(lambda session: stored.close_pieces(session, job_id))
    store.write(lambda session: end_job(session, session.get_one(Job, job_id), "done", {}, now()))
    return seconds, cores


def _begun(worker: subprocess.Popen[bytes]) -> None:
    """Wait until a worker says that its pipeline is open and it asks for a piece. RuntimeError where it ends."""
    assert worker.stderr is not None
    if not worker.stderr.readline():
        raise RuntimeError(f"a worker ended with {worker.wait()}")


def _until(workers: list[subprocess.Popen[bytes]], holds: Callable[[], bool]) -> None:
    """Wait until it holds. RuntimeError where a worker has failed, and it never would."""
    while not holds():
        if failed := [each.returncode for each in workers if each.poll()]:
            raise RuntimeError(f"a worker ended with {failed[0]}")
        time.sleep(LOOK)


def _cores(pid: int) -> float:
    """Seconds of the cores that a process and its children have had; 0 for one that has ended."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    own = sum(map(int, told[11:15])) / os.sysconf("SC_CLK_TCK")  # user, system; the same of children that have ended
    return own + sum(map(_cores, children(pid)))


def _some(store: Store, where: Any, job_id: int) -> bool:
    """Whether there is such a piece of the job."""
    with store.reading() as session:
        return session.scalar(select(exists().where(col(JobPiece.job_id) == job_id, where))) or False
