"""From a group to exams: what the resolvers of all families share.

Each family has a resolver (`cross_section`, `projection`, `ultrasound`, `nuclear`) with one method, `exams`. A resolver
looks items up by the names of their elements (Stock), never makes a code, and names every convention it used. What the
edition does not have becomes an issue, with the nearest item where a rule of the lexicon names one.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from agent.group import ROUTINE, Group, PartRef
from agent.reading import Exam
from agent.relations import Containment
from agent.stock import UNSPECIFIED, Stock
from standard.lexicon import Lexicon, split

SECTIONS: Final = ("CT", "MR")  # families whose parts hold others, by containment.tsv
Issue = tuple[str, tuple[int, ...], str]  # reason id, indexes of words, a word that names it


class Resolved(NamedTuple):
    """Exams in the order of the name, and why a person has to look."""

    exams: list[Exam]
    issues: list[Issue]


class Resolver(Protocol):
    """What each family offers."""

    def exams(self, group: Group) -> Resolved:
        """The exams that the group orders."""


class Shared:
    """What all resolvers need: the stock, the rules, and the answer to a side."""

    def __init__(self, stock: Stock, lexicon: Lexicon, containment: Containment) -> None:
        self.stock = stock
        self.lexicon = lexicon
        self.containment = containment
        self._groups: dict[str, list[tuple[frozenset[str], int, str]]] = {}
        for row in lexicon.groups:
            for family in split(row.modality):
                entry = (frozenset(row.members.split(";")), int(row.least), row.element)
                self._groups.setdefault(family, []).append(entry)
        self.fallbacks: dict[tuple[str, str, str], tuple[str, str, bool]] = {}
        for fallback in lexicon.fallbacks:
            for family in split(fallback.modality):
                key = (family, fallback.part, fallback.scan)
                self.fallbacks[key] = (fallback.to_part, fallback.to_scan, fallback.certainty == "review")

    def elsewhere(self, family: str, part: str, home: str, home_family: str = "") -> bool:
        """Whether the one part that a scan belongs to lies in another region than the part that is named: 腰椎 CTU.

        Then the named part is an exam of its own, whose scan is not said."""
        named = self.stock.region(family, part)
        own = self.stock.region(home_family or family, home)
        if home == UNSPECIFIED or not (named and own):
            return False
        return named != own or (family in SECTIONS and not self.containment.near(family, part, home))

    def fold(self, family: str, parts: list[PartRef]) -> list[PartRef]:
        """Parts that the edition has as one (肝、胆、胰、脾 = 上腹部), folded at the place of the first."""
        for members, least, element in self._groups.get(family, ()):
            found = [part for part in parts if part.element in members]
            if len({part.element for part in found}) < least:
                continue
            first = parts.index(found[0])
            review = all(part.review for part in found)
            whole = PartRef(element, found[0].side, found[0].index, review, found[0].separator)
            parts = [part for part in parts if part not in found]
            if not any(part.element == element for part in parts):
                parts.insert(first, whole)
        return parts

    def together(self, exams: list[Exam]) -> list[Exam]:
        """Exams of ultrasound said one by one that the edition has as one: 双乳彩超+腋窝淋巴结 (GUIDE)."""
        parts = [
            PartRef(exam.part, exam.side, at, False, "")
            for at, exam in enumerate(exams)
            if exam.code and not exam.extra and (exam.family, exam.scan) == ("US", ROUTINE)
        ]
        folded = self.fold("US", parts) if len(parts) > 1 else parts
        if len(folded) == len(parts):
            return exams
        named = {part.index: part for part in parts}
        made: dict[int, list[Exam]] = {}
        for part in folded:
            if part.element == named[part.index].element:
                del named[part.index]  # stays as it is
                continue
            found, issue, _ = self.sides("US", part, ("", "", ROUTINE))
            if issue is not None:
                return exams
            rules = ("ultrasound_routine",)
            made[part.index] = [Exam("US", part.element, side, ROUTINE, "", code, rules) for side, code in found]
        out: list[Exam] = []
        for at, exam in enumerate(exams):
            out += made.get(at, []) if at in named else [exam]
        return out

    def fallback(self, family: str, part: str, scan: str) -> tuple[str, str, bool] | None:
        """(part, scan, a person has to look) that hold a combination which the edition lacks."""
        for key in ((family, part, scan), (family, part, "*"), (family, "*", scan)):
            found = self.fallbacks.get(key)
            if found is not None:
                to_part, to_scan, review = found
                return (part if to_part == "=" else to_part, scan if to_scan == "=" else to_scan, review)
        return None

    def sides(self, family: str, part: PartRef, key: object) -> tuple[list[tuple[str, str]], Issue | None, str]:
        """The (side, code) of each item that a part with its side and this key stands for.

        An issue where the side is missing, left open, or not offered; the third value names the convention used."""
        stock = self.stock.part(family, part.element)
        if stock is None:
            return [], ("not_in_edition", (part.index,), part.element), ""
        have = {side: items[key] for side, items in stock.sides.items() if key in items}
        if not have:
            return [], ("not_in_edition", (part.index,), part.element), ""
        side = part.side
        if set(have) == {""}:
            return [("", have[""])], None, "side_not_coded" if side else ""
        if side in have:
            return [(side, have[side])], None, ""
        if side == "双" and "左" in have and "右" in have:
            return [("左", have["左"]), ("右", have["右"])], None, "both_sides_two_items"
        if set(have) <= {"双", ""}:
            code = have.get("双") or have[""]
            if side in ("左", "右"):
                return [("双", code)], ("side_not_offered", (part.index,), part.element), ""
            return [("双", code)], ("open_choice", (part.index,), side) if side == "?" else None, "both_sides_only"
        if side in ("", "?"):
            reason = "missing_side" if not side else "open_choice"
            return [], (reason, (part.index,), part.element), ""
        return [], ("not_in_edition", (part.index,), part.side + part.element), ""
