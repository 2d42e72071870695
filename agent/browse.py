"""Looking through the standard: items filtered and paged, the tree of parts, an item with its fields."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from standard import decode, search
from standard.edition import Catalogue, Item

PAGE = 50
LEVELS = ("part1", "part2", "part3")
LEVELS_ULTRASOUND = ("system", "part")


class Wanted(NamedTuple):
    """A filter; empty: everything. `part`: names of the levels from the top, as the tree gives them."""

    words: str = ""
    modality: str = ""
    part: tuple[str, ...] = ()
    scan: str = ""
    page: int = 0


def items(catalogue: Catalogue, wanted: Wanted) -> tuple[list[Item], int]:
    """One page of the items that fit, and how many there are."""
    text = wanted.words.strip()
    found: Sequence[Item]
    if text and text in catalogue.items:
        found = [catalogue.items[text]]
    elif text.isascii() and text.isalnum() and text[:1].isdigit() and len(text) >= 2:
        found = search(catalogue, code=text, modality=wanted.modality or None, limit=0)
    else:
        found = search(catalogue, text, modality=wanted.modality or None, limit=0)
    if wanted.scan:
        found = [item for item in found if item.elements.get("scan", "") == wanted.scan]
    if wanted.part:
        found = [item for item in found if path_of(item)[: len(wanted.part)] == wanted.part]
    start = wanted.page * PAGE
    return list(found[start : start + PAGE]), len(found)


def path_of(item: Item) -> tuple[str, ...]:
    """The names of an item's part, level by level; a level that repeats the one above is left out."""
    levels = LEVELS_ULTRASOUND if "system" in item.slots else LEVELS
    names = [item.elements[level] for level in levels if item.elements.get(level)]
    return tuple(name for at, name in enumerate(names) if not at or name != names[at - 1])


@lru_cache(maxsize=32)
def tree(catalogue: Catalogue, modality: str = "") -> tuple[dict[str, Any], ...]:
    """The parts as a tree: name, how many items, the parts below. Of one modality, or of all."""
    top: dict[str, Any] = {}
    for item in catalogue.items.values():
        if modality and item.modality != modality:
            continue
        below = top
        for name in path_of(item):
            node = below.setdefault(name, {"name": name, "items": 0, "below": {}})
            node["items"] += 1
            below = node["below"]
    return tuple(_listed(top))


@lru_cache(maxsize=32)
def scans(catalogue: Catalogue, modality: str = "") -> tuple[str, ...]:
    """The scans of a modality, or of all, the most frequent first."""
    counts: dict[str, int] = {}
    for item in catalogue.items.values():
        name = item.elements.get("scan", "")
        if name and (not modality or item.modality == modality):
            counts[name] = counts.get(name, 0) + 1
    return tuple(sorted(counts, key=lambda name: (-counts[name], name)))


def item(catalogue: Catalogue, code: str) -> dict[str, Any]:
    """A code with its fields, its edition and its part. CodeError where it is none of these editions'."""
    found = decode(catalogue, code)
    listed = found.item or found.base
    edition = next((each for each in catalogue.editions if each.id == found.edition), None)
    return found.to_dict() | {
        "path": list(path_of(listed)) if listed else [],
        "edition_zh": edition.title_zh if edition else "",
        "edition_en": edition.title_en if edition else "",
    }


def _listed(nodes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**node, "below": _listed(node["below"])} for node in nodes.values()]
