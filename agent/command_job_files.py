"""`yingma job look`, `export`, `report`, `changes`: what is in a file before it is a job, its output for people, its
report, what it would change.

The server runs the first two in a process of their own: reading a large file would hold up everybody's keys.
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

from agent.console import emit_json, language, say
from standard.errors import InputError, Lang

LONGEST = 200  # characters of a cell that are shown


def run_look(file: Path, sheet: str | None, rows: int, as_json: bool) -> None:
    """The first rows and the guessed columns."""
    found = look_at(file, sheet, rows)
    if as_json:
        emit_json(found)
        return
    from agent.command_standard import show_table

    show_table(found["header"], [tuple(row) for row in found["rows"]])
    for kind, index in found["guess"].items():
        print(f"{kind:<12} {found['header'][index] if index is not None else '-'}")


def look_at(file: Path, sheet: str | None, rows: int) -> dict[str, Any]:
    """As plain values: header, first rows, index of each guessed column, sheets of a workbook with several, notes.

    Where it is not clear which sheet, only `sheets` is filled. InputError where the file cannot be read.
    """
    from agent import columns, tables

    found: dict[str, Any] = {"header": [], "rows": [], "guess": {}, "sheets": [], "sheet": sheet, "notes": []}
    if tables.check_ending(file) == ".xlsx" and file.exists() and file.stat().st_size:
        found["sheets"] = _sheets(file)
        if sheet is None and len(found["sheets"]) > 1:
            return found
    (opened,) = tables.open_tables([file], sheet)
    header = opened.header
    columns.check_free(header, str(file))
    found["header"] = list(header)
    found["rows"] = [[cell[:LONGEST] for cell in row] for row in islice(opened.rows(), rows)]
    found["notes"] = [list(note) for note in opened.notes]
    found["guess"] = columns.guess(header)
    return found


def _sheets(file: Path) -> list[str]:
    """The visible sheets of a workbook; none where it cannot be read: opening it says why."""
    import python_calamine as calamine

    try:
        with calamine.CalamineWorkbook.from_path(str(file)) as book:
            return [
                each.name
                for each in book.sheets_metadata
                if each.visible == calamine.SheetVisibleEnum.Visible and each.typ == calamine.SheetTypeEnum.WorkSheet
            ]
    except (calamine.CalamineError, OSError, ValueError):
        return []


def run_export(name: str, output: Path | None) -> None:
    """The output of a job; csv and tsv with formulas defused."""
    from agent.jobs.folder import find_job
    from agent.settings import load_settings

    folder = find_job(load_settings().home, name)
    source = Path(folder.spec().output)
    if folder.status()["state"] != "done" or not source.exists():
        raise InputError(
            f"任务 {name} 还没有结果；完成后再导出。", f"The job {name} has no output yet; export it when it is done."
        )
    if source.is_dir():
        raise InputError(
            f"任务 {name} 的结果是文件夹 {source}；请直接取用其中的文件。",
            f"The output of the job {name} is the folder {source}; take the files in it.",
        )
    if output is None:
        _export(source, sys.stdout.buffer)
        return
    with open(output, "wb") as file:
        _export(source, file)
    print(say(f"写入 {output}", f"written to {output}"), file=sys.stderr)


def run_report(name: str, output: Path | None, as_json: bool) -> None:
    """The report of a job, in the language of this run."""
    from agent.jobs.folder import find_job
    from agent.jobs.report import as_html, kept_report
    from agent.settings import load_settings

    found = kept_report(find_job(load_settings().home, name))
    _tell(found, as_html, output, as_json)


def run_changes(name: str, output: Path | None, as_json: bool) -> None:
    """What a job run again changes, in the language of this run."""
    from agent.jobs.changes_page import as_html
    from agent.jobs.folder import find_job
    from agent.jobs.rerun import as_objects, kept_changes
    from agent.settings import load_settings

    folder = find_job(load_settings().home, name)
    found = as_objects(folder, kept_changes(folder))
    _tell(found, as_html, output, as_json)


def _tell(
    found: dict[str, Any], as_html: Callable[[Mapping[str, Any], Lang], str], output: Path | None, as_json: bool
) -> None:
    """As JSON, or as HTML in the language of this run: to a file, else to stdout."""
    if as_json:
        emit_json(found)
    elif output is None:
        print(as_html(found, language()), end="")
    else:
        output.write_text(as_html(found, language()), encoding="utf-8")
        print(say(f"写入 {output}", f"written to {output}"), file=sys.stderr)


def _export(source: Path, target: IO[bytes]) -> None:
    from agent.defuse import defused
    from agent.table_text import DELIMITERS

    delimiter = DELIMITERS.get(source.suffix.lower())
    if delimiter is None:  # cells of a workbook that Yingma writes are texts, never formulas; parquet has none
        with open(source, "rb") as file:
            shutil.copyfileobj(file, target)
        return
    import io

    text = io.TextIOWrapper(target, encoding="utf-8-sig", newline="", write_through=False)
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    with open(source, encoding="utf-8-sig", newline="") as file:
        writer.writerows(_rows(csv.reader(file, delimiter=delimiter), defused))
    text.flush()
    text.detach()


def _rows(rows: Any, change: Any) -> Any:
    for row in rows:
        yield [change(cell) for cell in row]


__all__: Sequence[str] = ["look_at", "run_changes", "run_export", "run_look", "run_report"]
