"""Cuts a canonical text into the lexicon's forms: every character is in one token or in none (unexplained).

All forms are found at once (Aho-Corasick), overlapping ones too; of the ways to cut, the one that explains most
characters with the fewest forms is taken, the longer form first where two ways tie.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import ahocorasick_rs

from standard.lexicon import MODALITIES, Lexicon, split

MASK = {modality: 1 << index for index, modality in enumerate(MODALITIES)}
ALL = (1 << len(MODALITIES)) - 1
UNEXPLAINED = -1


class Meaning(NamedTuple):
    """One thing a form can stand for: slots filled at once (an idiom has several), for the modalities of `mask`."""

    slots: tuple[tuple[str, str], ...]
    mask: int
    review: bool


class Token(NamedTuple):
    """Half-open span of the canonical text and the form that stands there; form UNEXPLAINED where none does."""

    start: int
    end: int
    form: int


@dataclass(frozen=True, slots=True)
class Word:
    """A distinct surface form with all it can mean. `kind` is the separator's element, `noise` or `slots`."""

    surface: str
    meanings: tuple[Meaning, ...]
    kind: str
    noise: str  # its kind of noise, where it can be noise


def _mask(modality: Iterable[str]) -> int:
    mask = 0
    for each in modality:
        mask |= MASK[each]
    return mask or ALL


class Lexer:
    """Compiled lexicon. `words[i]` is the word of form i; patterns come after the words."""

    def __init__(self, lexicon: Lexicon) -> None:
        meanings: dict[str, list[Meaning]] = {}
        noise: dict[str, str] = {}
        separator: dict[str, str] = {}
        for idiom in lexicon.idioms:
            pairs = tuple((s.partition("=")[0], s.partition("=")[2]) for s in idiom.slots.split(";"))
            meanings.setdefault(idiom.surface, []).append(
                Meaning(pairs, _mask(split(idiom.modality)), idiom.certainty == "review")
            )
        idiom_masks = {surface: _mask_of(found) for surface, found in meanings.items()}
        for form in lexicon.forms:
            if form.slot == "noise":
                noise[form.surface] = form.element
            elif form.slot == "separator":
                separator[form.surface] = form.element
            else:
                mask = _mask(form.modality) & ~idiom_masks.get(form.surface, 0)
                if form.slot in ("modality", "side") and not form.modality:
                    mask = ALL
                if mask:
                    pair = ((form.slot, form.element),)
                    meanings.setdefault(form.surface, []).append(Meaning(pair, mask, form.certainty == "review"))
        self.words: list[Word] = []
        for surface in sorted({*meanings, *noise, *separator}):
            kind = separator.get(surface) or ("slots" if surface in meanings else "noise")
            self.words.append(Word(surface, tuple(meanings.get(surface, ())), kind, noise.get(surface, "")))
        self._finder = ahocorasick_rs.AhoCorasick([word.surface for word in self.words])
        self._guard = [_guard(word.surface) for word in self.words]
        self._patterns = [re.compile(pattern.pattern) for pattern in lexicon.patterns]
        self.first_pattern = len(self.words)
        for pattern in lexicon.patterns:
            if pattern.slot == "noise":
                self.words.append(Word(pattern.pattern, (), "noise", pattern.element))
            else:
                meaning = Meaning(((pattern.slot, pattern.element),), _mask(split(pattern.modality)), False)
                self.words.append(Word(pattern.pattern, (meaning,), "slots", ""))

    def tokens(self, text: str) -> list[Token]:
        """The best cut of a canonical text, in order, with a token UNEXPLAINED for each run that nothing explains."""
        length = len(text)
        ends: list[list[tuple[int, int]] | None] = [None] * (length + 1)
        guards = self._guard
        for form, start, end in self._finder.find_matches_as_indexes(text, overlapping=True):
            guard = guards[form]
            if guard:
                if guard & 1 and start and text[start - 1] in LETTERS:
                    continue
                if guard & 2 and end < length and text[end] in LETTERS:
                    continue
                if guard & 4 and start and text[start - 1] in DIGITS:
                    continue
            at = ends[end]
            if at is None:
                ends[end] = [(start, form)]
            else:
                at.append((start, form))
        if not DIGITS.isdisjoint(text) or not NUMERALS.isdisjoint(text):
            for number, pattern in enumerate(self._patterns, self.first_pattern):
                for match in pattern.finditer(text):
                    start, end = match.span()
                    if start == end:
                        continue
                    at = ends[end]
                    if at is None:
                        ends[end] = [(start, number)]
                    else:
                        at.append((start, number))
        return _cheapest(length, ends)


LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
DIGITS = frozenset("0123456789")
NUMERALS = frozenset("一二三四五六七八九十两第个")
GAP, EACH = 1000, 16  # cost of an unexplained character, of a token; squares of lengths break ties


def _cheapest(length: int, ends: list[list[tuple[int, int]] | None]) -> list[Token]:
    cost = [0.0] * (length + 1)
    back: list[tuple[int, int]] = [(0, UNEXPLAINED)] * (length + 1)
    for end in range(1, length + 1):
        best = cost[end - 1] + GAP
        where = (end - 1, UNEXPLAINED)
        at = ends[end]
        if at is not None:
            for start, form in at:
                size = end - start
                total = cost[start] + EACH - (size if size < 12 else 12) / 12 - start / 4096
                if total < best:
                    best, where = total, (start, form)
        cost[end] = best
        back[end] = where
    out: list[Token] = []
    end = length
    while end:
        start, form = back[end]
        if form == UNEXPLAINED and out and out[-1].form == UNEXPLAINED and out[-1].start == end:
            out[-1] = Token(start, out[-1].end, UNEXPLAINED)
        else:
            out.append(Token(start, end, form))
        end = start
    out.reverse()
    return out


def _mask_of(found: list[Meaning]) -> int:
    mask = 0
    for meaning in found:
        mask |= meaning.mask
    return mask


def _guard(surface: str) -> int:
    """1: no Latin letter before, 2: none after, 4: no digit before."""
    first, last = surface[0], surface[-1]
    return (first in LETTERS) | (last in LETTERS) << 1 | (first in DIGITS) << 2
