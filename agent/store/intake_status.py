"""What fresh answers make of the status of clusters: to the queue, settled by memory, or in question.

    new cluster, memory of the group has it   ──▶ as decided there (borrowed)
    new cluster                               ──▶ accepted, or open where any answer is for review
    accepted, and an answer is for review     ──▶ open
    decided, and a sure answer says otherwise ──▶ flagged, saying so: a fresh reading disagrees with memory

An answer that was there when somebody last acted on the cluster contests nothing: he knew it and decided otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store.borrowing import memory_of
from agent.store.ledger import OUTCOMES, decisions_of, described, next_decision_id, record, start_of
from agent.store.memory import Remembered
from agent.store.replay import replay, standing
from agent.store.schema import Cluster, Suggestion
from agent.store.schema_acts import Decision
from agent.store.states import FINAL


class Statuses:
    """Works on clusters that the transaction holds, and counts what it did. The counters are the caller's."""

    def __init__(self, session: Session, at: datetime) -> None:
        self.session, self.at = session, at
        self.opened = self.remembered = self.contested = 0

    def update(self, clusters: Iterable[Cluster], fresh: Mapping[int, Sequence[Suggestion]], made: set[str]) -> None:
        """Bring each cluster to what its fresh answers make of it. `made`: keys of those that are new."""
        clusters = [cluster for cluster in clusters if cluster.id in fresh]
        memory = memory_of(self.session, [cluster for cluster in clusters if cluster.key in made])
        for cluster in clusters:
            rows = fresh[cluster.id or 0]
            review = any(row.route == "review" for row in rows)
            if cluster.key in made:
                self._begin(cluster, review, memory.get(cluster.id or 0))
            elif review and cluster.base == "accepted":
                self._open(cluster)
            if cluster.status in FINAL:
                self._contest(cluster, rows)
            self._show(cluster, rows)

    def _begin(self, cluster: Cluster, review: bool, remembered: Remembered | None) -> None:
        """The first status of a new cluster."""
        cluster.base = cluster.status = "open" if review else "accepted"
        if remembered is None:
            self.opened += review
            return
        before = described(cluster)
        cluster.borrowed_id = cluster.decision_id = remembered.decision_id
        cluster.status = OUTCOMES[remembered.action]
        self.remembered += 1
        self._tell(cluster, "remember", before, remembered.decision_id)

    def _open(self, cluster: Cluster) -> None:
        """What was accepted is now in doubt."""
        cluster.base = "open"
        if cluster.status == "accepted":
            before = described(cluster)
            cluster.status = "open"
            self.opened += 1
            self._changed(cluster)
            self._tell(cluster, "open", before, None)

    def _contest(self, cluster: Cluster, rows: Sequence[Suggestion]) -> None:
        """Put a decided cluster in question where a sure answer that nobody saw says otherwise."""
        decision = self.session.get_one(Decision, cluster.decision_id)
        other = [row for row in rows if row.route == "accepted" and not _agrees(row, decision)]
        if not other:
            return
        assert cluster.id is not None
        decisions = list(decisions_of(self.session, cluster.id))
        seen_until = max(each.at for each in [decision, *decisions])
        seen = self.session.scalars(
            select(col(Suggestion.codes)).where(
                col(Suggestion.cluster_id).in_({cluster.id, decision.cluster_id}),
                col(Suggestion.created_at) <= seen_until,
            )
        )
        known = {frozenset(codes) for codes in seen}
        unseen = next((row for row in other if frozenset(row.codes) not in known), None)
        if unseen is None:
            return
        contest = Decision(
            id=next_decision_id(self.session),
            cluster_id=cluster.id,
            role="system",
            action="contest",
            codes=[],
            why="+".join(unseen.codes),
            before=described(cluster),
            after={},
            suggestion_id=unseen.id,
            at=self.at,
        )
        state = replay(start_of(self.session, cluster), standing([*decisions, contest]))
        cluster.status, cluster.decision_id, cluster.group_wide = state
        cluster.suggestion_id, cluster.score, cluster.reason = unseen.id, unseen.score, unseen.reason
        self._changed(cluster)
        contest.after = described(cluster)
        self.session.add(contest)
        self.session.flush()
        self.contested += 1
        self._tell(cluster, "contest", contest.before, contest.id, contest.why)

    def _show(self, cluster: Cluster, rows: Sequence[Suggestion]) -> None:
        """The suggestion that is shown: of the newest versions, the one in most doubt. Of decided ones it stays."""
        worst = min(rows, key=_doubt)
        current = None if cluster.suggestion_id is None else self.session.get(Suggestion, cluster.suggestion_id)
        if current is not None:
            if cluster.status in FINAL or cluster.status == "flagged":
                return
            if current.versions == worst.versions and _doubt(current) <= _doubt(worst):
                return
            if set(current.codes) != set(worst.codes):
                cluster.changed_at = self.at  # a bulk action that was shown before settles other codes: not this one
        cluster.suggestion_id, cluster.score, cluster.reason = worst.id, worst.score, worst.reason

    def _changed(self, cluster: Cluster) -> None:
        cluster.revision += 1
        cluster.changed_at = self.at

    def _tell(
        self, cluster: Cluster, action: str, before: dict[str, object], decision_id: int | None, why: str = ""
    ) -> None:
        assert cluster.id is not None
        after = described(cluster)
        record(self.session, self.at, None, "cluster", cluster.id, action, before, after, why, decision_id)


def _agrees(row: Suggestion, decision: Decision) -> bool:
    """Whether an answer says what a person decided."""
    return decision.action == "settle" and set(row.codes) == set(decision.codes)


def _doubt(row: Suggestion) -> tuple[bool, float, str]:
    """What is for review before what is accepted, the lowest score first; never by the order of arrival."""
    return row.route == "accepted", row.score, row.digest
