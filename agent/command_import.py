"""`yingma editions import FILE`: a publisher's workbook becomes an edition, or a list of what does not hold in it."""

from __future__ import annotations

from pathlib import Path

import typer

from agent.console import EXIT_USAGE, emit_json, language, note, say
from standard.catalogue import EDITIONS
from standard.importer import ImportReport, import_workbook


def run(file: Path, edition_id: str | None, new_elements: bool, as_json: bool) -> None:
    """Import and report; exit code 2 where faults kept the edition from being written."""
    report = import_workbook(file, edition_id=edition_id, new_elements=new_elements)
    if as_json:
        emit_json(report.to_dict())
    else:
        _tell(report)
    if not report.imported:
        raise typer.Exit(EXIT_USAGE)


def _tell(report: ImportReport) -> None:
    """The findings on stdout, one a line, then what came of it on stderr."""
    zh = language() == "zh"
    for each in report.findings:
        kind = {"fault": say("错误", "fault"), "note": say("说明", "note")}.get(each.severity, each.severity)
        where = " ".join(
            part
            for part in (
                each.sheet,
                say(f"第 {each.row} 行", f"row {each.row}") if each.row else "",
                say(f"列 {each.column}", f"column {each.column}") if each.column else "",
            )
            if part
        )
        print(f"{kind}\t{where}\t{each.zh if zh else each.en}")
    if report.imported:
        done = say(
            f"已导入 {report.edition}：{report.items} 项，位于 {report.folder}；",
            f"Imported {report.edition}: {report.items} items, in {report.folder}; ",
        )
        shipped = (EDITIONS / str(report.edition)).is_dir()
        use = (
            say(
                "此版本随附，--edition 用的是随附的那份。",
                "this edition is shipped, and --edition takes the shipped one.",
            )
            if shipped
            else say(f"用 --edition {report.edition} 选用。", f"use it with --edition {report.edition}.")
        )
        note(done + use)
    else:
        note(
            say(
                f"没有导入：{len(report.faults)} 处错误（见上）；请改正工作簿后重试。",
                f"Not imported: {len(report.faults)} faults (above); correct the workbook and try again.",
            )
        )
