"""Taking back one decision, alone, now or much later; or all of a bulk action; and what a decision influenced.

The cluster becomes what the other decisions make of it (replay.py); its suggestions and candidates were never touched,
so a reviewer finds them as they were. Whoever takes back what another one decided retracts it: its cluster and those
that borrowed the decision go to the queue, but for what another group-wide decision answers.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store.deciding import Outcome, answer, locked, refused, sent_before, told_of, write
from agent.store.keys import digest, short
from agent.store.ledger import decisions_of, described
from agent.store.people import acting
from agent.store.schema import Cluster, Job, Name, Sighting
from agent.store.schema_acts import Decision
from agent.store.states import Action, Step, cell


def undo(session: Session, user_id: int, decision_id: int, key: str, at: datetime, why: str = "") -> Outcome:
    """Take one decision back: one's own (`undo`), or another's (`retract`, which wants a comment). Idempotent by key.

    `conflict` where it was taken back before; told by whom.
    """
    target = session.get(Decision, decision_id)
    cluster = None if target is None else locked(session, target.cluster_id)
    if target is None or cluster is None:
        return Outcome("refused", 0, refusal="no_decision")
    user = acting(session, user_id)
    if user is None:
        return refused(cluster, "no_user")
    before = sent_before(session, user_id, key)
    if before is not None:
        if before.undoes_id != decision_id:
            return refused(cluster, "key_used")
        return answer("again", cluster, before.id)
    decisions = decisions_of(session, target.cluster_id)
    earlier = next((each for each in decisions if each.undoes_id == decision_id), None)
    if earlier is not None:
        return Outcome("conflict", target.cluster_id, cluster.revision, cluster.status, told=told_of(session, earlier))
    action: Action = "undo" if target.user_id == user_id else "retract"
    fault = ""
    if cell(Step(cluster.status, action), user.role) != "back":
        fault = "not_allowed"
    elif target.undoes_id is not None:
        fault = "not_undoable"
    elif action == "retract" and not why.strip():
        fault = "no_comment"
    if fault:
        return refused(cluster, fault)
    decision = Decision(
        cluster_id=target.cluster_id,
        user_id=user_id,
        role=user.role,
        action=action,
        codes=[],
        why=why,
        before=described(cluster),
        after={},
        suggestion_id=cluster.suggestion_id,
        undoes_id=decision_id,
        client_key=short(key),
        at=at,
    )
    if action == "retract":
        cluster.base = "open"
    return write(session, cluster, [*decisions, decision], at)


def undo_batch(session: Session, user_id: int, batch: str, key: str, at: datetime, why: str = "") -> list[Outcome]:
    """Take back every decision of a bulk action that still stands, each as `undo` does, in order of their clusters."""
    undone = select(col(Decision.undoes_id)).where(col(Decision.undoes_id).is_not(None))
    found = session.execute(
        select(col(Decision.id), col(Decision.cluster_id))
        .where(col(Decision.batch) == short(batch), col(Decision.id).not_in(undone))
        .order_by(col(Decision.cluster_id), col(Decision.id))
    ).all()
    return [undo(session, user_id, each, digest("undo", key, each), at, why) for each, _ in found if each is not None]


class InfluencedCluster(NamedTuple):
    """A cluster that a decision settles. `borrowed`: of another institution."""

    id: int
    institution_id: int
    names: int
    exams: int
    borrowed: bool


class InfluencedJob(NamedTuple):
    """A job in which a decision answered names."""

    name: str
    names: int
    exams: int


class Influence(NamedTuple):
    """All that a decision answered: what goes back to the queue, unless another one answers it, and the jobs whose
    output holds its answer."""

    clusters: tuple[InfluencedCluster, ...]
    jobs: tuple[InfluencedJob, ...]


def influence(session: Session, decision_id: int) -> Influence:
    """What a decision influenced so far: to show before it is retracted. Of a widening: what it brought elsewhere."""
    target = session.get(Decision, decision_id)
    wide = target is not None and target.action == "widen"
    settles = or_(col(Cluster.decision_id) == decision_id, col(Cluster.borrowed_id) == decision_id)
    answered = col(Sighting.decision_id) == decision_id
    if target is not None and wide:
        made = select(col(Decision.id)).where(col(Decision.cluster_id) == target.cluster_id)
        home = session.get_one(Cluster, target.cluster_id).institution_id
        settles = col(Cluster.borrowed_id).in_(made)
        away = select(col(Name.id)).where(col(Name.institution_id) != home)
        answered = col(Sighting.decision_id).in_(made) & col(Sighting.name_id).in_(away)
    clusters = session.scalars(select(Cluster).where(settles).order_by(col(Cluster.id)))
    jobs = session.execute(
        select(col(Job.name), func.count(col(Sighting.name_id).distinct()), func.sum(col(Sighting.exams)))
        .join(Job, col(Job.id) == col(Sighting.job_id))
        .where(answered)
        .group_by(col(Job.id), col(Job.name))
        .order_by(col(Job.id))
    )
    return Influence(
        tuple(
            InfluencedCluster(
                each.id or 0, each.institution_id, each.names, each.exams, wide or each.borrowed_id == decision_id
            )
            for each in clusters
        ),
        tuple(InfluencedJob(name, int(names), int(exams)) for name, names, exams in jobs),
    )
