"""Which slot of an answer differs from the label: side and contrast first, since they harm most.

    gold     20040100110000  CT胸部(平扫)      side -   contrast 不增强   part 胸部   scan 平扫
    answer   20040100210000  CT胸部(增强)      side -   contrast 增强     part 胸部   scan 增强      ->  contrast

data/slots.tsv names the slots in the order of harm and the fields of a code (docs/slots.md) that each is read from;
data/contrast.tsv says which scans are given with contrast. A scan that differs counts as contrast where that differs,
else as scan. Codes of several exams are paired so that the fewest slots differ; what has no partner is the number of
exams.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from evals.gold import GoldRow
from evals.metrics import Pair as Answered
from evals.report.model import Confusion, Difference, Pair, SlotErrors
from standard import Catalogue, Decoded, decode
from standard.errors import CodeError, Lang
from standard.item_slots import FAMILIES, split_side
from standard.lexicon import Lexicon, read_rows
from standard.lexicon_rows import Row

DATA = Path(__file__).parent / "data"


class SlotRow(Row):
    """A slot of the report: the fields that it is read from, the first that says something (`;`); its names."""

    id: str
    of: str
    zh: str
    en: str


class ContrastRow(Row):
    """Whether a scan is given with contrast ("": no question there): the first row whose modality (`*` any) and pattern
    fit holds."""

    modality: str
    pattern: str
    contrast: str


@cache
def slot_rows() -> dict[str, SlotRow]:
    """The slots by id, the worst harm first."""
    return {row.id: row for _, row in read_rows(DATA / "slots.tsv", SlotRow)}


@cache
def _contrasts() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    rows = (row for _, row in read_rows(DATA / "contrast.tsv", ContrastRow))
    return tuple((row.modality, re.compile(row.pattern), row.contrast) for row in rows)


def slot_name(slot: str, lang: Lang) -> str:
    """What a slot is called. KeyError for an id that is not in the table."""
    row = slot_rows()[slot]
    return row.zh if lang == "zh" else row.en


class Slots:
    """Takes codes apart for a catalogue; what it worked out is remembered."""

    def __init__(self, catalogue: Catalogue, lexicon: Lexicon) -> None:
        self._catalogue, self._lexicon = catalogue, lexicon
        self._known: dict[str, Mapping[str, str] | None] = {}

    def of(self, code: str) -> Mapping[str, str] | None:
        """What a code says, by slot of the report; None for a code that the catalogue does not have."""
        if code not in self._known:
            self._known[code] = self._taken_apart(code)
        return self._known[code]

    def differences(self, row: GoldRow, codes: Sequence[str]) -> list[Difference]:
        """What differs from the alternative of the label that is nearest, the worst harm first; [] for the label's."""
        if not row.alternatives:
            return [Difference(slot="none", gold="", answer=self._named(codes))] if codes else []
        found = self._between(frozenset(self.nearest(row, codes)), frozenset(codes))
        order = list(slot_rows())
        return sorted(found, key=lambda each: order.index(each.slot))

    def nearest(self, row: GoldRow, codes: Sequence[str]) -> tuple[str, ...]:
        """The alternative of the label with the fewest differences, sorted; () where there is none."""
        if not row.alternatives:
            return ()
        answer = frozenset(codes)
        near = sorted(row.alternatives, key=lambda gold: (len(gold ^ answer), sorted(gold)))
        best: frozenset[str] = min(near, key=lambda gold: len(self._between(gold, answer)))
        return tuple(sorted(best))

    def _between(self, gold: frozenset[str], answer: frozenset[str]) -> list[Difference]:
        missing, extra = sorted(gold - answer), sorted(answer - gold)
        pairs, alone, more = self._paired(missing, extra)
        found = [each for one, other in pairs for each in self._of_pair(one, other)]
        if alone or more:
            found.append(Difference(slot="exams", gold=self._named(alone), answer=self._named(more)))
        return found

    def _paired(
        self, missing: Sequence[str], extra: Sequence[str]
    ) -> tuple[list[tuple[str, str]], list[str], list[str]]:
        """Codes of the label and of the answer, each with the one that it differs from least; and those left over."""
        if not missing or not extra:
            return [], list(missing), list(extra)
        import numpy as np
        from scipy.optimize import linear_sum_assignment

        costs = np.asarray([[len(self._of_pair(one, other)) for other in extra] for one in missing])
        rows, columns = linear_sum_assignment(costs)
        pairs = [(missing[row], extra[column]) for row, column in zip(rows, columns, strict=True)]
        used = {code for pair in pairs for code in pair}
        return pairs, [code for code in missing if code not in used], [code for code in extra if code not in used]

    def _of_pair(self, gold: str, answer: str) -> list[Difference]:
        one, other = self.of(gold), self.of(answer)
        if one is None or other is None:
            return [Difference(slot="unknown", gold=gold, answer=answer)]
        slots = [slot for slot in slot_rows() if one.get(slot, "") != other.get(slot, "")]
        contrast = one["contrast"] and other["contrast"]  # nuclear medicine has none to compare
        slots = [slot for slot in slots if slot != ("scan" if contrast and "contrast" in slots else "contrast")]
        shown = {"contrast": "scan"}  # plain or contrast is said by the scan
        return [
            Difference(slot=slot, gold=one[shown.get(slot, slot)], answer=other[shown.get(slot, slot)])
            for slot in slots
        ]

    def _named(self, codes: Sequence[str]) -> str:
        items = [(code, self._catalogue.get(code)) for code in codes]
        return " + ".join(code if item is None else f"{code} {item.name}" for code, item in items)

    def _taken_apart(self, code: str) -> Mapping[str, str] | None:
        try:
            found = decode(self._catalogue, code)
        except CodeError:  # of another edition than the one that is asked about
            return None
        names = dict(found.base.elements) if found.base is not None else {each.slot: each.name for each in found.fields}
        for field in found.fields:  # those of the code itself, not of the item it is derived from
            if field.slot == "device":
                names["device"] = found.modality if self._usual(found, field.code) else field.name
            elif field.slot == "addition":
                names["addition"] = field.characters if field.characters.strip("0") else ""
        said = {
            row.id: next((names[slot] for slot in row.of.split(";") if names.get(slot)), "")
            for row in slot_rows().values()
            if row.of
        }
        family = FAMILIES.get(found.modality, (found.modality, ""))[0]
        said["side"], said["part"] = split_side(said["part"], family, self._lexicon)
        said["contrast"] = _contrast(found.modality, said["scan"])
        return said

    def _usual(self, found: Decoded, device: str) -> bool:
        """The device is the one that stands where none is asked for."""
        edition = self._catalogue.edition_for(found.modality)
        return edition is not None and edition.default_device(found.modality) == device


def confusions(pairs: Iterable[Answered], slots: Slots) -> tuple[Confusion, ...]:
    """Of accepted answers, and of those offered in review (names with no code offered are left out)."""
    kinds: dict[Literal["accepted", "offered"], list[Answered]] = {"accepted": [], "offered": []}
    for pair in pairs:
        if pair[1].codes:
            kinds["accepted" if pair[1].route == "accepted" else "offered"].append(pair)
    return tuple(_confusion(kind, found, slots) for kind, found in kinds.items())


def _confusion(kind: Literal["accepted", "offered"], pairs: Sequence[Answered], slots: Slots) -> Confusion:
    ids: dict[str, list[str]] = defaultdict(list)
    values: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    wrong = 0
    for row, answer in pairs:
        if row.right(answer.codes):
            continue
        wrong += 1
        found = slots.differences(row, answer.codes)
        for slot in dict.fromkeys(each.slot for each in found):
            ids[slot].append(row.id)
        for each in dict.fromkeys(found):
            if each.slot == "exams":
                values["exams"][str(len(slots.nearest(row, answer.codes))), str(len(answer.codes))] += 1
            elif each.slot not in ("none", "unknown"):
                values[each.slot][each.gold, each.answer] += 1
    return Confusion(
        kind=kind,
        answers=len(pairs),
        wrong=wrong,
        slots=tuple(
            SlotErrors(
                slot=slot,
                names=len(ids[slot]),
                pairs=tuple(
                    Pair(gold=gold, answer=said, names=names)
                    for (gold, said), names in sorted(values[slot].items(), key=lambda each: (-each[1], each[0]))
                ),
                ids=tuple(ids[slot]),
            )
            for slot in slot_rows()
        ),
    )


def _contrast(modality: str, scan: str) -> str:
    return next(says for of, pattern, says in _contrasts() if of in ("*", modality) and pattern.search(scan))
