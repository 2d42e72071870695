"""Recall of retrieval on labelled names with one exam, beside the plain ways of searching.

Rows: those of a gold file whose `codes` are exactly one code of the catalogue. A row is found at k when its code is
among the first k candidates. The plain ways (plain.py) are given with and without the modality filter that ours uses,
so that the filter's share can be seen.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.console import say
from evals.plain import Way, placed, plain_scores
from retrieval import Candidate, Retriever
from retrieval.embeddings import E5
from standard.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from standard.edition import Catalogue
    from standard.lexicon import Lexicon

CUTS = (1, 5, 10, 20)
DEPTH = 150  # candidates asked for, so that places in each source are known
METHODS: Mapping[Way, str] = {
    "tfidf": "char TF-IDF, standard names (Usagi's way)",
    "dense": "dense, standard names",
    "fused": "fused, standard names",
}


class LabelledName(NamedTuple):
    """A labelled name with one exam."""

    name: str
    modality: str
    code: str
    route: str


class Recall(NamedTuple):
    """Of `rows` names, the share found among the first k, by k."""

    method: str
    filtered: bool
    rows: int
    at: Mapping[int, float]


def single_code_rows(gold: Path) -> list[LabelledName]:
    """The rows of a gold file with one code. InputError for a file without modality, name, codes and route."""
    with gold.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        missing = {"modality", "name", "codes", "route"} - set(rows.fieldnames or ())
        if missing:
            raise InputError(
                f"{gold} 不是标注文件：缺少列 {'、'.join(sorted(missing))}",
                f"{gold} is no file of labelled names: it lacks the columns {', '.join(sorted(missing))}",
            )
        return [
            LabelledName(row["name"], row["modality"], row["codes"], row["route"])
            for row in rows
            if row["codes"] and "+" not in row["codes"] and "/" not in row["codes"]
        ]


def measure_recall(
    gold: Path,
    catalogue: Catalogue,
    home: Path,
    lexicon: Lexicon,
    *,
    modality: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> list[Recall]:
    """Recall of every way on the rows of a gold file. `modality` off hides the modality column.

    Raises InputError when no row has one code of the catalogue.
    """
    rows = [row for row in single_code_rows(gold) if row.code in catalogue.items]
    if not rows:
        raise InputError(f"{gold} 中没有单一编码的行", f"{gold} has no row with one code of the catalogue")
    if not modality:
        rows = [row._replace(modality="") for row in rows]
    embedder = E5()
    plain = plain_scores([(row.name, row.modality) for row in rows], catalogue, lexicon, embedder)
    ways = [
        _recall(METHODS[way], filtered, rows, plain.codes, placed(plain.scores(way, filtered)))
        for filtered in (False, True)
        for way in plain.ways
    ]
    with Retriever.open(catalogue, home, lexicon, embedder, progress) as retriever:
        found = retriever.search([(row.name, row.modality) for row in rows], DEPTH)
    ours = [_placed(row.code, hits) for row, hits in zip(rows, found, strict=True)]
    for source, method in (
        ("lexical", "lexical alone, spoken names"),
        ("dense", "dense alone, cleaned names"),
        ("", "ours: lexical + dense + exact"),
    ):
        at = {k: float(np.mean([each.get(source, DEPTH) <= k for each in ours])) for k in CUTS}
        ways.append(Recall(method, True, len(rows), at))
    return ways


def _placed(code: str, hits: Sequence[Candidate]) -> Mapping[str, int]:
    """The place of a code in each source, and in the fused list under ""."""
    for place, each in enumerate(hits, 1):
        if each.code == code:
            return {**each.ranks, "": place}
    return {}


def recall_table(results: Sequence[Recall]) -> Table:
    """The results as a table for the terminal."""
    from rich.table import Table

    rows = results[0].rows
    table = Table(
        title=say(f"{rows} 个单一检查名称的召回率，%", f"recall on {rows} names with one exam, %"), title_justify="left"
    )
    table.add_column(say("方法", "method"))
    table.add_column(say("按检查类型过滤", "modality filter"))
    for k in CUTS:
        table.add_column(f"@{k}", justify="right")
    for each in results:
        row = [each.method, say("是", "yes") if each.filtered else say("否", "no")]
        table.add_row(*row, *(f"{100 * each.at[k]:.1f}" for k in CUTS), end_section=each.method.startswith("fused"))
    return table


def _recall(
    method: str, filtered: bool, rows: Sequence[LabelledName], codes: Sequence[str], ranks: NDArray[np.int64]
) -> Recall:
    column = {code: at for at, code in enumerate(codes)}
    places = np.asarray([ranks[at, column[row.code]] for at, row in enumerate(rows)])
    return Recall(method, filtered, len(rows), {k: float(np.mean(places <= k)) for k in CUTS})
