"""Tables whose rows need not pass through Python one by one: large plain csv and tsv files (`table_lines`), parquet
(`table_frames`).

One way reads the tables of one output; for a folder there is one for each table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent.answer import Query
from agent.bulk import Work
from agent.columns import Columns
from agent.table_lines import LARGE, Lines, open_lines

if TYPE_CHECKING:
    from agent.table_frames import Frames
    from agent.tables import Table

    Ways = list[Lines | Frames]


def open_ways(groups: Sequence[Sequence[Table]], targets: Sequence[Path], scratch: Path) -> Ways | None:
    """The ways of the tables of each group into its target. None where not all of them are plain, or one of several
    groups is small: each would look all names up. `scratch`: a folder for what is needed on the way."""
    if len(groups) > 1 and any(table.path.stat().st_size < LARGE for group in groups for table in group):
        return None
    ways: Ways = []
    for at, (group, target) in enumerate(zip(groups, targets, strict=True)):
        place = scratch / f"way-{at}"
        place.mkdir(parents=True, exist_ok=True)
        way = open_lines(group, target, place, LARGE)
        if way is None:
            return None
        ways.append(way)
    return ways


def distinct_of(ways: Ways, columns: Columns) -> Work | None:
    """The distinct names of all tables, with rows and exams; None where a table has to be read by the csv module."""
    exams: Counter[Query] = Counter()
    rows = 0
    for way in ways:
        work = way.distinct(columns)
        if work is None or len(ways) == 1:
            return work
        rows += work.rows
        for query, count in zip(work.queries, work.counts, strict=True):
            exams[query] += count
    return Work(list(exams), rows, list(exams.values()))
