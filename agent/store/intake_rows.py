"""The rows of what goes in: institutions, clusters, names, suggestions; made where they are new, locked in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.answer import Suggestion
from agent.store.keys import institution_key, modality_context
from agent.store.ledger import in_pieces, insert_into
from agent.store.plain import candidates_of, content_of
from agent.store.schema import Cluster, Institution, Name
from agent.store.schema import Suggestion as SuggestionRow
from agent.store.schema_acts import Decision
from standard.text import canonical

NameKey = tuple[str, int]  # text key, institution


@dataclass(slots=True)
class Item:
    """An entry with its keys and rows."""

    suggestion: Suggestion
    spellings: dict[str, int]  # exams by the hash of name and context as they came
    text: str
    reading: str
    institution: str
    cluster: str
    digest: str
    institution_id: int = 0
    decision_id: int | None = None


def find_institutions(session: Session, items: list[Item]) -> None:
    """The institution of each item, made where it is new."""
    ids = make_institutions(session, (item.suggestion.query.institution for item in items))
    for item in items:
        item.institution_id = ids[item.institution]


def make_institutions(session: Session, names: Iterable[str]) -> dict[str, int]:
    """The institutions of these names, made where they are new: ids by key."""
    wanted = {institution_key(name): name for name in names}
    found: dict[str, int] = {}
    for keys in in_pieces(sorted(wanted)):
        rows = [{"key": key, "name": wanted[key]} for key in keys]
        session.execute(insert_into(session, Institution).on_conflict_do_nothing(index_elements=["key"]), rows)
        there = select(col(Institution.key), col(Institution.id)).where(col(Institution.key).in_(keys))
        found |= {key: number or 0 for key, number in session.execute(there).all()}
    return found


def find_names(session: Session, items: list[Item]) -> dict[NameKey, Name]:
    """Those of the names that there are already."""
    wanted = {(item.text, item.institution_id) for item in items}
    found = select(Name).where(
        col(Name.text_key).in_({item.text for item in items}),
        col(Name.institution_id).in_({item.institution_id for item in items}),
    )
    rows = session.scalars(found.execution_options(populate_existing=True)).all()
    found_names = {(name.text_key, name.institution_id): name for name in rows}
    return {key: name for key, name in found_names.items() if key in wanted}


def decided_among(session: Session, cluster_ids: set[int]) -> set[int]:
    """Those of the clusters on which anybody ever decided, or that a decision of another one settles."""
    decided = select(col(Decision.cluster_id)).where(col(Decision.cluster_id).in_(cluster_ids))
    borrowed = select(col(Cluster.id)).where(col(Cluster.id).in_(cluster_ids), col(Cluster.borrowed_id).is_not(None))
    return {number for number in session.scalars(decided.union(borrowed)) if number is not None}


def make_clusters(session: Session, items: list[Item], at: datetime) -> set[str]:
    """Clusters that are not there yet; the keys of those made here."""
    wanted = {item.cluster: item for item in items}
    rows = [
        {
            "key": key,
            "reading_key": item.reading,
            "institution_id": item.institution_id,
            "modality": modality_context(item.suggestion.query.modality),
            "base": "accepted",
            "status": "accepted",
            "revision": 1,
            "score": 1.0,
            "priority": 0.0,
            "reason": item.suggestion.reason,
            "names": 0,
            "exams": 0,
            "group_wide": False,
            "created_at": at,
            "changed_at": at,
        }
        for key, item in sorted(wanted.items())
    ]
    if not rows:
        return set()
    insert = insert_into(session, Cluster).on_conflict_do_nothing(index_elements=["key"])
    return set(session.scalars(insert.returning(col(Cluster.key)), rows).all())


def lock_clusters(session: Session, keys: set[str], ids: set[int]) -> dict[int, Cluster]:
    """All clusters concerned, by id, kept from other writers; always in the same order."""
    either = select(Cluster).where(col(Cluster.key).in_(keys) | col(Cluster.id).in_(ids)).order_by(col(Cluster.id))
    rows = session.scalars(either.with_for_update().execution_options(populate_existing=True)).all()
    return {cluster.id or 0: cluster for cluster in rows}


def make_names(
    session: Session,
    items: list[Item],
    names: dict[NameKey, Name],
    by_key: dict[str, Cluster],
    at: datetime,
) -> list[NameKey]:
    """Names that are not there yet; the keys of those made here."""
    rows = [
        {
            "text_key": item.text,
            "institution_id": item.institution_id,
            "cluster_id": by_key[item.cluster].id,
            "raw": item.suggestion.query.name,
            "canonical": canonical(item.suggestion.query.name).text,
            "exams": 0,
            "created_at": at,
        }
        for item in items
        if (item.text, item.institution_id) not in names
    ]
    if not rows:
        return []
    insert = insert_into(session, Name).on_conflict_do_nothing(index_elements=["text_key", "institution_id"])
    made = session.execute(insert.returning(col(Name.text_key), col(Name.institution_id)), rows).all()
    return [(text, institution_id) for text, institution_id in made]


def make_suggestions(
    session: Session,
    items: list[Item],
    names: dict[NameKey, Name],
    at: datetime,
) -> dict[int, list[SuggestionRow]]:
    """The different answers of each cluster as rows; those of now, by cluster."""
    rows: dict[tuple[int, str], Suggestion] = {}
    for item in items:
        rows.setdefault((names[item.text, item.institution_id].cluster_id, item.digest), item.suggestion)
    keys = sorted(rows)
    there = select(SuggestionRow).where(
        col(SuggestionRow.cluster_id).in_({cluster_id for cluster_id, _ in keys}),
        col(SuggestionRow.digest).in_({digest for _, digest in keys}),
    )
    known = {(row.cluster_id, row.digest): row for row in session.scalars(there)}
    values = [_suggestion_row(key, rows[key], at) for key in keys if key not in known]
    if values:
        session.add_all(values)
        session.flush()
        known |= {(row.cluster_id, row.digest): row for row in values}
    for item in items:
        name = names[item.text, item.institution_id]
        name.suggestion_id = known[name.cluster_id, item.digest].id
    fresh: dict[int, list[SuggestionRow]] = {}
    for key in keys:
        fresh.setdefault(key[0], []).append(known[key])
    return fresh


def _suggestion_row(key: tuple[int, str], suggestion: Suggestion, at: datetime) -> SuggestionRow:
    return SuggestionRow(
        cluster_id=key[0],
        digest=key[1],
        route=suggestion.route,
        reason=suggestion.reason,
        score=suggestion.score,
        codes=list(suggestion.codes),
        content=content_of(suggestion),
        candidates=candidates_of(suggestion),
        versions=dict(suggestion.versions),
        created_at=at,
    )
