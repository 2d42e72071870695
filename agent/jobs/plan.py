"""What a job is about to do, worked out once: inputs as they were, columns, distinct names, what memory holds of them.

A job that goes on finds the same inputs, or refuses. Memory stays what it was when the job began: a decision made
between changes nothing of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from agent import bulk, columns, tables
from agent.answer import Query
from agent.inputs import Fetched, label_of
from agent.jobs.folder import Folder, JobSpec
from agent.table_ways import distinct_of
from standard.errors import InputError

if TYPE_CHECKING:
    from agent.table_ways import Ways

BLOCK = 1 << 20


class Plan(NamedTuple):
    """What is known before the first answer. `key`: hash of inputs, columns and memory."""

    key: str
    inputs: list[list[Any]]  # path, size, time of change, hash; of a table its address, rows, 0, hash
    columns: columns.Columns
    rows: int
    queries: list[Query]
    counts: list[int]
    notes: list[list[str]]
    lines: bool  # the inputs are plain lines, and were read as such

    def content(self, sheet: str | None) -> str:
        """Hash of what stands in the inputs, whatever they are called and where they lie, of the sheet that was asked
        for and of the columns that make a name. Not of the column of counts: a run with a corrected one is of the same
        names, and its counts replace those of the run before."""
        parts = [*sorted(each[3] for each in self.inputs), str(self.columns.query), str(sheet)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def choose_columns(spec: JobSpec, opened: Sequence[tables.Table]) -> columns.Columns:
    """The columns asked for, or guessed."""
    first = opened[0]
    if spec.columns is not None:
        columns.check_free(first.header, str(first.path))
        return columns.Columns(*spec.columns)
    return columns.choose(
        first.header,
        str(first.path),
        spec.name_column,
        spec.modality_column,
        spec.institution_column,
        spec.count_column,
    )


def make_plan(
    folder: Folder, spec: JobSpec, fetched: Fetched, opened: Sequence[tables.Table], ways: Ways | None
) -> Plan:
    """Read the inputs once, as lines where they are plain. `keep_plan` ends the planning."""
    chosen = choose_columns(spec, opened)
    inputs: list[list[Any]] = []
    for each in spec.inputs:
        label = label_of(each, spec.table)
        read = fetched.tables.get(label)
        inputs.append([label, *(fingerprint(Path(each)) if read is None else (read.rows, 0, read.hash))])
    notes = [list(note) for table in opened for note in table.notes]
    try:
        found = distinct_of(ways, chosen) if ways is not None else None
        work = bulk.distinct(opened, chosen) if found is None else found
    except columns.CountError:
        if spec.columns is not None or spec.count_column is not None:
            raise
        column = opened[0].header[chosen.exams or 0]
        notes.append(  # nobody asked for it: its header was known
            [
                f"列 {column} 不全是检查数，没有用它；检查按行计。",
                f"Not every cell of the column {column} is a count, so it is not used: each row is an exam.",
            ]
        )
        chosen = chosen._replace(exams=None)
        found = distinct_of(ways, chosen) if ways is not None else None
        work = bulk.distinct(opened, chosen) if found is None else found
    for path, *before in inputs:
        if path not in fetched.tables and list(stamp(Path(path))) != before[:2]:
            raise changed(path)
    names = [[*query, count] for query, count in zip(work.queries, work.counts, strict=True)]
    folder.write("names.json", names)
    parts = [each[3] for each in inputs] + [str(index) for index in chosen.query]
    parts += [f"count {chosen.exams}"] if chosen.exams is not None else []
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
    if chosen.exams is not None:
        column, exams = opened[0].header[chosen.exams], sum(work.counts)
        notes.append(
            [
                f"检查数按列 {column} 计：{work.rows:,} 行，{exams:,} 次检查。",
                f"Exams are counted by the column {column}: {work.rows:,} rows, {exams:,} exams.",
            ]
        )
    return Plan(key, inputs, chosen, work.rows, work.queries, work.counts, notes, found is not None)


def keep_plan(folder: Folder, plan: Plan, memory: dict[str, Any] | None) -> None:
    """What memory holds now; then the plan, whose file says that all of it is there."""
    folder.write("memory.json", memory)
    kept = plan._asdict() | {"columns": list(plan.columns), "names": len(plan.queries)}
    folder.write("plan.json", {name: value for name, value in kept.items() if name not in ("queries", "counts")})


def kept_plan(folder: Folder, fetched: Fetched) -> Plan | None:
    """The plan that was kept; None where there is none. InputError where an input is not what it was."""
    if not folder.has("plan.json"):
        return None
    kept = folder.read("plan.json")
    for path, size, modified, digest in kept["inputs"]:
        if path not in fetched.tables:
            check_input(path, (size, modified), digest)
        elif fetched.tables[path] != (size, digest):
            raise changed(path)
    names = folder.read("names.json")
    return Plan(
        kept["key"],
        kept["inputs"],
        columns.Columns(*kept["columns"]),
        kept["rows"],
        [Query(*row[:3]) for row in names],
        [row[3] for row in names],
        kept["notes"],
        kept["lines"],
    )


def check_input(path: str, before: tuple[int, int], digest: str) -> None:
    """InputError where a file is not what it was when the job began."""
    try:
        now = stamp(Path(path))
    except FileNotFoundError as error:
        raise InputError(
            f"输入 {path} 不在了；任务要继续，请把它放回原处。",
            f"The input {path} is gone; put it back for the job to go on.",
        ) from error
    if now != before and (now[0] != before[0] or fingerprint(Path(path))[2] != digest):
        raise changed(path)


def changed(path: str) -> InputError:
    """The error of an input that was changed."""
    return InputError(
        f"输入 {path} 在任务开始后被改动；已算的部分不再适用，请另建一个任务。",
        f"The input {path} was changed after the job began, so what is done no longer fits; make a new job of it.",
    )


def stamp(path: Path) -> tuple[int, int]:
    """Size and time of change."""
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def fingerprint(path: Path) -> tuple[int, int, str]:
    """Size, time of change, hash of the content."""
    digest = hashlib.blake2b(digest_size=16)
    before = stamp(path)
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return *before, digest.hexdigest()
