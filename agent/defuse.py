"""Cells that a spreadsheet would run as a formula, made harmless for people who open a file; what programs exchange
(the output of normalize) is never changed. And characters that steer a screen, drawn."""

from __future__ import annotations

import re
import unicodedata

_RUNS = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def defused(cell: str) -> str:
    """The cell, behind an apostrophe where it begins as a formula does; a plain number is none."""
    if _RUNS.match(cell) and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


_DRAWN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})


def drawn(text: str) -> str:
    """A text with its control characters, marks of direction and the like drawn as ‹U+202E›, so that none works."""
    return "".join(f"‹U+{ord(char):04X}›" if unicodedata.category(char) in _DRAWN else char for char in text)
