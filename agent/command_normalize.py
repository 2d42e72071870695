"""`yingma normalize`: files in, the same rows with their codes out."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from agent import bulk, columns, tables
from agent.answer import Query
from agent.budget import Asked, Limits, Meter, chosen_limits, meter_on, prices_of
from agent.console import emit_json, language, note, say
from agent.inputs import check_output, fetch, given, groups_of, named, skipped_note, targets_of
from agent.memory import memory_setting, open_memory
from agent.opening import device_setting, model_setting, open_pipeline
from agent.pool import Answer
from agent.table_ways import distinct_of, open_ways
from agent.table_write import write_whole
from standard.errors import Lang

if TYPE_CHECKING:
    from agent.pipeline import Pipeline
    from agent.table_ways import Ways

Known = dict[Query, tuple[tuple[str, ...], tuple[str, str]]]  # the new cells of each name, its route and reason


class Options(NamedTuple):
    """What the command was asked."""

    inputs: Sequence[str | Path]
    output: Path
    name_column: str | None = None
    modality_column: str | None = None
    institution_column: str | None = None
    edition: str | None = None
    model: str | None = None
    sheet: str | None = None
    workers: int = 0
    device_codes: bool | None = None
    memory: bool | None = None
    limits: Asked = Asked()
    table: str | None = None


class Outcome(NamedTuple):
    """What came of it. `reasons` counts rows, by route and reason id."""

    output: Path
    rows: int
    names: int
    routes: dict[str, int]
    reasons: dict[tuple[str, str], int]
    notes: list[tuple[str, str]]
    seconds: float


def run(options: Options, as_json: bool) -> None:
    """Do it and tell what came of it."""
    outcome = normalize(options)
    for zh, en in outcome.notes:
        note(say(zh, en))
    if as_json:
        emit_json(summary(outcome))
    else:
        accepted, review = outcome.routes.get("accepted", 0), outcome.routes.get("review", 0)
        note(
            say(
                f"{outcome.rows} 行，{outcome.names} 个不同的名称：采用 {accepted} 行，待审 {review} 行；"
                f"用时 {outcome.seconds:.1f} 秒；写入 {outcome.output}",
                f"{outcome.rows} rows, {outcome.names} distinct names: {accepted} rows accepted, {review} for review; "
                f"{outcome.seconds:.1f} s; written to {outcome.output}",
            )
        )


def summary(outcome: Outcome) -> dict[str, Any]:
    """The outcome as plain values."""
    return {
        "output": str(outcome.output),
        "rows": outcome.rows,
        "names": outcome.names,
        "routes": outcome.routes,
        "reasons": [
            {"route": route, "reason": reason, "rows": count}
            for (route, reason), count in sorted(outcome.reasons.items(), key=lambda each: (-each[1], each[0]))
        ],
        "notes": [{"zh": zh, "en": en} for zh, en in outcome.notes],
        "seconds": round(outcome.seconds, 3),
    }


def normalize(options: Options) -> Outcome:
    """Read, answer each distinct name, write. InputError, and no output, where something does not hold."""
    started = time.perf_counter()
    found = given([str(each) for each in options.inputs], options.table)
    check_output(found.inputs, options.output, found.each)
    with TemporaryDirectory(prefix="yingma-") as scratch:
        fetched = fetch(found.inputs, options.table, found.secrets, Path(scratch), options.output)
        with named(fetched.labels):
            outcome = _normalize(options, fetched.paths, started, found.each)
    if found.skipped:
        outcome.notes.append(skipped_note(found.skipped))
    return outcome


def _normalize(options: Options, inputs: Sequence[Path], started: float, each: bool) -> Outcome:
    model = model_setting(options.model)
    opened = tables.open_tables(inputs, options.sheet)
    chosen = columns.choose(
        opened[0].header,
        str(opened[0].path),
        options.name_column,
        options.modality_column,
        options.institution_column,
    )
    with TemporaryDirectory(prefix="yingma-") as scratch:
        targets = targets_of([str(path) for path in inputs], options.output, each)
        groups = groups_of(opened, each)
        ways = open_ways(groups, targets, Path(scratch))
        found = distinct_of(ways, chosen) if ways is not None else None
        work = bulk.distinct(opened, chosen) if found is None else found
        pipeline = open_pipeline(options.edition, model, device_codes=device_setting(options.device_codes), keep=True)
        if options.memory is not False:
            pipeline.memory = open_memory(work.queries, memory_setting(options.memory))
        own = pipeline.own_model
        limits = _limited(pipeline, options.limits, model)
        alone = (model != "none" and not own) or limits.in_order
        workers = 1 if alone else bulk.workers_for(len(work.queries), options.workers, own)
        step = bulk.step_for(model, own)
        reasons: Counter[tuple[str, str]] = Counter()
        with (
            progress(len(work.queries)) as advance,
            closing(bulk.answers(pipeline, work.queries, options.edition, workers, advance, step, model)) as answers,
        ):
            if found is not None and ways is not None:
                rows = write_ways(targets, ways, work, answers, reasons, language())
            else:
                rows = _write(targets, groups, chosen, zip(work.queries, answers, strict=True), reasons)
    by_route: Counter[str] = Counter()
    for (route, _), count in reasons.items():
        by_route[route] += count
    notes = [note for table in opened for note in table.notes]
    if rows == 0:
        notes.append(
            ("输入只有表头，没有数据行；输出也只有表头。", "The input has a header and no rows; so has the output.")
        )
    seconds = time.perf_counter() - started
    return Outcome(options.output, rows, len(work.queries), dict(by_route), dict(reasons), notes, seconds)


def _limited(pipeline: Pipeline, asked: Asked, model: str) -> Limits:
    """Let the pipeline ask within the budget of this run; gives it."""
    limits = chosen_limits(asked, model)
    if any(limits):
        from agent.settings import load_settings

        meter_on(pipeline, Meter(limits, prices_of(load_settings(), model)))
    return limits


def _write(
    targets: Sequence[Path],
    groups: Sequence[Sequence[tables.Table]],
    chosen: columns.Columns,
    answered: Iterator[tuple[Query, Answer]],
    reasons: Counter[tuple[str, str]],
) -> int:
    """The rows of each group of tables into its target, row by row."""
    known: Known = {}
    return sum(
        tables.write_table(target, group, columns.OUTPUT, _join(group, chosen, answered, reasons, known))
        for target, group in zip(targets, groups, strict=True)
    )


def write_ways(
    targets: Sequence[Path],
    ways: Ways,
    work: bulk.Work,
    answers: Iterable[Answer],
    reasons: Counter[tuple[str, str]],
    lang: Lang,
) -> int:
    """The same by DuckDB or Polars, for large plain files and for parquet. InputError where it cannot be written."""
    cells = []
    for answer, count in zip(answers, work.counts, strict=True):
        reasons[answer[0], answer[4]] += count
        cells.append(cells_of(answer, lang))
    rows = 0
    for target, way in zip(targets, ways, strict=True):
        rows += write_whole(target, partial(way.write, new_header=columns.OUTPUT, queries=work.queries, cells=cells))
    return rows


def _join(
    opened: Sequence[tables.Table],
    chosen: columns.Columns,
    answered: Iterator[tuple[Query, Answer]],
    reasons: Counter[tuple[str, str]],
    known: Known,
) -> Iterator[Sequence[str]]:
    """The new cells of each row, written while later answers are still being worked out.

    Answers come in the order in which their names first stand in the rows, so a row waits for no later one.
    """
    for table in opened:
        for query in bulk.queries_of(table, chosen):
            while query not in known:
                name, answer = next(answered)
                known[name] = (cells_of(answer, language()), (answer[0], answer[4]))
            cells, reason = known[query]
            reasons[reason] += 1
            yield cells


def cells_of(answer: Answer, lang: Lang) -> tuple[str, ...]:
    """The new columns of one answer, in the order of columns.OUTPUT."""
    route, codes, names, score, reason, edition, detail = answer
    return route, codes, names, score, reason_cell(reason, detail, lang), edition


def reason_cell(reason: str, detail: str, lang: Lang) -> str:
    """`id: sentence (detail)`."""
    sentence = _sentence(reason, lang)
    return f"{reason}: {sentence}" + (f" ({detail})" if detail else "")


def reason_sentence(reason: str) -> str:
    """The sentence of a reason in the language of this run."""
    return _sentence(reason, language())


@cache
def _sentence(reason: str, lang: Lang) -> str:
    from agent.reasons import sentence

    return sentence(reason, lang)


@contextmanager
def progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr for a person who watches; nothing where stderr is a file."""
    if not sys.stderr.isatty() or total < bulk.CHUNK // 2:
        yield lambda done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from agent.console import err

    shown = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=err()
    )
    task = shown.add_task(say("名称", "names"), total=total)
    state = {"started": False}

    def advance(done: int) -> None:
        if not state["started"]:  # only after the workers are there: its thread must not be when they are forked
            shown.start()
            state["started"] = True
        shown.advance(task, done)

    try:
        yield advance
    finally:
        if state["started"]:
            shown.stop()
