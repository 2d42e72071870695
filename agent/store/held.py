"""What a run takes along of the store: decisions and open questions on its names, as plain values.

Looked up by the key of the name, and by the key of the reading, which names that differ in noise share. Beside each
decision stand the codes that were suggested when somebody last acted on its cluster: he knew them, so a sure reading
that says one of them again contests nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store.columns import Moment
from agent.store.ledger import in_pieces
from agent.store.schema import Cluster, Institution, Name, Suggestion
from agent.store.schema_acts import Decision, User
from agent.store.states import FINAL, SECOND

QUESTION = ""  # the action of what waits for a second person
QUEUED = "reopen"  # of what a person has put in the queue, or nobody's decision answers any more


class Held(NamedTuple):
    """A decision that stands; or a cluster in question (`action` empty) or in the queue again (reopen). `at`: ISO, UTC.
    `seen`: sets of codes, joined with `+` in order, that were suggested when somebody last acted."""

    institution: str
    group_wide: bool
    decision_id: int
    action: str
    codes: tuple[str, ...] = ()
    by: str = ""
    at: str = ""
    seen: tuple[str, ...] = ()


Found = dict[str, tuple[Held, ...]]


def joined(codes: Iterable[str]) -> str:
    """A set of codes as one text."""
    return "+".join(sorted(set(codes)))


def held_texts(session: Session, keys: Iterable[str] | None, institutions: Collection[str]) -> Found:
    """By text key, for names of some institutions (their keys) and of the whole group; of all names that anybody
    decided on where no keys are given."""
    base = _columns(col(Name.text_key)).select_from(Name).join(Cluster, col(Cluster.id) == col(Name.cluster_id))
    return _looked_up(session, _stands(base), col(Name.text_key), keys, institutions)


def held_readings(session: Session, keys: Iterable[str] | None, institutions: Collection[str]) -> Found:
    """By reading key; of all readings that anybody decided on where no keys are given."""
    base = _stands(_columns(col(Cluster.reading_key)).select_from(Cluster))
    return _looked_up(session, base, col(Cluster.reading_key), keys, institutions)


def _looked_up(
    session: Session, base: Select[Any], key: Any, keys: Iterable[str] | None, institutions: Collection[str]
) -> Found:
    rows: list[Any] = []
    if keys is None:
        rows += session.execute(base)
    else:
        for piece in in_pieces(dict.fromkeys(keys)):
            rows += session.execute(base.where(key.in_(piece)))
    return _found(session, rows, institutions)


def _columns(key: Any) -> Select[Any]:
    return select(
        key.label("key"),
        col(Institution.key).label("institution"),
        col(Cluster.status).label("status"),
        col(Cluster.group_wide).label("group_wide"),
        col(Decision.id).label("decision_id"),
        col(Decision.cluster_id).label("cluster_id"),
        col(Decision.action).label("action"),
        col(Decision.codes).label("codes"),
        col(Decision.at).label("at"),
        col(User.name).label("by"),
    )


def _stands(base: Select[Any]) -> Select[Any]:
    return (
        base.join(Institution, col(Institution.id) == col(Cluster.institution_id))
        .outerjoin(Decision, col(Decision.id) == col(Cluster.decision_id))
        .outerjoin(User, col(User.id) == col(Decision.user_id))
        .where(
            or_(
                col(Cluster.status).in_(sorted(FINAL | SECOND)),
                col(Cluster.status).in_(["open"]) & col(Cluster.id).in_(select(col(Decision.cluster_id))),
            )
        )
    )


def _found(session: Session, rows: list[Any], institutions: Collection[str]) -> Found:
    """The rows of these institutions and of the whole group, by key, in the order of their decisions."""
    own = set(institutions)
    kept = [row for row in rows if row.group_wide or row.institution in own]
    seen = _seen(session, {row.cluster_id for row in kept if row.status in FINAL})
    found: defaultdict[str, set[Held]] = defaultdict(set)
    for row in kept:
        wide = bool(row.group_wide)
        if row.status in SECOND:
            found[row.key].add(Held(row.institution, wide, 0, QUESTION))
        elif row.status == "open":
            found[row.key].add(Held(row.institution, wide, 0, QUEUED))
        elif row.decision_id is not None:
            found[row.key].add(
                Held(
                    row.institution,
                    wide,
                    row.decision_id,
                    row.action,
                    tuple(row.codes),
                    row.by or "",
                    row.at.isoformat(timespec="seconds"),
                    seen.get(row.cluster_id, ()),
                )
            )
    return {key: tuple(sorted(each, key=lambda held: (held.decision_id, held))) for key, each in found.items()}


def _seen(session: Session, clusters: set[int]) -> dict[int, tuple[str, ...]]:
    """The sets of codes that each cluster had been suggested when somebody last acted on it."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    for piece in in_pieces(sorted(clusters)):
        last = (
            select(col(Decision.cluster_id).label("id"), func.max(col(Decision.at), type_=Moment()).label("at"))
            .where(col(Decision.cluster_id).in_(piece))
            .group_by(col(Decision.cluster_id))
            .subquery()
        )
        rows = session.execute(
            select(col(Suggestion.cluster_id), col(Suggestion.codes))
            .join(last, last.c.id == col(Suggestion.cluster_id))
            .where(col(Suggestion.created_at) <= last.c.at)
        )
        for number, codes in rows:
            found[number].add(joined(codes))
    return {number: tuple(sorted(each)) for number, each in found.items()}
