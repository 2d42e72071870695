"""The nearest items to a name: what retrieval finds and what the edition has of the part, weighed as review does it.

An item of another modality or another part than the one read is none, but for a part that is called much the same
(颈椎 for 颈部). Where neither was read there is none at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import chain, zip_longest

from agent.chat.slots import Said, Slots, family_of
from agent.families import family_name
from agent.masks import ALL
from agent.pipeline import Pipeline
from agent.reading import Exam, Reading
from agent.review.evidence import FAMILY, Voices, Weigher
from agent.stock import UNSPECIFIED
from standard.modality import ModalityColumn

COUNT = 8
NUCLEAR = frozenset(modality for modality, family in FAMILY.items() if family == "NM")  # parts are not one word there
COMMON = frozenset("部骨关节左右双上下前后")  # characters that parts which are no kin share
POOL = 40  # candidates that are weighed, of which those that fit are given


class Nearest:
    """Compiled when it is first asked; a pure function of its arguments."""

    def __init__(self, pipeline: Pipeline, slots: Slots) -> None:
        self._pipeline = pipeline
        self._slots = slots
        self._column = ModalityColumn(pipeline.lexicon)

    @cached_property
    def _weigher(self) -> Weigher:
        return Weigher(self._pipeline.catalogue, self._pipeline.lexicon)

    def __call__(self, name: str, modality: str) -> list[str]:
        """Codes, the nearest first; for each exam of the name in turn where it has several."""
        reading = self._pipeline.reader.read(name, modality)
        column = self._pipeline.reader.column(modality)
        family = family_name(column) if column != ALL else ""
        unsure = any(each.reason == "conflict_modality" for each in reading.problems)
        words = _words(reading)
        exams = list(dict.fromkeys(reading.exams))
        if not exams:  # what single words say, as the family understands them where one is said
            family = next((element for slot, element in words if slot == "modality"), family)
            own = family if family in FAMILY.values() else family_of(family)
            words = self._slots.said(name, own)[0] if family else words
            exams = [_of_words(words)]
        exams = [exam for exam in exams if not exam.code] or exams
        told = [exam if exam.family or unsure else exam._replace(family=family) for exam in exams]
        if not any(exam.family or exam.part for exam in told):
            return []
        parts = [element for slot, element in words if slot == "part"]
        ranks = {code: {"lexical": at} for at, code in enumerate(self._retrieved(name, modality), 1)}
        voices = Voices(ranks=ranks)
        found = [self._of(exam, parts if len(told) == 1 else (), voices, unsure) for exam in told]
        turns = chain.from_iterable(zip_longest(*found))
        return list(dict.fromkeys(code for code in turns if code is not None))[:COUNT]

    def _of(self, exam: Exam, parts: Sequence[str], voices: Voices, unsure: bool) -> list[str]:
        """The nearest items to one exam that are of its modality and, where one was read, its part."""
        wanted = [each for each in dict.fromkeys((exam.part, *parts)) if each and each != UNSPECIFIED]
        exam = exam._replace(part=wanted[0] if wanted else "")
        items = self._pipeline.catalogue.items
        own, akin = [], []
        for each in self._weigher.candidates(exam, wanted, voices, POOL):
            if not (unsure or not exam.family or _same_modality(exam.family, items[each.item.code].modality)):
                continue
            said = {row.signal: row.value for row in each.rows}
            if not wanted or exam.family in NUCLEAR or said.keys() & {"read", "part_same", "part_named"}:
                own.append(each.item.code)
            elif each.item.code in voices.ranks and _akin(said.get("part_other", ""), wanted):
                akin.append(each.item.code)
        return [*own, *akin][:COUNT]

    def _retrieved(self, name: str, modality: str) -> list[str]:
        """What the pipeline's retriever finds; without one, the items with the most characters in common."""
        if self._pipeline.retriever is not None:
            return [each.code for each in self._pipeline.retriever.search([(name, modality)], COUNT)[0]]
        return self._by_characters(name[:400], modality)

    def _by_characters(self, name: str, modality: str) -> list[str]:
        from retrieval.lexical import LexicalIndex, best
        from retrieval.modality import ModalityFilter
        from retrieval.text import cleaner_of

        if not hasattr(self, "_index"):
            items = self._pipeline.catalogue.items
            self._cleaner = cleaner_of(self._pipeline.lexicon)
            self._index = LexicalIndex.build({code: (self._cleaner(item.name),) for code, item in items.items()})
            self._modality = [items[code].modality for code in self._index.codes]
            self._filter = ModalityFilter(self._pipeline.lexicon, set(self._modality), self._cleaner)
        text = self._cleaner(name)
        if not text:
            return []
        row = self._index.scores([text])[0]
        allowed = self._filter(name, modality)
        for at, of in enumerate(self._modality):
            if allowed is not None and of not in allowed:
                row[at] = 0
        return [code for code, score in best(row, self._index.codes, COUNT) if score > 0.1]


def _same_modality(family: str, modality: str) -> bool:
    """Whether an item is of what was read: a modality (DR), or a family of several (XR, NM)."""
    return modality == family if family not in FAMILY.values() else FAMILY.get(modality, modality) == family


def _akin(part: str, wanted: Sequence[str]) -> bool:
    """Whether an item's part may be a coarser or finer word for one that was read (足 for 足弓), or it names none."""
    return part in ("", UNSPECIFIED) or bool((set(part) & set("".join(wanted))) - COMMON)


def _words(reading: Reading) -> list[Said]:
    """What single words say: (slot, element)."""
    found: list[Said] = []
    for span in reading.spans:
        several = "+" in span.slot  # 骨龄: part+side+position; a scan or a part may hold a + itself
        elements = span.element.split("+") if several else [span.element]
        for slot, element in zip(span.slot.split("+"), elements, strict=False):
            found += [(slot, each) for each in element.split(";")]
    return found


def _of_words(words: Sequence[Said]) -> Exam:
    """What single words say where no exam was read."""
    first = dict(reversed(words))
    family, part, side, scan, post = (first.get(slot, "") for slot in ("modality", "part", "side", "scan", "post"))
    return Exam(family, part, side, scan, post, "")
