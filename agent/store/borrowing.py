"""A decision that the whole group has settles clusters of other institutions, which borrow it.

    new cluster ──▶ memory_of ──▶ borrowed as it comes (intake_status.py)
    a decision is widened ──▶ spread ──▶ clusters that wait already, as they would have come now
    it or its widening falls ──▶ follow ──▶ what borrowed it: to what another group-wide decision says, else the queue

Left alone is what a person has to look at himself: what anybody decided on before, was drawn for the audit, or has a
sure reading that says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store.ledger import OUTCOMES, Tally, decisions_of, described, in_pieces, move, record, same_answer
from agent.store.memory import Place, Remembered, recall_readings, recall_texts
from agent.store.replay import State, replay, standing
from agent.store.schema import Cluster, Institution, Name, Suggestion
from agent.store.schema_acts import Decision
from agent.store.schema_audit import AuditDraw
from agent.store.states import FINAL


def memory_of(session: Session, clusters: Sequence[Cluster], fallen: int | None = None) -> dict[int, Remembered]:
    """What the group decided on the names of clusters; on their readings, where nobody saw the names. `fallen`: a
    cluster that answers only where no other does.

    On PostgreSQL, the clusters whose decisions these are stay as they are until the transaction ends: what another one
    takes back at the same moment is not borrowed. On SQLite nobody else writes.
    """
    kept: set[int] = set()
    while True:
        found = _said(session, clusters, fallen)
        new = {each.cluster_id for each in found.values()} - kept
        if not new or session.get_bind().dialect.name != "postgresql":
            return found
        for piece in in_pieces(sorted(new)):
            numbered = select(col(Cluster.id)).where(col(Cluster.id).in_(piece)).order_by(col(Cluster.id))
            session.execute(numbered.with_for_update(read=True))
        kept |= new  # and look again: they are what they were before somebody else's last change, or are not


def _said(session: Session, clusters: Sequence[Cluster], fallen: int | None) -> dict[int, Remembered]:
    """What memory says now."""
    ids = [cluster.id or 0 for cluster in clusters]
    own = select(col(Institution.id), col(Institution.key))
    own = own.where(col(Institution.id).in_({cluster.institution_id for cluster in clusters}))
    institutions = dict(session.execute(own).all())
    where = {cluster.id or 0: institutions[cluster.institution_id] for cluster in clusters}
    texts = select(col(Name.cluster_id), col(Name.text_key)).where(col(Name.cluster_id).in_(ids))
    pairs = [(number, Place(key, where[number])) for number, key in session.execute(texts).all()]
    pairs += [(each.id or 0, Place(each.reading_key, where[each.id or 0])) for each in clusters]
    names = len(pairs) - len(clusters)
    said = recall_texts(session, [place for _, place in pairs[:names]], fallen)
    said += recall_readings(session, [place for _, place in pairs[names:]], fallen)
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
        elif known.cluster_id == fallen:
            found[number] = each
    return {number: each for number, each in found.items() if number not in split}


def spread(session: Session, cluster: Cluster, tally: Tally, at: datetime) -> list[int]:
    """Clusters that wait with the names or the reading of this one, whose decision was widened, borrow what memory
    answers them from now on. Their ids."""
    settled = []
    for piece in in_pieces(_waiting(session, cluster)):
        settled += _borrow(session, piece, {each.id: described(each) for each in piece}, tally, at)
    return settled


def follow(session: Session, cluster: Cluster, decisions: Sequence[Decision], tally: Tally, at: datetime) -> list[int]:
    """Clusters that borrowed a decision of this one, which no longer holds or is no longer the group's, are what their
    own decisions make of them; those without any borrow what another cluster's group-wide decision says, or go back to
    the queue. The ids of what waits there again.

    While the decision is only in question (flagged, second look), what borrowed it stays as it is.
    """
    if not decisions or (cluster.status not in FINAL and cluster.status not in ("open", "accepted")):
        return []
    by_id = {each.id: each for each in decisions}
    undone = {each.undoes_id for each in decisions}
    wide = any(each.action == "widen" for each in standing(decisions))
    holds = by_id.get(cluster.decision_id)
    borrowers = session.scalars(
        select(Cluster)
        .where(col(Cluster.borrowed_id).in_(list(by_id)))
        .order_by(col(Cluster.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    lost = []
    for each in borrowers:
        borrowed = by_id[each.borrowed_id]
        if not (wide and borrowed.id not in undone and (holds is None or same_answer(borrowed, holds))):
            lost.append(each)
    before = {each.id: described(each) for each in lost}
    numbers = [each.id or 0 for each in lost]
    own: set[int | None] = set()
    for ids in in_pieces(numbers):
        own.update(session.scalars(select(col(Decision.cluster_id)).where(col(Decision.cluster_id).in_(ids))))
    for each in lost:
        each.borrowed_id = None
        if each.id in own:  # first: memory has what they say themselves, for the others and against it
            _settle_again(session, each, before[each.id], tally, at)
        else:
            move(session, each, State("open"), tally, at)  # else memory would find what it had borrowed as its own
    borrowed_again: set[int | None] = set()
    for piece in in_pieces(_free(session, numbers)):
        borrowed_again.update(_borrow(session, piece, before, tally, at, cluster.id))
    for each in lost:
        if each.id not in own and each.id not in borrowed_again:
            each.base = "open"
            record(session, at, None, "cluster", each.id or 0, "requeue", before[each.id], described(each))
    return [each.id or 0 for each in lost if each.status == "open" and each.id not in borrowed_again]


def _settle_again(session: Session, cluster: Cluster, before: dict[str, Any], tally: Tally, at: datetime) -> None:
    """A cluster that lost what it borrowed: what its own decisions make of it."""
    assert cluster.id is not None
    cluster.base = "open"
    own = replay(State("open"), standing(decisions_of(session, cluster.id)))
    if own != State(cluster.status, cluster.decision_id, cluster.group_wide):
        move(session, cluster, own, tally, at)
        record(session, at, None, "cluster", cluster.id, "requeue", before, described(cluster))


def _borrow(
    session: Session,
    clusters: Sequence[Cluster],
    before: Mapping[int | None, dict[str, Any]],
    tally: Tally,
    at: datetime,
    fallen: int | None = None,
) -> list[int]:
    """Open clusters borrow what memory answers them, unless a sure reading of theirs says otherwise. The ids of those
    that do. `before`: their state, for the trail. `fallen`: the cluster whose decision they had; what it alone says
    instead was not there when they borrowed, so a person looks."""
    memory = memory_of(session, clusters, fallen)
    sure = _sure(session, clusters)
    settled = []
    for each in clusters:
        assert each.id is not None
        said = memory.get(each.id)
        if said is None or said.cluster_id == fallen:
            continue
        if any(said.action != "settle" or codes != set(said.codes) for codes in sure[each.id]):
            continue
        each.borrowed_id = said.decision_id
        move(session, each, State(OUTCOMES[said.action], said.decision_id), tally, at)
        was, now = before[each.id], described(each)
        record(session, at, None, "cluster", each.id, "remember", was, now, "", said.decision_id)
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
    return _free(session, (number for number in ids if number is not None))


def _free(session: Session, ids: Iterable[int]) -> list[Cluster]:
    """Those of the clusters that are open, and that no person has to look at, kept from other writers, in order."""
    found: list[Cluster] = []
    drawn = select(col(Name.cluster_id)).join(AuditDraw, col(AuditDraw.name_id) == col(Name.id))
    for numbers in in_pieces(sorted(ids)):
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
