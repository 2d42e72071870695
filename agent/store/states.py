"""The state machine of a cluster: status x action x circumstance x role -> next status, or refused.

The machine is data: data/states.tsv, one line for each status, action and circumstance, a column for each role; a cell
is the next status, `-` where it is refused, or `back`: to what the decisions that remain make of it (replay.py). Its
words in both languages: data/words.tsv.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from standard.errors import DataError, Lang
from standard.lexicon import read_rows
from standard.lexicon_rows import Row

DATA = Path(__file__).parent / "data"
STATES, WORDS = DATA / "states.tsv", DATA / "words.tsv"

Status = Literal["open", "accepted", "settled", "rejected", "not_in_standard", "flagged", "second_look", "adjudication"]
Action = Literal["settle", "reject", "not_in_standard", "flag", "ask", "widen", "reopen", "contest", "undo", "retract"]
Circumstance = Literal["", "sampled", "agrees", "differs"]
Role = Literal["viewer", "clerk", "reviewer", "adjudicator", "lead", "admin", "system"]
Cell = Literal[Status, "-", "back"]
Kind = Literal["status", "action", "circumstance", "role", "refusal"]

STATUSES: tuple[Status, ...] = get_args(Status)
ACTIONS: tuple[Action, ...] = get_args(Action)
ROLES: tuple[Role, ...] = get_args(Role)
PERSONS: tuple[Role, ...] = ROLES[:-1]  # roles that an account may have
FINAL: frozenset[str] = frozenset({"settled", "rejected", "not_in_standard"})  # what is memory
ANSWERS: frozenset[str] = frozenset({"settle", "reject", "not_in_standard"})  # actions that say what a name is
SECOND: frozenset[str] = frozenset({"flagged", "second_look", "adjudication"})  # never for who decided on it before
BLIND: frozenset[str] = frozenset({"flagged", "second_look"})  # what was decided is not shown
WAITING: frozenset[str] = SECOND | {"open"}  # what a person has to do something about


class StateRow(Row):
    """A line of states.tsv."""

    status: Status
    action: Action
    circumstance: Circumstance
    viewer: Cell
    clerk: Cell
    reviewer: Cell
    adjudicator: Cell
    lead: Cell
    admin: Cell
    system: Cell


class WordRow(Row):
    """A line of words.tsv: what an id is called, or the sentence it stands for."""

    kind: Kind
    id: str
    zh: str
    en: str


class Step(NamedTuple):
    """What a cell is found by, its role apart."""

    status: str
    action: str
    circumstance: str = ""


@cache
def table() -> dict[Step, StateRow]:
    """The lines by step. DataError where one is missing or stands twice."""
    found: dict[Step, StateRow] = {}
    for number, row in read_rows(STATES, StateRow):
        step = Step(row.status, row.action, row.circumstance)
        if step in found:
            raise DataError(
                STATES.name, number, "action", row.action, ("出现两次；请删去一行", "stands twice; drop one")
            )
        found[step] = row
    for status in STATUSES:
        for action in ACTIONS:
            if Step(status, action) not in found:
                problem = (f"缺少状态 {status} 的这一行；请补上", f"has no line for the status {status}; add it")
                raise DataError(STATES.name, None, "action", action, problem)
    return found


def cell(step: Step, role: str) -> Cell:
    """The next status, `back`, or `-`: refused; also for a step or role that the table does not know."""
    row = table().get(step)
    if row is None or role not in ROLES:
        return "-"
    found: Cell = getattr(row, role)
    return found


@cache
def words() -> dict[tuple[str, str], WordRow]:
    """What each id is called."""
    return {(row.kind, row.id): row for _, row in read_rows(WORDS, WordRow)}


def word(kind: Kind, name: str, lang: Lang = "zh") -> str:
    """What an id is called. KeyError for one that is not in the table."""
    row = words()[kind, name]
    return row.zh if lang == "zh" else row.en
