"""Which answers changed since another report, and which way; what they were made with then and now.

Rows are the same where source, id, modality and name are. Where edition, lexicon, prompt or model changed, this is the
report of parity: every answer that is not what it was, by harm (data/changes.tsv), the newly wrong ones first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Literal

from evals.metrics import Measures
from evals.report.confusion import DATA
from evals.report.figures import figures
from evals.report.model import Answer, Change, Comparison, Options, Report, Version
from standard.errors import Lang
from standard.lexicon import read_rows
from standard.lexicon_rows import Row

MOVED = 5e-5  # a score that moved by less is the same in the four digits that are shown
State = Literal["right", "wrong", "none"]  # of the codes of an answer; none: it has none
Way = tuple[State, State]  # before and now
# in order of harm: what is wrong now, then what is lost, then what is mended
WAYS: tuple[Way, ...] = (
    ("right", "wrong"),
    ("none", "wrong"),
    ("wrong", "wrong"),
    ("right", "none"),
    ("none", "none"),
    ("wrong", "none"),
    ("wrong", "right"),
    ("none", "right"),
    ("right", "right"),
)


class ChangeRow(Row):
    """A kind of change, its name in Chinese and English; the order is harm."""

    id: str
    zh: str
    en: str


@cache
def change_rows() -> dict[str, ChangeRow]:
    """The kinds of changes by id, the worst harm first."""
    return {row.id: row for _, row in read_rows(DATA / "changes.tsv", ChangeRow)}


def change_name(kind: str, lang: Lang) -> str:
    """What a kind is called. KeyError for an id that is not in the table."""
    row = change_rows()[kind]
    return row.zh if lang == "zh" else row.en


def way_of(change: Change) -> Way:
    """Which way the codes went: from right to wrong, from wrong to none, …"""
    return _state(change.before), _state(change.now)


def _state(answer: Answer) -> State:
    return "right" if answer.right else "wrong" if answer.codes else "none"


def compare(
    before: Report, sha256: str, answers: Sequence[Answer], versions: Mapping[str, str], options: Options
) -> Comparison:
    """An earlier report beside the answers of now. `sha256`: of the file of the earlier one."""
    old, new = _by_row(before.answers), _by_row(answers)
    both = [(old[key], new[key]) for key in new if key in old]
    found = [Change(kind=kind, before=one, now=other) for one, other in both if (kind := _kind(one, other))]
    kinds = list(change_rows())
    found.sort(key=lambda each: (kinds.index(each.kind), WAYS.index(way_of(each)), each.now.source, each.now.id))
    moves = [abs(one.score - other.score) for one, other in both]
    return Comparison(
        made=before.made,
        sha256=sha256,
        versions=_differing(before.versions, versions),
        options=_differing(_words(before.options), _words(options)),
        before=figures(_measured([one for one, _ in both])),
        now=figures(_measured([other for _, other in both])),
        both=len(both),
        only_before=len(old) - len(both),
        only_now=len(new) - len(both),
        relabelled=tuple(other.id for one, other in both if _label(one) != _label(other)),
        changes=tuple(found),
        scores_moved=sum(move > MOVED for move in moves),
        farthest=max(moves, default=0.0),
    )


def _measured(answers: Sequence[Answer]) -> Measures:
    """The measures of DESIGN, of answers as kept."""
    accepted = [each for each in answers if each.route == "accepted"]
    acceptable = [each for each in answers if each.gold_route == "auto"]
    return Measures(
        part="both",
        rows=len(answers),
        accepted=len(accepted),
        right=sum(each.right for each in accepted),
        acceptable=len(acceptable),
        acceptable_right=sum(each.route == "accepted" and each.right for each in acceptable),
        unsafe=sum(each.gold_route == "review" for each in accepted),
    )


def _by_row(answers: Iterable[Answer]) -> dict[tuple[str, str, str, str, int], Answer]:
    """Answers by their row; rows that stand twice are told apart by their number."""
    found: dict[tuple[str, str, str, str, int], Answer] = {}
    for each in answers:
        number = 0
        while (key := (each.source, each.id, each.modality, each.name, number)) in found:
            number += 1
        found[key] = each
    return found


def _kind(before: Answer, now: Answer) -> str:
    """The kind of a change; "" for the same answer."""
    same = set(before.codes) == set(now.codes)
    if before.route != now.route:
        return "accepted_review" if before.route == "accepted" else "review_accepted"
    if not same:
        return "accepted_other" if now.route == "accepted" else "offered_other"
    return "" if before.reason == now.reason else "reason_other"


def _label(answer: Answer) -> tuple[object, ...]:
    return frozenset(answer.gold), answer.gold_route


def _words(options: Options) -> dict[str, str]:
    return {key: "" if value is None else str(value).lower() for key, value in options.model_dump().items()}


def _differing(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[Version, ...]:
    keys = dict.fromkeys([*before, *now])
    return tuple(
        Version(key=key, before=before.get(key, ""), now=now.get(key, ""))
        for key in keys
        if before.get(key, "") != now.get(key, "")
    )
