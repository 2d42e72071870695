"""Names like this one that people decided on: evidence for who looks, never an answer by itself.

The collection (retrieval/decisions.py) finds them; the store, asked again for each, says what stands. So a decision
that was taken back is never shown, however old the collection is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.answer import Query
from agent.store.keys import modality_context
from agent.store.schema import Cluster, Institution, Name
from agent.store.schema_acts import Decision, User
from agent.store.states import FINAL
from standard.text import canonical

if TYPE_CHECKING:
    from agent.store import Store
    from retrieval.chroma import ChromaServer
    from retrieval.embeddings import Embedder

MORE = 4  # times as many are looked up as are wanted: some do not fit


class Similar(NamedTuple):
    """A decided name. `score`: cosine with the name that was asked about."""

    name: str
    institution: str
    action: str
    codes: tuple[str, ...]
    by: str
    at: datetime
    decision_id: int
    score: float


def similar(
    store: Store,
    home: Path,
    query: Query,
    count: int = 5,
    embedder: Embedder | None = None,
    server: ChromaServer | None = None,
) -> list[Similar]:
    """Decided names like this one in its modality context, the most like first; none where nobody decided anything.

    The collection is in the home folder, or on a Chroma `server`. IndexError_ when it or the embedding model cannot be
    used.
    """
    with store.reading() as session:
        newest, many = session.execute(select(func.max(col(Decision.id)), func.count())).one()
    if newest is None:
        return []
    from retrieval.decisions import DecidedNames
    from retrieval.embeddings import E5

    def wanted() -> Mapping[str, str]:
        with store.reading() as session:
            return _standing_names(session)

    index = DecidedNames(home, embedder or E5(), server)
    hits = index.search(canonical(query.name).text, count * MORE, f"{newest}-{many}", wanted)
    with store.reading() as session:
        found = _standing(session, [int(number) for number, _ in hits])
    context = modality_context(query.modality)
    fits = [
        each._replace(score=score)
        for number, score in hits
        if (known := found.get(int(number))) is not None
        for modality, each in [known]
        if not modality or not context or modality == context
    ]
    return fits[:count]


def _standing_names(session: Session) -> dict[str, str]:
    """One name of each cluster with a decision of its own that stands."""
    first = (
        select(func.min(col(Name.id)))
        .join(Cluster, col(Cluster.id) == col(Name.cluster_id))
        .join(Decision, col(Decision.id) == col(Cluster.decision_id))
        .where(col(Cluster.status).in_(sorted(FINAL)), col(Decision.cluster_id) == col(Cluster.id))
        .group_by(col(Name.cluster_id))
    )
    rows = session.execute(select(col(Name.cluster_id), col(Name.canonical)).where(col(Name.id).in_(first)))
    return {str(number): text for number, text in rows}


def _standing(session: Session, clusters: list[int]) -> dict[int, tuple[str, Similar]]:
    """Modality context and decision of those of the clusters that are decided now."""
    names = select(func.min(col(Name.id))).where(col(Name.cluster_id).in_(clusters)).group_by(col(Name.cluster_id))
    rows = session.execute(
        select(Cluster, Decision, col(Name.raw), col(Institution.name), col(User.name))
        .join(Decision, col(Decision.id) == col(Cluster.decision_id))
        .join(Name, col(Name.cluster_id) == col(Cluster.id))
        .join(Institution, col(Institution.id) == col(Cluster.institution_id))
        .outerjoin(User, col(User.id) == col(Decision.user_id))
        .where(col(Cluster.status).in_(sorted(FINAL)), col(Name.id).in_(names))
    )
    return {
        cluster.id or 0: (
            cluster.modality,
            Similar(
                raw, place, decision.action, tuple(decision.codes), by or "", decision.at, decision.id or 0, score=0.0
            ),
        )
        for cluster, decision, raw, place, by in rows
    }
