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
from training.bundles import SIDES, Bundles
from training.exam import OTHER_PARTS, ExamWriter, Words, compose
from training.forms import Forms
from training.joined import CLEAR_ORDERS, Made, by_part, joint_of, mixed
from training.noise import Noise
from training.part_scans import PartScans
from training.part_views import PartViews
from training.shapes import Shapes, Weighted
from training.wordings import UNSPECIFIED, Meaning, Wording, Wordings

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
        self._noise = noise
        self._near: dict[tuple[str, str], set[str]] = defaultdict(set)
        for row in lexicon.groups:
            everything = {*row.members.split(";"), row.element}
            for family in row.modality.split("/"):
                for part in everything:
                    self._near[family, part] |= everything
        self._headed: dict[tuple[str, str], set[str]] = defaultdict(set)  # a heading and the parts under it
        for containment in lexicon.containments:
            for family in containment.modality.split("/"):
                for part in containment.members.split(";"):
                    self._near[family, part].add(containment.whole)
                    self._near[family, containment.whole].add(part)
        under: dict[tuple[str, str], set[str]] = defaultdict(set)  # the headings of a part
        for heading in lexicon.headings:
            for family in heading.modality.split("/"):
                for part in heading.members.split(";"):
                    self._headed[family, part].add(heading.heading)
                    self._headed[family, heading.heading].add(part)
                    under[family, part].add(heading.heading)
        self._under = {key: frozenset(headings) for key, headings in under.items()}
        self._vessel_parts = {row.element for row in lexicon.vessels}
        self._by_part = by_part(wordings)
        self._joint_parts = [
            (family, element)
            for family in ("CT", "MR", "XR", "US")
            for element in forms.elements("part", family)
            if ";" in element
        ]
        self._bundles = Bundles(self._by_part)
        self._part_scans = PartScans(lexicon, shapes, wordings, writer, self._by_part)
        self._part_views = PartViews(lexicon, shapes, writer, forms, self._by_part)
        self._scans, self._views = self._part_scans.make, self._part_views.make
        self._forms, self._meaning_of = forms, {each.item.code: each for each in wordings.meanings}

    def make(self, chance: random.Random) -> Made | None:
        """A name of several exams; None where the drawn ones do not go together."""
        mode = self._shapes.several.modes.pick(chance)
        made: Callable[[random.Random], Made | None] = getattr(self, f"_{mode}")
        return made(chance)

    # -- modes -----------------------------------------------------------------------------------------------------

    def _independent(self, chance: random.Random) -> Made | None:
        """Exams that have nothing to do with each other, each in its own words."""
        count = self._shapes.several.exams.pick(chance)
        meanings = self._drawn(chance, count, chance.random() >= self._shapes.several.other_family)
        return None if meanings is None else self._each_in_its_words(chance, meanings)

    def _bundle(self, chance: random.Random) -> Made | None:
        """Exams that are ordered together day by day: each in its own words, or the parts of one scan."""
        meanings = self._bundles.draw(chance)
        if meanings is None:
            return None
        first, style = meanings[0].slots, self._wordings.style(meanings[0].item)
        if chance.random() < 0.7:
            places = {(each.slots.family, each.slots.side, each.slots.part) for each in meanings}
            if style in ("CT", "MR") and self._part_scans.fits(meanings[0], meanings):
                return self._part_scans.told(chance, style, meanings[0], meanings)
            if style == "XR" and len(places) == 1:
                return self._part_views.told(chance, meanings)
        alike = all(
            (each.slots.family, each.slots.scan, each.slots.post, each.slots.position, each.slots.subitem)
            == (first.family, first.scan, first.post, first.position, "")
            for each in meanings
        )
        if alike and chance.random() < 0.6 and not any(each.slots.part in self._vessel_parts for each in meanings):
            return self._of_parts(chance, meanings)
        return self._each_in_its_words(chance, meanings)

    def _each_in_its_words(self, chance: random.Random, meanings: Sequence[Meaning]) -> Made:
        drawn = [self._writer.words(chance, self._plain(chance, each, idioms=True)) for each in meanings]
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
        joint = joint_of(chance, self._shapes, texts)
        family = next(iter(families)) if len(families) == 1 else ""
        implied = frozenset.union(*(words.implied for words in drawn)) if family else frozenset({family})
        if family and not any(words.mod for words in drawn):
            implied = frozenset.intersection(*(words.implied for words in drawn)) or implied
        said = frozenset({family}) if any(words.mod for words in drawn) and family else implied
        return mixed(chance, self._shapes, joint, texts), tuple(codes), family, said

    def _other_part(self, words: Words, codes: list[str]) -> str:
        """The item of no named part with the scan of an exam, where it has one and is not among the codes."""
        wording = words.wording
        if wording.style not in ("CT", "MR") or not words.scan:
            return ""
        code = self._wordings.code_of(wording.style, "", UNSPECIFIED, wording.scan, wording.post) or ""
        return "" if code in codes[:-1] else code

    def _scans_beside(self, chance: random.Random) -> Made | None:
        """Several scans of one part, then exams of other parts, each in its own words: 颅脑MR平扫+DWI_颈椎MR平扫."""
        made = self._scans(chance)
        if made is None:
            return None
        text, codes, family, _ = made
        meanings = [self._meaning_of[code] for code in codes]
        wanted = 1 if chance.random() < 0.7 else 2
        for _ in range(12):
            other = self._draw(chance, family)
            if all(self._apart(each, other) for each in meanings):
                meanings.append(other)
            if len(meanings) == len(codes) + wanted:
                break
        else:
            return None
        texts = [text]
        for each in meanings[len(codes) :]:
            words = _with_mod(self._writer.words(chance, self._plain(chance, each)))
            words = words.changed(scan=words.scan or words.wording.scan)
            texts.append(self._writer.write(chance, words, CLEAR_ORDERS.pick(chance)))
        if chance.random() < self._shapes.several.noise_each:
            texts = [self._noise.one(chance, each, family) for each in texts]
        joint = joint_of(chance, self._shapes, texts) or "_"
        return joint.join(texts), tuple(each.item.code for each in meanings), family, frozenset({family})

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
        return self._of_parts(chance, meanings) if len(meanings) > 1 else None

    def _of_parts(self, chance: random.Random, meanings: Sequence[Meaning]) -> Made:
        """The parts of one scan or view, said one after the other."""
        slots = meanings[0].slots
        shared_side = slots.side if slots.side and all(each.slots.side == slots.side for each in meanings) else ""
        factored = bool(shared_side) and chance.random() < 0.4
        words = [
            self._writer.words(chance, self._plain(chance, each), "" if factored and at else None)
            for at, each in enumerate(meanings)
        ]
        bodies = [self._writer.body(chance, each) for each in words]
        if factored:
            bodies = [f"{words[0].side or shared_side}{words[0].part}", *(each.part for each in words[1:])]
        joint = self._shapes.orders.members.pick(chance)
        if not joint and any(each[:1].isascii() or each[-1:].isascii() for each in bodies):
            joint = "、"
        lead = words[0]
        scan = self._writer.scan_text(chance, lead)
        mod = lead.mod if chance.random() < 0.7 else ""
        order = PARTS_ORDERS.pick(chance)
        heading = self._heading(chance, meanings)
        listed = f"{heading}({joint.join(bodies)})" if heading else joint.join(bodies)
        text = compose(
            "{bodies}{mod}{scan}{position}" if heading else order,
            bodies=listed,
            mod=mod,
            scan=scan,
            position=lead.position,
        )
        said = frozenset({slots.family}) if mod else lead.implied
        return text, tuple(each.item.code for each in meanings), slots.family, said

    def _heading(self, chance: random.Random, meanings: Sequence[Meaning]) -> str:
        """A word under which a price list files all these parts, now and then: 腹部(肝胆胰脾肾); "" for none."""
        family = meanings[0].slots.family
        if family != "US" or chance.random() >= self._shapes.several.headed:  # elsewhere the heading is the exam
            return ""
        under = [self._under.get((family, each.slots.part), frozenset()) for each in meanings]
        shared = sorted(frozenset.intersection(*under))
        return self._forms.pick(chance, "part", chance.choice(shared), family) if shared else ""

    def _joined(self, chance: random.Random) -> Made | None:
        """A word for several parts: 颈胸腰椎CT平扫."""
        family = "US" if chance.random() < 0.4 else chance.choice(["CT", "MR", "XR"])
        element = chance.choice([element for of, element in self._joint_parts if of == family])
        like, side = self._draw(chance, family), chance.choice(SIDES)
        found = [self._same_part(family, like, part, side) for part in element.split(";")]
        if any(each is None for each in found):
            return None
        meanings = [each for each in found if each is not None]
        sided = next((each for each in meanings if each.slots.side), None)  # then it is said, for all of them
        wording = replace((sided or meanings[0]).wordings[0][1], part=element)
        words = self._writer.words(chance, wording, None if sided else "")
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

    def _clear_order(self, chance: random.Random, words: Words) -> str:
        """An order in which the words of one exam stay together beside another one."""
        if words.wording.style not in ("CT", "MR") or chance.random() < 0.06:
            return self._writer.order(chance, words)
        return CLEAR_ORDERS.pick(chance)

    def _plain(self, chance: random.Random, meaning: Meaning, idioms: bool = False) -> Wording:
        """One of the wordings that say every element for itself; with `idioms`, or all of them at once (胸片)."""
        plain = [(weight, each) for weight, each in meaning.wordings if each.plain or (idioms and each.text)]
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
        if second.part in self._near[first.family, first.part]:
            return False
        # 骨盆正位+髋关节蛙式位: with a view each, they are two
        clear = first.family == "XR" and first.position and second.position
        return bool(clear) or second.part not in self._headed[first.family, first.part]

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

    def _same_part(self, family: str, like: Meaning, part: str, side: str) -> Meaning | None:
        """The item of a part with no side, or this one, with the scan and position of another item."""
        wanted = (like.slots.scan, like.slots.post, like.slots.position)
        for each_side in ("", side):
            for each in self._by_part.get((family, each_side, part), ()):
                found = each.slots
                if (found.scan, found.post, found.position) == wanted and not found.way and not found.subitem:
                    return each
        return None

    def _mod_once(self, chance: random.Random, drawn: list[Words]) -> list[Words]:
        """The modality's word with each exam, or with the first or the last only."""
        if chance.random() >= self._shapes.several.same_words:
            return [words.changed(mod="") for words in drawn] if chance.random() < 0.3 else drawn
        keep = 0 if chance.random() < 0.6 else len(drawn) - 1
        return [words if at == keep else words.changed(mod="") for at, words in enumerate(drawn)]


def _with_mod(words: Words) -> Words:
    """The exam with a word for its modality."""
    if words.mod:
        return words
    return words.changed(mod={"XR": "DR"}.get(words.wording.family, words.wording.family))
