"""Where the lexicon's patterns stand in a text. A pattern is tried only where what it cannot do without is in the text:
most names hold a digit, and few of them the 元 or 诊室 of a pattern.

What a pattern cannot do without is read off its parsed form, its keys: words of which every match, or what must stand
beside it, holds one, or for want of such words characters. All keys are sought at once (Aho-Corasick). Where a key is
there, the text must hold the other characters too that the pattern cannot do without, and begin as it must.
What the form does not say plainly is not asked for, and then the pattern is tried; so nothing is lost. (The parser is
that of `re` itself, which promises nothing of it: tests compare with all matches of all patterns.)
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import product
from re import _compiler, _parser  # type: ignore[attr-defined]
from re import _constants as op  # type: ignore[attr-defined]
from typing import Any, Final, NamedTuple

import ahocorasick_rs

MOST: Final = 40  # characters of a set: a larger one, as all Latin letters, says little of a text
OTHER_DIGIT: Final = re.compile(r"(?![0-9])\d")  # of another script: \d meets it, and no key that holds a digit does
DIGITS: Final = frozenset("0123456789")
COMMON: Final = frozenset("平扫增强常规CTMRDI部位()[]")  # characters that most texts hold
REPEATS: Final = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)
ALSO: Final = 3  # sets of characters that a text is asked for before a pattern is tried
OFTEN, DIGIT, SELDOM = 0.5, 0.1, 0.02  # how likely a text holds a character of those, a digit, another one, roughly
Needs = list[frozenset[str]]  # each a set of which every match holds one


class Patterns:
    """Compiled patterns; `found` is a pure function of the text. The form of pattern i is `first` + i."""

    def __init__(self, patterns: Sequence[str], first: int) -> None:
        self._first = first
        compiled = [compile_pattern(pattern) for pattern in patterns]
        self._patterns = [each.pattern for each in compiled]
        self._search = [each.pattern.search for each in compiled]
        self._needs = [each.needs for each in compiled]
        self._begins = [each.begins for each in compiled]
        keys = [each.keys for each in compiled]
        self._keyless = frozenset(at for at, each in enumerate(keys) if not each)
        every = sorted(frozenset[str]().union(*keys))
        self._finder = ahocorasick_rs.AhoCorasick(every)
        self._let = [frozenset(at for at, each in enumerate(keys) if key in each) for key in every]  # of each key

    def found(self, text: str) -> list[tuple[int, int, int]]:
        """All that a pattern matches, and not with nothing: form, start, end; in the order of the patterns."""
        tried = set(self._keyless)
        for key, _, _ in self._finder.find_matches_as_indexes(text, overlapping=True):
            tried |= self._let[key]
        plain = OTHER_DIGIT.search(text) is None
        if not plain:
            tried = set(range(len(self._patterns)))
        out: list[tuple[int, int, int]] = []
        if not tried:
            return out
        chars = set(text)
        for at in sorted(tried):
            if plain and self._cannot(at, text, chars):
                continue
            if self._search[at](text) is None:  # most do not match, and this tells it soonest
                continue
            for match in self._patterns[at].finditer(text):
                start, end = match.span()
                if end > start:
                    out.append((self._first + at, start, end))
        return out

    def _cannot(self, at: int, text: str, chars: set[str]) -> bool:
        """Whether a pattern cannot match in a text of these characters."""
        begins = self._begins[at]
        return (bool(begins) and text[:1] not in begins) or any(chars.isdisjoint(need) for need in self._needs[at])

    def replaced(self, text: str, instead: Sequence[str]) -> str:
        """The text with the word of pattern i, instead[i], where it matches; one pattern after the other."""
        for form in dict.fromkeys(form for form, _, _ in self.found(text)):
            at = form - self._first
            text = self._patterns[at].sub(instead[at], text)
        return text


class Compiled(NamedTuple):
    """A pattern, and what a text holds where it matches: one of its `keys` (none where that is not known), of each of
    its `needs` one character, and at the beginning one of `begins` (empty: any)."""

    pattern: re.Pattern[str]
    keys: frozenset[str]
    needs: tuple[frozenset[str], ...]
    begins: frozenset[str]


@cache  # reader and retrieval have the same patterns, and the tables are checked by it
def compile_pattern(pattern: str) -> Compiled:
    """A pattern, parsed once for all, since to parse is half the work. re.error for no regular expression."""
    parsed = _parser.parse(pattern)
    plain = _plain(parsed)
    needs = sorted(dict.fromkeys(_needs(plain)), key=_chance)
    keys = _best(_words(plain)) or _best(needs)
    anchored = len(plain) > 1 and plain[0] == (op.AT, op.AT_BEGINNING)
    begins = _heads([*plain[1:]]) if anchored else frozenset[str]()
    return Compiled(_compiler.compile(parsed), keys, tuple(each for each in needs[:ALSO] if each != keys), begins)


def needs_of(pattern: str) -> Needs:
    """Sets of characters of each of which every match of a pattern holds one."""
    return _needs(_plain(_parser.parse(pattern)))


def words_of(pattern: str) -> frozenset[str]:
    """Words of two characters or more, of which every match of a pattern holds one, or the text beside it, as far as
    it must stand there; the set that few texts meet. Empty where there is none."""
    return _best(_words(_plain(_parser.parse(pattern))))


def _plain(parsed: Any) -> Any:
    """The parsed form; an empty one where case does not count, and so nothing plain is said."""
    return [] if parsed.state.flags & re.IGNORECASE else parsed


def _best(sets: Needs) -> frozenset[str]:
    """Of some sets the one that few texts meet; empty where there is none."""
    return min(sets, key=_chance, default=frozenset())


def _words(parsed: Any) -> Needs:
    found: Needs = []
    run = ""
    elements = [*parsed, (None, None)]
    for at, (code, value) in enumerate(elements):
        pairs = frozenset(map("".join, product(_tails(code, value), _heads(elements[at + 1 :]))))
        if pairs:  # a bracket and the word that it opens, a number and its unit
            found.append(pairs)
        if code is op.LITERAL:
            run += chr(value)
            continue
        if len(run) > 1:
            found.append(frozenset({run}))
        run = ""
        if code in REPEATS and value[0] > 0:
            found += _words(value[2])
            if value[0] > 1 and len(value[2]) == 1 and value[2][0][0] in (op.LITERAL, op.IN):
                twice = _tails(*value[2][0])
                found += [frozenset(map("".join, product(twice, twice)))] if twice else []
        elif code is op.ASSERT:  # what must stand before or behind
            found += _words(value[1])
        elif code is op.SUBPATTERN and not value[1] and not value[2]:  # no flags of its own
            found += _words(value[3])
        elif code is op.BRANCH:
            ways = [_words(way) for way in value[1]]
            if all(ways):
                found.append(frozenset().union(*(min(way, key=_chance) for way in ways)))
    return found


def _tails(code: Any, value: Any) -> frozenset[str]:
    """The characters that an element ends with, or that stand before it; none where that is not plain."""
    if code is op.LITERAL:
        return frozenset(chr(value))
    if code is op.IN:
        return _chars(value)
    inner: list[Any] = []
    if code in REPEATS and value[0] > 0:
        inner = [*value[2]]
    elif code is op.ASSERT and value[0] < 0:
        inner = [*value[1]]
    return _tails(*inner[0]) if len(inner) == 1 else frozenset()


def _heads(parsed: list[Any]) -> frozenset[str]:
    """The characters that a match can begin with; none where that is not plain, or it can be empty."""
    if not parsed:
        return frozenset()
    code, value = parsed[0]
    if code is op.LITERAL:
        return frozenset(chr(value))
    if code is op.IN:
        return _chars(value)
    if code is op.ASSERT_NOT:  # what must not stand there
        return _heads(parsed[1:])
    if code is op.SUBPATTERN and not value[1] and not value[2]:
        return _heads([*value[3], *parsed[1:]])
    if code is op.ASSERT and value[0] > 0:  # what must stand behind
        return _heads([*value[1]])
    if code is op.BRANCH:
        ways = [_heads([*way, *parsed[1:]]) for way in value[1]]
    elif code in REPEATS:
        ways = [_heads([*value[2], *parsed[1:]]), *([_heads(parsed[1:])] if value[0] == 0 else [])]
    else:
        return frozenset()
    return frozenset().union(*ways) if all(ways) else frozenset()


def _chance(words: frozenset[str]) -> float:
    """How likely a text holds one of some words, roughly."""
    return sum(math.prod(map(_likely, word)) for word in words)


def _likely(char: str) -> float:
    return OFTEN if char in COMMON else DIGIT if char in DIGITS else SELDOM


def _needs(parsed: Any) -> Needs:
    found: Needs = []
    for code, value in parsed:
        if code is op.LITERAL:
            found.append(frozenset(chr(value)))
        elif code is op.IN:
            chars = _chars(value)
            if chars:
                found.append(chars)
        elif code in REPEATS and value[0] > 0:
            found += _needs(value[2])
        elif code is op.ASSERT:  # what must stand before or behind
            found += _needs(value[1])
        elif code is op.SUBPATTERN and not value[1] and not value[2]:  # no flags of its own
            found += _needs(value[3])
        elif code is op.BRANCH:
            ways = [_needs(way) for way in value[1]]
            if all(ways):  # of each way the set that few texts meet
                found.append(frozenset().union(*(min(way, key=_chance) for way in ways)))
    return found


def _chars(items: Iterable[tuple[Any, Any]]) -> frozenset[str]:
    """The characters of a class; none where it is a large or negated one, or holds more than can be told."""
    found: set[str] = set()
    for code, value in items:
        if code is op.LITERAL:
            found.add(chr(value))
        elif code is op.RANGE and value[1] - value[0] < MOST:
            found.update(map(chr, range(value[0], value[1] + 1)))
        elif code is op.CATEGORY and value is op.CATEGORY_DIGIT and len(list(items)) == 1:
            return DIGITS
        else:
            return frozenset()
    return frozenset(found)
