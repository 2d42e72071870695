"""The queue: the next clusters for a browser tab, leased to it, so that nobody gets them twice.

In order of exams x doubt, of age, or by institution or reason and within these by exams x doubt.

A lease is of a tab, not of a person: the same person in two tabs gets different clusters. It runs out by itself; while
the tab shows the cluster it renews it. A lease keeps others from being handed the cluster, never from deciding.
What waits for a second person is never handed to who decided on it before, and is shown without what was decided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from sqlalchemy import Select, literal, or_, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store.keys import short
from agent.store.people import acting
from agent.store.replay import standing
from agent.store.schema import Cluster, Institution, Name, Suggestion
from agent.store.schema_acts import Decision
from agent.store.states import BLIND, SECOND, WAITING

LEASE = timedelta(seconds=120)

Sorting = Literal["priority", "oldest", "institution", "reason"]


class Filter(NamedTuple):
    """What of the queue is wanted. Empty: all of it."""

    status: str = "open"
    order: Sorting = "priority"
    institution_id: int | None = None
    reason: str | None = None
    modality: str | None = None


ALL = Filter()


@dataclass(frozen=True, slots=True)
class Card:
    """A cluster for the screen: its shown suggestion, its first names, and what was decided, as far as it may be seen.

    `blind`: decisions are kept from this person, so that he decides for himself. `contested`: it is in question since a
    fresh reading disagrees with what was decided, which he is told in any case."""

    cluster: Cluster
    institution: str
    suggestion: Suggestion | None
    names: tuple[Name, ...]
    decisions: tuple[Decision, ...]
    blind: bool
    contested: bool = False


def next_clusters(
    session: Session,
    user_id: int,
    tab: str,
    count: int,
    at: datetime,
    wanted: Filter = ALL,
    skip: Collection[int] = (),
    only: Collection[int] = (),
) -> list[Cluster]:
    """The next clusters for a tab, leased to it; those that it has leased already come again unless skipped.

    `only`: none but these, where any are given.

    Empty for a status that nobody waits for, and for an account that may not act.
    """
    if wanted.status not in WAITING or acting(session, user_id) is None:
        return []
    statement = filtered(select(Cluster), wanted).where(
        or_(col(Cluster.lease_until).is_(None), col(Cluster.lease_until) < at, col(Cluster.lease_by) == short(tab))
    )
    if skip:
        statement = statement.where(col(Cluster.id).not_in(skip))
    if only:
        statement = statement.where(col(Cluster.id).in_(only))
    if wanted.status in SECOND:
        statement = statement.where(~_decided_by(user_id))
    statement = statement.limit(count).with_for_update(skip_locked=True)
    found = list(session.scalars(statement.execution_options(populate_existing=True)))
    for cluster in found:
        cluster.lease_by, cluster.lease_user_id, cluster.lease_until = short(tab), user_id, at + LEASE
    session.flush()
    return found


def peek(session: Session, wanted: Filter, after: Cluster | None = None, count: int = 50) -> list[Cluster]:
    """A page of the queue for looking at, nothing leased: the first, or those after a cluster of the page before."""
    statement = filtered(select(Cluster), wanted)
    if after is not None:
        number, priority = col(Cluster.id), col(Cluster.priority)
        behind = number > after.id
        if wanted.order != "oldest":
            behind = or_(priority < after.priority, (priority == after.priority) & behind)
        for order, column, value in (
            ("institution", col(Cluster.institution_id), after.institution_id),
            ("reason", col(Cluster.reason), after.reason),
        ):
            if wanted.order == order:
                behind = or_(column > value, (column == value) & behind)
        statement = statement.where(behind)
    return list(session.scalars(statement.limit(count)))


def renew(session: Session, tab: str, cluster_ids: Collection[int], at: datetime) -> int:
    """Keep clusters for the tab that has them, from now on. How many it still had."""
    return _change_lease(session, tab, cluster_ids, {"lease_until": at + LEASE})


def release(session: Session, tab: str, cluster_ids: Collection[int]) -> int:
    """Give clusters back: skipped, or the tab was closed. How many it had."""
    return _change_lease(session, tab, cluster_ids, {"lease_by": None, "lease_user_id": None, "lease_until": None})


def take(session: Session, user_id: int, tab: str, cluster_id: int, at: datetime) -> bool:
    """Lease one cluster to a tab, unless another one has it."""
    free = or_(col(Cluster.lease_until).is_(None), col(Cluster.lease_until) < at, col(Cluster.lease_by) == short(tab))
    values = {"lease_by": short(tab), "lease_user_id": user_id, "lease_until": at + LEASE}
    done = session.execute(
        update(Cluster)
        .where(col(Cluster.id) == cluster_id, free)
        .values(**values)
        .execution_options(synchronize_session=False)
        .returning(col(Cluster.id))
    )
    return bool(done.all())


def waiting_in(session: Session, statuses: Sequence[str]) -> list[str]:
    """Those of the statuses, `open` not among them, that any cluster has: one look into the index for each."""
    if not statuses:
        return []
    looks = [filtered(select(literal(1)), Filter(each)).order_by(None).limit(1).exists() for each in statuses]
    found = session.execute(select(*looks)).one()
    return [status for status, there in zip(statuses, found, strict=True) if there]


def card(session: Session, user_id: int, cluster_id: int, names: int = 20) -> Card | None:
    """All that the screen shows of a cluster to a person; None where there is none."""
    return next(iter(cards(session, user_id, [cluster_id], names)), None)


def cards(session: Session, user_id: int, cluster_ids: Sequence[int], names: int = 20) -> list[Card]:
    """The same of several clusters, in their order, without those that are gone; few queries, however many they are."""
    found = {each.id: each for each in session.scalars(select(Cluster).where(col(Cluster.id).in_(cluster_ids)))}
    clusters = [found[number] for number in cluster_ids if number in found]
    suggestions = _by_id(session, Suggestion, {each.suggestion_id for each in clusters})
    institutions = _by_id(session, Institution, {each.institution_id for each in clusters})
    decisions: defaultdict[int, list[Decision]] = defaultdict(list)
    made = select(Decision).where(col(Decision.cluster_id).in_(found)).order_by(col(Decision.id))
    for decision in session.scalars(made):
        decisions[decision.cluster_id].append(decision)
    made_of = []
    for each in clusters:
        own = decisions[each.id or 0]
        stand = standing(own)
        blind = each.status in BLIND and not any(one.user_id == user_id for one in stand)
        made_of.append(
            Card(
                each,
                institutions[each.institution_id].name,
                suggestions.get(each.suggestion_id),
                tuple(names_of(session, each.id or 0, count=names)),
                () if blind else tuple(own),
                blind,
                each.status == "flagged" and bool(stand) and stand[-1].action == "contest",
            )
        )
    return made_of


def _by_id(session: Session, table: Any, ids: Collection[int | None]) -> dict[int | None, Any]:
    found = session.scalars(select(table).where(col(table.id).in_([each for each in ids if each is not None])))
    return {each.id: each for each in found}


def names_of(session: Session, cluster_id: int, after: int = 0, count: int = 100) -> Sequence[Name]:
    """The names of a cluster, a page at a time: those whose id comes after."""
    found = select(Name).where(col(Name.cluster_id) == cluster_id, col(Name.id) > after)
    return session.scalars(found.order_by(col(Name.id)).limit(count)).all()


def filtered(statement: Select[Any], wanted: Filter) -> Select[Any]:
    """Filter and order; the status stands in the text of the query, so that the partial indexes serve it."""
    statement = statement.where(col(Cluster.status) == literal(wanted.status, literal_execute=True))
    if wanted.status != "open":
        statement = statement.where(col(Cluster.status) != literal("open", literal_execute=True))
    for column, value in (
        (col(Cluster.institution_id), wanted.institution_id),
        (col(Cluster.reason), wanted.reason),
        (col(Cluster.modality), wanted.modality),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.order == "oldest":
        return statement.order_by(col(Cluster.id))
    by: dict[str, list[Any]] = {"institution": [col(Cluster.institution_id)], "reason": [col(Cluster.reason)]}
    first = by.get(wanted.order, [])
    return statement.order_by(*first, col(Cluster.priority).desc(), col(Cluster.id))


def _decided_by(user_id: int) -> Any:
    """Whether a person has a decision on the cluster that was not undone."""
    undone = select(col(Decision.undoes_id)).where(
        col(Decision.undoes_id).is_not(None), col(Decision.cluster_id) == col(Cluster.id)
    )
    return (
        select(literal(1))
        .select_from(Decision)
        .where(
            col(Decision.cluster_id) == col(Cluster.id),
            col(Decision.user_id) == user_id,
            col(Decision.undoes_id).is_(None),
            col(Decision.id).not_in(undone.correlate(Cluster)),
        )
        .correlate(Cluster)
        .exists()
    )


def _change_lease(session: Session, tab: str, cluster_ids: Collection[int], values: dict[str, Any]) -> int:
    done = session.execute(
        update(Cluster)
        .where(col(Cluster.id).in_(cluster_ids), col(Cluster.lease_by) == short(tab))
        .values(**values)
        .execution_options(synchronize_session=False)
        .returning(col(Cluster.id))
    )
    return len(done.all())
