"""In which ways an item may be meant: which elements are said for it, by the conventions that the rules tables hold.

    CT颅内动脉血管成像(CTA)   ->   part 颅内动脉, scan CTA | region 颅脑, scan CTA | region 颅脑, scan 血管成像 | …
    DR骨盆正位                ->   part 骨盆, position 正位 | part 骨盆, no position (it has only one)

A wording names elements, not words; the words are drawn later (exam.py). All of it follows from standard/data/rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from standard import Catalogue, Item
from standard.item_slots import ItemSlots, item_slots
from standard.lexicon import Lexicon
from standard.lexicon_rows import GroupRow
from training.shapes import Shapes

UNSPECIFIED = "非指定部位"
USUAL_VIEWS = ("正、侧位", "正、斜位", "正位")  # of a film that names none, the usual one first
RANDOM_VIEW = "随机位"
SHORT = 3  # characters of a part that an idiom says once more
PLAIN_OR_CONTRAST = ("平扫", "增强", "平扫+增强")
STYLES = {"RF": "RF", "MG": "MG", "PET/CT": "NM", "PET/MR": "NM", "SPECT": "NM", "DR": "XR"}


@dataclass(frozen=True, slots=True)
class Wording:
    """The elements that are said for an item. `text`: said as it is, in place of a part (an idiom)."""

    code: str
    family: str
    style: str  # which orders it has: a family, RF or MG
    word: str  # the lexicon's element of the modality's word
    side: str = ""
    part: str = ""
    scan: str = ""
    post: str = ""
    position: str = ""
    views: tuple[str, ...] = ()  # single views said one after the other, in place of the position
    way: str = ""
    subitem: str = ""
    members: GroupRow | None = None
    text: str = ""
    unsided: bool = False  # the side need not be said: the edition has both sides only
    plain: bool = True  # every element is said for itself: fit for names of several exams

    @property
    def words_of(self) -> str:
        """The family whose forms its words are: those of the breast are of MG."""
        return "MG" if self.style == "MG" else self.family


@dataclass(frozen=True, slots=True)
class Meaning:
    """An item with its wordings and how often each is drawn."""

    item: Item
    slots: ItemSlots
    wordings: tuple[tuple[float, Wording], ...]


def views_of(position: str, lexicon: Lexicon) -> tuple[str, ...]:
    """The single views of a position, without 位: 正、侧位 is 正 and 侧; one of its own is itself."""
    for row in lexicon.position_atoms:
        if row.position == position:
            return tuple(row.atoms.split(";"))
    return tuple(view.removesuffix("位") for view in position.split("、"))


class Wordings:
    """The wordings of every item of a catalogue that the lexicon has words for; compiled once."""

    def __init__(self, catalogue: Catalogue, lexicon: Lexicon, shapes: Shapes) -> None:
        self._lexicon, self._shapes = lexicon, shapes
        known = [(item, self._slots(item)) for item in catalogue.items.values()]
        self.slots = {item.code: slots for item, slots in known if slots is not None}
        self.codes: dict[tuple[str, str, str, str, str, str, str, str], str] = {}
        self.sides: dict[tuple[str, str], set[str]] = defaultdict(set)  # (style, part) -> sides that it has
        self.scans: dict[tuple[str, str], set[str]] = defaultdict(set)  # (style, part) -> scans
        self.positions: dict[tuple[str, str], set[str]] = defaultdict(set)  # (style, part) -> positions
        self._offered: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)  # -> scans with post-processing
        for code, slots in self.slots.items():
            style = self.style(catalogue.items[code])
            self.codes.setdefault(self._key(style, slots), code)
            self.sides[style, slots.part].add(slots.side)
            self.scans[style, slots.part].add(slots.scan)
            self.positions[style, slots.part].add(slots.position)
            self._offered[style, slots.part].add((slots.scan, slots.post))
        self._short_parts: dict[str, list[str]] = defaultdict(list)  # of films
        for form in lexicon.of("part"):
            if len(form.surface) <= SHORT and (not form.modality or "XR" in form.modality) and not form.certainty:
                self._short_parts[form.element].append(form.surface)
        self._nuclear = {form.element for form in lexicon.of("part") if not form.modality or "NM" in form.modality}
        self._parts_of: dict[str, set[str]] = defaultdict(set)  # of each sub-item
        for slots in self.slots.values():
            self._parts_of[slots.subitem].add(slots.part)
        # analyses that have an item without any scan: said alone it is that one
        self.alone = {slots.post for slots in self.slots.values() if slots.post and not slots.scan}
        self.alone -= {row.post for row in lexicon.inherent}
        self.functional = self._functional_parts()
        self.meanings = [self._meaning(item, slots) for item, slots in known if slots is not None]

    def _slots(self, item: Item) -> ItemSlots | None:
        """The item's elements; the breast is of the family XR here, and its style is MG."""
        slots = item_slots(item, self._lexicon)
        return replace(slots, family="XR") if slots is not None and slots.family == "MG" else slots

    @staticmethod
    def style(item: Item) -> str:
        """Which orders an item's names have."""
        return STYLES.get(item.modality, item.modality)

    @staticmethod
    def _key(style: str, slots: ItemSlots) -> tuple[str, str, str, str, str, str, str, str]:
        place = (slots.side, slots.part, slots.scan, slots.post)
        return (style, *place, slots.position, slots.way, slots.subitem)

    def code_of(
        self, style: str, side: str, part: str, scan: str = "", post: str = "", position: str = ""
    ) -> str | None:
        """The item of these elements, with no way and no sub-item; None where there is none."""
        return self.codes.get((style, side, part, scan, post, position, "", ""))

    # -- parts -----------------------------------------------------------------------------------------------------

    def _meaning(self, item: Item, slots: ItemSlots) -> Meaning:
        style = self.style(item)
        word = item.modality if style == "NM" else {"DR": "XR"}.get(item.modality, item.modality)
        if slots.word == "移动DR":
            word = "移动DR"
        own = Wording(
            item.code,
            slots.family,
            style,
            word,
            slots.side,
            "" if slots.part == UNSPECIFIED else slots.part,
            slots.scan,
            slots.post,
            slots.position,
            way=slots.way,
            subitem=slots.subitem,
            unsided=slots.side == "双"
            and (self.sides[style, slots.part] == {"双"} or slots.part in self._shapes.both.get(style, ())),
        )
        if self.codes[self._key(style, slots)] != item.code:  # told apart by an element that no word of ours says
            return Meaning(item, slots, ((10.0, replace(own, text=item.name, part="", scan="")),))
        found: list[tuple[float, Wording]] = [(10.0, own)]
        if own.subitem and len(self._parts_of[own.subitem]) == 1:  # 残余尿测定: the part goes without saying
            found.append((8.0, replace(own, part="", plain=False)))
        bare = item.name.removeprefix(item.modality)
        if style == "NM" and bare in self._nuclear:  # the lexicon's part of nuclear medicine is the whole study
            found = [(2.0, own), (10.0, replace(own, part=bare, scan="", way="", subitem=""))]
        found += self._of_scan(own, slots)
        found += self._of_position(own, slots)
        found += self._of_vessel(own, slots)
        found += self._fallen_back(own, slots)
        if own.word == "移动DR":  # whatever the view
            found += [(3.0, replace(own, position=view)) for view in self._shapes.bedside.views.get(own.part, ())]
            found += [(8.0, replace(own, part="", text=text)) for text in self._shapes.bedside.texts.get(own.part, ())]
        if not own.part and own.position == RANDOM_VIEW:  # a film of whatever: the modality's word alone
            found.append((20.0, replace(own, position="", plain=False)))
        if not own.part and not own.post:
            lacking = self.functional.get((style, slots.scan), ())
            found += [(0.4, replace(own, part=part, plain=False)) for part in lacking]
        found += [(4.0, replace(own, members=row, plain=False)) for row in self.groups(own)]
        found += [(1.5, wording) for wording in self._idioms(own)]
        return Meaning(item, slots, tuple(found))

    def _functional_parts(self) -> dict[tuple[str, str], list[str]]:
        """Of each functional scan that the edition has of no named part too: the common parts that lack it. Said of one
        of these it is that item (the labelling guide: 弥散, 灌注, 波谱 of a part that has none)."""
        lexicon = self._lexicon
        usual = [part for tier in self._shapes.usual_parts for part in tier.parts]
        vessels = {row.element for row in lexicon.vessels}
        known = {"", *PLAIN_OR_CONTRAST}
        known.update(kind for row in lexicon.angiographies for kind in (row.scan, row.by_kind_A, row.by_kind_V))
        found: dict[tuple[str, str], list[str]] = {}
        for style in ("CT", "MR"):
            fallen = {row.scan for row in lexicon.fallbacks if style in row.modality.split("/")}
            offered = {part: self.scans[style, part] for part in usual if part not in vessels}
            for scan in sorted(self.scans[style, UNSPECIFIED] - known - fallen):
                found[style, scan] = [part for part, its in offered.items() if "平扫" in its and scan not in its]
        return found

    def _of_scan(self, own: Wording, slots: ItemSlots) -> Iterator[tuple[float, Wording]]:
        """A scan or analysis that says the part by itself: MRCP, 钙化积分."""
        for row in self._lexicon.one_parts:
            if row.part == slots.part and row.element in (slots.scan, slots.post) and own.family in row.modality:
                yield 4.0, replace(own, part="", plain=False)
        if slots.scan == "平扫" and slots.post and slots.post not in self.alone:  # 三维重建 alone is 平扫+三维重建
            yield 6.0, replace(own, scan="")

    def _of_position(self, own: Wording, slots: ItemSlots) -> Iterator[tuple[float, Wording]]:
        if own.style != "XR" or not slots.position:
            return
        lexicon = self._lexicon
        views = views_of(slots.position, lexicon)
        if len(views) > 1 and ("、" in slots.position or slots.position == "立卧位"):
            yield 8.0, replace(own, views=tuple(f"{view}位" for view in views))
        for counted in self._shapes.counted.get(slots.position, ()):  # 四位: the views by their number
            yield 2.0, replace(own, position=counted, plain=True)
        offered = self.positions["XR", slots.part]
        kept = {home.position for home in lexicon.position_homes if home.part == slots.part}
        for row in lexicon.position_fallbacks:
            if row.position in kept:
                continue
            if row.part in (slots.part, "*") and row.to_position == slots.position and row.position not in offered:
                said = tuple(row.position.split(";"))
                weight = 1.0 if row.certainty else 2.5
                yield weight, replace(own, position=said[0], views=said if len(said) > 1 else (), plain=False)
        for home in lexicon.position_homes:
            if home.to_part == slots.part and home.position == slots.position and home.to_side in ("=", slots.side):
                side = "" if home.to_side != "=" else slots.side
                yield 4.0, replace(own, part=home.part, side=side, plain=False)
        if self._default_view(slots.part) == slots.position:
            share = self._shapes.share.of_one.unsaid_position
            certain = len(offered) == 1 or any(row.part == slots.part for row in lexicon.position_defaults)
            yield 10.0 * (5 * share if certain else share), replace(own, position="", plain=False)
        for view in views if len(views) > 1 else ():  # a single view where the edition has only the joint one
            if not any(view in views_of(other, lexicon) for other in offered if other != slots.position):
                yield 0.5, replace(own, position=f"{view}位", plain=False)

    def _default_view(self, part: str) -> str:
        """The position that a film of this part has when none is said."""
        for row in self._lexicon.position_defaults:
            if row.part == part:
                return row.position
        offered = self.positions["XR", part]
        if len(offered) == 1:
            return next(iter(offered))
        return next((view for view in USUAL_VIEWS if view in offered), "")

    def _of_vessel(self, own: Wording, slots: ItemSlots) -> Iterator[tuple[float, Wording]]:
        """A vessel part by its own words with other words for the scan; and by the region that is imaged."""
        rows = [row for row in self._lexicon.angiographies if row.modality == own.family]
        kinds = [
            (row, kind)
            for row in rows
            for kind, scan in (("A", row.by_kind_A), ("V", row.by_kind_V))
            if scan and scan == slots.scan and kind in (row.kind, "A", "V")
        ]
        for row, _ in kinds:
            if row.scan != slots.scan:
                yield 3.0, replace(own, scan=row.scan)
        for region in self._lexicon.vessels:
            if region.element != slots.part or own.family not in region.modality.split("/"):
                continue
            for row, kind in kinds:
                if kind != region.kind or row.kind not in ("?", kind) or (row.kind == "?" and kind == "V"):
                    continue
                weight = (1.0 if region.certainty else 4.0) * (0.4 if row.kind == "?" else 1.0)
                yield weight, replace(own, part=region.region, scan=row.scan, plain=False)
                for idiom in self._lexicon.idioms:  # 颈部血管: the region's vessels, artery or vein not said
                    if idiom.slots == f"part={region.region};vessel=?" and own.family in idiom.modality.split("/"):
                        yield weight / 4, replace(own, part="", text=idiom.surface, scan=row.scan, plain=False)

    def _fallen_back(self, own: Wording, slots: ItemSlots) -> Iterator[tuple[float, Wording]]:
        """Parts and scans that the edition lacks and that are sought here."""
        for row in self._lexicon.fallbacks:
            if own.family not in row.modality.split("/"):
                continue
            to_part = row.part if row.to_part == "=" else row.to_part
            to_scan = row.scan if row.to_scan == "=" else row.to_scan
            if to_part not in ("*", slots.part) or to_scan not in ("*", slots.scan):
                continue
            part = slots.part if row.part == "*" else row.part
            scan = slots.scan if row.scan == "*" else row.scan
            if (scan, slots.post) in self._offered[own.style, part] or (part, scan) == (slots.part, slots.scan):
                continue
            said = "" if own.style == "US" and scan == "常规" else scan
            yield (1.0 if row.certainty else 4.0), replace(own, part=part, scan=said or slots.scan, plain=False)

    def groups(self, own: Wording) -> list[GroupRow]:
        """The rows of groups that make this part."""
        return [
            row
            for row in self._lexicon.groups
            if row.element == own.part and own.family in row.modality.split("/") and own.style not in ("RF", "MG")
        ]

    def _idioms(self, own: Wording) -> Iterator[Wording]:
        """Forms that say several slots at once, where they say what the item is."""
        mine = {"part": own.part or UNSPECIFIED, "side": own.side, "scan": own.scan, "post": own.post}
        mine |= {"position": own.position, "way": own.way, "subitem": own.subitem}
        for row in self._lexicon.idioms:
            if row.modality and own.family not in row.modality.split("/"):
                continue
            said: Mapping[str, str] = dict(each.split("=", 1) for each in row.slots.split(";"))
            if "part" not in said or not self._says(said, mine, own):
                continue
            chest = own.style == "XR" and own.position == "正位"  # 胸片 is 胸部正位
            texts = [row.surface]
            if own.side and "side" in said:  # what the idiom says, said once more: 左手腕骨龄
                texts += [f"{own.side}{part}{row.surface}" for part in self._short_parts[own.part]]
            idiom = replace(
                own,
                part="",
                side="" if "side" in said else own.side,
                scan="" if "scan" in said else own.scan,
                post="" if "post" in said else own.post,
                position="" if "position" in said or chest else own.position,
                way="" if "way" in said else own.way,
                subitem="" if "subitem" in said else own.subitem,
                plain=False,
            )
            yield from (replace(idiom, text=text) for text in texts)

    def _says(self, said: Mapping[str, str], mine: Mapping[str, str], own: Wording) -> bool:
        for slot, element in said.items():
            if slot in ("modality", "vessel"):
                if slot == "vessel":
                    return False
                continue
            if mine.get(slot) != element:
                angiography = slot == "scan" and any(
                    row.scan == element and row.modality == own.family and mine["scan"] in (row.by_kind_A,)
                    for row in self._lexicon.angiographies
                )
                if not angiography:
                    return False
        return True


def sided_only(sides: Mapping[tuple[str, str], set[str]], both: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """The (style, part) that the edition has only with a side, and that no convention takes for both."""
    return sorted(
        key
        for key, found in sides.items()
        if "" not in found and ("左" in found or "右" in found) and key[1] not in both.get(key[0], ())
    )
