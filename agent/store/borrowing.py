"""A decision that the whole group has settles clusters of other institutions, which borrow it.

    new cluster ──▶ memory_of ──▶ borrowed as it comes (intake_status.py)
    a decision is widened ──▶ spread ──▶ clusters that wait already, as they would have come now

Left alone is what a person has to look at himself: what anybody decided on before, was drawn for the audit, or has a
sure reading that says otherwise. What was borrowed goes back to the queue with the decision, and with its widening
(ledger.py, `follow`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store.ledger import OUTCOMES, Tally, described, in_pieces, move, record
from agent.store.memory import Place, Remembered, recall_readings, recall_texts
from agent.store.replay import State
from agent.store.schema import Cluster, Institution, Name, Suggestion
from agent.store.schema_acts import Decision
from agent.store.schema_audit import AuditDraw


def memory_of(session: Session, clusters: Sequence[Cluster]) -> dict[int, Remembered]:
    """What the group decided on the names of clusters; on their readings, where nobody saw the names."""
    ids = [cluster.id or 0 for cluster in clusters]
    own = select(col(Institution.id), col(Institution.key))
    own = own.where(col(Institution.id).in_({cluster.institution_id for cluster in clusters}))
    institutions = dict(session.execute(own).all())
    where = {cluster.id or 0: institutions[cluster.institution_id] for cluster in clusters}
    texts = select(col(Name.cluster_id), col(Name.text_key)).where(col(Name.cluster_id).in_(ids))
    pairs = [(number, Place(key, where[number])) for number, key in session.execute(texts).all()]
    pairs += [(each.id or 0, Place(each.reading_key, where[each.id or 0])) for each in clusters]
    names = len(pairs) - len(clusters)
    said = recall_texts(session, [place for _, place in pairs[:names]])
    said += recall_readings(session, [place for _, place in pairs[names:]])
    found: dict[int, Remembered] = {}
    split: set[int] = set()
    for at, ((number, _), each) in enumerate(zip(pairs, said, strict=True)):
        known = found.get(number)
        if each is None or (known is not None and at >= names):
            continue  # names go before readings
        if known is None:
            found[number] = each
        elif (known.action, set(known.codes)) != (each.action, set(each.codes)):
            split.add(number)
    return {number: each for number, each in found.items() if number not in split}


def spread(session: Session, cluster: Cluster, tally: Tally, at: datetime) -> list[int]:
    """Clusters that wait with the names or the reading of this one, whose decision was widened, borrow what memory
    answers them from now on. Their ids."""
    settled = []
    for piece in in_pieces(_waiting(session, cluster)):
        memory = memory_of(session, piece)
        sure = _sure(session, piece)
        for each in piece:
            assert each.id is not None
            said = memory.get(each.id)
            if said is None or any(said.action != "settle" or codes != set(said.codes) for codes in sure[each.id]):
                continue
            before = described(each)
            each.borrowed_id = said.decision_id
            move(session, each, State(OUTCOMES[said.action], said.decision_id), tally, at)
            record(session, at, None, "cluster", each.id, "remember", before, described(each), "", said.decision_id)
            settled.append(each.id)
    return settled


def _waiting(session: Session, cluster: Cluster) -> list[Cluster]:
    """Open clusters with the names or the reading of one, kept from other writers, in order; without those that a
    person has to look at."""
    keys = session.scalars(select(col(Name.text_key)).where(col(Name.cluster_id) == cluster.id)).all()
    ids = set(session.scalars(select(col(Cluster.id)).where(col(Cluster.reading_key) == cluster.reading_key)))
    for piece in in_pieces(keys):
        ids |= set(session.scalars(select(col(Name.cluster_id)).where(col(Name.text_key).in_(piece))))
    ids.discard(cluster.id)
    found: list[Cluster] = []
    drawn = select(col(Name.cluster_id)).join(AuditDraw, col(AuditDraw.name_id) == col(Name.id))
    for numbers in in_pieces(sorted(number for number in ids if number is not None)):
        open_ones = (
            select(Cluster)
            .where(
                col(Cluster.id).in_(numbers),
                col(Cluster.status) == "open",
                col(Cluster.borrowed_id).is_(None),
                col(Cluster.id).not_in(select(col(Decision.cluster_id)).where(col(Decision.cluster_id).in_(numbers))),
                col(Cluster.id).not_in(drawn.where(col(Name.cluster_id).in_(numbers))),
            )
            .order_by(col(Cluster.id))
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        found += session.scalars(open_ones).all()
    return found


def _sure(session: Session, clusters: Sequence[Cluster]) -> dict[int, list[set[str]]]:
    """The codes that sure readings of the names of each cluster give now."""
    found: dict[int, list[set[str]]] = {each.id or 0: [] for each in clusters}
    rows = session.execute(
        select(col(Name.cluster_id), col(Suggestion.codes))
        .join(Suggestion, col(Suggestion.id) == col(Name.suggestion_id))
        .where(col(Name.cluster_id).in_(list(found)), col(Suggestion.route) == "accepted")
    )
    for number, codes in rows:
        found[number].append(set(codes))
    return found
