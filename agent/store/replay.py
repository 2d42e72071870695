"""What decisions make of a cluster: the fold of those that stand, in order, from the status before any of them.

    base ──(decision)──▶ status ──(decision)──▶ … ──▶ status, the decision that settles it, group-wide or not

A decision that was undone is left out, so any one can be undone alone, whatever came after it: the others still count
as they would have without it. A decision that has no place any more (its step is refused) changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agent.store.schema_acts import Decision
from agent.store.states import ANSWERS, FINAL, Step, cell


class State(NamedTuple):
    """Where a cluster stands. `decision_id` holds the decision that settles it, None where nothing does."""

    status: str
    decision_id: int | None = None
    group_wide: bool = False


def standing(decisions: Iterable[Decision]) -> list[Decision]:
    """The decisions that were not undone, undos left out, oldest first."""
    found = sorted(decisions, key=lambda each: each.id or 0)
    undone = {each.undoes_id for each in found if each.undoes_id is not None}
    return [each for each in found if each.undoes_id is None and each.id not in undone]


def circumstance(status: str, action: str, codes: Sequence[str], earlier: Sequence[Decision], sampled: bool) -> str:
    """Which circumstance of the state table holds for a decision, after the earlier ones that stand."""
    if action not in ANSWERS:
        return ""
    if status in ("open", "accepted"):
        return "sampled" if sampled else ""
    if status != "second_look":
        return ""
    first = next((each for each in reversed(earlier) if each.action in ANSWERS), None)
    if first is None:
        return ""
    return "agrees" if (first.action, set(first.codes)) == (action, set(codes)) else "differs"


def step(state: State, decision: Decision, earlier: Sequence[Decision]) -> State:
    """The state after one decision, by the table; the same state where the table refuses it."""
    sampled = decision.circumstance == "sampled"
    holds = circumstance(state.status, decision.action, decision.codes, earlier, sampled)
    to = cell(Step(state.status, decision.action, holds), decision.role)
    if to in ("-", "back"):
        return state
    if decision.action == "widen":
        return state._replace(group_wide=True)
    if to in FINAL:
        return State(to, decision.id)
    return State(to)


def replay(start: State, decisions: Sequence[Decision]) -> State:
    """The state after decisions that stand, in order."""
    state = start
    for at, decision in enumerate(decisions):
        state = step(state, decision, decisions[:at])
    return state
