"""`yingma demo`: the main job on the example files, a summary, and some rows with why they came out so."""

from __future__ import annotations

import importlib.util
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from agent.columns import OUTPUT, choose
from agent.command_normalize import Options, Outcome, normalize, reason_sentence, summary
from agent.console import emit_json, note, out, say
from agent.reference import ROOT
from agent.tables import open_tables
from standard.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

EXAMPLES, OUT = ROOT / "examples", ROOT / "out"
SAMPLES, ADDED = 10, 6


def run(as_json: bool) -> None:
    """Normalize every example into ./out/ and sum it up."""
    inputs = sorted(path for path in EXAMPLES.glob("*") if path.suffix in (".csv", ".tsv", ".xlsx", ".parquet"))
    if not inputs:
        raise InputError(
            f"{EXAMPLES} 中没有示例文件；请重新取得完整的源代码。",
            f"There are no example files in {EXAMPLES}; get the whole source again.",
        )
    OUT.mkdir(exist_ok=True)
    model = "local" if _has_own_model() else "none"
    outcomes = [(path, normalize(Options([path], OUT / path.name, model=model))) for path in inputs]
    if as_json:
        emit_json({"files": [{"input": str(path), **summary(outcome)} for path, outcome in outcomes]})
        return
    console = out()
    _tell_files(console, outcomes)
    _tell_reasons(console, [outcome for _, outcome in outcomes])
    _tell_samples(console, [outcome.output for _, outcome in outcomes])
    if model == "local":
        _tell_added(console, outcomes)
    else:
        note(
            say(
                "没有 llama.cpp 或模型文件，示例只用了词典，没有用自带的模型。",
                "There is no llama.cpp or no model file, so the example ran without Yingma's own model.",
            )
        )
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


def _has_own_model() -> bool:
    """llama.cpp is installed, and the model's files are here."""
    from agent.model.embedded import FILE, FOLDER
    from agent.opinions import CLASSIFIER

    files = (FOLDER / FILE, CLASSIFIER)
    return importlib.util.find_spec("llama_cpp") is not None and all(file.is_file() for file in files)


def _tell_added(console: Console, outcomes: list[tuple[Path, Outcome]]) -> None:
    """Some names that the model changed, beside what is said of them without it."""
    from rich.table import Table
    from rich.text import Text

    from agent.command_explain import shown

    with tempfile.TemporaryDirectory() as folder:
        alone = [normalize(Options([path], Path(folder) / path.name, model="none")) for path, _ in outcomes]
        before = list(_rows([outcome.output for outcome in alone]))
    after = list(_rows([outcome.output for _, outcome in outcomes]))
    parts = ("yingma_route", "yingma_codes")
    pairs = [(b, a) for b, a in zip(before, after, strict=True) if any(b[part] != a[part] for part in parts)]
    chosen = {_name(row): (old, row) for old, row in sorted(pairs, key=lambda pair: pair[1]["yingma_route"])}
    count = sum(old["yingma_route"] != row["yingma_route"] for old, row in pairs)
    title = say(
        f"自带的模型加了什么（改变去向的行：{count}）",
        f"What Yingma's own model added (rows that change their route: {count})",
    )
    table = Table(title=title, title_justify="left", show_lines=True)
    for heading in say("名称|不用模型|加上模型", "name|without a model|with the model").split("|"):
        table.add_column(heading, overflow="fold")
    words = {"accepted": say("采用", "accepted"), "review": say("待审", "review")}
    for name, rows in list(chosen.items())[:ADDED]:
        cells = [
            f"{words[row['yingma_route']]}: {row['yingma_names'] or '-'}\n{row['yingma_reason'].split(':', 1)[0]}"
            for row in rows
        ]
        table.add_row(Text(shown(name)), *map(Text, cells))
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
    """The rows of the results."""
    for path in outputs:
        (table,) = open_tables([path])
        for row in table.rows():
            yield dict(zip(table.header, row, strict=True))
