"""Search in a catalogue: by words in any order, by code or its beginning, by modality, part and scan.

A query is taken apart at blanks, where Latin letters meet Chinese ones, and by the lexicon's words, so `头颅CT平扫`
asks for three words, and 头颅 finds 颅脑 too. All of them must be found, as written or as the lexicon says it, in the
item's name, modality or elements, or begin its code. Case, width and the compatibility forms
of characters do not matter, except in codes, where case carries meaning (M1, 7b).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

from standard.edition import Catalogue, Item
from standard.lexicon import load_lexicon

_SEPARATORS = re.compile(r"[\s,;、，；()（）+＋\[\]【】]+")
_WORD = re.compile(r"[0-9a-z./'\-]+|[^0-9a-z./'\-]+")
_PART_SLOTS = ("part1", "part2", "part3", "system", "part")


@dataclass(frozen=True, slots=True)
class _Entry:
    """An item with the texts that are searched."""

    item: Item
    name: str
    bare: str
    text: str
    parts: frozenset[str]
    scans: frozenset[str]


def fold(text: str) -> str:
    """Text without differences of width, case and compatibility forms."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def search(
    catalogue: Catalogue,
    words: str = "",
    code: str | None = None,
    modality: str | None = None,
    part: str | None = None,
    scan: str | None = None,
    limit: int = 50,
) -> list[Item]:
    """The items that fit all that is given, the best first, at most `limit` (0 or less: all).

    `code` is a code or its beginning; `part` and `scan` are a name or a code of an element, a part of any level, and
    where no item has exactly that, a piece of a name. With words, items whose name holds them come before items whose
    elements do, and short names before long ones; else the order is the catalogue's.
    """
    entries: Iterable[_Entry] = _entries(catalogue)
    if code:
        entries = [entry for entry in entries if entry.item.code.startswith(code.strip())]
    if modality:
        wanted = fold(modality)
        entries = [entry for entry in entries if fold(entry.item.modality) == wanted]
    if part:
        entries = _by_element(entries, fold(part), "parts")
    if scan:
        entries = _by_element(entries, fold(scan), "scans")
    pieces = _pieces(words)
    if pieces:
        ranked = [(rank, entry) for entry in entries if (rank := _rank(entry, pieces)) is not None]
        ranked.sort(key=lambda pair: pair[0])  # stable: the catalogue's order decides among equals
        entries = [entry for _, entry in ranked]
    found = [entry.item for entry in entries]
    return found[:limit] if limit > 0 else found


@lru_cache(maxsize=8)
def _entries(catalogue: Catalogue) -> tuple[_Entry, ...]:
    """The items with their texts folded, once a catalogue."""
    return tuple(
        _Entry(
            item=item,
            name=fold(item.name),
            bare=_bare(item.name),
            text=fold(" ".join((item.name, item.modality, *item.elements.values()))),
            parts=_keys(item, _PART_SLOTS),
            scans=_keys(item, ("scan",)),
        )
        for item in catalogue.items.values()
    )


def _keys(item: Item, slots: Iterable[str]) -> frozenset[str]:
    """Names and codes of some slots, folded."""
    present = [slot for slot in slots if slot in item.elements]
    return frozenset(fold(text) for slot in present for text in (item.slots[slot], item.elements[slot]))


def _by_element(entries: Iterable[_Entry], wanted: str, kind: str) -> list[_Entry]:
    """The entries that have the element; where none has exactly it, those with it in a name."""
    pool = list(entries)
    exact = [entry for entry in pool if wanted in getattr(entry, kind)]
    return exact or [entry for entry in pool if any(wanted in key for key in getattr(entry, kind))]


def _pieces(words: str) -> list[tuple[str, str]]:
    """The words of a query, folded and as given."""
    given = [word for word in _SEPARATORS.split(words) if word]
    return [(piece, word) for word in given for run in _WORD.findall(fold(word)) for piece in _cut(run)]


@cache
def _meanings() -> dict[str, frozenset[str]]:
    """What each word of the lexicon stands for, folded: the word itself and its elements."""
    found: dict[str, set[str]] = {}
    for form in load_lexicon().forms:
        if form.slot in ("part", "scan", "post", "position", "side", "way", "subitem"):
            found.setdefault(fold(form.surface), {fold(form.surface)}).update(map(fold, form.element.split(";")))
    return {word: frozenset(meant) for word, meant in found.items()}


def _cut(run: str) -> list[str]:
    """A run of characters as the longest words of the lexicon from the left; what is none stays together."""
    if run.isascii():
        return [run]
    out: list[str] = []
    rest = ""
    at = 0
    while at < len(run):
        word = next((run[at:end] for end in range(len(run), at, -1) if run[at:end] in _meanings()), "")
        if word:
            out += [rest, word] if rest else [word]
            rest = ""
            at += len(word)
        else:
            rest += run[at]
            at += 1
    return [*out, rest] if rest else out


def _rank(entry: _Entry, pieces: list[tuple[str, str]]) -> tuple[int, int, int] | None:
    """How well an entry fits, smaller is better; None where a word is not in it."""
    outside_name = 0
    for piece, given in pieces:
        meant = _meanings().get(piece, frozenset((piece,)))
        if piece in entry.name:
            continue
        if any(each in entry.text for each in meant) or entry.item.code.startswith(given):
            outside_name += 1
        else:
            return None
    whole = "".join(piece for piece, _ in pieces)
    return (0 if whole == entry.bare else 1, outside_name, len(entry.name))


def _bare(name: str) -> str:
    """A name as the words of a query come out: folded, without what separates words."""
    return _SEPARATORS.sub("", fold(name))
