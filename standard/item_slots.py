"""An item's elements as the lexicon names them: its family, and the part without its side.

DR左膝关节正、侧位   ->   family XR, word DR, side 左, part 膝关节, position 正、侧位
"""

from __future__ import annotations

from dataclasses import dataclass

from standard.edition import Item
from standard.lexicon import Lexicon

# the lexicon's modality of an item's modality, and the word that a spoken name has for it
FAMILIES = {
    "CT": ("CT", "CT"),
    "MR": ("MR", "MR"),
    "DR": ("XR", "DR"),
    "RF": ("XR", ""),
    "MG": ("MG", ""),
    "US": ("US", ""),
    "PET/CT": ("NM", ""),
    "PET/MR": ("NM", ""),
    "SPECT": ("NM", ""),
}
SIDES = {"左侧": "左", "右侧": "右", "双侧": "双", "左": "左", "右": "右", "双": "双"}


@dataclass(frozen=True)
class ItemSlots:
    """The elements of an item as the lexicon names them: the part without its side."""

    family: str
    word: str
    side: str
    part: str
    scan: str
    post: str
    position: str
    way: str
    subitem: str


def item_slots(item: Item, lexicon: Lexicon) -> ItemSlots | None:
    """The item's elements; None where there is nothing to vary."""
    part = item.elements.get("part3") or item.elements.get("part") or item.elements.get("part2")
    if part is None or item.modality not in FAMILIES:
        return None
    family, word = FAMILIES[item.modality]
    if item.elements.get("device") == "移动DR":
        word = "移动DR"
    side, base = split_side(part, family, lexicon)
    known = {slot: item.elements.get(slot, "") for slot in ("scan", "post", "position", "way", "subitem")}
    return ItemSlots(family=family, word=word, side=side, part=base, **known)


def split_side(part: str, family: str, lexicon: Lexicon) -> tuple[str, str]:
    """A part taken apart into its side ("" for none) and the part without it."""
    if any(row.element == part for row in lexicon.unsided):
        return "", part
    for prefix, side in SIDES.items():
        base = part.removeprefix(prefix)
        if base and base != part:
            return side, base
    return "", part
