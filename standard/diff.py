"""Comparison of two editions, or of two catalogues: what a mapping made against the old one has to know.

Items are paired in three steps, each on what the one before left over: same code and same name (same), same name
(recoded), same code (renamed). What is left of the old is removed, of the new added. A code that the old edition gave
to another item is never taken for the same thing: number ranges of editions overlap (rule 36 of the publications).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from standard.edition import Catalogue, Edition, Element, Item


@dataclass(frozen=True, slots=True)
class ElementRef:
    """An element named in a comparison."""

    slot: str
    code: str
    name: str
    modalities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ItemRef:
    """An item that only one edition has. `new_elements`: those of its elements that only this edition has."""

    code: str
    name: str
    modality: str
    new_elements: tuple[ElementRef, ...] = ()
    code_was: str = ""  # the name that the old edition gave to this code; empty for a code that it did not have


@dataclass(frozen=True, slots=True)
class Renamed:
    """A code whose item goes by another name."""

    code: str
    old_name: str
    new_name: str
    modality: str


@dataclass(frozen=True, slots=True)
class Recoded:
    """A name whose item has another code."""

    name: str
    old_code: str
    new_code: str
    modality: str


@dataclass(frozen=True, slots=True)
class ElementChange:
    """An element of one edition only (the other name is empty), or one whose name differs."""

    slot: str
    code: str
    modalities: tuple[str, ...]
    old_name: str
    new_name: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between `old` and `new`; each list in the order of the edition that it comes from."""

    old: str
    new: str
    same: tuple[Item, ...]
    added: tuple[ItemRef, ...]
    removed: tuple[ItemRef, ...]
    renamed: tuple[Renamed, ...]
    recoded: tuple[Recoded, ...]
    elements_added: tuple[ElementChange, ...]
    elements_removed: tuple[ElementChange, ...]
    elements_renamed: tuple[ElementChange, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many of each kind."""
        items = ("same", "added", "removed", "renamed", "recoded")
        kinds = (*items, "elements_added", "elements_removed", "elements_renamed")
        return {kind: len(getattr(self, kind)) for kind in kinds}

    def by_modality(self, kind: str) -> dict[str, int]:
        """How many items of a kind (same, added, removed, renamed, recoded) each modality has."""
        counts: dict[str, int] = {}
        for each in getattr(self, kind):
            counts[each.modality] = counts.get(each.modality, 0) + 1
        return counts

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON; the items that are the same only as a count."""
        kinds = ("added", "removed", "renamed", "recoded", "elements_added", "elements_removed", "elements_renamed")
        return {
            "old": self.old,
            "new": self.new,
            "counts": self.counts,
            "by_modality": {kind: self.by_modality(kind) for kind in ("same", *kinds[:4])},
            **{kind: [asdict(each) for each in getattr(self, kind)] for kind in kinds},
        }


def compare(old: Catalogue | Edition, new: Catalogue | Edition) -> Comparison:
    """What changed from `old` to `new`. Pure; names are compared exactly, without the leading mark."""
    old_left, new_left = dict(old.items), dict(new.items)
    same = [item for code, item in new_left.items() if code in old_left and old_left[code].name == item.name]
    for item in same:
        del old_left[item.code], new_left[item.code]
    new_by_name = {item.name: item for item in new_left.values()}
    recoded: list[Recoded] = []
    for item in list(old_left.values()):
        other = new_by_name.get(item.name)
        if other is not None:
            recoded.append(Recoded(item.name, item.code, other.code, other.modality))
            del old_left[item.code], new_left[other.code]
    renamed = [
        Renamed(code, item.name, new_left[code].name, new_left[code].modality)
        for code, item in old_left.items()
        if code in new_left
    ]
    for each in renamed:
        del old_left[each.code], new_left[each.code]
    old_elements, new_elements = _elements(old), _elements(new)
    gained = set(new_elements) - set(old_elements)
    lost = set(old_elements) - set(new_elements)
    return Comparison(
        old=old.id,
        new=new.id,
        same=tuple(same),
        added=tuple(_reference(item, new_elements, gained, old.items.get(item.code)) for item in new_left.values()),
        removed=tuple(_reference(item, old_elements, lost, None) for item in old_left.values()),
        renamed=tuple(renamed),
        recoded=tuple(recoded),
        elements_added=_changes({key: ("", element.name) for key, element in new_elements.items() if key in gained}),
        elements_removed=_changes({key: (element.name, "") for key, element in old_elements.items() if key in lost}),
        elements_renamed=_changes(
            {
                key: (element.name, new_elements[key].name)
                for key, element in old_elements.items()
                if key in new_elements and new_elements[key].name != element.name
            }
        ),
    )


_Key = tuple[str, str, str]  # slot, modality, code


def _elements(standard: Catalogue | Edition) -> dict[_Key, Element]:
    """All elements by slot, modality and code."""
    editions = (standard,) if isinstance(standard, Edition) else standard.editions
    return {
        (element.slot, modality, element.code): element
        for edition in editions
        for element in edition.all_elements
        for modality in element.modalities
    }


def _reference(item: Item, elements: Mapping[_Key, Element], only_here: set[_Key], before: Item | None) -> ItemRef:
    """An item with those of its elements that only its edition has."""
    keys = [(slot, item.modality, code) for slot, code in item.slots.items()]
    own = [elements[key] for key in keys if key in only_here]
    return ItemRef(
        code=item.code,
        name=item.name,
        modality=item.modality,
        new_elements=tuple(ElementRef(each.slot, each.code, each.name, each.modalities) for each in own),
        code_was=before.name if before is not None else "",
    )


def _changes(names: Mapping[_Key, tuple[str, str]]) -> tuple[ElementChange, ...]:
    """Changes of single modalities, put together where they are the same change."""
    grouped: dict[tuple[str, str, str, str], list[str]] = {}
    for (slot, modality, code), (old_name, new_name) in names.items():
        grouped.setdefault((slot, code, old_name, new_name), []).append(modality)
    return tuple(
        ElementChange(slot, code, tuple(modalities), old_name, new_name)
        for (slot, code, old_name, new_name), modalities in grouped.items()
    )
