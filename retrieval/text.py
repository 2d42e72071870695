"""The text that is compared: names folded (width, case, traditional characters), without punctuation and noise.

Noise is what the lexicon declares as such (devices, payers, price-list phrases). It is cut only where it is the longest
form at its place, so that a part that contains a noise word stays whole.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any

from standard.lexicon import load_lexicon
from standard.patterns import Patterns

if TYPE_CHECKING:
    from standard.lexicon import Form, Lexicon

LONGEST = 256  # characters of a name that are compared; a longer text is no name and its tail changes nothing


class _Fold(dict[int, str]):
    """Folds one character, once: for str.translate."""

    def __missing__(self, point: int) -> str:
        self[point] = folded = _fold(chr(point))
        return folded


def _fold(char: str) -> str:
    text = unicodedata.normalize("NFKC", char).upper()
    kept = []
    for each in text:
        category = unicodedata.category(each)
        if each in "+/":
            kept.append(each)
        elif category in ("Cf", "Cs", "Co", "Cn", "Mn"):
            continue
        elif category[0] in "LN":
            kept.append(_simplify(each) if "\u3400" <= each <= "\u9fff" else each)
        else:
            kept.append(" ")
    return "".join(kept)


@cache
def _converter() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


@cache
def _simplify(char: str) -> str:
    return str(_converter().convert(char))


_FOLD = _Fold()
# a blank beside a character that is not Latin says nothing
_BLANKS = re.compile(r"\s+")
_TWICE = re.compile(r"(CT|MR|DR|超声)(?:\+?\1)+")  # a modality said twice in a row says no more than once
_LOOSE_BLANK = re.compile(r"(?<=[^A-Z0-9]) | (?=[^A-Z0-9])")


def fold(text: str) -> str:
    """A name as it is compared; total, "" for a text without letters and digits. Cut at LONGEST characters."""
    folded = _BLANKS.sub(" ", text[: LONGEST * 4].translate(_FOLD)).strip()
    return _LOOSE_BLANK.sub("", folded)[:LONGEST].strip()


class Cleaner:
    """Folds names, cuts what the lexicon calls noise, says modality and "and" always in the same word.

    `Cleaner(None)` only folds. Queries and documents go through the same cleaner.
    """

    def __init__(self, lexicon: Lexicon | None) -> None:
        self._patterns = Patterns((), 0)
        self._instead_of: list[str] = []  # what stands in for each pattern
        self._instead: dict[str, str] = {}
        self._automaton: Any = None
        if lexicon is None:
            return
        import ahocorasick_rs

        self._patterns = Patterns([row.pattern for row in lexicon.patterns], 0)
        self._instead_of = [" " if row.slot == "noise" else row.element for row in lexicon.patterns]
        whole: set[str] = set()  # forms that stay as they are
        for form in lexicon.forms:
            surface, word = fold(form.surface), _word(form)
            if word is None:
                whole.add(surface)
            else:
                self._instead.setdefault(surface, word)
        for surface in whole:
            self._instead.pop(surface, None)
        forms = sorted({*whole, *self._instead} - {""})
        if forms:
            self._automaton = ahocorasick_rs.AhoCorasick(forms)

    @staticmethod
    def fold(text: str) -> str:
        """`fold`, for those who hold a cleaner."""
        return fold(text)

    def __call__(self, name: str) -> str:
        """The name as it is compared; where nothing but noise is in it, the folded name."""
        text = fold(name)
        if self._automaton is None or not text:
            return text
        whole = name[: LONGEST * 4].encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair is no text
        without = unicodedata.normalize("NFKC", whole).upper()
        without = fold(self._patterns.replaced(without, self._instead_of))  # patterns know hyphens and points
        pieces, end = [], 0
        for start, stop in self.cover(without):
            instead = self._instead.get(without[start:stop])
            if instead is not None:
                pieces += [without[end:start], instead]
                end = stop
        pieces.append(without[end:])
        return _TWICE.sub(r"\1", fold("".join(pieces))) or text

    def cover(self, text: str) -> list[tuple[int, int]]:
        """The forms that together leave the fewest characters uncovered; of these the fewest forms, the least noise.

        So that CT平扫 is CT and 平扫, although CT平 is a form too. Spans of a folded text, in order.
        """
        if self._automaton is None:
            return []
        ending: dict[int, list[int]] = {}
        for _, start, stop in self._automaton.find_matches_as_indexes(text, overlapping=True):
            if not _inside_word(text, start, stop):
                ending.setdefault(stop, []).append(start)
        costs = [(0, 0, 0)]
        came = [0]
        for stop in range(1, len(text) + 1):
            uncovered, forms, noise = costs[stop - 1]
            cost, origin = (uncovered + 1, forms, noise), -1
            for start in ending.get(stop, ()):
                uncovered, forms, noise = costs[start]
                lost = stop - start if self._instead.get(text[start:stop]) == " " else 0
                if (uncovered, forms + 1, noise + lost) < cost:
                    cost, origin = (uncovered, forms + 1, noise + lost), start
            costs.append(cost)
            came.append(origin)
        spans, at = [], len(text)
        while at > 0:
            if came[at] >= 0:
                spans.append((came[at], at))
                at = came[at]
            else:
                at -= 1
        return spans[::-1]


@cache
def _shipped() -> Cleaner:
    return Cleaner(load_lexicon())


def cleaner_of(lexicon: Lexicon | None) -> Cleaner:
    """The cleaner of a lexicon; that of the one that ships is made once a process (half a second). It never changes."""
    return _shipped() if lexicon is not None and lexicon is load_lexicon() else Cleaner(lexicon)


MODALITY_WORDS = {"CT": "CT", "MR": "MR", "XR": "DR", "MG": "钼靶", "RF": "RF", "US": "超声", "移动DR": "移动DR"}


def _word(form: Form) -> str | None:
    """What a form is compared as; None: as itself."""
    if form.slot == "noise":
        return " "
    if form.slot == "modality":
        return MODALITY_WORDS.get(form.element, " " if form.element == "放射" else None)
    if form.slot == "scan" and (form.element, form.modality) == ("常规", ("US",)):
        return "超声"
    return "+" if form.slot == "separator" and form.element in ("and", "plus") else None


def _inside_word(text: str, start: int, stop: int) -> bool:
    """Whether the match is a piece of a longer Latin word or number."""
    before = start > 0 and _latin(text[start - 1]) and _latin(text[start])
    return before or (stop < len(text) and _latin(text[stop]) and _latin(text[stop - 1]))


def _latin(char: str) -> bool:
    return "A" <= char <= "Z" or "0" <= char <= "9"
