"""Cuts a canonical text into the lexicon's forms: every character is in one token or in none (unexplained).

All forms are found at once (Aho-Corasick), overlapping ones too; of the ways to cut, the one that explains most
characters with the fewest forms is taken, the longer form first where two ways tie.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from operator import itemgetter
from typing import Final

import ahocorasick_rs

from agent.masks import ALL, FAMILY_OF, MASK, XRAY
from standard.lexicon import Lexicon, load_lexicon, split
from standard.patterns import Patterns

UNEXPLAINED: Final = -1
NOTHING: Final = frozenset[str]()


class Meaning:
    """One thing a form can stand for: slots filled at once (an idiom has several), for the modalities of `mask`."""

    __slots__ = ("mask", "review", "slots")

    def __init__(self, slots: tuple[tuple[str, str], ...], mask: int, review: bool) -> None:
        self.slots = slots
        self.mask = mask
        self.review = review


class Token:
    """Half-open span of the canonical text and the form that stands there; form UNEXPLAINED where none does.

    A bare class: compiled, it is made ten times as fast as a tuple with names, and its fields are read as fast."""

    __slots__ = ("end", "form", "start")

    def __init__(self, start: int, end: int, form: int) -> None:
        self.start = start
        self.end = end
        self.form = form


class Word:
    """A distinct surface form with all it can mean; never changed. `kind` is the separator's element, `noise` or
    `slots`; `noise` its kind of noise, where it can be noise.

    `modality`: the families that it allows as a modality word, ALL where it is none or may be noise. `fits`: the
    families that it can belong to at all. `slots`: all that its meanings fill; `pairs`: the same with their elements;
    `parts` of them.
    """

    __slots__ = ("fits", "kind", "meanings", "modality", "noise", "pairs", "parts", "slots", "surface")

    def __init__(
        self,
        surface: str,
        meanings: tuple[Meaning, ...],
        kind: str,
        noise: str,
        modality: int = ALL,
        fits: int = ALL,
        slots: frozenset[str] = NOTHING,
        pairs: tuple[tuple[str, str], ...] = (),
        parts: frozenset[str] = NOTHING,
    ) -> None:
        self.surface = surface
        self.meanings = meanings
        self.kind = kind
        self.noise = noise
        self.modality = modality
        self.fits = fits
        self.slots = slots
        self.pairs = pairs
        self.parts = parts


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
        modality_words = [(form.surface, form.element) for form in lexicon.forms if form.slot == "modality"]
        for idiom in lexicon.idioms:
            pairs = tuple((s.partition("=")[0], s.partition("=")[2]) for s in idiom.slots.split(";"))
            if [slot for slot, _ in pairs] == ["part"] and idiom.modality == "XR":  # 胸部平片 is a film, as 胸片 is
                held = (word for word in modality_words if word[1] == "XR" and word[0] in idiom.surface)
                pairs += tuple(("modality", element) for _, element in list(held)[:1])
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
                elif form.slot == "scan" and len(form.modality) > 1:
                    mask = _narrowed(mask, form.surface, modality_words)
                if mask:
                    pair = ((form.slot, form.element),)
                    meanings.setdefault(form.surface, []).append(Meaning(pair, mask, form.certainty == "review"))
        self.words: list[Word] = []
        for surface in sorted({*meanings, *noise, *separator}):
            kind = separator.get(surface) or ("slots" if surface in meanings else "noise")
            self.words.append(_word(surface, tuple(meanings.get(surface, ())), kind, noise.get(surface, "")))
        self._finder = ahocorasick_rs.AhoCorasick([word.surface for word in self.words])
        self._guard = [_guard(word.surface) for word in self.words]
        self.first_pattern = len(self.words)
        self._patterns = Patterns([pattern.pattern for pattern in lexicon.patterns], self.first_pattern)
        self._guard += [0] * len(lexicon.patterns)
        self._separators = frozenset(surface for surface in separator if len(surface) == 1)
        self._price = [EACH - size / LONG for size in range(LONG + 1)]  # the longer form where two cuts tie
        for pattern in lexicon.patterns:
            if pattern.slot == "noise":
                self.words.append(Word(pattern.pattern, (), "noise", pattern.element))
            elif pattern.slot == "separator":
                self.words.append(Word(pattern.pattern, (), pattern.element, ""))
            else:
                meaning = Meaning(((pattern.slot, pattern.element),), _mask(split(pattern.modality)), False)
                self.words.append(_word(pattern.pattern, (meaning,), "slots", ""))

    def tokens(self, text: str) -> list[Token]:
        """The best cut of a canonical text, in order, with a token UNEXPLAINED for each run that nothing explains."""
        matches = self._finder.find_matches_as_indexes(text, overlapping=True)  # in the order of their ends
        found = self._patterns.found(text)
        if found:
            matches += [(form, self._behind(text, form, start, end), end) for form, start, end in found]
            matches.sort(key=END)
        return self._cheapest(text, matches)

    def _behind(self, text: str, form: int, start: int, end: int) -> int:
        """Where a match of a pattern begins without the separator that it may begin with (、颈椎)."""
        if self.words[form].kind == "slots" and text[start] in self._separators and end > start + 1:
            return start + 1
        return start

    def _cheapest(self, text: str, matches: list[tuple[int, int, int]]) -> list[Token]:
        """Shortest path over the ends of forms; `matches` in the order of their ends."""
        length = len(text)
        guards, price = self._guard, self._price
        cost = [0.0] * (length + 1)
        begins = list(range(-1, length))  # of each end: where its last token begins, here an unexplained character
        forms = [UNEXPLAINED] * (length + 1)
        reached = 0
        for form, start, end in matches:
            guard = guards[form]
            if guard and (
                (guard & 1 and start and text[start - 1] in LETTERS)
                or (guard & 2 and end < length and text[end] in LETTERS)
                or (guard & 4 and start and text[start - 1] in DIGITS)
            ):
                continue
            while reached < end:
                cost[reached + 1] = cost[reached] + GAP
                reached += 1
            size = end - start
            total = cost[start] + price[size if size < LONG else LONG] - start / 4096
            if total < cost[end]:
                cost[end] = total
                begins[end] = start
                forms[end] = form
        out: list[Token] = []
        end = length
        if reached < length:
            out.append(Token(reached, length, UNEXPLAINED))
            end = reached
        while end:
            last = end
            form = forms[end]
            end = begins[end]
            if form == UNEXPLAINED:  # the whole run
                while end and forms[end] == UNEXPLAINED:
                    end = begins[end]
                if out and out[-1].form == UNEXPLAINED:
                    last = out.pop().end
            out.append(Token(end, last, form))
        out.reverse()
        return out


@cache
def _shipped() -> Lexer:
    return Lexer(load_lexicon())


def lexer_of(lexicon: Lexicon) -> Lexer:
    """The lexicon, compiled. The one that ships is compiled once a process (two thirds of a second), whatever editions
    it is read with: a lexer knows none, and never changes."""
    return _shipped() if lexicon is load_lexicon() else Lexer(lexicon)


LETTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
DIGITS: Final = frozenset("0123456789")
END: Final = itemgetter(2)  # of a match
GAP, EACH, LONG = 1000.0, 16.0, 12  # cost of an unexplained character, of a token; from LONG on all are equal


def _word(surface: str, meanings: tuple[Meaning, ...], kind: str, noise: str) -> Word:
    if not meanings:
        return Word(surface, meanings, kind, noise)
    pairs = tuple([pair for meaning in meanings for pair in meaning.slots])
    slots = frozenset(slot for slot, _ in pairs)
    parts = frozenset(element for slot, element in pairs if slot == "part")
    if noise:
        return Word(surface, meanings, kind, noise, ALL, ALL, slots, pairs, parts)
    modality = without = fits = 0
    for meaning in meanings:
        fits |= meaning.mask | (XRAY if meaning.mask & XRAY else 0)
        said = [element for slot, element in meaning.slots if slot == "modality"]
        for element in said:
            modality |= FAMILY_OF[element] & meaning.mask
        if not said and len(meanings) > 1 and any(slot == "part" for slot, _ in meaning.slots):
            without |= meaning.mask
    modality = modality | without if modality else ALL
    return Word(surface, meanings, kind, noise, modality, fits & modality, slots, pairs, parts)


def _narrowed(mask: int, surface: str, modality_words: list[tuple[str, str]]) -> int:
    """A form that several families share, and that holds the modality word of one (平扫CT), is of that one."""
    for word, element in modality_words:
        if word in surface and mask & FAMILY_OF[element]:
            mask &= FAMILY_OF[element]
    return mask


def _mask_of(found: list[Meaning]) -> int:
    mask = 0
    for meaning in found:
        mask |= meaning.mask
    return mask


def _guard(surface: str) -> int:
    """1: no Latin letter before, 2: none after, 4: no digit before."""
    first, last = surface[0], surface[-1]
    return (first in LETTERS) | (last in LETTERS) << 1 | (first in DIGITS) << 2
