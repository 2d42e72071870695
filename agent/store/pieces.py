"""The pieces of a job that several processes work at: given out with a lease, taken back when it runs out.

    open_pieces ──▶ claim ──▶ renew … ──▶ hand_in ──▶ finished ──▶ remove
                      ▲          └─ the worker dies: its lease ends ─┐
                      └───────────────────────────────────────────────┘

Two processes never claim the same piece at once (FOR UPDATE SKIP LOCKED: who comes second takes the next one). Answers
are taken from who holds the piece, once, so a worker that was given up for dead and comes back changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import CursorResult, and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session, defer
from sqlmodel import col

from agent.store.columns import now
from agent.store.schema import Job
from agent.store.schema_pieces import JobPiece, JobShare

if TYPE_CHECKING:
    from agent.answer import Query

MANY = 100  # pieces in one statement
Place = tuple[int, int]  # from, until


class Claimed(NamedTuple):
    """A piece that was given out."""

    start: int
    until: int
    names: list[list[str]]


class HandedIn(NamedTuple):
    """A piece with its answers: who worked it out, and when that was handed in."""

    start: int
    answers: str
    by: str
    at: datetime


class AtWork(NamedTuple):
    """Pieces and names of one process: `handed_in`, the last of them `at`, or in hand until then."""

    by: str
    handed_in: bool
    pieces: int
    names: int
    at: datetime


class Left(NamedTuple):
    """What is to be done yet: pieces and names without answers, given out or not."""

    pieces: int
    names: int


def clock(session: Session) -> datetime:
    """The time by the clock of the database, which all machines share. It goes on within a transaction."""
    if session.get_bind().dialect.name != "postgresql":
        return now()
    at: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return at


def open_pieces(
    session: Session,
    job_id: int,
    make: str,
    versions: dict[str, str],
    memory: Any,
    places: Sequence[Place],
    queries: Sequence[Query],
    owner: str,
) -> None:
    """Open these pieces of a job, and no other ones, to workers. `queries`: all names of the job.

    Pieces of the same make that are there stay, with who works at them, save those of `owner`, the job's own process:
    it is a new one now.
    """
    share = JobShare(job_id=job_id, make=make, versions=versions, memory=json.dumps(memory))
    session.merge(share)
    session.flush()
    session.execute(delete(JobPiece).where(col(JobPiece.job_id) == job_id, col(JobPiece.make) != make))
    there = set(session.scalars(select(col(JobPiece.start)).where(col(JobPiece.job_id) == job_id)))
    remove(session, job_id, there - {start for start, _ in places})
    mine = update(JobPiece).where(col(JobPiece.job_id) == job_id, col(JobPiece.lease_by) == owner)
    session.execute(mine.values(lease_by=None, lease_until=None))
    new = [place for place in places if place[0] not in there]
    for at in range(0, len(new), MANY):
        rows = [
            {
                "job_id": job_id,
                "start": start,
                "until": until,
                "make": make,
                "names": json.dumps(queries[start:until], ensure_ascii=True),
            }
            for start, until in new[at : at + MANY]
        ]
        session.execute(insert(JobPiece), rows)


def shared_job(session: Session, name: str, memory: bool = False) -> tuple[Job | None, JobShare | None]:
    """The job of a name, and what its pieces are made with while they are open to workers. `memory`: with what people
    had decided, which may be long."""
    job = session.scalars(select(Job).where(col(Job.name) == name)).one_or_none()
    options = [] if memory else [defer(JobShare.memory)]  # type: ignore[arg-type]
    return job, None if job is None else session.get(JobShare, job.id, options=options)


def claim(session: Session, job_id: int, make: str, by: str, lease: float) -> Claimed | None:
    """The first piece that nobody works at, leased to `by` for so many seconds; None where there is none now."""
    at = clock(session)
    ended = and_(col(JobPiece.lease_until) < at, col(JobPiece.lease_by) != by)  # else `by` has it in hand twice
    free = or_(col(JobPiece.lease_until).is_(None), ended)
    found = session.scalars(
        _open(job_id, make).where(free).order_by(col(JobPiece.start)).limit(1).with_for_update(skip_locked=True)
    ).one_or_none()
    if found is None:
        return None
    found.lease_by, found.lease_until = by, at + timedelta(seconds=lease)
    return Claimed(found.start, found.until, json.loads(found.names))


def renew(session: Session, job_id: int, by: str, lease: float) -> None:
    """All pieces that `by` works at are its own for so many seconds from now."""
    mine = update(JobPiece).where(col(JobPiece.job_id) == job_id, col(JobPiece.lease_by) == by)
    until = clock(session) + timedelta(seconds=lease)
    session.execute(mine.where(col(JobPiece.answers).is_(None)).values(lease_until=until))


def let_go(session: Session, job_id: int, by: str) -> None:
    """What `by` works at is for others."""
    mine = update(JobPiece).where(col(JobPiece.job_id) == job_id, col(JobPiece.lease_by) == by)
    session.execute(mine.where(col(JobPiece.answers).is_(None)).values(lease_by=None, lease_until=None))


def hand_in(session: Session, job_id: int, start: int, by: str, answers: str) -> bool:
    """The answers of a piece; False where it is no longer the piece of `by`, and nothing was changed."""
    mine = update(JobPiece).where(
        col(JobPiece.job_id) == job_id,
        col(JobPiece.start) == start,
        col(JobPiece.lease_by) == by,
        col(JobPiece.answers).is_(None),
    )
    done = session.execute(mine.values(answers=answers, lease_until=clock(session)))
    assert isinstance(done, CursorResult)
    return bool(done.rowcount)


def finished(session: Session, job_id: int, count: int = MANY) -> Sequence[HandedIn]:
    """The first pieces with answers."""
    columns = (col(JobPiece.start), col(JobPiece.answers), col(JobPiece.lease_by), col(JobPiece.lease_until))
    found = select(*columns).where(col(JobPiece.job_id) == job_id, col(JobPiece.answers).is_not(None))
    rows = session.execute(found.order_by(col(JobPiece.start)).limit(count))
    out = []
    for start, answers, by, at in rows:
        assert answers is not None  # as `hand_in` leaves them
        assert by is not None
        assert at is not None
        out.append(HandedIn(start, answers, by, at))
    return out


def at_work(session: Session, job_id: int) -> Sequence[AtWork]:
    """Who works at a job or has handed something in that is not in its folder yet."""
    by, answered = col(JobPiece.lease_by), col(JobPiece.answers).is_not(None)
    names = func.sum(col(JobPiece.until) - col(JobPiece.start))
    found = select(by, answered, func.count(), names, func.max(col(JobPiece.lease_until)))
    rows = session.execute(found.where(col(JobPiece.job_id) == job_id, by.is_not(None)).group_by(by, answered))
    return [
        AtWork(who, bool(done), pieces, int(sum_of), at)
        for who, done, pieces, sum_of, at in rows
        if who is not None and at is not None  # a lease has both
    ]


def remove(session: Session, job_id: int, starts: Collection[int]) -> None:
    """Pieces whose answers are in the job's folder."""
    for at in range(0, len(ordered := sorted(starts)), MANY):
        some = col(JobPiece.start).in_(ordered[at : at + MANY])
        session.execute(delete(JobPiece).where(col(JobPiece.job_id) == job_id, some))


def close_pieces(session: Session, job_id: int) -> None:
    """The job has all its answers."""
    session.execute(delete(JobPiece).where(col(JobPiece.job_id) == job_id))
    session.execute(delete(JobShare).where(col(JobShare.job_id) == job_id))


def left(session: Session, job_id: int, make: str) -> Left:
    """What is to be done yet."""
    names = func.coalesce(func.sum(col(JobPiece.until) - col(JobPiece.start)), 0)
    row = session.execute(_open(job_id, make).with_only_columns(func.count(), names)).one()
    return Left(int(row[0]), int(row[1]))


def _open(job_id: int, make: str) -> Any:
    return select(JobPiece).where(
        col(JobPiece.job_id) == job_id, col(JobPiece.make) == make, col(JobPiece.answers).is_(None)
    )
