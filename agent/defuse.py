"""Cells that a spreadsheet would run as a formula, made harmless for people who open a file; what programs exchange
(the output of normalize) is never changed."""

from __future__ import annotations

import re

_RUNS = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def defused(cell: str) -> str:
    """The cell, behind an apostrophe where it begins as a formula does; a plain number is none."""
    if _RUNS.match(cell) and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell
