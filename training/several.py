"""Names of several exams: each with its own words, several parts of one scan, several scans or views of one part.

Exams that a convention makes one of (members of a group, a whole and its piece, plain and contrast) stay apart.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from standard.item_slots import ItemSlots
from standard.lexicon import Lexicon
from training.exam import OTHER_PARTS, ExamWriter, Words, compose
from training.forms import Forms
from training.noise import Noise
from training.shapes import Shapes, Weighted
from training.wordings import UNSPECIFIED, Meaning, Wording, Wordings, views_of

Made = tuple[str, tuple[str, ...], str, frozenset[str]]  # text, codes, family ("" for several), families implied
PARTS_ORDERS = Weighted(
    [
        (30.0, "{bodies}{mod}{scan}{position}"),
        (22.0, "{mod}{bodies}{scan}{position}"),
        (10.0, "{bodies}{scan}{position}{mod}"),
        (8.0, "{mod}{scan}{position}({bodies})"),
        (6.0, "{mod}({bodies}){scan}{position}"),
        (5.0, "{mod}{scan}{position}:{bodies}"),
        (5.0, "{bodies}({mod}{scan}{position})"),
        (4.0, "{mod}-{bodies}-{scan}{position}"),
    ]
)
CLEAR_ORDERS = Weighted(
    [
        (30.0, "{body}{mod}{scan}"),
        (20.0, "{mod}{body}{scan}"),
        (8.0, "{mod}{body}({scan})"),
        (8.0, "{body}{mod}({scan})"),
    ]
)
SCANS_ORDERS = Weighted(
    [
        (30.0, "{body}{mod}{scans}"),
        (22.0, "{mod}{body}{scans}"),
        (10.0, "{body}{scans}{mod}"),
        (8.0, "{mod}{body}({scans})"),
        (6.0, "{body}({mod}{scans})"),
        (5.0, "{mod}{scans}({body})"),
        (4.0, "{body}:{mod}{scans}"),
    ]
)


class Several:
    """Compiled once."""

    def __init__(
        self,
        lexicon: Lexicon,
        shapes: Shapes,
        wordings: Wordings,
        writer: ExamWriter,
        forms: Forms,
        noise: Noise,
        draw: Callable[[random.Random, str], Meaning],
    ) -> None:
        self._shapes, self._wordings, self._writer, self._draw = shapes, wordings, writer, draw
        self._lexicon, self._noise = lexicon, noise
        self._near: dict[tuple[str, str], set[str]] = defaultdict(set)
        for row in lexicon.groups:
            everything = {*row.members.split(";"), row.element}
            for family in row.modality.split("/"):
                for part in everything:
                    self._near[family, part] |= everything
        for containment in lexicon.containments:
            for family in containment.modality.split("/"):
                for part in containment.members.split(";"):
                    self._near[family, part].add(containment.whole)
                    self._near[family, containment.whole].add(part)
        for heading in lexicon.headings:
            for family in heading.modality.split("/"):
                for part in heading.members.split(";"):
                    self._near[family, part].add(heading.heading)
                    self._near[family, heading.heading].add(part)
        self._vessel_parts = {row.element for row in lexicon.vessels}
        by_part: dict[tuple[str, str, str], list[Meaning]] = defaultdict(list)
        for meaning in wordings.meanings:
            slots = meaning.slots
            by_part[wordings.style(meaning.item), slots.side, slots.part].append(meaning)
        self._by_part = by_part
        self._joint_parts = [
            (family, element)
            for family in ("CT", "MR", "XR", "US")
            for element in forms.elements("part", family)
            if ";" in element
        ]
        self._many = {
            style: [each for key, each in sorted(by_part.items()) if key[0] == style and len(each) > 2]
            for style in ("MR", "CT", "XR")
        }

    def make(self, chance: random.Random) -> Made | None:
        """A name of several exams; None where the drawn ones do not go together."""
        mode = self._shapes.several.modes.pick(chance)
        made: Callable[[random.Random], Made | None] = getattr(self, f"_{mode}")
        return made(chance)

    # -- modes -----------------------------------------------------------------------------------------------------

    def _independent(self, chance: random.Random) -> Made | None:
        count = self._shapes.several.exams.pick(chance)
        meanings = self._drawn(chance, count, chance.random() >= self._shapes.several.other_family)
        if meanings is None:
            return None
        drawn = [self._writer.words(chance, self._plain(chance, each)) for each in meanings]
        families = {words.wording.family for words in drawn}
        if len(families) > 1:
            drawn = [words if words.wording.family in ("US", "NM") else _with_mod(words) for words in drawn]
        else:
            drawn = self._mod_once(chance, drawn)
        if any(words.scan not in ("", "平扫") or words.post for words in drawn):  # else it would hold for all
            drawn = [
                words if words.scan or words.wording.scan != "平扫" else words.changed(scan="平扫") for words in drawn
            ]
        texts = [self._writer.write(chance, words, self._clear_order(chance, words)) for words in drawn]
        if chance.random() < self._shapes.several.noise_each:
            texts = [
                self._noise.one(chance, text, words.wording.family) for text, words in zip(texts, drawn, strict=True)
            ]
        codes = [words.wording.code for words in drawn]
        other = self._other_part(drawn[-1], codes)
        if other and chance.random() < self._shapes.several.other_part:
            place = chance.choice(OTHER_PARTS)
            last = drawn[-1].changed(part=place, side="")
            texts[-1], codes[-1] = self._writer.write(chance, last, self._clear_order(chance, last)), other
        joint = self._joint(chance, texts)
        family = next(iter(families)) if len(families) == 1 else ""
        implied = frozenset.union(*(words.implied for words in drawn)) if family else frozenset({family})
        if family and not any(words.mod for words in drawn):
            implied = frozenset.intersection(*(words.implied for words in drawn)) or implied
        said = frozenset({family}) if any(words.mod for words in drawn) and family else implied
        return joint.join(texts), tuple(codes), family, said

    def _other_part(self, words: Words, codes: list[str]) -> str:
        """The item of no named part with the scan of an exam, where it has one and is not among the codes."""
        wording = words.wording
        if wording.style not in ("CT", "MR") or not words.scan:
            return ""
        code = self._wordings.code_of(wording.style, "", UNSPECIFIED, wording.scan, wording.post) or ""
        return "" if code in codes[:-1] else code

    def _parts(self, chance: random.Random) -> Made | None:
        """One scan or view of several parts: 胸部、上腹部CT平扫."""
        first = self._draw(chance, self._shapes.several.family.pick(chance))
        style, slots = self._wordings.style(first.item), first.slots
        if (
            style in ("RF", "MG", "NM")
            or not slots.part
            or slots.part in self._vessel_parts
            or slots.way
            or slots.subitem
        ):
            return None
        meanings = [first]
        count = self._shapes.several.exams.pick(chance)
        for _ in range(12):
            if len(meanings) == count:
                break
            other = self._draw(chance, slots.family)
            same = self._same_scan(style, slots, other)
            if same is not None and all(self._apart(each, same) for each in meanings):
                meanings.append(same)
        if len(meanings) < 2:
            return None
        shared_side = slots.side if slots.side and all(each.slots.side == slots.side for each in meanings) else ""
        factored = bool(shared_side) and chance.random() < 0.4
        words = [
            self._writer.words(chance, self._plain(chance, each), "" if factored and at else None)
            for at, each in enumerate(meanings)
        ]
        bodies = [self._writer.body(chance, each) for each in words]
        if factored:
            bodies = [f"{words[0].side or shared_side}{words[0].part}", *(each.part for each in words[1:])]
        joint = self._shapes.orders.members.pick(chance) or "、"
        lead = words[0]
        scan = self._writer.scan_text(chance, lead)
        mod = lead.mod if chance.random() < 0.7 else ""
        order = PARTS_ORDERS.pick(chance)
        text = compose(order, bodies=joint.join(bodies), mod=mod, scan=scan, position=lead.position)
        said = frozenset({slots.family}) if mod else lead.implied
        return text, tuple(each.item.code for each in meanings), slots.family, said

    def _scans(self, chance: random.Random) -> Made | None:
        """Several scans of one part: 头颅MRI平扫+DWI+MRA."""
        style = "MR" if chance.random() < 0.8 else "CT"
        group = chance.choice(self._many[style])
        count = self._shapes.several.exams.pick(chance)
        # one scan at most of those that are said with or without contrast: 平扫 and 增强 are one exam
        base = [each for each in group if each.slots.scan in ("平扫", "增强", "平扫+增强")]
        extra = [each for each in group if each not in base and not each.slots.post and each.slots.scan]
        vessel = self._vessel_of(group[0]) if style == "MR" else []
        chosen = [chance.choice(base)] if base and chance.random() < 0.85 else []
        together = {frozenset((row.scan, row.other)) for row in self._lexicon.pairs if row.modality == style}
        if chosen and chosen[0].slots.post:
            return None
        pool = extra + vessel
        chance.shuffle(pool)
        for each in pool:
            if len(chosen) < count and not any(
                frozenset((each.slots.scan, other.slots.scan)) in together or "平扫+" in each.slots.scan
                for other in chosen
            ):
                chosen.append(each)
        vessels = [each for each in chosen if each in vessel]
        if len(chosen) < 2 or len(vessels) > 1 or group[0].slots.part == UNSPECIFIED:
            return None
        if not vessel and group[0].slots.part in self._vessel_parts:
            return None
        drawn = [self._writer.words(chance, each.wordings[0][1]) for each in chosen]
        scans = [words.scan for words in drawn]
        if not all(scans[1:]) or (not scans[0] and len(scans) < 3 and chosen[0] not in base):
            return None
        joint = self._joint(chance, scans)
        if not scans[0]:
            scans = scans[1:]
        lead = next((words for words, each in zip(drawn, chosen, strict=True) if each not in vessels), None)
        if lead is None:
            return None
        mod = lead.mod if chance.random() < 0.75 else ""
        order = SCANS_ORDERS.pick(chance)
        if len(scans) < len(drawn) and "{scans}{mod}" in order:
            return None
        text = compose(order, body=self._writer.body(chance, lead), mod=mod, scans=joint.join(scans))
        implied = frozenset.intersection(*(words.implied for words in drawn))
        if len(scans) < len(drawn):  # 头颅MRI+MRA: the plain scan is meant by the part and the modality alone
            if not mod:
                return None
            text = f"{self._writer.body(chance, lead)}{mod}{joint or '+'}{joint.join(scans)}"
        return text, tuple(each.item.code for each in chosen), style, frozenset({style}) if mod else implied

    def _views(self, chance: random.Random) -> Made | None:
        """Several views of one part that no joint item holds: 颈椎正侧位+开口位."""
        group = chance.choice(self._many["XR"])
        chosen = chance.sample(group, 2)
        views = [set(views_of(each.slots.position, self._lexicon)) for each in chosen]
        if not all(each.slots.position for each in chosen) or views[0] & views[1]:
            return None
        joined = views[0] | views[1]
        if any(set(views_of(each.slots.position, self._lexicon)) == joined for each in group):
            return None
        if any("站立" in each or "负重" in each for each in views):  # said of both
            return None
        drawn = [self._writer.words(chance, each.wordings[0][1]) for each in chosen]
        joint = self._joint(chance, [words.position for words in drawn])
        position = joint.join(words.position for words in drawn)
        lead = drawn[0].changed(position=position)
        if chance.random() < 0.45:
            lead = lead.changed(mod="")
        return self._writer.write(chance, lead), tuple(each.item.code for each in chosen), "XR", frozenset({"XR"})

    def _joined(self, chance: random.Random) -> Made | None:
        """A word for several parts: 颈胸腰椎CT平扫."""
        family = "US" if chance.random() < 0.4 else chance.choice(["CT", "MR", "XR"])
        element = chance.choice([element for of, element in self._joint_parts if of == family])
        like = self._draw(chance, family)
        found = [self._same_part(family, like, part) for part in element.split(";")]
        if any(each is None for each in found):
            return None
        meanings = [each for each in found if each is not None]
        wording = replace(meanings[0].wordings[0][1], part=element)
        words = self._writer.words(chance, wording, side="")
        said = frozenset({family}) if words.mod else words.implied
        if not words.part or ";" in words.part:
            return None
        return self._writer.write(chance, words), tuple(each.item.code for each in meanings), family, said

    # -- parts of them ---------------------------------------------------------------------------------------------

    def _drawn(self, chance: random.Random, count: int, one_family: bool) -> list[Meaning] | None:
        meanings = [self._draw(chance, self._shapes.several.family.pick(chance))]
        family = meanings[0].slots.family if one_family else ""
        for _ in range(count * 4):
            if len(meanings) == count:
                return meanings
            other = self._draw(chance, family)
            if all(self._apart(each, other) for each in meanings):
                meanings.append(other)
        return None

    def _clear_order(self, chance: random.Random, words: Words) -> str | None:
        """An order in which the words of one exam stay together beside another one; None: any."""
        if words.wording.style not in ("CT", "MR") or chance.random() < 0.06:
            return None
        return CLEAR_ORDERS.pick(chance)

    def _plain(self, chance: random.Random, meaning: Meaning) -> Wording:
        """One of the wordings that say every element for itself."""
        plain = [(weight, each) for weight, each in meaning.wordings if each.plain]
        return Weighted(plain).pick(chance) if len(plain) > 1 else plain[0][1]

    def _apart(self, one: Meaning, other: Meaning) -> bool:
        """Two exams that nobody takes for one."""
        first, second = one.slots, other.slots
        if one.item.code == other.item.code or "移动DR" in (first.word, second.word):
            return False  # a bedside film says its device, which here may be left out
        if UNSPECIFIED in (first.part, second.part):
            return False
        if first.family != second.family:
            return True
        if first.part == second.part:
            return False
        return second.part not in self._near[first.family, first.part]

    def _same_scan(self, style: str, slots: ItemSlots, other: Meaning) -> Meaning | None:
        """The item of the other's part with the scan, post-processing and position of these slots."""
        wanted = (slots.scan, slots.post, slots.position)
        if self._wordings.style(other.item) != style or other.slots.part in self._vessel_parts:
            return None
        for each in self._by_part[style, other.slots.side, other.slots.part]:
            found = each.slots
            if (found.scan, found.post, found.position) == wanted and not found.way and not found.subitem:
                return each
        return None

    def _same_part(self, family: str, like: Meaning, part: str) -> Meaning | None:
        """The item of a part with no side, or both, with the scan and position of another item."""
        wanted = (like.slots.scan, like.slots.post, like.slots.position)
        for side in ("", "双"):
            for each in self._by_part.get((family, side, part), ()):
                found = each.slots
                if (found.scan, found.post, found.position) == wanted and not found.way and not found.subitem:
                    return each
        return None

    def _vessel_of(self, meaning: Meaning) -> list[Meaning]:
        """The angiographies that are said by this part: MRA of 头颅 is 颅内动脉."""
        found = []
        for row in self._lexicon.vessels:
            if row.region != meaning.slots.part or row.certainty or meaning.slots.family not in row.modality.split("/"):
                continue
            short = {"A": "动脉血管成像(MRA)", "V": "静脉血管成像(MRV)"}[row.kind]
            found += [each for each in self._by_part["MR", "", row.element] if each.slots.scan == short]
        return found

    def _mod_once(self, chance: random.Random, drawn: list[Words]) -> list[Words]:
        """The modality's word with each exam, or with the first or the last only."""
        if chance.random() >= self._shapes.several.same_words:
            return [words.changed(mod="") for words in drawn] if chance.random() < 0.3 else drawn
        keep = 0 if chance.random() < 0.6 else len(drawn) - 1
        return [words if at == keep else words.changed(mod="") for at, words in enumerate(drawn)]

    def _joint(self, chance: random.Random, texts: Sequence[str]) -> str:
        """What stands between; never nothing between words that would run together."""
        joint = self._shapes.orders.joints.pick(chance)
        if not joint and any(text[:1].isascii() or text[-1:].isascii() for text in texts):
            return "+"
        return joint or ("" if chance.random() < 0.4 else "+")


def _with_mod(words: Words) -> Words:
    """The exam with a word for its modality."""
    if words.mod:
        return words
    return words.changed(mod={"XR": "DR"}.get(words.wording.family, words.wording.family))
