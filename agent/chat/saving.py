"""What a dialogue may write: a name into the queue, a reviewer's decision on it. Through the store's own operations.

Both are done only because the person pressed the button or wrote the command; no model and no name can ask for them.
The store reads the person's role from the database and refuses what the state table does not let it do.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.answer import Suggestion
from agent.chat.facts import SavedFact
from agent.store import Entry, Order, Outcome, Rules, Store, decide, open_job, put
from agent.store.deciding import conflict, sent_before
from agent.store.keys import institution_key, text_key
from agent.store.people import acting
from agent.store.schema import Cluster, Institution, Name
from agent.store.states import FINAL, Action, Step, cell, word

JOB = "chat"  # the job that the names of all dialogues are counted in


def enqueue(store: Store, user_id: int, suggestion: Suggestion, key: str, at: datetime) -> SavedFact:
    """Put the name in the queue for a person; what Yingma accepted by itself is put back (reopen).

    Written once, however often it is asked for. What was decided already stays, and is told.
    """

    def operation(session: Session) -> SavedFact:
        if not may(session, user_id, Step("accepted", "reopen")):
            return _refused("enqueue")
        cluster = _put(session, user_id, suggestion, at)
        if cluster.status == "accepted":
            assert cluster.id is not None
            order = Order(cluster.id, cluster.revision, "reopen", key)
            outcome = decide(session, Rules(lambda code: True), user_id, order, at)
            if outcome.result not in ("ok", "again"):
                return _fact("enqueue", outcome, ())
        return SavedFact(
            done=True,
            what="enqueue",
            status=cluster.status,
            cluster_id=cluster.id,
            zh=word("status", cluster.status, "zh"),
            en=word("status", cluster.status, "en"),
        )

    return store.write(operation)


def save(
    store: Store,
    rules: Rules,
    user_id: int,
    suggestion: Suggestion,
    action: Action,
    codes: tuple[str, ...],
    key: str,
    at: datetime,
    why: str = "",
) -> SavedFact:
    """A decision on the name's cluster: `settle` with codes, `reject` or `not_in_standard`; a key writes once."""

    def operation(session: Session) -> SavedFact:
        if not may(session, user_id, Step("open", action)):
            return _refused(action)
        cluster = _put(session, user_id, suggestion, at)
        assert cluster.id is not None
        if cluster.status in FINAL and sent_before(session, user_id, key) is None:
            return _fact(action, conflict(session, cluster), codes)  # decided before: by whom, and what
        outcome = decide(session, rules, user_id, Order(cluster.id, cluster.revision, action, key, codes, why), at)
        return _fact(action, outcome, codes)

    return store.write(operation)


def may(session: Session, user_id: int, step: Step) -> bool:
    """Whether the person's role lets him take this step."""
    user = acting(session, user_id)
    return user is not None and cell(step, user.role) != "-"


def _put(session: Session, user_id: int, suggestion: Suggestion, at: datetime) -> Cluster:
    """The cluster of the name, made where there is none."""
    job = open_job(session, JOB, at)
    assert job.id is not None
    put(session, job.id, [Entry(suggestion)], at)
    query = suggestion.query
    statement = (
        select(Cluster)
        .join(Name, col(Name.cluster_id) == col(Cluster.id))
        .join(Institution, col(Institution.id) == col(Name.institution_id))
        .where(
            col(Name.text_key) == text_key(query.name, query.modality),
            col(Institution.key) == institution_key(query.institution),
        )
    )
    return session.scalars(statement).one()


def _refused(what: str) -> SavedFact:
    zh, en = word("refusal", "not_allowed", "zh"), word("refusal", "not_allowed", "en")
    return SavedFact(done=False, what=what, zh=zh, en=en)  # type: ignore[arg-type]


def _fact(what: str, outcome: Outcome, codes: tuple[str, ...]) -> SavedFact:
    done = outcome.result in ("ok", "again")
    told = outcome.status if done else ""
    return SavedFact(
        done=done,
        what=what,  # type: ignore[arg-type]
        status=outcome.status,
        cluster_id=outcome.cluster_id,
        decision_id=outcome.decision_id,
        codes=codes if done else (),
        zh=word("status", told, "zh") if told else outcome.sentence("zh"),
        en=word("status", told, "en") if told else outcome.sentence("en"),
    )
