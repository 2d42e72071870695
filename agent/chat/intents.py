"""What a text asks for, by rules: data/intents.tsv, the first line that fits the whole text.

A pattern may name pieces of data/phrases.tsv, as {please} or {end}. Nothing here reads an exam's name: what no rule
knows is taken for one, or for several where it has several lines. A command that holds a name begins with its verb, or
ends with a question: a name with words behind it that give orders stays a name.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from standard.lexicon import read_rows
from standard.lexicon_rows import Row
from standard.text import LINE_BREAKS

DATA = Path(__file__).parent / "data"
INTENTS = DATA / "intents.tsv"
PHRASES = DATA / "phrases.tsv"
LONGEST = 200  # a text longer than this is no command
DIGITS = 6  # that a code has at least
CODE = 8  # characters that a code has at least
Kind = Literal[
    "help",
    "why",
    "line",
    "enqueue",
    "save",
    "editions",
    "compare",
    "search",
    "code",
    "explain",
    "name",
    "names",
    "empty",
]
_BREAK = re.compile(f"[{re.escape(LINE_BREAKS)}]+")
_BETWEEN = re.compile(
    r"\s*(?:和|与|跟|同|还是|、|，|,|;|；|\b(?:vs\b\.?|versus|with|and|to|as|than|(?:different|differs?) from)\b)\s*",
    re.IGNORECASE,
)
_BLANK = re.compile(r"\s+")
_PIECE = re.compile(r"\{([a-z]+)\}")
_QUOTED = re.compile(r"「(.+)」|『(.+)』|“(.+)”|\"(.+)\"|《(.+)》", re.DOTALL)
_WIDE = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}  # one character for one
_AS_WRITTEN = frozenset({"name", "words", "more", "rest"})  # groups that are looked up as the person wrote them
_TENS = "十"
_DIGITS = "零一二三四五六七八九"


class PhraseRow(Row):
    """A line of phrases.tsv: a piece that patterns share. It may name pieces of lines above it."""

    id: str
    pattern: str


class IntentRow(Row):
    """A line of intents.tsv. `pattern` fits the whole text, in either case; {id} is a piece of phrases.tsv."""

    id: Kind
    pattern: str
    example: str


class Intent(NamedTuple):
    """What is asked, and the named groups of the pattern."""

    kind: Kind
    groups: dict[str, str]
    names: tuple[str, ...] = ()


@cache
def rules() -> tuple[tuple[IntentRow, re.Pattern[str]], ...]:
    """The rules, compiled."""
    pieces: dict[str, str] = {}

    def whole(pattern: str) -> str:
        return _PIECE.sub(lambda each: pieces[each[1]], pattern)

    for _, phrase in read_rows(PHRASES, PhraseRow):
        pieces[phrase.id] = whole(phrase.pattern)
    return tuple(
        (row, re.compile(whole(row.pattern), re.IGNORECASE | re.ASCII)) for _, row in read_rows(INTENTS, IntentRow)
    )


def lines_of(text: str) -> tuple[str, ...]:
    """The lines that have anything in them, as they are but for blanks at the ends."""
    return tuple(line for line in (each.strip() for each in _BREAK.split(text)) if line)


def intent_of(text: str) -> Intent:
    """What is asked. Total."""
    lines = lines_of(text)
    if not lines:
        return Intent("empty", {})
    if len(lines) > 1:
        return Intent("names", {}, lines)
    line = lines[0]
    if len(line) <= LONGEST:
        folded = line.translate(_WIDE)
        for row, pattern in rules():
            found = pattern.fullmatch(folded)
            if found is None or (row.id == "code" and not is_code(found["code"])):
                continue
            groups = {key: _given(line, found, key) for key, value in found.groupdict().items() if value}
            if all(groups.values()):  # else a command about nothing but blanks
                return Intent(row.id, groups)
    return Intent("name", {}, (line,))


def _given(line: str, found: re.Match[str], key: str) -> str:
    """What a group holds; a name as it was written, without quotation marks around it."""
    if key not in _AS_WRITTEN:
        return found[key].strip()
    start, end = found.span(key)
    text = line[start:end].strip()
    quoted = _QUOTED.fullmatch(text)
    return next(filter(None, quoted.groups())).strip() if quoted is not None else text


def number_of(text: str) -> int:
    """A number as it is written in digits, or in Chinese below a hundred. ValueError for anything else."""
    if text.isascii() and text.isdecimal():
        return int(text)
    tens, ten, ones = text.partition(_TENS)
    value = (_DIGITS.index(tens) if tens else 1) * 10 if ten else _DIGITS.index(tens)
    return value + (_DIGITS.index(ones) if ones else 0)


def is_code(text: str) -> bool:
    """Whether a text looks like a code, right or wrong: long enough, and mostly digits."""
    code = text.replace(" ", "").replace("-", "")
    digits = sum(char.isdigit() for char in code)
    return len(code) >= CODE and code.isascii() and code.isalnum() and digits >= DIGITS and digits * 2 > len(code)


def splits(rest: str) -> list[tuple[str, str]]:
    """Every way to take `A 和 B` apart, from the left; two codes, or what has no such word, at its blanks."""
    codes = rest.split()
    if len(codes) == 2 and all(map(is_code, codes)):
        return [(codes[0], codes[1])]
    for between in (_BETWEEN, _BLANK):
        found = [(rest[: each.start()].strip(), rest[each.end() :].strip()) for each in between.finditer(rest)]
        if found := [(a, b) for a, b in found if a and b]:
            return found
    return []
