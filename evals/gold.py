"""Labelled names: one row a raw name, with the codes an expert gives it and whether he would accept them unasked.

Columns (tab-separated, UTF-8): id, source, modality, name, count, codes, route, category, note. Codes of several exams
are joined by `+`, alternatives by ` / `; route is auto or review.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from standard.errors import InputError

COLUMNS = ("id", "source", "modality", "name", "codes", "route", "category")


@dataclass(frozen=True, slots=True)
class GoldRow:
    """One labelled name. `alternatives`: each a full answer as a set of codes; empty when no code can be right."""

    id: str
    source: str
    modality: str
    name: str
    count: int
    alternatives: tuple[frozenset[str], ...]
    route: Literal["auto", "review"]
    category: str

    def right(self, codes: Sequence[str]) -> bool:
        """The set of codes equals an alternative of the gold."""
        return frozenset(codes) in self.alternatives


def read_gold(paths: Sequence[Path]) -> list[GoldRow]:
    """All rows of all files. InputError names file, row, column and remedy."""
    rows: list[GoldRow] = []
    for path in paths:
        rows += _read(path)
    return rows


def _read(path: Path) -> list[GoldRow]:
    if not path.is_file():
        raise InputError(f"没有文件 {path}；请检查路径。", f"There is no file {path}; check the path.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} 读不出来（{error}）；请给出 UTF-8 的标注文件。",
            f"{path} cannot be read ({error}); give a file of labelled names in UTF-8.",
        ) from error
    reader = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise InputError(
            f"{path} 缺少列 {', '.join(missing)}；标注文件要有 {', '.join(COLUMNS)}。",
            f"{path} lacks the columns {', '.join(missing)}; labelled names have {', '.join(COLUMNS)}.",
        )
    rows = []
    for number, row in enumerate(reader, 2):
        route = row["route"]
        if route not in ("auto", "review"):
            raise InputError(
                f"{path} 第 {number} 行 route 列是 {route!r}；请写 auto 或 review。",
                f"{path}, row {number}: route is {route!r}; write auto or review.",
            )
        sets = (
            frozenset(code.strip() for code in each.split("+") if code.strip()) for each in row["codes"].split(" / ")
        )
        rows.append(
            GoldRow(
                id=row["id"],
                source=row["source"],
                modality=row["modality"],
                name=row["name"],
                count=int(row.get("count") or 0),
                alternatives=tuple(each for each in sets if each),
                route="auto" if route == "auto" else "review",
                category=row["category"],
            )
        )
    return rows
