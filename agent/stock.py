"""What the editions of a catalogue have, looked up by the names of elements as the reader knows them.

Parts are split into stem and side (左膝关节 = 膝关节 + 左), positions into single views (正、侧位 = 正 + 侧), so that
the reader can ask "膝关节, left, these views?". Only published items are in stock; a code is never composed here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from standard import Catalogue, Item
from standard.lexicon import Lexicon

SIDE: Final = re.compile(r"^(左|右|双)(?:侧)?(.+)$")
Views = frozenset[str]
UNSPECIFIED: Final = "非指定部位"


@dataclass(slots=True)
class Part:
    """A part in one family, by side: what the edition has of it. Keys: see `Stock`."""

    stem: str
    sides: dict[str, dict[object, str]] = field(default_factory=dict)


class Stock:
    """Items by family, stem and side. The key of an item under its part is

    CT, MR: (scan, post); DR: frozenset of views; RF: scan; MG: (scan, views); US: (way, subitem, scan)."""

    def __init__(self, catalogue: Catalogue, lexicon: Lexicon) -> None:
        self.catalogue = catalogue
        self._unsided = {row.element for row in lexicon.unsided}
        self._atoms = {row.position: tuple(row.atoms.split(";")) for row in lexicon.position_atoms}
        self.families: dict[str, dict[str, Part]] = {}
        self.mobile: dict[str, str] = {}
        for item in catalogue.items.values():
            self._put(item)

    def _put(self, item: Item) -> None:
        elements = item.elements
        scan = elements.get("scan", "")
        family = item.modality
        if family == "US":
            stem, side = self.split_side(elements["part"])
            key: object = (elements.get("way", ""), elements.get("subitem", ""), scan)
        elif family in ("CT", "MR"):
            stem, side = self.split_side(elements["part3"])
            key = (scan, elements.get("post", ""))
        elif family in ("DR", "MG", "RF"):
            stem, side = self.split_side(elements["part3"])
            views = self.views(elements.get("position", ""))
            if item.slots["device"] == "42":
                self.mobile[stem] = item.code
                return
            key = views if family == "DR" and not scan else (scan, views) if family in ("MG", "DR") else scan
        else:
            return
        part = self.families.setdefault(family, {}).setdefault(stem, Part(stem))
        part.sides.setdefault(side, {})[key] = item.code

    def split_side(self, name: str) -> tuple[str, str]:
        """(stem, side) of a part's name; side is 左, 右, 双 or empty."""
        match = SIDE.match(name)
        if match is None or name in self._unsided:
            return name, ""
        return match[2], match[1]

    def views(self, position: str) -> Views:
        """The single views of a position or of positions joined by `;`."""
        out: set[str] = set()
        for each in position.split(";"):
            if each in self._atoms:
                out.update(self._atoms[each])
            elif each:
                out.update(view.removesuffix("位") for view in each.split("、"))
        return frozenset(out)

    def single_views(self, family: str) -> Views:
        """All views that a family of X-ray has, each by itself."""
        keys = (key for part in self.parts(family).values() for items in part.sides.values() for key in items)
        joined = (each for key in keys for each in (key if isinstance(key, tuple) else (key,)))
        return frozenset(view for each in joined if isinstance(each, frozenset) for view in each)

    def part(self, family: str, stem: str) -> Part | None:
        """The part, if the family has it."""
        return self.families.get(family, {}).get(stem)

    def region(self, family: str, stem: str) -> str:
        """The level-1 part that a part of CT, MR or X-ray lies in; "" where it has none."""
        part = self.part(family, stem)
        code = next((code for items in part.sides.values() for code in items.values()), "") if part is not None else ""
        return self.catalogue.items[code].elements.get("part1", "") if code else ""

    def parts(self, family: str) -> Mapping[str, Part]:
        """All parts of a family by stem."""
        return self.families.get(family, {})
