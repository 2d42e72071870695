"""Which filters of the queue are whose: a person's queue begins with what is assigned to him.

What a person is handed, in this order: what waits for a second person, then his assignments one after another; who has
none gets from all that is open. An assignment keeps nobody else away from the clusters: leases do that, one by one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, true
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.reasons import reasons
from agent.store.ledger import record
from agent.store.people import acting
from agent.store.progress import Count
from agent.store.queue import Filter, Sorting, next_clusters, waiting_in
from agent.store.schema import Cluster, Counter, Institution
from agent.store.schema_review import Assignment
from agent.store.states import Step, cell
from standard.errors import InputError
from standard.modality import ALL_FAMILIES

SECOND_FIRST = ("adjudication", "flagged", "second_look")


def assign(
    session: Session,
    user_id: int,
    by: int,
    at: datetime,
    institution_id: int | None = None,
    modality: str | None = None,
    reason: str | None = None,
) -> Assignment:
    """Give a person a filter. InputError where it says nothing, or what nothing in the queue can be."""
    user = acting(session, user_id)
    if user is None or cell(Step("open", "settle"), user.role) == "-":
        raise InputError("这个人不能审核；请选审核员。", "This person cannot review; choose a reviewer.")
    if institution_id is None and modality is None and reason is None:
        raise InputError("请至少选一个条件。", "Choose at least one condition.")
    if institution_id is not None and session.get(Institution, institution_id) is None:
        raise InputError("没有这个机构。", "There is no such institution.")
    if reason is not None and (reason not in reasons() or reasons()[reason].route != "review"):
        raise InputError("没有这个待审原因。", "There is no such reason for a person to look.")
    families = set(modality.split("+")) if modality else set()
    if modality and (not families <= ALL_FAMILIES or "+".join(sorted(families)) != modality):
        raise InputError(
            f"没有这个检查类型；有：{'、'.join(sorted(ALL_FAMILIES))}。",
            f"There is no such modality; there are {', '.join(sorted(ALL_FAMILIES))}.",
        )
    same = next(
        (
            each
            for each in assignments(session, user_id)
            if (each.institution_id, each.modality, each.reason) == (institution_id, modality, reason)
        ),
        None,
    )
    if same is not None:
        return same
    row = Assignment(
        user_id=user_id, institution_id=institution_id, modality=modality, reason=reason, by_id=by, created_at=at
    )
    session.add(row)
    session.flush()
    assert row.id is not None
    record(session, at, by, "assignment", row.id, "add", {}, _shown(row))
    return row


def end(session: Session, assignment_id: int, by: int, at: datetime) -> None:
    """Take a filter back. InputError where there is none."""
    row = session.get(Assignment, assignment_id)
    if row is None:
        raise InputError("没有这个分配。", "There is no such assignment.")
    if row.ended_at is None:
        row.ended_at = at
        record(session, at, by, "assignment", assignment_id, "end", _shown(row), {})


def assignments(session: Session, user_id: int | None = None) -> Sequence[Assignment]:
    """Those that hold, of one person or of all, in the order they were given."""
    found = select(Assignment).where(col(Assignment.ended_at).is_(None)).order_by(col(Assignment.id))
    return session.scalars(found if user_id is None else found.where(col(Assignment.user_id) == user_id)).all()


def handed(
    session: Session,
    user_id: int,
    tab: str,
    count: int,
    at: datetime,
    wanted: Filter | None = None,
    skip: Collection[int] = (),
    order: Sorting = "priority",
    only: Collection[int] = (),
) -> list[Cluster]:
    """The next clusters for a tab, leased to it: of a filter where one is given, else of what is this person's.

    `only`: none but these, whatever the filter: what he skipped.
    """
    if wanted is not None and not only:
        return next_clusters(session, user_id, tab, count, at, wanted, skip)
    user = acting(session, user_id)
    if user is None:
        return []
    allowed = [each for each in SECOND_FIRST if cell(Step(each, "settle"), user.role) != "-"]
    second = [Filter(each) for each in waiting_in(session, allowed)]
    own = [] if only else own_filters(session, user_id, order)
    found: list[Cluster] = []
    for each in (*second, *(own or [Filter(order=order)])):
        if len(found) < count:
            seen = {*skip, *(cluster.id or 0 for cluster in found)}
            found += next_clusters(session, user_id, tab, count - len(found), at, each, seen, only)
    return found


def own_filters(session: Session, user_id: int, order: Sorting = "priority") -> list[Filter]:
    """What is assigned to a person, as filters of what is open."""
    return [
        Filter("open", order, each.institution_id, each.reason, each.modality) for each in assignments(session, user_id)
    ]


def own_waiting(session: Session, user_id: int) -> Count | None:
    """How much is open of what is assigned to a person, each cluster once; None where nothing is assigned.

    Whole institutions are read from the counters; any narrower filter is counted, which takes longer the longer the
    queue is.
    """
    own = own_filters(session, user_id)
    if not own:
        return None
    table: type[Counter | Cluster]
    number: ColumnElement[int]
    if all(each.reason is None and each.modality is None for each in own):
        table, number = Counter, func.sum(col(Counter.clusters))
    else:
        table, number = Cluster, func.count()
    sums = (number, func.sum(col(table.names)), func.sum(col(table.exams)))
    opened = col(table.status) == literal("open", literal_execute=True)
    found = session.execute(select(*sums).where(opened, any_of(own, table))).one()
    return Count(*(int(each or 0) for each in found))


def any_of(filters: Iterable[Filter], table: Any = Cluster) -> ColumnElement[bool]:
    """The condition that a row is in one of the filters, whatever its status."""
    held = []
    for each in filters:
        parts = (("institution_id", each.institution_id), ("reason", each.reason), ("modality", each.modality))
        held.append(and_(true(), *(col(getattr(table, name)) == value for name, value in parts if value is not None)))
    return or_(*held)


def _shown(row: Assignment) -> dict[str, object]:
    return {
        "user": row.user_id,
        "institution": row.institution_id,
        "modality": row.modality,
        "reason": row.reason,
    }
