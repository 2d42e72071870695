"""What the screen asks for, one method a request, without HTTP: hand out, decide, undo, keep, look.

next ──▶ clusters leased to the tab, a control sample among them now and then ──▶ cards
decide ──▶ the store's outcome, or the answer to a control sample; both look the same
undo ──▶ by the key of one's own order, or by the decision from the history
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.audit import load_plan
from agent.audit.place import CONFIRM
from agent.review import controls
from agent.review.assignment import handed, own_filters, own_waiting
from agent.review.pace import pace
from agent.review.view import NAMES, Desk, Viewer, decision_row, users_of
from agent.store import Filter, Order, Outcome, Rules, Store, decide, names_of, next_clusters, progress, undo
from agent.store.deciding import fault_of, sent_before
from agent.store.people import names_of_users
from agent.store.queue import ALL, Sorting, cards, release, renew, take
from agent.store.schema import Cluster, Suggestion
from agent.store.schema_acts import Decision
from agent.store.schema_review import Control
from agent.store.states import Step, cell, word
from standard.errors import InputError

PAGE = 100  # names, or rows of the history, on a page


class Wish(NamedTuple):
    """What a tab wants next. `wanted`: a filter that was chosen; None for what is this person's. `only`: these, which
    were skipped."""

    tab: str
    size: int = 5
    skip: Collection[int] = ()
    wanted: Filter | None = None
    order: Sorting = "priority"
    only: Collection[int] = ()


class Work:
    """On one store, with one desk."""

    def __init__(self, store: Store, desk: Desk, rules: Rules, control_share: float = 0.0) -> None:
        self.store, self.desk, self.rules = store, desk, rules
        self.control_share = control_share

    def next(self, viewer: Viewer, wish: Wish, at: datetime) -> list[dict[str, Any]]:
        """The next cards for a tab."""

        def operation(session: Session) -> tuple[list[Cluster], list[Control]]:
            found = handed(
                session, viewer.user_id, wish.tab, wish.size, at, wish.wanted, wish.skip, wish.order, wish.only
            )
            if wish.only:
                again = controls.unanswered(session, viewer.user_id, set(wish.only) - set(wish.skip))
                return found, list(again)
            mixed = None
            found = self._with_draws(session, viewer, wish, found, at)
            drawn = random.random() < self.control_share * sum(each.status == "open" for each in found)
            if drawn and controls.due(session, viewer.user_id):
                turn = secrets.token_hex(8)
                among = own_filters(session, viewer.user_id) if wish.wanted is None else [wish.wanted]
                mixed = controls.make(session, self.desk.editor, viewer.user_id, wish.tab, turn, at, among)
            return found, [] if mixed is None else [mixed]

        clusters, mixed = self.store.write(operation)
        cards = self.cards(viewer, [each.id or 0 for each in clusters])
        for sample in mixed:
            with self.store.reading() as session:
                made = controls.shown(session, self.desk, sample, viewer, NAMES)
            if made is not None:
                cards.insert(random.randrange(len(cards) + 1), made | {"turn": sample.turn})
        return cards

    def _with_draws(
        self, session: Session, viewer: Viewer, wish: Wish, found: list[Cluster], at: datetime
    ) -> list[Cluster]:
        """With draws of the audit mixed in, the oldest first, of the filter or the assignments: by exams and doubt they
        would wait behind all others."""
        share = load_plan().draw.hand_out
        count = sum(random.random() < share for each in found if each.status == "open")
        among = [wish.wanted] if wish.wanted is not None else own_filters(session, viewer.user_id) or [ALL]
        skip = {*wish.skip, *(each.id or 0 for each in found)}
        for each in among:
            if count <= 0 or each.reason not in (None, CONFIRM):
                continue
            draws = each._replace(reason=CONFIRM, order="oldest")
            mixed = next_clusters(session, viewer.user_id, wish.tab, count, at, draws, skip)
            for one in mixed:
                found.insert(random.randrange(len(found) + 1), one)
            count -= len(mixed)
            skip |= {one.id or 0 for one in mixed}
        return found

    def cards(self, viewer: Viewer, ids: Sequence[int]) -> list[dict[str, Any]]:
        """The cards of clusters; without those that are gone. Candidates that retrieval finds are kept."""
        found = []
        with self.store.reading() as session:
            made = cards(session, viewer.user_id, ids, NAMES)
            users = names_of_users(session, {user for each in made for user in users_of(each.decisions)})
        for each in made:
            retrieved = self.desk.retrieved(each.suggestion)
            if each.suggestion is not None and retrieved and not each.suggestion.candidates:
                self._keep(each.suggestion.id or 0, list(retrieved))
            found.append(self.desk.view(each, viewer, users, retrieved) | {"turn": secrets.token_hex(8)})
        return found

    def decide(self, viewer: Viewer, order: Order, turn: str, at: datetime) -> Outcome:
        """Do what a person orders on the card that he saw."""

        def operation(session: Session) -> Outcome:
            sample = controls.by_turn(session, viewer.user_id, turn) if turn else None
            if sample is None:
                return decide(session, self.rules, viewer.user_id, order, at)
            return self._sampled(session, viewer, order, sample, at)

        return self.store.write(operation)

    def _sampled(self, session: Session, viewer: Viewer, order: Order, sample: Control, at: datetime) -> Outcome:
        fault = fault_of(self.rules, order)
        if cell(Step("open", order.action), viewer.role) in ("-", "back"):
            fault = "not_allowed"
        if fault:
            return Outcome("refused", order.cluster_id, order.revision, "open", refusal=fault)
        given = controls.answer(session, sample, order.action, order.codes, order.key, at, order.why)
        return Outcome("again" if given == "again" else "ok", order.cluster_id, order.revision + 1)

    def undo(
        self, viewer: Viewer, tab: str, key: str, at: datetime, decision: int | None = None, of: str = "", why: str = ""
    ) -> tuple[Outcome, list[dict[str, Any]]]:
        """Take a decision back, by its number or by the key of one's own order; and the card of its cluster."""

        def operation(session: Session) -> tuple[Outcome, Control | None]:
            number = decision
            if number is None:
                sample = controls.by_key(session, viewer.user_id, of)
                if sample is not None:
                    controls.take_back(sample)
                    return Outcome("ok", sample.cluster_id), sample
                before = sent_before(session, viewer.user_id, of)
                number = None if before is None else before.id
            if number is None:
                return Outcome("refused", 0, refusal="no_decision"), None
            outcome = undo(session, viewer.user_id, number, key, at, why)
            if outcome.result in ("ok", "again"):
                take(session, viewer.user_id, tab, outcome.cluster_id, at)
            return outcome, None

        outcome, sample = self.store.write(operation)
        if sample is not None:
            with self.store.reading() as session:
                made = controls.shown(session, self.desk, sample, viewer, NAMES)
            return outcome, [] if made is None else [made | {"turn": sample.turn}]
        back = outcome.result in ("ok", "again")
        return outcome, self.cards(viewer, [outcome.cluster_id]) if back else []

    def leases(self, tab: str, keep: Collection[int], drop: Collection[int], at: datetime) -> int:
        """Keep some clusters for a tab, give others back. How many it still has."""

        def operation(session: Session) -> int:
            if drop:
                release(session, tab, drop)
            return renew(session, tab, keep, at) if keep else 0

        return self.store.write(operation)

    def names(self, cluster_id: int, after: int) -> dict[str, Any]:
        """The names of a cluster after one. InputError where the cluster is gone."""
        with self.store.reading() as session:
            cluster = session.get(Cluster, cluster_id)
            if cluster is None:
                raise InputError("这一组名称已重新分组。", "These names were regrouped.")
            suggestion = session.get(Suggestion, cluster.suggestion_id) if cluster.suggestion_id else None
            query = (suggestion.content.get("query") or {}) if suggestion is not None else {}
            found = names_of(session, cluster_id, after, PAGE + 1)
        column = query.get("modality", "") or cluster.modality
        return {"names": self.desk.names(found[:PAGE], column), "more": len(found) > PAGE}

    def progress(self, viewer: Viewer, at: datetime, with_pace: bool = True) -> dict[str, Any]:
        """How far the work is; with_pace: also what is open of this person's assignments, and his pace in them."""
        with self.store.reading() as session:
            found = progress(session)
            told: dict[str, Any] = {"waiting": found.waiting._asdict(), "decided": found.decided._asdict()}
            if with_pace:
                own = own_waiting(session, viewer.user_id)
                told["mine"] = None if own is None else own._asdict()
                told["pace"] = pace(session, viewer.user_id, found.waiting if own is None else own, at)._asdict()
        return told

    def history(self, viewer: Viewer, before: int | None, everybody: bool) -> list[dict[str, Any]]:
        """The newest decisions, one's own or everybody's, with a name of the cluster; blind ones of others left out."""
        statement = select(Decision).order_by(col(Decision.id).desc()).limit(PAGE)
        if before is not None:
            statement = statement.where(col(Decision.id) < before)
        if not everybody:
            statement = statement.where(col(Decision.user_id) == viewer.user_id)
        with self.store.reading() as session:
            found = session.scalars(statement).all()
            ids = {each.cluster_id for each in found}
            undone = session.scalars(
                select(col(Decision.undoes_id)).where(col(Decision.undoes_id).in_({each.id for each in found}))
            )
            taken = set(undone)
            clusters = {each.id: each for each in session.scalars(select(Cluster).where(col(Cluster.id).in_(ids)))}
            users = names_of_users(session, users_of(found))
            rows = []
            for each in found:
                cluster = clusters.get(each.cluster_id)
                if cluster is None or (each.user_id != viewer.user_id and cluster.status in ("second_look", "flagged")):
                    continue
                name = next(iter(names_of(session, each.cluster_id, count=1)), None)
                row = decision_row(each, (), users, viewer.lang)
                action = "undo" if each.user_id == viewer.user_id else "retract"
                may = cell(Step(cluster.status, action), viewer.role) == "back"
                rows.append(
                    row
                    | {
                        "undone": each.id in taken,
                        "may_undo": may and each.undoes_id is None and each.id not in taken,
                        "own": each.user_id == viewer.user_id,
                        "cluster": each.cluster_id,
                        "name": name.raw[:200] if name is not None else "",
                        "names": cluster.names,
                        "exams": cluster.exams,
                        "status": word("status", cluster.status, viewer.lang),
                    }
                )
        return rows

    def _keep(self, suggestion_id: int, retrieved: list[Any]) -> None:
        """Store candidates that were found now: whoever opens the cluster later finds the same."""

        def operation(session: Session) -> None:
            values = {"candidates": retrieved}
            session.execute(update(Suggestion).where(col(Suggestion.id) == suggestion_id).values(values))

        self.store.write(operation)
