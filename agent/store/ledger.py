"""What every change of a cluster goes through: its new state, the counters of progress, the trail. One transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store.replay import State
from agent.store.schema import Cluster, Counter
from agent.store.schema_acts import Decision, Trail

MANY = 500  # keys in one query

OUTCOMES = {"settle": "settled", "reject": "rejected", "not_in_standard": "not_in_standard"}

T = TypeVar("T")


def insert_into(session: Session, table: type[Any]) -> Any:
    """An INSERT that can say what happens on a conflict; the two databases spell it alike, not in one place."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table.__table__)
    return sqlite.insert(table.__table__)


def in_pieces(values: Iterable[T], size: int = MANY) -> Iterator[list[T]]:
    """The values, so many at a time."""
    source = iter(values)
    while piece := list(islice(source, size)):
        yield piece


class Tally:
    """Changes of the counters, gathered, and written last and in order, so that two writers never wait in a ring."""

    def __init__(self) -> None:
        self._changes: dict[tuple[int, str], list[int]] = {}

    def take(self, cluster: Cluster) -> None:
        """The cluster as it is no longer counts."""
        self._add(cluster, -1)

    def give(self, cluster: Cluster) -> None:
        """The cluster as it is counts."""
        self._add(cluster, 1)

    def _add(self, cluster: Cluster, sign: int) -> None:
        change = self._changes.setdefault((cluster.institution_id, cluster.status), [0, 0, 0])
        for at, number in enumerate((1, cluster.names, cluster.exams)):
            change[at] += sign * number

    def write(self, session: Session) -> None:
        """Add the changes to the counters."""
        rows = [
            {"institution_id": key[0], "status": key[1], "clusters": each[0], "names": each[1], "exams": each[2]}
            for key, each in sorted(self._changes.items())
            if any(each)
        ]
        self._changes.clear()
        if not rows:
            return
        insert = insert_into(session, Counter).values(rows)
        sums = {name: insert.table.c[name] + insert.excluded[name] for name in ("clusters", "names", "exams")}
        session.execute(insert.on_conflict_do_update(index_elements=["institution_id", "status"], set_=sums))


def described(cluster: Cluster) -> dict[str, Any]:
    """The state of a cluster as plain values, for trail and decisions."""
    return {
        "status": cluster.status,
        "decision": cluster.decision_id,
        "group_wide": cluster.group_wide,
        "revision": cluster.revision,
    }


def start_of(session: Session, cluster: Cluster) -> State:
    """The state of a cluster before any decision of its own."""
    if cluster.borrowed_id is None:
        return State(cluster.base)
    borrowed = session.get_one(Decision, cluster.borrowed_id)
    return State(OUTCOMES[borrowed.action], borrowed.id)


def decisions_of(session: Session, cluster_id: int) -> Sequence[Decision]:
    """All decisions on a cluster, undone ones and undos too, oldest first."""
    found = select(Decision).where(col(Decision.cluster_id) == cluster_id).order_by(col(Decision.id))
    return session.scalars(found).all()


def move(session: Session, cluster: Cluster, state: State, tally: Tally, at: datetime) -> None:
    """Put a locked cluster into a state: revision, lease, counters. The trail is the caller's."""
    tally.take(cluster)
    cluster.status, cluster.decision_id, cluster.group_wide = state
    cluster.revision += 1
    cluster.changed_at = at
    cluster.lease_by = cluster.lease_user_id = cluster.lease_until = None
    tally.give(cluster)


def record(
    session: Session,
    at: datetime,
    user_id: int | None,
    subject: str,
    subject_id: int,
    action: str,
    before: dict[str, Any],
    after: dict[str, Any],
    why: str = "",
    decision_id: int | None = None,
) -> None:
    """Add a line to the trail."""
    session.add(
        Trail(
            at=at,
            user_id=user_id,
            subject=subject,
            subject_id=subject_id,
            action=action,
            before=before,
            after=after,
            why=why,
            decision_id=decision_id,
        )
    )


def next_decision_id(session: Session) -> int:
    """The id of the next decision, which its own row tells of; decisions are never deleted, so SQLite's are dense."""
    if session.get_bind().dialect.name == "postgresql":
        return int(session.scalar(text("SELECT nextval(pg_get_serial_sequence('decision', 'id'))")) or 0)
    return int(session.scalar(select(func.max(col(Decision.id)))) or 0) + 1


def same_answer(one: Decision, other: Decision) -> bool:
    """Whether two decisions say the same of a name; the order of codes does not count."""
    return (one.action, set(one.codes)) == (other.action, set(other.codes))
