"""`yingma demo`: the main job on the example files, a summary, and some rows with why they came out so."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from agent.columns import OUTPUT, choose
from agent.command_normalize import Options, Outcome, normalize, reason_sentence, summary
from agent.console import emit_json, out, say
from agent.reference import ROOT
from standard.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

EXAMPLES, OUT = ROOT / "examples", ROOT / "out"
SAMPLES = 10


def run(as_json: bool) -> None:
    """Normalize every example into ./out/ and sum it up."""
    inputs = sorted(path for path in EXAMPLES.glob("*") if path.suffix in (".csv", ".tsv", ".xlsx", ".parquet"))
    if not inputs:
        raise InputError(
            f"{EXAMPLES} 中没有示例文件；请重新取得完整的源代码。",
            f"There are no example files in {EXAMPLES}; get the whole source again.",
        )
    OUT.mkdir(exist_ok=True)
    outcomes = [(path, normalize(Options([path], OUT / path.name, model="none"))) for path in inputs]
    if as_json:
        emit_json({"files": [{"input": str(path), **summary(outcome)} for path, outcome in outcomes]})
        return
    console = out()
    _tell_files(console, outcomes)
    _tell_reasons(console, [outcome for _, outcome in outcomes])
    _tell_samples(console, [outcome.output for _, outcome in outcomes])
    console.print(
        say(
            f"结果在 {OUT.relative_to(ROOT)}/，每个示例文件一份。试试：\n"
            "  ./yingma explain '头颅MRA+MRI平扫'\n  ./yingma normalize 您的文件.xlsx -o 结果.xlsx",
            f"The results are in {OUT.relative_to(ROOT)}/, one file for each example. Now try:\n"
            "  ./yingma explain '头颅MRA+MRI平扫'\n  ./yingma normalize your-file.xlsx -o coded.xlsx",
        )
    )


def _tell_files(console: Console, outcomes: list[tuple[Path, Outcome]]) -> None:
    from rich.table import Table

    table = Table(title=say("示例文件", "Example files"), title_justify="left")
    for heading in say("文件|行|采用|待审|说明", "file|rows|accepted|review|note").split("|"):
        table.add_column(heading, justify="left" if heading in ("文件", "file", "说明", "note") else "right")
    for path, outcome in outcomes:
        routes = outcome.routes
        notes = " ".join(say(zh, en).replace(f"{path} ", "").replace(str(path), path.name) for zh, en in outcome.notes)
        accepted, review = str(routes.get("accepted", 0)), str(routes.get("review", 0))
        table.add_row(path.name, str(outcome.rows), accepted, review, notes)
    total = [outcome for _, outcome in outcomes]
    table.add_section()
    table.add_row(
        say("合计", "all"),
        str(sum(each.rows for each in total)),
        str(sum(each.routes.get("accepted", 0) for each in total)),
        str(sum(each.routes.get("review", 0) for each in total)),
        f"{sum(each.seconds for each in total):.1f} s",
    )
    console.print(table)


def _tell_reasons(console: Console, outcomes: list[Outcome]) -> None:
    from rich.table import Table

    counts: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        counts.update(outcome.reasons)
    table = Table(title=say("去向与原因", "Routes and reasons"), title_justify="left")
    table.add_column(say("去向", "route"))
    table.add_column(say("行", "rows"), justify="right")
    table.add_column(say("原因", "reason"))
    words = {"accepted": say("采用", "accepted"), "review": say("待审", "review")}
    for (route, reason), count in sorted(counts.items(), key=lambda each: (each[0][0], -each[1], each[0][1])):
        table.add_row(words.get(route, route), str(count), f"{reason}: {reason_sentence(reason)}")
    console.print(table)


def _tell_samples(console: Console, outputs: list[Path]) -> None:
    """Ten rows with why they came out so."""
    from rich.table import Table
    from rich.text import Text

    from agent.command_explain import shown

    table = Table(title=say("其中十行", "Ten of the rows"), title_justify="left", show_lines=True)
    for heading in say("名称|编码|标准名称|为什么", "name|codes|names|why").split("|"):
        table.add_column(heading, overflow="fold")
    for row in _samples(list(_rows(outputs))):
        codes, names = row["yingma_codes"].replace("+", "\n"), row["yingma_names"].replace(" + ", "\n")
        table.add_row(Text(shown(_name(row))), codes, names, Text(shown(row["yingma_reason"])))
    console.print(table)


def _name(row: dict[str, str]) -> str:
    """The exam's name of a row of any of the files."""
    return row[tuple(row)[choose(tuple(row)[: -len(OUTPUT)], "").name]]


def _samples(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Accepted: several exams, English, long names. For review: one of each reason, the frequent ones first."""
    accepted = [row for row in rows if row["yingma_route"] == "accepted"]
    several = [row for row in accepted if "+" in row["yingma_codes"]]
    english = [row for row in accepted if _name(row).isascii()]
    long = sorted((row for row in accepted if not _name(row).isascii()), key=lambda row: -len(_name(row)))
    chosen = [*several[:1], *english[:1]]
    chosen = [*[row for row in long if row not in chosen][:2], *chosen]
    reasons: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        if row["yingma_route"] == "review":
            reasons.setdefault(row["yingma_reason"].split(":", 1)[0], []).append(row)
    frequent = sorted(reasons.values(), key=lambda each: -len(each))
    return [*chosen, *(each[0] for each in frequent)][:SAMPLES]


def _rows(outputs: list[Path]) -> Iterator[dict[str, str]]:
    """The rows of the csv and tsv results."""
    for path in outputs:
        if path.suffix in (".csv", ".tsv"):
            with open(path, encoding="utf-8-sig", newline="") as file:
                yield from csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
