"""What a job found goes into the store: what is for review, what memory answered, and where asked for, all of it.

The store wants whole readings, which the answers of a bulk run do not hold; so these names are read once more, a piece
at a time, as if nobody had decided anything: it is the store that compares them with what was decided. A name counts
once in a job, however often this is run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from sqlalchemy.orm import Session

from agent.answer import Query
from agent.jobs.folder import Folder, JobSpec
from agent.jobs.pieces import Pieces
from agent.memory import MEMORY
from agent.pipeline import Pipeline
from agent.store import Entry, Put, Store, now, open_job, put
from agent.store.schema import Job
from standard.errors import InputError

FAILED = "failed"  # a name that the program fails at has no reading
MANY = 100  # names in one transaction: on SQLite, decisions wait for it
OPEN_SECONDS = 0.01  # that the database is free between two of them, for who waits


def job_row(session: Session, spec: JobSpec, versions: dict[str, str]) -> int:
    """The row of the job, made where there is none. InputError where the database has another job of this name."""
    settings = spec.model_dump(exclude={"format"})
    row = open_job(session, spec.id, now(), spec.user_id, settings, versions)
    if row.settings.get("uid") != spec.uid:
        raise InputError(
            f"数据库中已有另一个任务叫 {spec.id}；请换一个名字。",
            f"The database has another job named {spec.id}; take another name.",
        )
    row.versions = dict(versions)  # those of today, where it goes on or is run again
    assert row.id is not None
    return row.id


def wanted(spec: JobSpec, pieces: Pieces) -> list[int]:
    """The places of the names that go in."""
    return [
        piece.start + place
        for piece in pieces.all()
        for place, answer in enumerate(piece.answers)
        if answer[4] != FAILED and (spec.feed == "all" or answer[0] == "review" or answer[4] in MEMORY)
    ]


def feed(
    folder: Folder,
    store: Store,
    job_id: int,
    pipeline: Pipeline,
    names: Iterable[tuple[Query, int]],
    make: str,
    progress: Callable[[int], None],
) -> Put:
    """Put names in, with their exams. `make`: the key of the answers; what was put in of another make is put in again.
    The names come in the same order whenever this is run."""
    done, total = _fed(folder, make), Put()
    progress(done)
    left = islice(names, done, None)
    while some := list(islice(left, MANY)):
        suggestions = pipeline.fresh([query for query, _ in some])
        entries = [Entry(each, exams) for each, (_, exams) in zip(suggestions, some, strict=True)]

        def operation(session: Session, entries: list[Entry] = entries) -> Put:
            return put(session, job_id, entries, now())

        total += store.write(operation)
        time.sleep(OPEN_SECONDS)
        done += len(some)
        folder.write("fed.json", {"make": make, "names": done})
        progress(done)
    return total


def _fed(folder: Folder, make: str) -> int:
    try:
        kept = folder.read("fed.json")
    except (OSError, ValueError):
        return 0
    return int(kept["names"]) if kept.get("make") == make else 0


def row_of(session: Session, job_id: int) -> Job:
    """The row of a job."""
    return session.get_one(Job, job_id)


def notes(put_in: Put) -> Iterator[tuple[str, int]]:
    """What came of it, for the counts of a job."""
    yield from (("queued", put_in.opened), ("contested", put_in.contested))
