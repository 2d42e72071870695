"""Type-ahead over an edition: all words must occur; names before codes; limited, ranked, the same every time.

A word is found in the name of an item or element, in its elements' names, as the initials of its pinyin (txps finds
头胸平扫), as a synonym that the lexicon knows (头颅 finds 颅脑), or as the beginning of the code.

The initials come from the order of the national character set GB 2312, whose first level is sorted by pinyin; what is
outside of it or has two readings stands in data/initials.tsv.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Container, Iterable, Sequence
from functools import cache, lru_cache
from itertools import islice, product
from pathlib import Path
from typing import NamedTuple, TypeVar

from standard import Catalogue
from standard.lexicon import load_lexicon, read_rows
from standard.lexicon_rows import Row
from standard.search import fold

DATA = Path(__file__).parent / "data"
LIMIT = 20
READINGS = 8  # of a name whose characters have several readings
BY_CODE = 3  # the level of what is found by the beginning of its code alone
_SEPARATORS = re.compile(r"[\s,;、，；()（）+＋\[\]【】*]+")
# The first character of each initial in the first level of GB 2312; none begins with i, u or v.
_FIRST = (
    ("a", "啊"), ("b", "芭"), ("c", "擦"), ("d", "搭"), ("e", "蛾"), ("f", "发"), ("g", "噶"), ("h", "哈"),
    ("j", "击"), ("k", "喀"), ("l", "垃"), ("m", "妈"), ("n", "拿"), ("o", "哦"), ("p", "啪"), ("q", "期"),
    ("r", "然"), ("s", "撒"), ("t", "塌"), ("w", "挖"), ("x", "昔"), ("y", "压"), ("z", "匝"),
)  # fmt: skip
_STARTS = [char.encode("gb2312") for _, char in _FIRST]
_LAST = "座".encode("gb2312")

T = TypeVar("T")


class InitialRow(Row):
    """A character and the first letters of its readings."""

    char: str
    initials: str


class Entry(NamedTuple):
    """Something to choose: an item or an element, with the texts that are searched."""

    code: str
    name: str
    folded: str
    text: str  # with the names of its elements
    initials: tuple[str, ...]


@cache
def _given() -> dict[str, str]:
    return {row.char: row.initials for _, row in read_rows(DATA / "initials.tsv", InitialRow)}


@cache
def initial(char: str) -> str:
    """The first letters of the readings of a character; a letter or digit is its own; anything else has none."""
    if char.isascii():
        return char.lower() if char.isalnum() else ""
    given = _given().get(char)
    if given is not None:
        return given
    try:
        place = char.encode("gb2312")
    except UnicodeEncodeError:
        return ""
    if not _STARTS[0] <= place <= _LAST:
        return ""
    return _FIRST[bisect_right(_STARTS, place) - 1][0]


@lru_cache(maxsize=20_000)
def initials(text: str) -> tuple[str, ...]:
    """The initials of a text, in every reading up to a few."""
    letters = [found for char in text if (found := initial(char))]
    return tuple("".join(each) for each in islice(product(*letters), READINGS))


def entry(code: str, name: str, elements: Iterable[str] = ()) -> Entry:
    """An entry with its texts made ready."""
    return Entry(code, name, fold(name), fold(" ".join((name, *elements))), initials(name))


@lru_cache(maxsize=8)
def items(catalogue: Catalogue) -> tuple[Entry, ...]:
    """The items of a catalogue as entries, in its order."""
    return tuple(
        entry(item.code, item.name, (item.modality, *item.elements.values())) for item in catalogue.items.values()
    )


@cache
def _meanings() -> dict[str, tuple[str, ...]]:
    """What words of the lexicon stand for, folded."""
    found: dict[str, set[str]] = {}
    for form in load_lexicon().forms:
        if form.slot in ("part", "scan", "post", "position", "side", "way", "subitem"):
            found.setdefault(fold(form.surface), set()).update(fold(each) for each in form.element.split(";"))
    return {word: tuple(sorted(meant - {word})) for word, meant in found.items()}


def words_of(query: str) -> list[tuple[str, str]]:
    """The words of a query, folded and as they came."""
    return [(fold(word), word) for word in _SEPARATORS.split(query) if fold(word)]


def rank(one: Entry, words: Sequence[tuple[str, str]]) -> tuple[int, int, int] | None:
    """How well an entry fits, the smaller the better; None where a word does not occur.

    In the name, then by initials, then elsewhere, then as code; among these what begins so, then the shorter name.
    """
    worst = 0
    for word, given in words:
        if word in one.folded:
            level = 0
        elif word.isascii() and any(word in each for each in one.initials):
            level = 1
        elif word in one.text or any(meant in one.text for meant in _meanings().get(word, ())):
            level = 2
        elif one.code.startswith(given):
            level = BY_CODE
        else:
            return None
        worst = max(worst, level)
    if worst == BY_CODE:
        return worst, 0, 0  # in the order of the catalogue
    first = words[0][0]
    begins = one.folded.startswith(first) or any(each.startswith(first) for each in one.initials)
    return worst, 0 if begins else 1, len(one.name)


def find(entries: Iterable[tuple[Entry, T]], query: str, limit: int = LIMIT) -> list[T]:
    """What is found, the best first; all that there is, as it came, for a query without words."""
    words = words_of(query)
    if not words:
        return [each for _, each in islice(entries, limit)]
    ranked = [(found, each) for one, each in entries if (found := rank(one, words)) is not None]
    ranked.sort(key=lambda pair: pair[0])
    return [each for _, each in ranked[:limit]]


def find_items(
    catalogue: Catalogue, query: str, modality: str = "", limit: int = LIMIT, first: Container[str] = ()
) -> list[Entry]:
    """Items of a catalogue, of one modality where it is said; nothing for a query without words. `first`: modalities
    whose items come before all others, however well these fit."""
    if not words_of(query):
        return []
    wanted = (one for one in items(catalogue) if not modality or catalogue.items[one.code].modality == modality)
    kinds: tuple[list[Entry], list[Entry]] = [], []
    for one in wanted:
        kinds[catalogue.items[one.code].modality not in first].append(one)
    found = find(((one, one) for one in kinds[0]), query, limit)
    return found + find(((one, one) for one in kinds[1]), query, limit - len(found))
