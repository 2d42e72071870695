"""How far the work is: by status, by institution, by reason of the queue, and decisions per day and person.

standing(session)        what has which status, in clusters, names and exams
institutions(session)    the same by institution, a page at a time, those with most to do first
queue(session)           what is open, by reason
finished(session)        what finished jobs accepted, most of which is never put in
days(session, …)         decisions per day and person
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store import Count, progress
from agent.store.schema import Cluster, Counter, Institution, Job
from agent.store.schema_acts import Decision, User
from agent.store.states import FINAL, STATUSES, WAITING

PAGE = 50
DAYS = 14


class Standing(NamedTuple):
    """A status with what has it."""

    status: str
    held: Count


class Place(NamedTuple):
    """An institution: exams accepted by Yingma, decided by people, waiting; names and exams in all."""

    name: str
    names: int
    exams: int
    accepted: int
    decided: int
    waiting: int


class Reason(NamedTuple):
    """What is open for a reason."""

    reason: str
    clusters: int
    names: int
    exams: int


class Finished(NamedTuple):
    """Finished jobs: their names (each counted in each job) and exams, and those of them that were accepted."""

    jobs: int
    names: int
    exams: int
    accepted: int
    accepted_exams: int


class Day(NamedTuple):
    """So many decisions of a person on a day of the server's time zone."""

    day: str
    user: str
    decisions: int


def standing(session: Session) -> list[Standing]:
    """Each status, also one that nothing has."""
    found = progress(session).by_status
    return [Standing(status, found.get(status, Count())) for status in STATUSES]


def institutions(session: Session, page: int = 0) -> tuple[list[Place], int]:
    """A page of institutions, and how many there are."""
    exams = col(Counter.exams)
    waiting = _sum_if(WAITING, exams)
    everything = func.sum(exams)
    statement = (
        select(
            col(Institution.name),
            func.sum(col(Counter.names)),
            everything,
            _sum_if(["accepted"], exams),
            _sum_if(FINAL, exams),
            waiting,
        )
        .join(Counter, col(Counter.institution_id) == col(Institution.id))
        .group_by(col(Institution.id), col(Institution.name))
        .having(everything > 0)
    )
    total = session.scalar(select(func.count()).select_from(statement.subquery())) or 0
    rows = session.execute(
        statement.order_by(waiting.desc(), everything.desc(), col(Institution.id)).offset(page * PAGE).limit(PAGE)
    )
    return [Place(name, *(int(each or 0) for each in numbers)) for name, *numbers in rows], int(total)


def queue(session: Session) -> list[Reason]:
    """What is open, by reason, the most exams first."""
    exams = func.sum(col(Cluster.exams))
    statement = (
        select(col(Cluster.reason), func.count(), func.sum(col(Cluster.names)), exams)
        .where(col(Cluster.status) == "open")
        .group_by(col(Cluster.reason))
        .order_by(exams.desc(), col(Cluster.reason))
    )
    return [Reason(reason, *(int(each or 0) for each in numbers)) for reason, *numbers in session.execute(statement)]


def finished(session: Session) -> Finished:
    """What finished jobs accepted. By default none of it goes into the store, so the figures by status do not have it;
    without these they would say that little is ever accepted."""
    found = list(session.scalars(select(col(Job.counts)).where(col(Job.state) == "done")))
    counted = [each for each in found if each.get("names")]  # not what other ways put in under a job of their own
    keys = ("names", "exams", "accepted", "accepted_exams")
    return Finished(len(counted), *(sum(each.get(key, 0) for each in counted) for key in keys))


def days(
    session: Session, at: datetime, only: int | None = None, count: int = DAYS, zone: tzinfo | None = None
) -> list[Day]:
    """Decisions of the last days, by person, undone ones included; of one person only, where one is given. `zone`:
    whose days they are; none: the machine's."""
    today = at.astimezone(zone).date()
    dates = [today - timedelta(days=each) for each in range(count)]
    # Where each day begins is worked out here: SQLite knows no time zones, and a day may have 23 or 25 hours.
    begins = [datetime.combine(each, time(), zone).astimezone(UTC) for each in dates]
    moment: Any = col(Decision.at)
    made: Any = (
        select(
            case(*((moment >= start, place) for place, start in enumerate(begins))).label("place"),
            col(Decision.user_id),
        )
        .where(moment >= begins[-1])
        .subquery()
    )
    statement = (
        select(made.c.place, col(User.name), func.count())
        .join(User, col(User.id) == made.c.user_id)
        .group_by(made.c.place, col(User.name))
        .order_by(made.c.place, col(User.name))
    )
    if only is not None:
        statement = statement.where(made.c.user_id == only)
    return [Day(str(dates[place]), name, int(number)) for place, name, number in session.execute(statement)]


def zone_name(at: datetime, zone: tzinfo | None) -> str:
    """What a time zone is called: as it was set, or as the machine calls its own, with its offset: CST is several."""
    if zone is not None:
        return str(zone)
    here = at.astimezone()
    name, offset = here.tzname() or "", str(timezone(here.utcoffset() or timedelta()))
    return name if name == offset else f"{name}, {offset}"


def _sum_if(statuses: Any, value: Any) -> Any:
    return func.sum(case((col(Counter.status).in_(sorted(statuses)), value), else_=0))
