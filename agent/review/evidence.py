"""Candidates for an exam of a name, each with the rows whose sum is its score in log-odds.

    exam as it was read + what retrieval, model and classifier say ──▶ pool of items ──▶ rows for each ──▶ the best ten

The weights are a documented ordering (data/signals.tsv), not a probability that was measured; they only sort what a
person chooses from, and say why.

Where the name does not say the side, nothing but the person may settle it: items that differ in nothing but the side
are a family, a family stands together as 左, 右, 双, and no rank of a search puts one of them before another.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from agent.reading import Exam
from agent.reasons import Weight
from agent.review.editing import SIDES
from agent.review.typeahead import DATA
from standard import Catalogue, Item
from standard.item_slots import split_side
from standard.lexicon import Lexicon, load_lexicon, read_rows
from standard.lexicon_rows import Row

MOST = 10
SIBLINGS = 40  # items of the same part that are looked at
FAMILY = {"DR": "XR", "RF": "XR", "MG": "XR", "PET/CT": "NM", "PET/MR": "NM", "SPECT": "NM"}


class SignalRow(Row):
    """A signal of a candidate, its weight in log-odds, a sentence in Chinese and English."""

    id: str
    weight: Weight
    zh: str
    en: str


class Evidence(NamedTuple):
    """One row: signal of data/signals.tsv, its value, its weight."""

    signal: str
    value: str
    weight: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item, and why."""

    item: Item
    rows: tuple[Evidence, ...]

    @property
    def total(self) -> float:
        """The sum of the rows, in log-odds."""
        return sum(row.weight for row in self.rows)

    @property
    def score(self) -> float:
        """The sum as 0..1."""
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, self.total))))


class Voices(NamedTuple):
    """What was said of a whole name: codes of model and classifier, and the places that retrieval gave."""

    model: frozenset[str] = frozenset()
    classifier: frozenset[str] = frozenset()
    ranks: Mapping[str, Mapping[str, int]] = {}


class Facts(NamedTuple):
    """An item as the reader would say it."""

    family: str
    stem: str
    side: str
    scan: str
    extra: frozenset[str]


class Kin(NamedTuple):
    """What items that differ in nothing but the side have in common."""

    modality: str
    stem: str
    others: tuple[tuple[str, str], ...]  # slots and elements but the part


@cache
def signals() -> dict[str, SignalRow]:
    """All signals by id."""
    return {row.id: row for _, row in read_rows(DATA / "signals.tsv", SignalRow)}


class Weigher:
    """Compiled once for a catalogue; `candidates` is a pure function of its arguments."""

    def __init__(self, catalogue: Catalogue, lexicon: Lexicon | None = None) -> None:
        self.catalogue = catalogue
        self._lexicon = lexicon or load_lexicon()
        self._weights = {row.id: row.weight for row in signals().values()}
        self._facts: dict[str, Facts] = {}
        self._of_part: dict[str, list[str]] = defaultdict(list)
        self._kin: dict[str, Kin] = {}
        self._families: dict[Kin, list[str]] = defaultdict(list)
        for item in catalogue.items.values():
            facts = self._facts[item.code] = self._said(item)
            self._of_part[facts.stem].append(item.code)
            others = sorted(pair for pair in item.elements.items() if not pair[0].startswith("part"))
            kin = self._kin[item.code] = Kin(item.modality, facts.stem, tuple(others))
            self._families[kin].append(item.code)
        for family in self._families.values():
            family.sort(key=lambda code: (SIDES.index(self._facts[code].side), code))

    def _said(self, item: Item) -> Facts:
        elements = item.elements
        part = elements.get("part3") or elements.get("part") or elements.get("part2") or ""
        side, stem = split_side(part, item.modality, self._lexicon)
        extra = (elements.get(slot, "") for slot in ("post", "position", "way", "subitem", "process"))
        family = FAMILY.get(item.modality, item.modality)
        return Facts(family, stem, side, elements.get("scan", ""), frozenset(filter(None, extra)))

    def read_as(self, code: str) -> dict[str, str]:
        """The slots of an exam that was read as an item; nothing for what is no item."""
        said = self._facts.get(code)
        if said is None:
            return {}
        return {"part": said.stem, "side": said.side, "scan": said.scan, "extra": "+".join(sorted(said.extra))}

    def candidates(self, exam: Exam, parts: Iterable[str], voices: Voices, most: int = MOST) -> list[Candidate]:
        """The best items for an exam. `parts`: all parts that the name names; `voices`: what was said of the name.

        Without a side in the exam: whole families, the best first, each as 左, 右, 双; fewer than `most` rather than
        a part of one."""
        pool = dict.fromkeys(code for code in (exam.code,) if code)
        for codes in (voices.model, voices.classifier, voices.ranks):
            pool |= dict.fromkeys(sorted(codes))
        family = FAMILY.get(exam.family, exam.family)
        named = frozenset(parts)
        for part in dict.fromkeys((exam.part, *sorted(named))):
            if part:
                near = [code for code in self._of_part.get(part, ()) if family in ("", self._facts[code].family)]
                near.sort(key=lambda code: (self._facts[code].scan != exam.scan, code))
                pool |= dict.fromkeys(near[:SIBLINGS])
        known = [code for code in pool if code in self._facts]
        if not exam.side:  # a search that found the left one alone must not hide the right one
            known = list(dict.fromkeys(each for code in known for each in self._families[self._kin[code]]))
        found = [Candidate(self.catalogue.items[code], self._rows(exam, code, voices, named)) for code in known]
        found.sort(key=lambda each: (-each.total, each.item.code))
        return found[:most] if exam.side else self._whole(found, most)

    def _whole(self, found: Iterable[Candidate], most: int) -> list[Candidate]:
        """Families together, in the order of the best of each; as many as have room, the first in any case."""
        families: dict[Kin, list[Candidate]] = defaultdict(list)
        for each in found:
            families[self._kin[each.item.code]].append(each)
        kept: list[Candidate] = []
        for family in families.values():
            if kept and len(kept) + len(family) > most:
                break
            kept += sorted(family, key=lambda each: SIDES.index(self._facts[each.item.code].side))
        return kept[:most]

    def _rows(self, exam: Exam, code: str, voices: Voices, parts: Collection[str]) -> tuple[Evidence, ...]:
        facts, weights = self._facts[code], self._weights
        rows = [Evidence("prior", "", weights["prior"])]

        def add(signal: str, value: str = "", share: float = 1.0) -> None:
            rows.append(Evidence(signal, value, round(weights[signal] * share, 2)))

        if code == exam.code:
            add("read", code)
        if code in voices.model:
            add("model", code)
        if code in voices.classifier:
            add("classifier", code)
        if exam.family:
            same = FAMILY.get(exam.family, exam.family) == facts.family
            add("modality_same" if same else "modality_other", self.catalogue.items[code].modality)
        if exam.part:
            named = "part_named" if facts.stem in parts else "part_other"
            add("part_same" if exam.part == facts.stem else named, facts.stem)
        if exam.side or facts.side:
            which = "side_unsaid" if not exam.side else "side_same" if exam.side == facts.side else "side_other"
            add(which, facts.side or "不分")
        if exam.part or exam.scan:
            add("scan_same" if exam.scan == facts.scan else "scan_other", facts.scan or "无")
            said = frozenset(filter(None, exam.extra.split("+")))
            if said or facts.extra:
                add("extra_same" if said == facts.extra else "extra_other", "+".join(sorted(facts.extra)) or "无")
        for source, place in sorted(voices.ranks.get(code, {}).items()):
            add(source, str(place), 1.0 / place)
        return tuple(rows)


def voices_of(content: Mapping[str, Any], retrieved: Sequence[Mapping[str, Any]]) -> Voices:
    """What a stored suggestion holds of the voices (agent/store/plain.py)."""
    model, classifier = content.get("model") or {}, content.get("classifier") or {}
    ranks = {each["code"]: each.get("ranks") or {} for each in retrieved}
    return Voices(frozenset(model.get("codes") or ()), frozenset(classifier.get("codes") or ()), ranks)
