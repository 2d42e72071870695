"""Control samples against rubber-stamping: suggestions known to be wrong, shown to a reviewer like any other.

    a cluster that others settled as it was suggested ──▶ one slot of one code changed ──▶ a card like any other
    ──▶ the answer is kept here and nowhere else: cluster, decisions, memory and counters are not touched

Caught is what is not taken as it was shown. The lead sees the rate; nothing on the card tells it from others, so
every card carries a `turn` and the answer is known by it; and it is made of a cluster that the reviewer's filter or
assignments would have brought.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any, NamedTuple

from sqlalchemy import func, select, true
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.review.agreement import wilson
from agent.review.assignment import any_of
from agent.review.editing import Editor
from agent.review.view import Desk, Retrieved, Viewer
from agent.store.keys import digest, short
from agent.store.people import acting
from agent.store.queue import Card, Filter, card
from agent.store.schema import Cluster, Suggestion
from agent.store.schema_acts import Decision
from agent.store.schema_review import Control
from agent.store.states import Step, cell, word

POOL = 200  # settled clusters that are looked at for one
GAP = 10  # decisions of the reviewer himself between two samples, at least


class Rate(NamedTuple):
    """Of one reviewer: samples shown, answered, caught, and the share caught with its interval at 95 %."""

    shown: int
    answered: int
    caught: int
    share: float | None
    low: float | None
    high: float | None


def make(
    session: Session, editor: Editor, user_id: int, tab: str, turn: str, at: datetime, among: Sequence[Filter] = ()
) -> Control | None:
    """A sample for a person, written down; None where there is nothing to make one of. `among`: in one of these."""
    user = acting(session, user_id)
    if user is None or cell(Step("open", "settle"), user.role) == "-":
        return None
    seen = select(col(Control.cluster_id)).where(col(Control.user_id) == user_id)
    mine = select(col(Decision.cluster_id)).where(col(Decision.user_id) == user_id)
    rows = session.execute(
        select(Cluster, Suggestion, Decision)
        .join(Suggestion, col(Suggestion.id) == col(Cluster.suggestion_id))
        .join(Decision, col(Decision.id) == col(Cluster.decision_id))
        .where(col(Cluster.status) == "settled", col(Cluster.id).not_in(seen), col(Cluster.id).not_in(mine))
        .where(any_of(among) if among else true())
        .order_by(col(Cluster.priority).desc(), col(Cluster.id))
        .limit(POOL)
    ).all()
    fit = [
        (cluster, list(decision.codes))
        for cluster, suggestion, decision in rows
        if decision.codes and set(decision.codes) == set(suggestion.codes)
    ]
    start = int(digest("control", turn)[:8], 16)
    for step in range(len(fit)):
        cluster, right = fit[(start + step) % len(fit)]
        found = spoiled(editor, right, start)
        if found is not None:
            slot, wrong = found
            row = Control(
                user_id=user_id,
                cluster_id=cluster.id or 0,
                turn=short(turn),
                tab=short(tab),
                slot=slot,
                right_codes=right,
                wrong_codes=wrong,
                made_at=at,
            )
            session.add(row)
            session.flush()
            return row
    return None


def due(session: Session, user_id: int) -> bool:
    """Whether the reviewer decided often enough since his last sample that it does not stand out."""
    last = session.scalar(select(func.max(col(Control.made_at))).where(col(Control.user_id) == user_id))
    if last is None:
        return True
    since = select(func.count()).where(col(Decision.user_id) == user_id, col(Decision.at) > last)
    return (session.scalar(since) or 0) >= GAP


def spoiled(editor: Editor, codes: Sequence[str], start: int) -> tuple[str, list[str]] | None:
    """The slot that was changed, and the codes with one value of it wrong; None where no item differs in one slot."""
    for step in range(len(codes)):
        at = (start + step) % len(codes)
        near: dict[str, list[str]] = {}
        for slot, code in editor.neighbours(codes[at]):
            if code not in codes:
                near.setdefault(slot, []).append(code)
        if near:
            slot = sorted(near)[start % len(near)]  # any slot as often as another: there are far more parts than sides
            likely = _likely(codes[at], near[slot]) if slot.startswith("part") else near[slot]
            wrong = likely[start // len(near) % len(likely)]
            return slot, [*codes[:at], wrong, *codes[at + 1 :]]
    return None


def _likely(code: str, others: Sequence[str]) -> list[str]:
    """Those that share the longest beginning with a code: a part nearby is overlooked sooner than one far away."""
    shared = [sum(takewhile(bool, map(str.__eq__, code, each))) for each in others]
    return [each for each, length in zip(others, shared, strict=True) if length == max(shared)]


def shown(session: Session, desk: Desk, control: Control, viewer: Viewer, names: int) -> dict[str, Any] | None:
    """The card of a sample: that of its cluster as if nobody had decided and this had been suggested."""
    found = card(session, viewer.user_id, control.cluster_id, names)
    if found is None or found.suggestion is None:
        return None
    suggestion = found.suggestion
    replaced = json.dumps(suggestion.content, ensure_ascii=False)
    for right, wrong in zip(control.right_codes, control.wrong_codes, strict=True):
        replaced = replaced.replace(json.dumps(right)[1:-1], json.dumps(wrong)[1:-1])
    content = json.loads(replaced)
    for exam in (content.get("reading") or {}).get("exams") or ():
        if exam.get("code") in set(control.wrong_codes) - set(control.right_codes):
            exam |= desk.weigher.read_as(exam["code"])  # else the right one would stand above it in the list
    false = Suggestion(
        cluster_id=suggestion.cluster_id,
        digest="",
        route=suggestion.route,
        reason=suggestion.reason,
        score=suggestion.score,
        codes=list(control.wrong_codes),
        content=content,
        candidates=suggestion.candidates,
        versions=suggestion.versions,
        created_at=suggestion.created_at,
    )
    as_open = Card(found.cluster, found.institution, false, found.names, (), False)
    view = desk.view(as_open, viewer, {}, _swapped(desk.retrieved(false), control))
    may = {action: cell(Step("open", action), viewer.role) not in ("-", "back") for action in view["may"]}
    return view | {
        "rev": 1,  # that of its cluster would tell that it was decided
        "suggestion": suggestion.id,
        "status": "open",
        "status_text": word("status", "open", viewer.lang),
        "decisions": [],
        "blind": False,
        "may": may,
    }


def _swapped(retrieved: Retrieved, control: Control) -> Retrieved:
    """What retrieval found, as if it had found the wrong code where it found the right one."""
    other = dict(zip(control.right_codes, control.wrong_codes, strict=True))
    other |= {wrong: right for right, wrong in other.items()}
    return [{**each, "code": other.get(each["code"], each["code"])} for each in retrieved]


def answer(
    session: Session, control: Control, action: str, codes: Sequence[str], key: str, at: datetime, why: str = ""
) -> str:
    """What the reviewer did to a sample: `ok`, or `again` where it was answered before."""
    if control.action:
        return "again"
    control.action, control.codes, control.why = action, list(codes), why
    control.caught = not (action == "settle" and set(codes) == set(control.wrong_codes))
    control.client_key, control.answered_at = short(key), at
    session.flush()
    return "ok"


def take_back(control: Control) -> None:
    """The reviewer undid his answer: he will give another."""
    control.action, control.codes, control.why, control.caught = "", [], "", None
    control.client_key = control.answered_at = None


def by_turn(session: Session, user_id: int, turn: str) -> Control | None:
    """The sample behind a card of this person; None for an ordinary card."""
    found = select(Control).where(col(Control.turn) == short(turn), col(Control.user_id) == user_id)
    return session.scalars(found.with_for_update()).one_or_none()


def unanswered(session: Session, user_id: int, only: Collection[int]) -> Sequence[Control]:
    """The samples of these clusters that this person has skipped."""
    found = select(Control).where(col(Control.user_id) == user_id, col(Control.cluster_id).in_(only))
    return session.scalars(found.where(col(Control.answered_at).is_(None)).order_by(col(Control.id))).all()


def by_key(session: Session, user_id: int, key: str) -> Control | None:
    """The sample that an order with this key answered."""
    found = select(Control).where(col(Control.client_key) == short(key), col(Control.user_id) == user_id)
    return session.scalars(found.with_for_update()).one_or_none()


def rates(session: Session) -> dict[int, Rate]:
    """Catch rate of each reviewer, for the lead."""
    rows = session.execute(
        select(col(Control.user_id), col(Control.caught), func.count()).group_by(
            col(Control.user_id), col(Control.caught)
        )
    ).all()
    numbers: dict[int, dict[bool | None, int]] = {}
    for user_id, caught, number in rows:
        numbers.setdefault(user_id, {})[caught] = int(number)
    found = {}
    for user_id, counts in sorted(numbers.items()):
        noticed, missed = counts.get(True, 0), counts.get(False, 0)
        answered = noticed + missed
        low, high = wilson(noticed, answered) if answered else (None, None)
        share = noticed / answered if answered else None
        found[user_id] = Rate(answered + counts.get(None, 0), answered, noticed, share, low, high)
    return found
