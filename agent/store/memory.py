"""Memory: what people decided answers the same name in the same context at once, with who and when.

    name, modality, institution ──▶ decided in this institution? ──▶ group-wide, and all who decided agree? ──▶ nothing

Only what stands counts: a decision that was undone, or is in question (flagged, second look, adjudication), answers
nothing. Names without an institution are a context of their own: only `widen`, which not everybody may, lets a decision
answer elsewhere. A name that nobody has seen is found by its reading, which it shares with names that differ in noise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.answer import Query
from agent.store.keys import institution_key, text_key
from agent.store.ledger import in_pieces
from agent.store.schema import Cluster, Institution, Name
from agent.store.schema_acts import Decision, User
from agent.store.states import FINAL


class Remembered(NamedTuple):
    """A decision that answers. `action`: settle, reject or not_in_standard; `by`: the name of who decided."""

    decision_id: int
    cluster_id: int
    action: str
    codes: tuple[str, ...]
    by: str
    at: datetime
    group_wide: bool


class Place(NamedTuple):
    """What is looked up: a key of name or reading, and the key of the institution."""

    key: str
    institution: str


def recall(session: Session, queries: Sequence[Query]) -> list[Remembered | None]:
    """What memory says of each name as it came, in its modality and institution; in order."""
    places = [Place(text_key(each.name, each.modality), institution_key(each.institution)) for each in queries]
    return recall_texts(session, places)


def recall_texts(session: Session, places: Sequence[Place], fallen: int | None = None) -> list[Remembered | None]:
    """What memory says of each name, by text key. `fallen`: a cluster that answers only where no other does."""
    base = _columns(col(Name.text_key)).select_from(Name).join(Cluster, col(Cluster.id) == col(Name.cluster_id))
    return _recalled(session, base, col(Name.text_key), places, fallen)


def recall_readings(session: Session, places: Sequence[Place], fallen: int | None = None) -> list[Remembered | None]:
    """What memory says of each reading, by reading key. `fallen` as for names."""
    base = _columns(col(Cluster.reading_key)).select_from(Cluster)
    return _recalled(session, base, col(Cluster.reading_key), places, fallen)


def _columns(key: Any) -> Select[Any]:
    return select(
        key.label("key"),
        col(Institution.key).label("institution"),
        col(Cluster.group_wide).label("group_wide"),
        col(Decision.id).label("decision_id"),
        col(Decision.cluster_id).label("cluster_id"),
        col(Decision.action).label("action"),
        col(Decision.codes).label("codes"),
        col(Decision.at).label("at"),
        col(User.name).label("by"),
    )


def _recalled(
    session: Session, base: Select[Any], key: Any, places: Sequence[Place], fallen: int | None
) -> list[Remembered | None]:
    """One query for many places; then the institution's own decision, else what the whole group has."""
    statement = (
        base.join(Institution, col(Institution.id) == col(Cluster.institution_id))
        .join(Decision, col(Decision.id) == col(Cluster.decision_id))
        .outerjoin(User, col(User.id) == col(Decision.user_id))
        .where(col(Cluster.status).in_(sorted(FINAL)))
    )
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for piece in in_pieces(dict.fromkeys(places)):
        institutions = sorted({place.institution for place in piece})
        rows = session.execute(
            statement.where(
                key.in_(sorted({place.key for place in piece})),
                or_(col(Cluster.group_wide), col(Institution.key).in_(institutions)),
            )
        )
        for row in rows:
            if row not in found[row.key]:
                found[row.key].append(row)
    return [_chosen(found.get(place.key, ()), place.institution, fallen) for place in places]


def _chosen(rows: Iterable[Row[Any]], institution: str, fallen: int | None) -> Remembered | None:
    rows = list(rows)
    own = [row for row in rows if row.institution == institution]
    group = [row for row in rows if row.group_wide]
    for level in (own, group):
        answers = {(row.action, tuple(sorted(row.codes))) for row in level}
        if len(answers) > 1:
            return None  # those who decided do not agree: a person looks
        if level:
            first = min(level, key=lambda row: (row.cluster_id == fallen, int(row.decision_id)))
            return Remembered(
                first.decision_id,
                first.cluster_id,
                first.action,
                tuple(first.codes),
                first.by or "",
                first.at,
                bool(first.group_wide),
            )
    return None
