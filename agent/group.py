"""The words of one exam, or of exams that share them: what a group is made of.

How words come together is in `groups`; what a group orders, in the resolver of its family.
"""

from __future__ import annotations

from typing import Final

BOUNDARY: Final = "comma"
SEPARATORS: Final = frozenset({"comma", "list", "slash", "plus", "under", "and", "dash", "or"})


class Node:
    """A word in its place: index among the words of the name, depth of brackets, slots for this family."""

    __slots__ = ("at", "depth", "kind", "review", "slots", "tag")

    def __init__(
        self, at: int, kind: str, slots: tuple[tuple[str, str], ...], review: bool, depth: int, tag: bool
    ) -> None:
        self.at = at
        self.kind = kind  # slots | unexplained | a separator
        self.slots = slots
        self.review = review
        self.depth = depth
        self.tag = tag  # in a bracket before anything else


class PartRef:
    """A part as said: element, side, index of the word, and the separator before it ('' = adjoining)."""

    __slots__ = ("element", "index", "review", "separator", "side")

    def __init__(self, element: str, side: str, index: int, review: bool, separator: str) -> None:
        self.element = element
        self.side = side
        self.index = index
        self.review = review
        self.separator = separator


class Group:
    """What belongs together. Scans and so on are (element, index of the word)."""

    def __init__(self, joined: str = "") -> None:
        self.parts: list[PartRef] = []
        self.scans: list[tuple[str, int]] = []
        self.posts: list[tuple[str, int]] = []
        self.positions: list[tuple[str, int]] = []
        self.ways: list[tuple[str, int]] = []
        self.subitems: list[tuple[str, int]] = []
        self.vessels: list[tuple[str, int]] = []
        self.modalities: list[tuple[str, int]] = []
        self.sides: list[tuple[str, int]] = []  # said, no part to take it
        self.problems: list[tuple[str, tuple[int, ...]]] = []
        self.review: list[int] = []
        self.apart: list[tuple[str, str]] = []  # a scan, and one behind a separator that says it better
        self.scan_words: list[int] = []  # all of them, also those that another says better
        self.headed: list[int] = []  # sub-items straight behind a heading and its dash: 妇科-节育器
        self.post_added = False  # a post-processing, added to a modality that names no scan: 胸部CT+肺结节分析
        self.scan_first = False
        self.bare = ""  # before the first scan, and apart from it: `modality` (头颅MRI+MRA) or `part` (头颅+MRA)
        self.joined = joined  # the separator before it
        self.closed = False  # something was said after its parts: the next part opens another group
        self.bracketed = False  # it was said in a bracket: a part behind a separator opens another group

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


LISTS: Final = {
    "scan": "scans",
    "post": "posts",
    "position": "positions",
    "way": "ways",
    "subitem": "subitems",
    "vessel": "vessels",
    "modality": "modalities",
}


ADDING: Final = frozenset({"plus", "and", "list", "under"})  # separators that add one exam to another
STANCES: Final = frozenset({"立位", "卧位", "负重位"})  # said in a bracket, they add to the position before it
ROUTINE: Final = "常规"  # the routine scan of ultrasound, which 彩超 says too
BEDSIDE: Final = "床旁"  # the same at the bed
SAID: Final = frozenset({"scan", "post", "position", "subitem"})
