"""Codes: slots to code, code to slots, and what does not hold in a code.

A code of radiology is fourteen characters, `MM AA BB CC SS PP XX`. One taken apart:

    20 01 07 01 11 11 00     CT副鼻窦(平扫+三维重建)
    MM                       device type          20      CT, no kind of scanner told apart
       AA                    level-1 part         01      头部
          BB                 level-2 part         0107    鼻部
             CC              level-3 part         010701  副鼻窦
                SS           scan                 11      平扫
                   PP        post-processing      11      三维重建      (X-ray: the position)
                      XX     addition             00      an item of the standard; 01 and up: a centre's own

The device tells the modality and with it the layout; ultrasound and nuclear medicine have other layouts, which the
editions hold as data. All functions are pure and total: they return a value or raise CodeError, for any text.
`encode` is the only function that composes a code; all others get one from it or were given one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from standard.edition import Catalogue, Edition, Element, Item
from standard.errors import CodeError
from standard.layout import Layout, LayoutField
from standard.naming import compose_name

# Rule 16 of the publications: digits and letters, of which i, o and l are not used.
_CHARACTERS = re.compile(r"[0-9A-HJKMNP-Za-hjkmnp-z]+")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a code: `code` is the element's code in full, `characters` what the code itself shows."""

    slot: str
    label_zh: str
    label_en: str
    code: str
    name: str
    characters: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What does not hold in a code, with the remedy, in both languages."""

    id: str  # empty, characters, device, length, element, constant, unlisted
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """A code taken apart.

    `item` is the item with exactly this code, `base` the item that it is derived from by a device or an addition (the
    same as `item` for an item); both are None for a well-formed code that no item of the edition has.
    """

    code: str
    edition: str
    modality: str
    name: str
    item: Item | None
    base: Item | None
    fields: tuple[Field, ...] = field(default=())

    @property
    def slots(self) -> dict[str, str]:
        """The codes by slot: what `encode` takes to give this code again."""
        return {each.slot: each.code for each in self.fields}

    def drawing(self, lang: str = "zh") -> str:
        """The code with its fields drawn below it, one line each."""
        shown = " ".join(each.characters for each in self.fields)
        lines = [shown]
        offsets: list[int] = []
        at = 0
        for each in self.fields:
            offsets.append(at)
            at += len(each.characters) + 1
        for index in range(len(self.fields) - 1, -1, -1):
            each = self.fields[index]
            bars = "".join("│".ljust(len(before.characters) + 1) for before in self.fields[:index])
            label = each.label_zh if lang == "zh" else each.label_en
            rule = "└" + "─" * (len(shown) - offsets[index])
            lines.append(f"{bars}{rule} {label}  {each.code}  {each.name or '-'}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "code": self.code,
            "edition": self.edition,
            "modality": self.modality,
            "name": self.name,
            "listed": self.item is not None,
            "base": self.base.code if self.base else None,
            "fields": [
                {
                    "slot": each.slot,
                    "label_zh": each.label_zh,
                    "label_en": each.label_en,
                    "code": each.code,
                    "characters": each.characters,
                    "name": each.name,
                }
                for each in self.fields
            ],
        }


def encode(edition: Edition, modality: str, slots: Mapping[str, str], *, listed: bool = True) -> str:
    """The code of these slots.

    Codes of elements are written in full; a part implies the levels above it; a slot left out or empty means nothing
    there; no device means the one that tells no kind of scanner apart. With `listed`, the code must be an item's or be
    derived from one by a site's device or an addition. Raises CodeError, which says which slot does not hold.
    """
    layout = edition.layout(modality)
    if layout is None:
        raise CodeError(
            f"版本 {edition.id} 没有检查类型 {modality!r}；可用：{'、'.join(edition.modalities)}",
            f"Edition {edition.id} has no modality {modality!r}; it has {', '.join(edition.modalities)}",
        )
    chosen = _complete(edition, layout, modality, slots)
    code = "".join(_own_characters(edition, each, modality, chosen) for each in layout.fields)
    if listed:
        standard = _standard_slots(edition, modality, layout, chosen)
        known = code if standard == chosen else encode(edition, modality, standard, listed=False)
        if code not in edition.items and known not in edition.items:
            what = _described(edition, modality, chosen)
            raise CodeError(
                f"版本 {edition.id} 没有这一组合：{what}；请改选已有项目的部位、扫描或体位",
                f"Edition {edition.id} has no item of {what}; choose the elements of an item",
            )
    return code


def decode(standard: Catalogue | Edition, code: str) -> Decoded:
    """A code taken apart, also one with a site's device or an addition, also one that no item has.

    Raises CodeError for a code of the wrong length or with characters or elements that its edition does not have.
    """
    found, problems = _take_apart(standard, code)
    if found is None or problems:
        first = problems[0]
        raise CodeError(first.zh, first.en)
    return found


def validate(standard: Catalogue | Edition, code: str) -> list[Problem]:
    """All that does not hold in a code; empty for an item's code, also with a site's device or an addition."""
    found, problems = _take_apart(standard, code)
    if found is not None and not problems and found.base is None:
        problems.append(
            Problem(
                "unlisted",
                f"编码 {code} 的各段都成立，但版本 {found.edition} 没有这一项目；请查目录中的相近项目",
                f"Each field of {code} holds, but edition {found.edition} has no such item; look for the nearest one",
            )
        )
    return problems


def with_device(standard: Catalogue | Edition, code: str, device: str) -> str:
    """The code of the same exam on a kind of scanner, for a site that asks for device codes: 20... and 22 give 22...

    Raises CodeError when the code is no item's, or the device is of another modality.
    """
    found = decode(standard, code)
    return encode(_edition(standard, found.edition), found.modality, {**found.slots, "device": device})


def with_addition(standard: Catalogue | Edition, code: str, addition: str) -> str:
    """The code of a centre's own item made from a standard one: addition 01 and up; 00 gives the standard item again.

    Raises CodeError when the code is no item's, or the layout has no addition of this form.
    """
    found = decode(standard, code)
    return encode(_edition(standard, found.edition), found.modality, {**found.slots, "addition": addition})


def standard_code(standard: Catalogue | Edition, code: str) -> str:
    """The code without a site's device and addition: what mappings and statistics compare.

    Raises CodeError as `decode` and `encode` do.
    """
    found = decode(standard, code)
    edition = _edition(standard, found.edition)
    layout = edition.layout(found.modality)
    assert layout is not None  # decode found it there
    return encode(edition, found.modality, _standard_slots(edition, found.modality, layout, found.slots))


def split(layout: Layout, code: str) -> dict[str, str]:
    """The element codes, in full, by slot; the code must have the length of the layout."""
    slots: dict[str, str] = {}
    for each in layout.fields:
        own = code[each.start - 1 : each.start - 1 + each.length]
        slots[each.slot] = slots[each.within] + own if each.within else own
    return slots


def _complete(edition: Edition, layout: Layout, modality: str, slots: Mapping[str, str]) -> dict[str, str]:
    """The slots with what is implied filled in: levels above a part, the default device, what means nothing."""
    for slot in slots:
        if slot not in layout.by_slot:
            raise CodeError(
                f"{modality} 的编码没有 {slot!r} 这一段；可用：{'、'.join(layout.by_slot)}",
                f"A code of {modality} has no slot {slot!r}; it has {', '.join(layout.by_slot)}",
            )
    chosen = {slot: code for slot, code in slots.items() if code}
    for each in reversed(layout.fields):
        if each.within is None or each.slot not in chosen:
            continue
        above = chosen[each.slot][: layout.code_lengths[each.within]]
        if chosen.setdefault(each.within, above) != above:
            inner, outer = chosen[each.slot], chosen[each.within]
            raise CodeError(
                f"{each.zh} {inner} 不在{layout.by_slot[each.within].zh} {outer} 之下；两者只给其一",
                f"{each.slot} {inner} does not lie within {each.within} {outer}; give only one of them",
            )
    device = edition.default_device(modality)
    if device is not None:
        chosen.setdefault("device", device)
    for each in layout.fields:
        if each.none is not None:
            chosen.setdefault(each.slot, each.none)
        elif each.slot not in chosen:
            raise CodeError(f"缺少{each.zh}；请给出", f"The {each.en} is missing; give it")
    return chosen


def _own_characters(edition: Edition, each: LayoutField, modality: str, chosen: Mapping[str, str]) -> str:
    """The characters of one field, checked."""
    code = chosen[each.slot]
    above = chosen[each.within] if each.within else ""
    own = code[len(above) :] if code.startswith(above) else code
    problem = _field_problem(edition, each, modality, code, own)
    if problem is not None:
        raise CodeError(problem.zh, problem.en)
    return own


def _field_problem(edition: Edition, each: LayoutField, modality: str, code: str, own: str) -> Problem | None:
    """What does not hold in one field: `own` its characters, `code` the code of its element in full."""
    if code == each.none or edition.element(each.slot, modality, code) is not None:
        return None
    if each.kind == "addition":
        if len(own) == each.length and _CHARACTERS.fullmatch(own):
            return None
        return Problem(
            "element",
            f"附加码 {own!r} 不成立；应为 {each.length} 位数字或字母，不用 i、l、o",
            f"The addition {own!r} does not hold; it takes {each.length} digits or letters other than i, l and o",
        )
    if each.kind == "constant":
        return Problem(
            "constant",
            f"{each.zh}只能是 {each.none}，不能是 {own!r}；请改正",
            f"The field {each.slot} is always {each.none}, not {own!r}; correct it",
        )
    return Problem(
        "element",
        f"版本 {edition.id} 的 {modality} 没有{each.zh} {code!r}；请查该版本的元素表",
        f"Edition {edition.id} has no {each.slot} {code!r} for {modality}; see its element table",
    )


def _standard_slots(edition: Edition, modality: str, layout: Layout, slots: Mapping[str, str]) -> dict[str, str]:
    """The slots of the standard item behind these: no site's device, no addition."""
    result = dict(slots)
    device = edition.devices.get(result["device"])
    default = edition.default_device(modality)
    if device is not None and device.use == "site" and default is not None:
        result["device"] = default
    for each in layout.fields:
        if each.kind == "addition" and each.none is not None:
            result[each.slot] = each.none
    return result


def _described(edition: Edition, modality: str, slots: Mapping[str, str]) -> str:
    """Slots in words, for a message."""
    named = ((slot, code, edition.element(slot, modality, code)) for slot, code in slots.items())
    return " ".join(f"{slot}={code}({element.name})" for slot, code, element in named if element is not None)


def _edition(standard: Catalogue | Edition, edition_id: str) -> Edition:
    """The edition with this id, of a catalogue or itself."""
    if isinstance(standard, Edition):
        return standard
    return next(edition for edition in standard.editions if edition.id == edition_id)


def _take_apart(standard: Catalogue | Edition, code: str) -> tuple[Decoded | None, list[Problem]]:
    """A code taken apart as far as it goes, and all that does not hold."""
    if not isinstance(code, str) or not code:
        return None, [Problem("empty", "没有编码；请给出编码文本", "There is no code; give one as text")]
    if not _CHARACTERS.fullmatch(code):
        return None, [
            Problem(
                "characters",
                f"编码 {code!r} 含有不用的字符；编码只用数字和字母，不用 i、l、o，不含空格",
                f"The code {code!r} has characters that codes do not use; digits and letters other than i, l and o",
            )
        ]
    editions = (standard,) if isinstance(standard, Edition) else standard.editions
    for edition in editions:
        device = edition.device_of(code)
        if device is not None:
            return _take_apart_in(edition, device, code)
    return None, [
        Problem(
            "device",
            f"编码 {code} 的开头不是任何设备类型；若由表格软件读出，可能丢了开头的 0 或被当作数字",
            f"The code {code} begins with no device type; a spreadsheet may have taken it for a number",
        )
    ]


def _take_apart_in(edition: Edition, device: Element, code: str) -> tuple[Decoded | None, list[Problem]]:
    """A code of a known edition and device, taken apart."""
    modality = device.modalities[0]
    layout = edition.layout(modality)
    assert layout is not None  # the catalogue checks this when it loads an edition
    if len(code) != layout.length:
        return None, [
            Problem(
                "length",
                f"编码 {code} 有 {len(code)} 位，{modality} 的编码应为 {layout.length} 位；请检查是否少了 0",
                f"The code {code} has {len(code)} characters, {modality} has {layout.length}; is a 0 missing?",
            )
        ]
    problems: list[Problem] = []
    fields: list[Field] = []
    elements: dict[str, Element] = {}
    slots = split(layout, code)
    for each in layout.fields:
        full = slots[each.slot]
        own = full[len(full) - each.length :]
        element = edition.element(each.slot, modality, full)
        if element is not None:
            elements[each.slot] = element
        problem = _field_problem(edition, each, modality, full, own)
        if problem is not None:
            problems.append(problem)
        fields.append(Field(each.slot, each.zh, each.en, full, _field_name(each, full, element), own))
    if problems:
        return None, problems
    item = edition.items.get(code)
    standard = _standard_slots(edition, modality, layout, slots)
    base = item
    if base is None and standard != slots:
        base = edition.items.get(encode(edition, modality, standard, listed=False))
    name = item.name if item is not None else _derived_name(edition, layout, elements, slots, base)
    return Decoded(code, edition.id, modality, name, item, base, tuple(fields)), []


def _field_name(each: LayoutField, code: str, element: Element | None) -> str:
    """What one field says, in Chinese."""
    if element is not None:
        return element.name
    if code == each.none:
        return each.none_zh
    return "中心自有项目" if each.kind == "addition" else ""


def _derived_name(
    edition: Edition, layout: Layout, elements: Mapping[str, Element], slots: Mapping[str, str], base: Item | None
) -> str:
    """The name of a code that is no item: the item's own words after the device's, and `-` with the addition."""
    composed = compose_name(layout.naming, elements)
    if base is not None:
        default = edition.devices[base.slots["device"]].printed
        device = elements["device"].printed
        composed = device + base.name.removeprefix(default) if base.name.startswith(default) else composed
    extra = next((slots[each.slot] for each in layout.fields if each.kind == "addition"), "")
    standard = next((each.none for each in layout.fields if each.kind == "addition"), "")
    return composed if extra == standard else f"{composed}-{extra}"
