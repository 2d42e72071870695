"""How far the work is, in clusters, names and exams, from counters kept with every change: nothing is counted."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store.schema import Cluster, Counter
from agent.store.states import FINAL, WAITING


class Count(NamedTuple):
    """So many clusters, names and exams."""

    clusters: int = 0
    names: int = 0
    exams: int = 0


class Progress(NamedTuple):
    """By status; what waits for people; what people settled."""

    by_status: dict[str, Count]
    waiting: Count
    decided: Count


def progress(session: Session, institution_id: int | None = None) -> Progress:
    """Of everything, or of one institution."""
    sums = [func.sum(col(each)) for each in (Counter.clusters, Counter.names, Counter.exams)]
    statement = select(col(Counter.status), *sums).group_by(col(Counter.status))
    if institution_id is not None:
        statement = statement.where(col(Counter.institution_id) == institution_id)
    found = {status: Count(*map(int, numbers)) for status, *numbers in session.execute(statement)}
    found = {status: count for status, count in sorted(found.items()) if any(count)}
    return Progress(found, _sum(found, WAITING), _sum(found, FINAL))


def recount(session: Session) -> dict[str, Count]:
    """The same by counting all clusters: slow, to check the counters."""
    statement = select(
        col(Cluster.status), func.count(), func.sum(col(Cluster.names)), func.sum(col(Cluster.exams))
    ).group_by(col(Cluster.status))
    return {status: Count(*map(int, numbers)) for status, *numbers in session.execute(statement)}


def _sum(found: dict[str, Count], statuses: frozenset[str]) -> Count:
    chosen = [count for status, count in found.items() if status in statuses]
    return Count(*(sum(numbers) for numbers in zip(*chosen, strict=True))) if chosen else Count()
