"""Which column of a file is the exam's name, which its modality, which the institution; in a list of distinct names,
which is the number of their exams.

Said by option, or guessed by header (data/columns.tsv) where exactly one column has a known header. A guess that could
be wrong is never made: the user is asked instead.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple, NoReturn

from standard.errors import DataError, InputError

OUTPUT = ("yingma_route", "yingma_codes", "yingma_names", "yingma_score", "yingma_reason", "yingma_edition")
KINDS = ("name", "modality", "institution", "count")
MOST_DIGITS = 15


class Columns(NamedTuple):
    """Index of each column; None where the file has no such column. `exams`: on how many a row stands."""

    name: int
    modality: int | None
    institution: int | None
    exams: int | None = None

    @property
    def query(self) -> tuple[int, int | None, int | None]:
        """Those that make a name."""
        return self.name, self.modality, self.institution


@cache
def known_headers() -> dict[str, frozenset[str]]:
    """Headers by kind, folded. DataError for a fault in data/columns.tsv."""
    file = "agent/data/columns.tsv"
    text = resources.files("agent").joinpath("data/columns.tsv").read_text(encoding="utf-8")
    found: dict[str, set[str]] = {kind: set() for kind in KINDS}
    seen: set[str] = set()
    for number, row in enumerate(csv.DictReader(text.splitlines(), delimiter="\t"), 2):
        kind, header = row["kind"], fold(row["header"])
        if kind not in found:
            raise DataError(file, number, "kind", kind, (f"应为 {KINDS} 之一", f"must be one of {KINDS}"))
        if not header or header in seen:
            raise DataError(
                file, number, "header", header, ("为空或重复；请删去", "is empty or there twice; remove it")
            )
        seen.add(header)
        found[kind].add(header)
    return {kind: frozenset(headers) for kind, headers in found.items()}


def fold(header: str) -> str:
    """A header without case, blanks around it."""
    return header.strip().casefold()


def choose(
    header: Sequence[str],
    file: str,
    name: str | None = None,
    modality: str | None = None,
    institution: str | None = None,
    count: str | None = "",
) -> Columns:
    """The columns by option, else by header; `count` is "" where rows are counted. InputError names the columns there
    are and the nearest one."""
    check_free(header, file)
    chosen = Columns(
        _asked(header, file, "--name-column", name) if name is not None else _guess_name(header, file),
        _optional(header, file, "modality", modality),
        _optional(header, file, "institution", institution),
    )
    if count != "":
        chosen = chosen._replace(exams=_optional(header, file, "count", count))
        if count is None and chosen.exams in chosen.query:
            chosen = chosen._replace(exams=None)
    used = [index for index in chosen if index is not None]
    if len(used) != len(set(used)):
        raise InputError(
            f"{file}：同一列被用作两种内容；请为 --name-column、--modality-column、--institution-column、"
            "--count-column 指定不同的列。",
            f"{file}: one column is used for two things; give --name-column, --modality-column, "
            "--institution-column and --count-column different columns.",
        )
    return chosen


def exams_of(cell: str, file: str, row: int, column: str) -> int:
    """The number of exams in a cell. `row`: 1 is the header. CountError where it is no whole number from 0 on."""
    text = cell.strip()
    if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS:
        return int(text)
    return _no_number(cell, file, row, column)


class CountError(InputError):
    """A cell in the column of counts that is no count."""


def _no_number(cell: str, file: str, row: int, column: str) -> NoReturn:
    shown = cell if len(cell) <= 40 else cell[:40] + "…"
    raise CountError(
        f"{file} 第 {row} 行：列 {column} 的 {shown!r} 不是 0 或正整数的检查例数；请改正该格，"
        '或用 --count-column 另指一列（"" 表示没有，按行计数）。',
        f"{file}, row {row}: {shown!r} in the column {column} is no whole number of exams from 0 on; correct that "
        'cell, or name another column with --count-column ("" is none, rows are then counted).',
    )


def check_free(header: Sequence[str], file: str) -> None:
    """InputError where a column has the name of one of the results."""
    clash = [column for column in header if column in OUTPUT]
    if clash:
        raise InputError(
            f"{file} 已有列 {'、'.join(clash)}，会与结果列同名；请先删去或改名。",
            f"{file} already has the column {', '.join(clash)}, which the results would take; remove or rename it.",
        )


def guess(header: Sequence[str]) -> dict[str, int | None]:
    """The index of each kind of column by header, as far as exactly one has a known one: for a person to correct."""
    found: dict[str, int | None] = {}
    for kind, known in known_headers().items():
        fits = [index for index, column in enumerate(header) if fold(column) in known]
        found[kind] = fits[0] if len(fits) == 1 else None
    if found["name"] is None and len(header) == 1:
        found["name"] = 0
    return found


def _asked(header: Sequence[str], file: str, option: str, wanted: str) -> int:
    """The index of a column given by option."""
    if wanted in header:
        return header.index(wanted)
    folded = [index for index, column in enumerate(header) if fold(column) == fold(wanted)]
    if len(folded) == 1:
        return folded[0]
    from rapidfuzz import fuzz, process

    best = process.extractOne(wanted, header, scorer=fuzz.ratio, score_cutoff=50)
    zh = f"您是否要用 {best[0]}？" if best else "请改用其中之一。"
    en = f"Did you mean {best[0]}?" if best else "Use one of them."
    raise InputError(
        f"{file} 没有列 {wanted}（{option}）；有：{_listed(header, '、')}。{zh}",
        f"{file} has no column {wanted} ({option}); it has {_listed(header, ', ')}. {en}",
    )


def _guess_name(header: Sequence[str], file: str) -> int:
    """The one column with a known header, else the only column."""
    known = known_headers()["name"]
    found = [index for index, column in enumerate(header) if fold(column) in known]
    if len(found) == 1:
        return found[0]
    if len(header) == 1:
        return 0
    if found:
        names = [header[index] for index in found]
        raise InputError(
            f"{file}：{'、'.join(names)} 都可能是检查名称；请用 --name-column 指定一列。",
            f"{file}: {', '.join(names)} may each be the exam's name; say which with --name-column.",
        )
    raise InputError(
        f"{file}：看不出哪一列是检查名称；有：{_listed(header, '、')}；请用 --name-column 指定。",
        f"{file}: which column is the exam's name? It has {_listed(header, ', ')}; say which with --name-column.",
    )


def _optional(header: Sequence[str], file: str, kind: str, wanted: str | None) -> int | None:
    """A column by option; else the one with a known header; None where there is none, or more than one."""
    if wanted is not None:
        return _asked(header, file, f"--{kind}-column", wanted)
    known = known_headers()[kind]
    found = [index for index, column in enumerate(header) if fold(column) in known]
    return found[0] if len(found) == 1 else None


def _listed(header: Sequence[str], comma: str) -> str:
    """The columns for a message; a blank name is shown as such, and a long list is cut."""
    shown = [column or '""' for column in header[:40]]
    return comma.join(shown) + (" …" if len(header) > 40 else "")
