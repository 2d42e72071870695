"""A piece of an order line, words of one family, to exams and issues.

    words ─▶ nodes ─▶ groups ─▶ a group without a part takes those before it ─▶ exams (the resolver of the family)

Hospitals put the same pieces together in ever new names; so what a piece says by itself is worked out once and kept,
and told again wherever what stands before it in the name cannot change it (`Said.stands`).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from agent.families import POSTURES, no_film
from agent.group import ROUTINE, Group, Node, PartRef
from agent.groups import Grouper
from agent.masks import MASK, XRAY
from agent.reading import Exam
from agent.relations import Containment
from agent.resolve import Issue, Resolver, Shared
from agent.segments import Placed

KEPT: Final = 50_000  # pieces kept


class Said:
    """What a piece says by itself. Indexes of words are counted from its first word."""

    __slots__ = ("answered", "exams", "issues", "partless", "parts", "sideless")

    def __init__(
        self, sides: list[str], groups: list[Group], exams: list[Exam], answered: bool, issues: list[Issue], base: int
    ) -> None:
        """`sides`: of the parts that its first group names. `answered`: that group came to an exam. `base`: the index
        of its first word."""
        self.exams = exams
        self.issues = [(reason, _moved(indexes, -base), word) for reason, indexes, word in issues]
        self.parts = _copied(groups[-1].parts, -base)
        self.answered = answered
        self.partless = not sides
        self.sideless = "" in sides

    def stands(self, before: list[PartRef], exams: list[Exam]) -> bool:
        """Whether it says the same behind these parts and exams: it takes no part and no side from them, is not left
        out for saying nothing new, and whatever looks at the exam before it finds one of its own."""
        if exams and (self.partless or not self.answered):
            return False
        return not before or not (self.partless or (self.sideless and any(part.side for part in before)))


class PieceReader:
    """Compiled for a catalogue and a lexicon, by its resolvers; what `read` adds depends on its arguments alone."""

    def __init__(self, resolvers: dict[str, Resolver], shared: Shared, containment: Containment) -> None:
        self._resolvers = resolvers
        self._shared = shared
        self._containment = containment
        self._grouper = Grouper(containment)
        self.keeps = KEPT  # pieces; with 0 each is worked out where it stands
        self._kept: OrderedDict[tuple[int, ...], Said] = OrderedDict()

    def read(
        self, piece: list[Placed], family: str, before: list[PartRef], exams: list[Exam], issues: list[Issue]
    ) -> list[PartRef]:
        """Adds the exams and issues of a piece; returns the parts of its last group. `before`: those of the group
        before it in the name, which may be given a side; `exams`: those of the name so far."""
        said = self._said(piece, family)
        if said is not None and said.stands(before, exams):
            base = piece[0].index
            exams.extend(said.exams)
            issues.extend((reason, _moved(indexes, base), word) for reason, indexes, word in said.issues)
            return _copied(said.parts, base)
        groups = self._inherit(self._groups(piece, family, issues), before, family)
        self._resolve(groups, family, exams, issues)
        return groups[-1].parts

    def _said(self, piece: list[Placed], family: str) -> Said | None:
        """What a piece says by itself; None where it is not kept: it holds a word that was put there (LIST_WORD)."""
        if not self.keeps:
            return None
        base = piece[0].index
        marks = [MASK[family]]
        for raw in piece:
            if raw.index < base or base < 0:
                return None
            marks.append(id(raw.word))  # words live as long as the lexer
            marks.append((raw.index - base) << 16 | raw.depth << 1 | raw.tag)
        key = tuple(marks)
        found = self._kept.get(key)
        if found is None:
            exams: list[Exam] = []
            issues: list[Issue] = []
            groups = self._groups(piece, family, issues)
            sides = [part.side for part in groups[0].parts]
            groups = self._inherit(groups, [], family)
            answered = self._resolve(groups, family, exams, issues)
            found = self._kept[key] = Said(sides, groups, exams, answered, issues, base)
            if len(self._kept) > self.keeps:
                self._kept.popitem(last=False)
        return found

    # -- groups ----------------------------------------------------------------------------------------------------

    def _groups(self, piece: list[Placed], family: str, issues: list[Issue]) -> list[Group]:
        """The groups of a piece, at least one."""
        nodes: list[Node] = []
        bit = XRAY if family == "XR" else MASK[family]
        for raw in piece:
            word = raw.word
            if word is None or word.kind != "slots":
                kind = "unexplained" if word is None else word.kind
                nodes.append(Node(raw.index, kind, (), False, raw.depth, raw.tag))
                continue
            meanings = [meaning for meaning in word.meanings if meaning.mask & bit]
            if not meanings:
                posture = set(word.pairs) <= POSTURES and (family == "US" or no_film(piece))
                if not word.noise and not posture:  # 精索静脉彩超(站立位)
                    a_part = all(slot == "part" for meaning in word.meanings for slot, _ in meaning.slots)
                    issues.append(("uncatalogued" if a_part else "conflict_modality", (raw.index,), word.surface))
                continue
            slots = tuple(slot for meaning in meanings for slot in meaning.slots)
            review = any(meaning.review for meaning in meanings)
            nodes.append(Node(raw.index, "slots", slots, review, raw.depth, raw.tag))
        return self._grouper.groups(nodes, family)

    def _inherit(self, groups: list[Group], before: list[PartRef], family: str) -> list[Group]:
        """A group without a part takes the parts of the one before it: an order line may leave the part out."""
        last = before
        for group in groups:
            if not group.parts and last and group.said() and family != "US":
                group.parts = [*last]
            for part in group.parts:  # 右膝关节正侧位+髌骨轴位: the side is that of the whole
                wholes = last if not part.side else []
                part.side = next((w.side for w in wholes if self._holds(family, w.element, part.element)), part.side)
            if group.parts:
                last = group.parts
        return groups

    def _holds(self, family: str, whole: str, part: str) -> bool:
        return bool(self._containment.adjoining(family, whole, part))

    # -- exams -----------------------------------------------------------------------------------------------------

    def _resolve(self, groups: list[Group], family: str, exams: list[Exam], issues: list[Issue]) -> bool:
        """Adds the exams and issues of groups; whether the first came to an exam."""
        answered = False
        for number, group in enumerate(groups):
            known = len(exams)
            self._resolve_one(group, family, exams, issues)
            answered = answered or (number == 0 and len(exams) > known)
            bare = group.parts and not group.said() and not group.modalities
            if number and known and len(exams) > known and bare and is_special(exams[known - 1]):
                issues.append(("combo_unclear", (), exams[known].part))  # 盆腔:造影彩超子宫
        return answered

    def _resolve_one(self, group: Group, family: str, exams: list[Exam], issues: list[Issue]) -> None:
        if exams and not group.parts and not group.problems and _says_nothing(group, family):
            return
        resolved = self._resolvers[family].exams(group)
        exams.extend(resolved.exams)
        issues.extend(resolved.issues)
        issues.extend((reason, indexes, "") for reason, indexes in group.problems)
        used = {part.index for part in group.parts}
        if any(part.review for part in group.parts):
            parts = self._shared.fold(family, group.parts)  # 乳房和腋下: each makes the other certain
            issues.extend(("uncertain_part", (part.index,), part.element) for part in parts if part.review)
        sure = {scan for scan, index in group.scans if index not in group.review}
        for index in group.review:
            said = [scan for scan, at in group.scans if at == index]
            again = bool(said) and all(scan in sure or f"平扫+{scan}" in sure for scan in said)
            if index not in used and not again:
                issues.append(("uncertain_word", (index,), ""))


def _says_nothing(group: Group, family: str) -> bool:
    """A group beside others that names a modality or the routine scan alone (彩超 after a comma)."""
    plain = all(scan == ROUTINE for scan, _ in group.scans) if family == "US" else not group.scans
    return plain and not (group.posts or group.positions or group.subitems or group.ways or group.vessels)


def is_special(exam: Exam) -> bool:
    """A scan or post-processing that no convention fills in."""
    return exam.scan not in ("", "平扫", ROUTINE) or (exam.family == "CT" and bool(exam.extra))


def _moved(indexes: tuple[int, ...], by: int) -> tuple[int, ...]:
    """Indexes counted from elsewhere; one below zero is of no word."""
    return tuple([index + by if index >= 0 else index for index in indexes]) if by and indexes else indexes


def _copied(parts: list[PartRef], by: int) -> list[PartRef]:
    """The same parts, with their indexes moved: whoever takes them may give them a side."""
    return [PartRef(part.element, part.side, part.index + by, part.review, part.separator) for part in parts]
