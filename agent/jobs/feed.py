"""What a job found goes into the store: what is for review, what memory answered, what the audit drew; or all of it.

The store wants whole readings, which the answers of a bulk run do not hold; so these names are read once more, a piece
at a time, as if nobody had decided anything: it is the store that compares them with what was decided. With each goes
the decision that answered it in the job, whatever became of its cluster. A name counts once in a job, however often
this is run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from sqlalchemy.orm import Session

from agent.answer import Query
from agent.audit.place import STOPPED, to_review
from agent.jobs.folder import Folder, JobSpec
from agent.jobs.pieces import Pieces
from agent.memory import MEMORY, answering
from agent.pipeline import Pipeline
from agent.store import Entry, Put, Store, now, open_job, put, put_before, put_since
from agent.store.audit import Draw, keep_draws
from agent.store.jobs import CONTENT, SameInput
from agent.store.schema import Job
from standard.errors import InputError

FAILED = "failed"  # a name that the program fails at has no reading
MANY = 100  # names in one transaction: on SQLite, decisions wait for it
OPEN_SECONDS = 0.01  # that the database is free between two of them, for who waits


def job_row(session: Session, spec: JobSpec, versions: dict[str, str], content: str = "") -> int:
    """The row of the job, made where there is none. `content`: hash of its inputs and
    columns, by which the store knows other jobs of the same. InputError where the database has another one of its name.
    """
    settings = spec.model_dump(exclude={"format"})
    row = open_job(session, spec.id, now(), spec.user_id, settings, versions)
    if row.settings.get("uid") != spec.uid:
        raise InputError(
            f"数据库中已有另一个任务叫 {spec.id}；请换一个名字。",
            f"The database has another job named {spec.id}; take another name.",
        )
    row.versions = dict(versions)  # those of today, where it goes on or is run again
    if content:
        row.settings = {**row.settings, CONTENT: content}
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


def stopped(pieces: Pieces) -> set[int]:
    """The places of names that would be accepted, had acceptance not stopped there."""
    return {
        piece.start + place
        for piece in pieces.all()
        for place, answer in enumerate(piece.answers)
        if answer[4] == STOPPED
    }


class Fed(NamedTuple):
    """A name that goes in, with its exams. `held`: why a person has to look at what the pipeline would accept; `draw`:
    its draw for the audit."""

    query: Query
    exams: int
    held: str = ""
    draw: Draw | None = None


def feed(
    folder: Folder,
    store: Store,
    job_id: int,
    pipeline: Pipeline,
    names: Iterable[Fed],
    make: str,
    progress: Callable[[int], None],
) -> Put:
    """Put names in. `make`: the key of the answers; what was put in of another make is put in again. The names come in
    the same order whenever this is run. Gives what came of it, of runs before that were cut off too."""
    fed = _fed(folder, make)
    if fed is None:
        with store.reading() as session:
            fed = _Begun(0, put_before(session))
        folder.write("fed.json", {"make": make, **fed._asdict()})
    done, since = fed
    progress(done)
    same = SameInput(job_id)
    left = islice(names, done, None)
    while some := list(islice(left, MANY)):
        entries = []
        for name, each in zip(some, pipeline.fresh([name.query for name in some]), strict=True):
            held = name.held and each.route == "accepted"
            by = answering(pipeline.memory, pipeline.catalogue, each) if pipeline.memory else None
            entries.append(Entry(to_review(each, name.held) if held else each, name.exams, by))
        sample = [name.draw for name in some if name.draw is not None]

        def operation(session: Session, entries: list[Entry] = entries, sample: list[Draw] = sample) -> None:
            at = now()
            put(session, job_id, entries, at, same)
            if sample:
                keep_draws(session, job_id, sample, at)

        store.write(operation)
        time.sleep(OPEN_SECONDS)
        done += len(some)
        folder.write("fed.json", {"make": make, **_Begun(done, since)._asdict()})
        progress(done)
    with store.reading() as session:
        return put_since(session, job_id, since)


class _Begun(NamedTuple):
    """How many names were put in, and the mark of the store before the first."""

    names: int
    since: int


def _fed(folder: Folder, make: str) -> _Begun | None:
    """How far it is with answers of this make; None where it has not begun."""
    try:
        kept = folder.read("fed.json")
    except (OSError, ValueError):
        return None
    return _Begun(int(kept["names"]), int(kept.get("since", 0))) if kept.get("make") == make else None


def row_of(session: Session, job_id: int) -> Job:
    """The row of a job."""
    return session.get_one(Job, job_id)


def notes(put_in: Put) -> Iterator[tuple[str, int]]:
    """What came of it, for the counts of a job."""
    yield from (("queued", put_in.opened), ("contested", put_in.contested))
