"""The words of one exam, or of exams that share them: what a group is made of.

How words come together is in `groups`; what a group orders, in the resolver of its family.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

BOUNDARY = "comma"
SEPARATORS = frozenset({"comma", "list", "slash", "plus", "under", "and", "dash", "or"})


class Node(NamedTuple):
    """A word in its place: index among the words of the name, depth of brackets, slots for this family."""

    at: int
    kind: str  # slots | unexplained | a separator
    slots: tuple[tuple[str, str], ...]
    review: bool
    depth: int
    tag: bool  # in a bracket before anything else


@dataclass(slots=True)
class PartRef:
    """A part as said: element, side, index of the word, and the separator before it ('' = adjoining)."""

    element: str
    side: str
    index: int
    review: bool
    separator: str


@dataclass(slots=True)
class Group:
    """What belongs together. Scans and so on are (element, index of the word)."""

    parts: list[PartRef] = field(default_factory=list)
    scans: list[tuple[str, int]] = field(default_factory=list)
    posts: list[tuple[str, int]] = field(default_factory=list)
    positions: list[tuple[str, int]] = field(default_factory=list)
    ways: list[tuple[str, int]] = field(default_factory=list)
    subitems: list[tuple[str, int]] = field(default_factory=list)
    vessels: list[tuple[str, int]] = field(default_factory=list)
    modalities: list[tuple[str, int]] = field(default_factory=list)
    sides: list[tuple[str, int]] = field(default_factory=list)  # said, no part to take it
    problems: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    review: list[int] = field(default_factory=list)
    apart: list[tuple[str, str]] = field(default_factory=list)  # a scan, and one behind a separator that says it better
    scan_words: list[int] = field(default_factory=list)  # all of them, also those that another says better
    headed: list[int] = field(default_factory=list)  # sub-items straight behind a heading and its dash: 妇科-节育器
    post_added: bool = False  # a post-processing, added to a modality that names no scan: 胸部CT+肺结节分析
    scan_first: bool = False
    bare: str = ""  # before the first scan, and apart from it: `modality` (头颅MRI+MRA) or `part` (头颅+MRA)
    joined: str = ""  # the separator before it
    closed: bool = False  # something was said after its parts: the next part opens another group
    bracketed: bool = False  # it was said in a bracket: a part behind a separator opens another group

    def said(self) -> bool:
        """A scan, position or the like was said."""
        return bool(self.scans or self.posts or self.positions or self.subitems)

    def empty(self) -> bool:
        """Nothing at all."""
        return not (self.parts or self.said() or self.ways or self.vessels)

    def slot(self, name: str) -> list[tuple[str, int]]:
        """The list of a slot other than part and side."""
        found: list[tuple[str, int]] = getattr(self, LISTS[name])
        return found


LISTS = {
    "scan": "scans",
    "post": "posts",
    "position": "positions",
    "way": "ways",
    "subitem": "subitems",
    "vessel": "vessels",
    "modality": "modalities",
}


ADDING = frozenset({"plus", "and", "list", "under"})  # separators that add one exam to another
STANCES = frozenset({"立位", "卧位", "负重位"})  # said in a bracket, they add to the position before it
ROUTINE = "常规"  # the routine scan of ultrasound, which 彩超 says too
SAID = frozenset({"scan", "post", "position", "subitem"})
