"""A code as slots: one is changed, the coder derives the code anew, and it is said whether the edition has it.

    code ──▶ Wanted (modality, slots) ──(slot, value)──▶ Wanted ──▶ Edited: code, fields, in the edition or not, nearest

The side of a part is a slot of its own here, though the code holds it in the part: 左膝关节 is 膝关节 on the left. The
levels above a part follow from it, and what a layout holds constant cannot be edited. A part that was read without its
side is wanted as its stem until a side is chosen: the fields that its sides share are there. Where the edition has no
such item, the nearest items say which value of this slot, or of one other, would make it exist.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from agent.reading import Exam
from standard import Catalogue, Edition, Element, Item, decode, encode
from standard.errors import CodeError, InputError
from standard.item_slots import split_side
from standard.layout import Layout, LayoutField
from standard.lexicon import Lexicon, load_lexicon

NEAREST = 8
CLOSE = 2  # slots in which an item may differ to be told; more where none is closer
SIDE = "side"
STEM = "stem"  # of Wanted.slots: the name of a part whose side is open; never beside a part
UNSAID = "？"
SIDES = ("左", "右", "双", "")  # in the order that they are offered in
SIDE_LABEL = ("左右", "side")
FAMILY_DEVICE = {"XR": "DR", "NM": "SPECT"}  # the modality that a family of several stands for first


class Wanted(NamedTuple):
    """What a code should say: full codes of elements by slot; constants and the levels above a part left out.

    Where the edition has the part on sides only and the side is open: "stem", the name of the part without a side."""

    modality: str
    slots: Mapping[str, str]


class Shown(NamedTuple):
    """A slot as the screen shows it. `editable`: has values to choose from."""

    slot: str
    label_zh: str
    label_en: str
    code: str
    characters: str
    name: str
    editable: bool


class Near(NamedTuple):
    """An item close to what is wanted, and what would have to change: slot, code and name of each value."""

    code: str
    name: str
    changes: tuple[tuple[str, str, str], ...]


class Choice(NamedTuple):
    """A value of a slot. `listed`: with the other slots as they are, the edition has an item of it."""

    code: str
    name: str
    listed: bool


@dataclass(frozen=True, slots=True)
class Edited:
    """What came of an edit. `code` is empty where a slot is missing; `listed`: the edition has the item.

    `dropped`: slots whose value the new modality does not have. `problem`: why there is no code, in both languages."""

    wanted: Wanted
    code: str
    name: str
    listed: bool
    shown: tuple[Shown, ...]
    near: tuple[Near, ...] = ()
    dropped: tuple[str, ...] = ()
    problem: tuple[str, str] = ("", "")


class Editor:
    """Compiled once for a catalogue; all methods are pure. Unknown slots, values and modalities raise InputError."""

    def __init__(self, catalogue: Catalogue, lexicon: Lexicon | None = None) -> None:
        self.catalogue = catalogue
        self._lexicon = lexicon or load_lexicon()
        self._items: dict[str, list[tuple[Mapping[str, str], Item]]] = defaultdict(list)
        self._keys: dict[tuple[str, tuple[str, ...]], str] = {}
        self._sides: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        self._stems: dict[tuple[str, str], tuple[str, str]] = {}
        for edition in catalogue.editions:
            for modality in edition.modalities:
                self._compile(edition, modality)

    def _compile(self, edition: Edition, modality: str) -> None:
        """Items by their slots, parts by stem and side."""
        layout = edition.layout(modality)
        assert layout is not None
        part = part_slot(layout)
        for element in edition.elements(part, modality):
            side, stem = split_side(element.name, modality, self._lexicon)
            self._stems[modality, element.code] = (stem, side)
            self._sides[modality, stem, side].append(element.code)
        slots = [each.slot for each in editable(layout)]
        for item in edition.items.values():
            if item.modality == modality:
                own = {slot: item.slots[slot] for slot in slots}
                self._items[modality].append((own, item))
                self._keys[self._key(edition, modality, own)] = item.code

    # -- from a code or a reading to slots ---------------------------------------------------------------------------

    def taken_apart(self, code: str) -> Wanted:
        """The slots of a code. InputError for one that its edition cannot have."""
        try:
            found = decode(self.catalogue, code)
        except CodeError as error:
            raise InputError(error.zh, error.en) from error
        slots = found.slots
        return Wanted(found.modality, {each.slot: slots[each.slot] for each in editable(self._layout(found.modality))})

    def of_reading(self, exam: Exam) -> Wanted | None:
        """What an exam that was read says, as far as the edition has its words; None where not even a modality."""
        modality = FAMILY_DEVICE.get(exam.family, exam.family)
        edition = self.catalogue.edition_for(modality)
        if edition is None:
            return None
        slots: dict[str, str] = {}
        codes = self._sides.get((modality, exam.part, exam.side)) or self._sides.get((modality, exam.part, ""))
        if codes:
            slots[part_slot(self._layout(modality))] = codes[0]
        elif self._on_sides_only(modality, exam.part):
            slots[STEM] = exam.part
        words = [exam.scan, *exam.extra.replace(";", "+").split("+")]
        for each in editable(self._layout(modality)):
            named = {element.name: element.code for element in edition.elements(each.slot, modality)}
            found = next((named[word] for word in words if word in named), None)
            if found is not None and each.slot not in slots and each.slot != "device":
                slots[each.slot] = found
        return Wanted(modality, slots)

    # -- editing -----------------------------------------------------------------------------------------------------

    def change(self, wanted: Wanted, slot: str, value: str) -> Edited:
        """One slot changed. `value`: the code of an element, a side, an addition; "" for none."""
        wanted = self.checked(wanted)
        if slot == "device":
            return self._change_device(wanted, value)
        if slot == SIDE:
            return self._change_side(wanted, value)
        edition, layout = self._edition(wanted.modality), self._layout(wanted.modality)
        each = next((each for each in editable(layout) if each.slot == slot), None)
        if each is None:
            raise _no_slot(slot, wanted.modality)
        value = value or each.none or ""
        if value and value != each.none and each.kind == "element":
            self._element(edition, slot, wanted.modality, value)
        slots = {key: code for key, code in wanted.slots.items() if key != slot} | ({slot: value} if value else {})
        return self.edited(Wanted(wanted.modality, slots), slot)

    def edited(self, wanted: Wanted, slot: str = "", dropped: tuple[str, ...] = ()) -> Edited:
        """What is wanted as code and fields. `slot`: the one that was changed, which the nearest items keep."""
        wanted = self.checked(wanted)
        edition = self._edition(wanted.modality)
        if STEM in wanted.slots:
            stem, sides = wanted.slots[STEM], "、".join(self._other_sides(wanted))
            zh = f"标准中的{stem}分左右（{sides}）；请选左右，或取候选"
            en = f"the edition's {stem} is on sides ({sides}); choose one, or take a candidate"
            return Edited(wanted, "", "", False, self._shown(wanted), (), dropped, (zh, en))
        try:
            code = encode(edition, wanted.modality, dict(wanted.slots), listed=False)
            found = decode(self.catalogue, code)
        except CodeError as error:
            near = self._near(wanted, slot)
            return Edited(wanted, "", "", False, self._shown(wanted), near, dropped, (error.zh, error.en))
        listed = found.base is not None
        near = () if listed else self._near(wanted, slot)
        problem = ("", "") if listed else ("标准中没有这一组合", "the edition has no such item")
        slots = {each.slot: found.slots[each.slot] for each in editable(self._layout(wanted.modality))}
        wanted = Wanted(wanted.modality, slots)
        return Edited(wanted, code, found.name, listed, self._shown(wanted), near, dropped, problem)

    def choices(self, wanted: Wanted, slot: str) -> list[Choice]:
        """The values of a slot, those that make an item first, else in the order of the edition's table."""
        wanted = self.checked(wanted)
        edition, layout = self._edition(wanted.modality), self._layout(wanted.modality)
        if slot == SIDE:
            found = [
                Choice(side, side or "不分", self._listed(self._sided(wanted, side)))
                for side in self._other_sides(wanted)
            ]
        elif slot == "device":
            found = [
                Choice(each.code, each.name, self._listed(self._on_device(wanted, each)[0]))
                for edition in self.catalogue.editions
                for each in edition.devices.values()
            ]
        else:
            each = next((each for each in editable(layout) if each.slot == slot), None)
            if each is None:
                raise _no_slot(slot, wanted.modality)
            values = [(element.code, element.name) for element in edition.elements(slot, wanted.modality)]
            if each.none is not None and all(code != each.none for code, _ in values):
                values.insert(0, (each.none, each.none_zh or "无"))
            found = [Choice(code, name, self._listed(_with(wanted, slot, code))) for code, name in values]
        return sorted(found, key=lambda choice: not choice.listed)

    def split(self, wanted: Wanted) -> list[Edited]:
        """One exam as two: both sides as left and right, scans joined by `+` as the single ones; else twice the same.

        Only into items that the edition has."""
        wanted = self.checked(wanted)
        pieces: list[Wanted | None] = []
        if self.side_of(wanted) == "双":
            pieces = [self._sided(wanted, "左"), self._sided(wanted, "右")]
        else:
            edition = self._edition(wanted.modality)
            scan = edition.element("scan", wanted.modality, wanted.slots.get("scan", ""))
            named = {each.name: each.code for each in edition.elements("scan", wanted.modality)}
            single = [named.get(name) for name in (scan.name.split("+") if scan is not None else ())]
            pieces = [None if code is None else _with(wanted, "scan", code) for code in single]
        if len(pieces) < 2 or not all(map(self._listed, pieces)):
            pieces = [wanted, wanted]
        return [self.edited(each) for each in pieces if each is not None]

    def neighbours(self, code: str) -> list[tuple[str, str]]:
        """The items that differ from a code in exactly one slot: the slot and the item's code, in order."""
        wanted = self.taken_apart(code)
        edition, layout = self._edition(wanted.modality), self._layout(wanted.modality)
        own = self._standard(edition, layout, wanted)
        found = []
        for slots, item in self._items[wanted.modality]:
            differ = [slot for slot in slots if slots[slot] != own.get(slot)]
            if len(differ) == 1:
                found.append((differ[0], item.code))
        return sorted(found)

    def checked(self, wanted: Wanted) -> Wanted:
        """The same with every slot and value known to the edition; InputError names what is not."""
        edition, layout = self._edition(wanted.modality), self._layout(wanted.modality)
        known = {each.slot: each for each in editable(layout)}
        stem = "" if wanted.slots.get(part_slot(layout)) else wanted.slots.get(STEM, "")
        if stem and not self._on_sides_only(wanted.modality, stem):
            raise _no_slot(f"{STEM} {stem}", wanted.modality)
        kept = {STEM: stem} if stem else {}
        for slot, code in wanted.slots.items():
            if slot == STEM:
                continue
            if slot not in known:
                raise _no_slot(slot, wanted.modality)
            if code and code != known[slot].none and known[slot].kind == "element":
                self._element(edition, slot, wanted.modality, code)
            if code:
                kept[slot] = code
        return Wanted(wanted.modality, kept)

    # -- side and device ---------------------------------------------------------------------------------------------

    def side_of(self, wanted: Wanted) -> str:
        """The side of the part; "" for none."""
        return self._part(wanted)[2]

    def _part(self, wanted: Wanted) -> tuple[str, str, str]:
        """Code, stem and side of the part; empty where it is missing, all but the stem where the side is open."""
        code = wanted.slots.get(part_slot(self._layout(wanted.modality)), "")
        stem, side = self._stems.get((wanted.modality, code), (wanted.slots.get(STEM, ""), ""))
        return code, stem, side

    def _other_sides(self, wanted: Wanted) -> list[str]:
        return self._sides_of(wanted.modality, self._part(wanted)[1])

    def _sides_of(self, modality: str, stem: str) -> list[str]:
        return [side for side in SIDES if stem and self._sides.get((modality, stem, side))]

    def _on_sides_only(self, modality: str, stem: str) -> bool:
        known = self._sides_of(modality, stem)
        return bool(known) and "" not in known

    def _sided(self, wanted: Wanted, side: str) -> Wanted | None:
        """The same on another side; None where the edition has no such part."""
        code, stem, own = self._part(wanted)
        if side == own and code:
            return wanted
        codes = self._sides.get((wanted.modality, stem, side)) if stem else None
        if not codes:
            return None
        best = min(codes, key=lambda each: (-_common(each, code), codes.index(each)))
        return _with(wanted, part_slot(self._layout(wanted.modality)), best)

    def _change_side(self, wanted: Wanted, side: str) -> Edited:
        changed = self._sided(wanted, side)
        if changed is None:
            _, stem, _ = self._part(wanted)
            raise InputError(
                f"{stem or '（没有部位）'}没有{side or '不分左右'}的部位；请另选部位",
                f"there is no part {stem or '-'} on the side {side or 'none'}; choose another part",
            )
        return self.edited(changed, part_slot(self._layout(wanted.modality)))

    def _change_device(self, wanted: Wanted, device: str) -> Edited:
        for edition in self.catalogue.editions:
            if device in edition.devices:
                changed, dropped = self._on_device(wanted, edition.devices[device])
                return self.edited(changed, "device", dropped)
        raise InputError(f"没有设备类型 {device!r}", f"there is no device {device!r}")

    def _on_device(self, wanted: Wanted, device: Element) -> tuple[Wanted, tuple[str, ...]]:
        """The same exam on another device: elements by name where its modality is another one."""
        modality = device.modalities[0]
        if modality == wanted.modality:
            return _with(wanted, "device", device.code), ()
        old, new = self._edition(wanted.modality), self._edition(modality)
        named = {
            slot: element.name
            for slot, code in wanted.slots.items()
            if slot != "device" and (element := old.element(slot, wanted.modality, code)) is not None
        }
        parts = part_slot(self._layout(wanted.modality)), part_slot(self._layout(modality))
        slots = {"device": device.code}
        stem = wanted.slots.get(STEM, "")
        if self._on_sides_only(modality, stem):
            slots[STEM] = stem
        elif stem:
            named[parts[0]] = stem
        for each in editable(self._layout(modality)):
            name = named.pop(parts[0] if each.slot == parts[1] else each.slot, None)
            if name is None or each.kind != "element" or each.slot == "device":
                continue
            old_code = wanted.slots.get(each.slot, "")
            same = [element.code for element in new.elements(each.slot, modality) if element.name == name]
            if same:
                slots[each.slot] = min(same, key=lambda code: (-_common(code, old_code), code))
            else:
                named[each.slot] = name
        return Wanted(modality, slots), tuple(named)

    # -- parts -------------------------------------------------------------------------------------------------------

    def _near(self, wanted: Wanted, slot: str) -> tuple[Near, ...]:
        """The items that differ from what is wanted in the fewest slots; what was changed last is kept if it can be."""
        edition, layout = self._edition(wanted.modality), self._layout(wanted.modality)
        own = self._standard(edition, layout, wanted)
        part = part_slot(layout)
        stem = self._part(wanted)[1]
        if not stem:
            return ()  # without a part everything would be near
        order = [each.slot for each in editable(layout)]
        found = []
        for slots, item in self._items[wanted.modality]:
            differ = [each for each in order if each in own and slots[each] != own[each]]
            other = part in differ and self._stems[wanted.modality, slots[part]][0] != stem
            far = len(differ) + 2 * other  # another part is further away than two other slots
            near_part = -_common(slots[part], own.get(part, ""))
            found.append(
                ((far, slot in differ, near_part, [order.index(each) for each in differ], item.code), item, differ)
            )
        found.sort(key=lambda each: each[0])
        return tuple(
            Near(
                item.code,
                item.name,
                tuple((each, item.slots[each], item.elements.get(each, "")) for each in differ),
            )
            for _, item, differ in found[:NEAREST]
            if len(differ) <= max(CLOSE, len(found[0][2]))
        )

    def _shown(self, wanted: Wanted) -> tuple[Shown, ...]:
        """Every field of the layout, and before the part its side."""
        edition, layout = self._edition(wanted.modality), self._layout(wanted.modality)
        edits = {each.slot for each in editable(layout)}
        part = part_slot(layout)
        full = dict(wanted.slots)
        stem = full.pop(STEM, "")
        if stem:  # the levels above it that all its sides share
            codes = [self._sides[wanted.modality, stem, side][0] for side in self._other_sides(wanted)]
            shared = codes[0][: min(_common(codes[0], each) for each in codes)]
            above = {slot: layout.code_lengths[slot] for each in layout.fields if (slot := each.within) is not None}
            full |= {slot: shared[:length] for slot, length in above.items() if len(shared) >= length}
        for each in reversed(layout.fields):
            if each.within is not None and each.slot in full:
                full.setdefault(each.within, full[each.slot][: layout.code_lengths[each.within]])
        full.setdefault("device", edition.default_device(wanted.modality) or "")
        rows = []
        for each in layout.fields:
            code = full.get(each.slot, each.none or "")
            element = edition.element(each.slot, wanted.modality, code)
            name = element.name if element else each.none_zh if code == each.none else "中心自有项目" if code else ""
            if each.slot == part and any(self._other_sides(wanted)):
                side = self.side_of(wanted)
                name = name or stem
                rows.append(Shown(SIDE, *SIDE_LABEL, side, "", side or (UNSAID if stem else "不分"), True))
            characters = code[-each.length :] if code else "·" * each.length
            rows.append(Shown(each.slot, each.zh, each.en, code, characters, name, each.slot in edits))
        return tuple(rows)

    def _listed(self, wanted: Wanted | None) -> bool:
        if wanted is None:
            return False
        if STEM in wanted.slots:  # on any side
            return any(self._listed(self._sided(wanted, side)) for side in self._other_sides(wanted))
        return self._key(self._edition(wanted.modality), wanted.modality, wanted.slots) in self._keys

    def _key(self, edition: Edition, modality: str, slots: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
        layout = edition.layout(modality)
        assert layout is not None
        own = self._standard(edition, layout, Wanted(modality, slots))
        return modality, tuple(own.get(each.slot, each.none or "") for each in editable(layout))

    def _standard(self, edition: Edition, layout: Layout, wanted: Wanted) -> dict[str, str]:
        """The slots of the standard item behind these: no site's device, no addition."""
        own = dict(wanted.slots)
        device = edition.devices.get(own.get("device", ""))
        default = edition.default_device(wanted.modality)
        if default is not None and (device is None or device.use == "site"):
            own["device"] = default
        for each in layout.fields:
            if each.kind == "addition" and each.none is not None:
                own[each.slot] = each.none
            elif each.kind == "element" and each.none is not None:
                own.setdefault(each.slot, each.none)
        return own

    def _edition(self, modality: str) -> Edition:
        found = self.catalogue.edition_for(modality)
        if found is None:
            known = self.catalogue.modalities
            raise InputError(
                f"没有检查类型 {modality!r}；可用：{'、'.join(known)}",
                f"there is no modality {modality!r}; it is one of {', '.join(known)}",
            )
        return found

    def _layout(self, modality: str) -> Layout:
        layout = self._edition(modality).layout(modality)
        assert layout is not None
        return layout

    def _element(self, edition: Edition, slot: str, modality: str, code: str) -> Element:
        element = edition.element(slot, modality, code)
        if element is None:
            raise InputError(
                f"版本 {edition.id} 的 {modality} 没有 {slot} {code!r}",
                f"edition {edition.id} has no {slot} {code!r} for {modality}",
            )
        return element


def editable(layout: Layout) -> tuple[LayoutField, ...]:
    """The fields that a person chooses: no constants, and no level above a part, which follows from it."""
    above = {each.within for each in layout.fields}
    return tuple(each for each in layout.fields if each.kind != "constant" and each.slot not in above)


def part_slot(layout: Layout) -> str:
    """The slot of the part itself: the last one that lies within another."""
    return next(each.slot for each in reversed(layout.fields) if each.within is not None)


def plain(edited: Edited) -> dict[str, Any]:
    """As plain values, for JSON."""
    return {
        "modality": edited.wanted.modality,
        "slots": dict(edited.wanted.slots),
        "code": edited.code,
        "name": edited.name,
        "listed": edited.listed,
        "fields": [each._asdict() for each in edited.shown],
        "near": [
            {"code": each.code, "name": each.name, "changes": [list(change) for change in each.changes]}
            for each in edited.near
        ],
        "dropped": list(edited.dropped),
        "problem": {"zh": edited.problem[0], "en": edited.problem[1]},
    }


def _with(wanted: Wanted, slot: str, code: str) -> Wanted:
    """One slot set. A part that is set has its side: the stem goes."""
    stem = wanted.slots.get(STEM)
    kept = {key: value for key, value in wanted.slots.items() if key != STEM}
    return Wanted(wanted.modality, kept | {slot: code} | ({STEM: stem} if stem and not slot.startswith("part") else {}))


def _common(one: str, other: str) -> int:
    """How many characters two codes begin with in common."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _no_slot(slot: str, modality: str) -> InputError:
    return InputError(f"{modality} 的编码没有可改的段 {slot!r}", f"a code of {modality} has no slot {slot!r} to edit")
