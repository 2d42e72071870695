"""What a text asks for, by rules: data/intents.tsv, the first line that fits the whole text.

Nothing here reads an exam's name: what no rule knows is taken for one, or for several where it has several lines.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from standard.lexicon import Row, read_rows
from standard.text import LINE_BREAKS

INTENTS = Path(__file__).parent / "data" / "intents.tsv"
LONGEST = 200  # a text longer than this is no command
DIGITS = 6  # that a code has at least
CODE = 8  # characters that a code has at least
Kind = Literal[
    "help", "why", "enqueue", "save", "editions", "compare", "search", "code", "explain", "name", "names", "empty"
]
_BREAK = re.compile(f"[{re.escape(LINE_BREAKS)}]+")
_BETWEEN = re.compile(r"\s*(?:和|与|跟|同|vs\.?|with|and|to|、|，|,)\s*", re.IGNORECASE)


class IntentRow(Row):
    """A line of intents.tsv. `pattern` fits the whole text, in either case."""

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
    return tuple((row, re.compile(row.pattern, re.IGNORECASE)) for _, row in read_rows(INTENTS, IntentRow))


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
        for row, pattern in rules():
            found = pattern.fullmatch(line)
            if found is not None and (row.id != "code" or is_code(found["code"])):
                groups = {key: value.strip() for key, value in found.groupdict().items() if value}
                return Intent(row.id, groups)
    return Intent("name", {}, (line,))


def is_code(text: str) -> bool:
    """Whether a text looks like a code, right or wrong: long enough, and mostly digits."""
    code = text.replace(" ", "")
    digits = sum(char.isdigit() for char in code)
    return len(code) >= CODE and code.isascii() and code.isalnum() and digits >= DIGITS and digits * 2 > len(code)


def splits(rest: str) -> list[tuple[str, str]]:
    """Every way to take `A 和 B` apart, from the left."""
    found = [(rest[: each.start()].strip(), rest[each.end() :].strip()) for each in _BETWEEN.finditer(rest)]
    return [(a, b) for a, b in found if a and b]
