"""A person decides on a cluster: once, on what he saw, and only as the state table lets his role.

    Order ──▶ decide ──▶ ok         written: decision, cluster, counters and trail in the caller's transaction
                         again      this key was written before; nothing is written twice
                         conflict   another one changed the cluster first; who and what, nothing is overwritten
                         refused    the role may not, or the order does not hold (words.tsv, kind refusal)
                         gone       the cluster was regrouped; its names are in another one

The role is read from the database, never taken from the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store.audit import contradicts, judge
from agent.store.borrowing import follow, spread
from agent.store.keys import digest, short
from agent.store.ledger import Tally, decisions_of, described, move, next_decision_id, record, start_of
from agent.store.people import acting
from agent.store.replay import circumstance, replay, standing
from agent.store.schema import Cluster, Suggestion
from agent.store.schema_acts import Decision, User
from agent.store.states import ANSWERS, BLIND, SECOND, Action, Step, cell, word
from standard import Catalogue, validate
from standard.errors import Lang

Result = Literal["ok", "again", "conflict", "refused", "gone"]


class Rules(NamedTuple):
    """What holds for decisions of a site. `valid`: whether a code is an item's. `second_share`: 0..1, drawn for a
    second look."""

    valid: Callable[[str], bool]
    second_share: float = 0.0


def rules_of(catalogue: Catalogue, second_share: float) -> Rules:
    """The rules with the codes of a catalogue, a site's devices and additions included."""
    return Rules(lambda code: not validate(catalogue, code), second_share)


class Order(NamedTuple):
    """What a person wants done. `revision`: of the cluster as he saw it. `key`: made by the client, new for each order,
    the same when the same order is sent again. `batch`: of a bulk action. `seen`: the suggestion that he was shown; an
    answer to one whose codes are no longer suggested is refused, so that he looks again."""

    cluster_id: int
    revision: int
    action: Action
    key: str
    codes: tuple[str, ...] = ()
    why: str = ""
    batch: str | None = None
    seen: int | None = None


class Told(NamedTuple):
    """What another one decided. Where the cluster waits for a blind second look, only that somebody did: the rest is
    empty."""

    decision_id: int | None
    by: str
    at: datetime | None
    action: str
    codes: tuple[str, ...]
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an order; cluster and decision as they are now."""

    result: Result
    cluster_id: int
    revision: int = 0
    status: str = ""
    decision_id: int | None = None
    told: Told | None = None
    refusal: str = ""
    requeued: tuple[int, ...] = field(default=())  # other clusters that went back to the queue
    answered: tuple[int, ...] = field(default=())  # those that a widened decision settled

    def sentence(self, lang: Lang = "zh") -> str:
        """What to tell the person; empty for `ok` and `again`."""
        if self.result == "refused":
            return word("refusal", self.refusal, lang)
        if self.result == "gone":
            zh, en = "这一组名称已重新分组；没有写入。", "These names were regrouped; nothing was written."
            return zh if lang == "zh" else en
        if self.result != "conflict":
            return ""
        if self.told is None or self.told.hidden:
            zh, en = (
                "这一组已有人处理过；没有写入。",
                "Somebody dealt with this cluster before you; nothing was written.",
            )
            return zh if lang == "zh" else en
        what, codes = word("action", self.told.action, lang), "+".join(self.told.codes)
        if lang == "zh":
            return f"{self.told.by}已先处理：{what}{' ' if codes else ''}{codes}；没有写入。"
        return f"{self.told.by} was first: {what}{' ' if codes else ''}{codes}; nothing was written."


def locked(session: Session, cluster_id: int) -> Cluster | None:
    """The cluster as it is now, kept from other writers until the transaction ends."""
    found = select(Cluster).where(col(Cluster.id) == cluster_id).with_for_update()
    return session.scalars(found.execution_options(populate_existing=True)).one_or_none()


def sent_before(session: Session, user_id: int, key: str) -> Decision | None:
    """The decision that an order of this user with this key made."""
    found = select(Decision).where(col(Decision.user_id) == user_id, col(Decision.client_key) == short(key))
    return session.scalars(found).one_or_none()


def drawn(cluster: Cluster, share: float) -> bool:
    """Whether the first decision on a cluster goes to a second person: always the same for the same cluster."""
    return int(digest("second look", cluster.key)[:13], 16) / 16**13 < share


def decide(session: Session, rules: Rules, user_id: int, order: Order, at: datetime) -> Outcome:
    """Do what a person orders, in the transaction of the session, which the caller commits."""
    cluster = locked(session, order.cluster_id)
    if cluster is None:
        return Outcome("gone", order.cluster_id)
    user = acting(session, user_id)
    if user is None:
        return refused(cluster, "no_user")
    before = sent_before(session, user_id, order.key)
    if before is not None:
        same = (before.cluster_id, before.action, tuple(before.codes)) == (cluster.id, order.action, order.codes)
        return answer("again", cluster, before.id) if same else refused(cluster, "key_used")
    decisions = decisions_of(session, order.cluster_id)
    if cluster.revision != order.revision:
        return conflict(session, cluster)
    stand = standing(decisions)
    first = not any(each.action in ANSWERS for each in stand)
    sampled = first and (drawn(cluster, rules.second_share) or _doubted(session, rules, order))
    holds = circumstance(cluster.status, order.action, order.codes, stand, sampled)
    to = cell(Step(cluster.status, order.action, holds), user.role)
    fault = "not_allowed" if to in ("-", "back") else fault_of(rules, order)
    if not fault and cluster.status in SECOND and any(each.user_id == user_id for each in stand):
        fault = "own"
    if not fault and _stale(session, cluster, order):
        fault = "stale"
    if fault:
        return refused(cluster, fault)
    decision = Decision(
        cluster_id=order.cluster_id,
        user_id=user_id,
        role=user.role,
        action=order.action,
        circumstance=holds,
        codes=list(order.codes),
        why=order.why,
        before=described(cluster),
        after={},
        suggestion_id=cluster.suggestion_id,
        batch=None if order.batch is None else short(order.batch),
        client_key=short(order.key),
        at=at,
    )
    return write(session, cluster, [*decisions, decision], at)


def write(session: Session, cluster: Cluster, decisions: list[Decision], at: datetime) -> Outcome:
    """Write the last of the decisions, which is new, and what all of them make of the cluster."""
    decision = decisions[-1]
    assert cluster.id is not None
    tally = Tally()
    decision.id = next_decision_id(session)
    move(session, cluster, replay(start_of(session, cluster), standing(decisions)), tally, at)
    decision.after = described(cluster)
    session.add(decision)
    session.flush()
    record(
        session,
        at,
        decision.user_id,
        "cluster",
        cluster.id,
        decision.action,
        decision.before,
        decision.after,
        decision.why,
        decision.id,
    )
    requeued = follow(session, cluster, decisions, tally, at)
    widened = decision.action == "widen" and cluster.group_wide
    answered = spread(session, cluster, tally, at) if widened else []
    session.flush()
    tally.write(session)
    judge(session, cluster, at)
    return replace(answer("ok", cluster, decision.id, requeued), answered=tuple(answered))


def _doubted(session: Session, rules: Rules, order: Order) -> bool:
    """Whether an answer says that what was accepted is wrong: a second person has to say so too before it counts; not
    where one person reviews."""
    return rules.second_share > 0 and contradicts(session, order.cluster_id, order.action, order.codes)


def _stale(session: Session, cluster: Cluster, order: Order) -> bool:
    """Whether other codes are suggested now than those that the person was shown when he answered."""
    if order.seen is None or order.seen == cluster.suggestion_id or order.action not in ANSWERS:
        return False
    ids = [order.seen, cluster.suggestion_id]
    rows = session.execute(select(col(Suggestion.id), col(Suggestion.codes)).where(col(Suggestion.id).in_(ids))).all()
    codes = {number: set(given) for number, given in rows}
    return codes.get(order.seen) != codes.get(cluster.suggestion_id)


def refused(cluster: Cluster, refusal: str) -> Outcome:
    """Nothing is written, for a reason of words.tsv."""
    assert cluster.id is not None
    return Outcome("refused", cluster.id, cluster.revision, cluster.status, refusal=refusal)


def conflict(session: Session, cluster: Cluster) -> Outcome:
    """Nothing is written, since another one was first: who, and what he decided."""
    assert cluster.id is not None
    return Outcome("conflict", cluster.id, cluster.revision, cluster.status, told=told(session, cluster))


def told(session: Session, cluster: Cluster) -> Told | None:
    """The newest decision on a cluster, as far as it may be shown; None where there is none."""
    assert cluster.id is not None
    found = list(decisions_of(session, cluster.id))
    if not found:
        return None
    if cluster.status in BLIND:
        return Told(None, "", None, "", (), hidden=True)
    return told_of(session, found[-1])


def told_of(session: Session, decision: Decision) -> Told:
    """One decision: who and what."""
    user = session.get(User, decision.user_id) if decision.user_id is not None else None
    by = user.name if user is not None else "影码"
    return Told(decision.id, by, decision.at, decision.action, tuple(decision.codes))


def fault_of(rules: Rules, order: Order) -> str:
    """What does not hold in the order itself; empty where nothing is wrong."""
    if order.action == "settle":
        if not order.codes:
            return "no_codes"
        if not all(rules.valid(code) for code in order.codes):
            return "unknown_code"
    elif order.codes:
        return "extra_codes"
    if order.action == "flag" and not order.why.strip():
        return "no_comment"
    return ""


def answer(result: Result, cluster: Cluster, decision_id: int | None, requeued: list[int] | None = None) -> Outcome:
    """What came of an order, with the cluster as it is now."""
    assert cluster.id is not None
    return Outcome(result, cluster.id, cluster.revision, cluster.status, decision_id, requeued=tuple(requeued or ()))
