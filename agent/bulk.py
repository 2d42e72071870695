"""A whole file through the pipeline: each distinct name once, on all cores, then joined back to its rows.

    rows ──▶ distinct (name, modality, institution) ──▶ workers ──▶ answers ──▶ rows + answers

An answer depends on nothing but its query, so the number of workers and the order cannot change it. Without a model,
and with Yingma's own (each worker opens it for itself), all cores are used; with another model the pipeline runs in
this process, since that model has its own concurrency.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import connection
from typing import TYPE_CHECKING, Any, NamedTuple

from agent.answer import Query
from agent.columns import Columns
from standard.errors import YingmaError

if TYPE_CHECKING:
    from agent.pipeline import Pipeline
    from agent.tables import Table

ALONE = 5_000  # fewer names than this are not worth the start of workers
ALONE_WITH_MODEL = 500  # the same where Yingma's own model reads them too
CHUNK = 1_000  # names that a worker takes at a time
STEP = 64  # names at a time with a model, for the progress shown
STEP_OWN = 250  # the same with Yingma's own

Answer = tuple[str, ...]  # route, codes, names, score, reason, edition, detail
Progress = Callable[[int], None]


class Work(NamedTuple):
    """The distinct queries of some files, in order of first appearance, and the number of rows."""

    queries: list[Query]
    rows: int


def distinct(tables: Sequence[Table], columns: Columns) -> Work:
    """The distinct (name, modality, institution) of all rows."""
    seen: dict[Query, None] = {}
    rows = 0
    for table in tables:
        for query in queries_of(table, columns):
            rows += 1
            seen[query] = None
    return Work(list(seen), rows)


def queries_of(table: Table, columns: Columns) -> Iterator[Query]:
    """The query of each row; a column that the file lacks is empty."""
    present = [index for index in columns if index is not None]
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
    chunks = _chunks(queries, step)
    if workers <= 1:
        for chunk in chunks:
            yield from pipeline.answer_compact(chunk)
            progress(len(chunk))
        return
    pool = _pool(pipeline, edition, workers, model)
    try:
        for part in pool.map(_answer, chunks):
            yield from part
            progress(len(part))
    except BrokenProcessPool as error:
        raise YingmaError(
            "一个工作进程被系统终止（多半是内存不足）；没有写出任何内容，请加 --workers 1 重试。",
            "A worker process was killed by the system, probably for memory; nothing was written, "
            "try again with --workers 1.",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _chunks(queries: Sequence[Query], size: int) -> Iterator[list[Query]]:
    """The queries in pieces."""
    source = iter(queries)
    while chunk := list(islice(source, size)):
        yield chunk


# -- workers -----------------------------------------------------------------------------------------------------------

_pipeline: Pipeline | None = None


def _pool(pipeline: Pipeline, edition: str | None, workers: int, model: str) -> ProcessPoolExecutor:
    """Workers that have the pipeline.

    On Linux, while this process has one thread, they are forked and share what is loaded: a start costs nothing. A
    process with other threads (a library's) must not be forked, since a lock that one of them holds stays held in the
    child for ever; then, and elsewhere, workers start anew and load the edition themselves.
    """
    global _pipeline
    if sys.platform == "linux" and _single_threaded():
        _pipeline = pipeline
        gc.freeze()  # what is loaded stays shared: the collector of a worker does not touch it
        context: Any = multiprocessing.get_context("fork")
        return ProcessPoolExecutor(workers, context, _begin, (None, "none", False, False))
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, _begin, (edition, model, True, pipeline.devices is not None))


def _single_threaded() -> bool:
    """Whether this process has one thread only, those of native libraries counted."""
    return threading.active_count() == 1 and len(os.listdir("/proc/self/task")) == 1


def _begin(edition: str | None, model: str, load: bool, device_codes: bool) -> None:
    """Start of a worker: Ctrl-C is the parent's to handle, and no worker outlives its parent."""
    global _pipeline
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    if load:
        from agent.opening import open_pipeline

        _pipeline = open_pipeline(edition, model, device_codes=device_codes)


def _end_with(sentinel: int) -> None:
    """End this process when its parent ends."""
    connection.wait([sentinel])
    os._exit(1)


def _answer(chunk: list[Query]) -> list[Answer]:
    """The answers to one chunk, in a worker."""
    assert _pipeline is not None  # _begin or the fork has set it
    return list(_pipeline.answer_compact(chunk))
