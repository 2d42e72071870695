"""The distinct names of some rows through the pipeline, each once, on all cores, in order.

    rows ──▶ distinct (name, modality, institution) ──▶ workers ──▶ answers ──▶ rows + answers

An answer depends on nothing but its query, so the number of workers and the order cannot change it. Without a model,
and with Yingma's own (each worker opens it for itself), all cores are used; with another model the pipeline runs in
this process, since that model has its own concurrency.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from agent.answer import Query
from agent.columns import Columns, exams_of
from agent.pool import Answer, Done, Opening, Pool, answer_piece

if TYPE_CHECKING:
    from agent.pipeline import Pipeline
    from agent.tables import Table

ALONE = 5_000  # fewer names than this are not worth the start of workers
ALONE_WITH_MODEL = 500  # the same where Yingma's own model reads them too
CHUNK = 1_000  # names that a worker takes at a time
STEP = 64  # names at a time with a model, for the progress shown
STEP_OWN = 250  # the same with Yingma's own

Progress = Callable[[int], None]


class Work(NamedTuple):
    """The distinct queries of some files, in order of first appearance; the rows; the exams of each query: how often it
    stands there, or what the column of counts says."""

    queries: list[Query]
    rows: int
    counts: list[int]


def distinct(tables: Sequence[Table], columns: Columns) -> Work:
    """The distinct (name, modality, institution) of all rows."""
    seen: Counter[Query] = Counter()
    if columns.exams is None:
        for table in tables:
            seen.update(queries_of(table, columns))
        return Work(list(seen), sum(seen.values()), list(seen.values()))
    rows = 0
    for table in tables:
        cells = table.cells([columns.exams])
        column = table.header[columns.exams]
        for row, (query, (cell,)) in enumerate(zip(queries_of(table, columns), cells, strict=True), 2):
            seen[query] += exams_of(cell, str(table.path), row, column)
            rows += 1
    return Work(list(seen), rows, list(seen.values()))


def queries_of(table: Table, columns: Columns) -> Iterator[Query]:
    """The query of each row; a column that the file lacks is empty."""
    present = [index for index in columns.query if index is not None]
    cells = table.cells(present)
    if len(present) == 1:
        return (Query(name) for (name,) in cells)
    if columns.modality is None:
        return (Query(name, "", institution) for name, institution in cells)
    return (Query(*row) for row in cells)


def workers_for(queries: int, wanted: int = 0, own_model: bool = False) -> int:
    """How many processes: as asked, else one for few names and all cores for many. 1 is this process."""
    if wanted:
        return wanted
    if queries < (ALONE_WITH_MODEL if own_model else ALONE):
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, queries // (STEP_OWN if own_model else CHUNK)))


def step_for(model: str, own_model: bool) -> int:
    """Names in a piece."""
    return CHUNK if model == "none" else STEP_OWN if own_model else STEP


def answers(
    pipeline: Pipeline,
    queries: Sequence[Query],
    edition: str | None,
    workers: int,
    progress: Progress,
    step: int = CHUNK,
    model: str = "none",
) -> Generator[Answer, None, None]:
    """The answer of each query, in order, as they come. `progress` is told how many more are done.

    Close it (contextlib.closing) to end the workers when not all answers are taken.
    """
    pieces = [(start, min(start + step, len(queries))) for start in range(0, len(queries), step)]
    if workers <= 1:
        for start, end in pieces:
            yield from answer_piece(pipeline, queries[start:end])[0]
            progress(end - start)
        return
    opening = Opening(edition, model, pipeline.devices is not None)
    with closing(Pool(pipeline, queries, opening, workers)) as pool:
        early: dict[int, Done] = {}
        due = 0
        for done in pool.run(pieces):
            progress(len(done.answers))
            early[done.start] = done
            while due in early:
                part = early.pop(due)
                yield from part.answers
                due += len(part.answers)
