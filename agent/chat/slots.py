"""Slots of an exam, changed one at a time: which items of the edition come of it. The coder derives their codes.

A question in the dialogue is answered on slots: the side, scan or part that the person chose takes its place among what
the reader read, and the stock says whether the edition has it. The name's text is never put together anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agent.group import Group, PartRef
from agent.lexer import UNEXPLAINED
from agent.masks import MASK, XRAY
from agent.nuclear import Nuclear
from agent.pipeline import Pipeline
from agent.projection import USUAL, name_of
from agent.reading import Exam
from agent.stock import Views
from standard import encode
from standard.text import canonical

SIDES = ("左", "右", "双")
SCANS = ("平扫", "增强", "平扫+增强")
FILM = frozenset({"DR", "MG", "RF"})
PLAIN_SLOTS = ("scan", "post", "position", "way", "subitem", "vessel", "modality")
Said = tuple[str, str]  # slot, element
ASKABLE = frozenset({"missing_side", "missing_position"})  # what another question can still settle


class Found(NamedTuple):
    """Exams, and what is still to be asked of them: (reason, part)."""

    exams: tuple[Exam, ...] = ()
    left: tuple[tuple[str, str], ...] = ()


NOTHING = Found()


def family_of(modality: str) -> str:
    """The reader's family of an item's modality."""
    if modality in FILM:
        return "XR"
    return modality if modality in ("CT", "MR", "US") else "NM"


class Slots:
    """Compiled for a pipeline; every method is a pure function of its arguments."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.catalogue = pipeline.catalogue
        self.reader = pipeline.reader
        self.stock = pipeline.reader.stock
        resolver = pipeline.reader.resolvers["NM"]
        assert isinstance(resolver, Nuclear)
        self._nuclear = resolver.codes
        self._shared = resolver.shared
        self._of_code = self._inverse()

    # -- what the edition has --------------------------------------------------------------------------------------

    def of_code(self, code: str) -> Exam | None:
        """The slots of an item; None where the reader's stock does not hold it."""
        return self._of_code.get(code)

    def full(self, exam: Exam) -> Exam:
        """The exam with all its slots, where only its code is known."""
        known = self._of_code.get(exam.code)
        return exam if exam.part or known is None else known._replace(rules=exam.rules)

    def find(self, exam: Exam) -> tuple[Exam, ...]:
        """The exams that these slots stand for, each with the code that the coder derives; empty: the edition has none.

        Where the edition has only sided items and no side is said, it is the one exam without a code.
        """
        if exam.family not in (*FILM, "CT", "MR", "US"):
            code = self._nuclear.get((exam.family, exam.part), "")
            return (self._coded(exam, code),) if code else ()
        if exam.extra == "移动DR":
            code = self.stock.mobile.get(exam.part, "")
            return (self._coded(exam, code),) if code else ()
        part = PartRef(exam.part, exam.side, -1, False, "")
        for key in self._keys(exam):
            found, issue, _ = self._shared.sides(exam.family, part, key)
            if issue is None:
                return tuple(self._coded(exam._replace(side=side), code) for side, code in found)
            if issue[0] in ("missing_side", "open_choice") and not found:
                return (exam._replace(side="", code=""),)
        return ()

    def sides(self, exam: Exam) -> list[tuple[str, tuple[Exam, ...]]]:
        """Each side that gives items, with them; two items where both sides are items of their own."""
        tried = [(side, self.find(exam._replace(side=side, code=""))) for side in SIDES]
        exact = [(side, found) for side, found in tried if found and all(one.code for one in found)]
        return [(side, found) for side, found in exact if side == "双" or {one.side for one in found} == {side}]

    def scans(self, exam: Exam, of: Sequence[str] = SCANS) -> list[tuple[str, tuple[Exam, ...]]]:
        """Each scan that the edition has for the part, with the exams."""
        tried = [(scan, self.find(exam._replace(scan=scan, code=""))) for scan in of]
        return [(scan, found) for scan, found in tried if found]

    def positions(self, exam: Exam) -> list[tuple[str, tuple[Exam, ...]]]:
        """Each position that the edition has for the part, the usual ones first."""
        stock = self.stock.part(exam.family, exam.part)
        keys = {key for items in stock.sides.values() for key in items} if stock is not None else set()
        views = sorted((key for key in keys if isinstance(key, frozenset)), key=_usual_first)
        tried = [(name_of(each), self.find(exam._replace(extra=name_of(each), code=""))) for each in views]
        return [(name, found) for name, found in tried if found]

    # -- what was said ---------------------------------------------------------------------------------------------

    def said(self, text: str, family: str) -> tuple[list[Said], bool]:
        """The slots that a text says in a family, in order; and whether nothing but slots and noise is in it."""
        bit = XRAY if family == "XR" else MASK.get(family, 0)
        found: list[Said] = []
        clean = True
        for token in self.reader.lexer.tokens(canonical(text[:400]).text):
            if token.form == UNEXPLAINED:
                clean = False
                continue
            word = self.reader.lexer.words[token.form]
            meanings = [each for each in word.meanings if each.mask & bit]
            if not meanings:
                clean = clean and word.kind != "slots"
                continue
            found.extend(slot for each in meanings for slot in each.slots)
        return list(dict.fromkeys(found)), clean

    def exams_of(self, said: Iterable[Said], family: str, **instead: Sequence[str]) -> Found:
        """The exams of one order with these slots; `instead`: slots that are said so, whatever the text says.

        Nothing where the resolver sees anything in it that no further question can settle.
        """
        group = Group()
        side = ""
        wanted = [pair for pair in said if pair[0] not in instead]
        wanted += [(slot, element) for slot, elements in instead.items() for element in elements]
        for slot, element in wanted:
            if slot == "side":
                side = side or element
            elif slot == "part":
                group.parts.extend(PartRef(each, "", 0, False, "list") for each in element.split(";"))
            elif slot in PLAIN_SLOTS:
                group.slot(slot).append((element, 0))
        for part in group.parts:
            part.side = side
        if not group.parts and side:
            group.sides.append((side, 0))
        resolved = self.reader.resolvers[family].exams(group)
        if any(issue[0] not in ASKABLE for issue in resolved.issues):
            return NOTHING
        exams = tuple(self._coded(exam, exam.code) if exam.code else exam for exam in resolved.exams)
        if not all(each.code or self.sides(each) for each in exams):
            return NOTHING
        left = [(reason, word) for reason, _, word in resolved.issues if reason != "missing_side"]
        return Found(exams, tuple(dict.fromkeys(left)))

    # -- parts -----------------------------------------------------------------------------------------------------

    def _coded(self, exam: Exam, code: str) -> Exam:
        """The exam with the code that the coder makes of the item's slots. CodeError where the edition has none."""
        item = self.catalogue.items[code]
        edition = self.catalogue.edition_for(item.modality)
        assert edition is not None
        return exam._replace(code=encode(edition, item.modality, item.slots))

    def _keys(self, exam: Exam) -> list[object]:
        """The keys under which the stock may hold the exam; see Stock."""
        views = self.stock.views(exam.extra)
        if exam.family in ("CT", "MR"):
            return [(exam.scan, exam.extra)]
        if exam.family == "RF":
            return [exam.scan]
        if exam.family == "MG":
            return [(exam.scan, views)]
        if exam.family == "DR":
            return [(exam.scan, views)] if exam.scan else [views]
        stock = self.stock.part("US", exam.part)
        keys = [key for items in stock.sides.values() for key in items] if stock is not None else []
        return [key for key in dict.fromkeys(keys) if _ultrasound(key) == (exam.extra, exam.scan)]

    def _inverse(self) -> dict[str, Exam]:
        found: dict[str, Exam] = {}
        for family, parts in self.stock.families.items():
            for stem, part in parts.items():
                for side, items in part.sides.items():
                    for key, code in items.items():
                        scan, extra = _printed(family, key)
                        found[code] = Exam(family, stem, side, scan, extra, code)
        for stem, code in self.stock.mobile.items():
            found[code] = Exam("DR", stem, "", "", "移动DR", code)
        for (machine, name), code in self._nuclear.items():
            found[code] = Exam(machine, name, "", "", "", code)
        return found


def _printed(family: str, key: object) -> tuple[str, str]:
    """(scan, extra) of a key of the stock, as the reader writes them."""
    if isinstance(key, frozenset):
        return "", name_of(key)
    if isinstance(key, tuple) and family == "US":
        extra, scan = _ultrasound(key)
        return scan, extra
    if isinstance(key, tuple):
        scan, extra = key
        return str(scan), name_of(extra) if isinstance(extra, frozenset) else str(extra)
    return str(key), ""


def _ultrasound(key: object) -> tuple[str, str]:
    """(extra, scan) of a key of ultrasound."""
    assert isinstance(key, tuple)
    way, subitem, scan = key
    return "、".join(each for each in (way, subitem) if each), str(scan)


def _usual_first(views: Views) -> tuple[int, int, list[str]]:
    place = USUAL.index(views) if views in USUAL else len(USUAL)
    return place, len(views), sorted(views)
