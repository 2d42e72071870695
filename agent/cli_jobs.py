"""The commands of jobs: run, work, list, show, resume, cancel, retry-failed; rerun, changes, adopt; look, report,
export."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from agent.cli_options import (
    CountColumn,
    DeviceOption,
    EditionOption,
    InputsArgument,
    InstitutionColumn,
    Json,
    MaxCalls,
    MaxCost,
    MaxMinutes,
    MaxTokens,
    MemoryOption,
    ModalityColumn,
    ModelOption,
    NameColumn,
    SheetOption,
    TableOption,
    WorkersOption,
)
from agent.console import say

app = typer.Typer(
    no_args_is_help=True,
    help=say(
        "任务：为整个文件编码，保留进度；被终止后可以继续。", "Jobs: code whole files; one that was killed goes on."
    ),
)


class FeedChoice(StrEnum):
    """What of a job goes into the queue of review."""

    none = "none"
    review = "review"
    all = "all"


class Engine(StrEnum):
    """What a job runs on."""

    local = "local"
    shared = "shared"
    spark = "spark"


NameArgument = Annotated[str, typer.Argument(metavar="NAME", help=say("任务名。", "The job's name."))]
HtmlOutput = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="OUT.html", help=say("写到哪里；默认标准输出。", "Where to; else stdout.")),
]


@app.command(
    short_help=say("运行一个任务。", "Run a job."),
    help=say(
        "与 normalize 相同，但保留任务：被终止后用 job resume 继续，结果与未中断时逐字节相同；待审的名称进入审核队列。",
        "The same as normalize, but kept: killed at any moment, it goes on with job resume, and its output is the same "
        "to the byte; names for review go into the queue.",
    ),
)
def run(
    inputs: InputsArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help=say("输出文件。", "File to write."))],
    job: Annotated[
        str, typer.Option("--id", metavar="NAME", help=say("任务名；默认取时间。", "The job's name; else the time."))
    ] = "",
    engine: Annotated[
        Engine,
        typer.Option(
            "--engine",
            help=say(
                "在什么上运行：local 本机；shared：本机和运行 job work 的其他机器，需要 PostgreSQL；"
                "spark：Apache Spark，只读写 parquet（docs/spark.md）。",
                "What it runs on: local, this machine; shared, this machine and others that run job work, with "
                "PostgreSQL; spark, Apache Spark, parquet only (docs/spark.md).",
            ),
        ),
    ] = Engine.local,
    name_column: NameColumn = None,
    modality_column: ModalityColumn = None,
    institution_column: InstitutionColumn = None,
    count_column: CountColumn = None,
    edition: EditionOption = None,
    model: ModelOption = None,
    sheet: SheetOption = None,
    table: TableOption = None,
    workers: WorkersOption = 0,
    device_codes: DeviceOption = None,
    memory: MemoryOption = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    max_minutes: MaxMinutes = None,
    feed: Annotated[
        FeedChoice | None,
        typer.Option(
            "--feed",
            help=say(
                "进入审核队列的名称：review 待审（默认）、all 连同采用、none 都不。",
                "Names that go into the store: review (default), all (accepted ones too, for audits), none.",
            ),
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a job."""
    from agent import budget
    from agent.command_job import Asked, run_new

    columns = (name_column, modality_column, institution_column, count_column)
    limits = budget.Asked(max_calls, max_tokens, max_cost, max_minutes)
    asked = Asked(inputs, output, job, columns, edition, model, sheet, workers, device_codes, memory, limits, table)
    run_new(asked, feed.value if feed else None, engine.value, as_json)


@app.command(
    short_help=say("分担一个在别处运行的任务。", "Work at a job that runs elsewhere."),
    help=say(
        "分担一个以 --engine shared 运行的任务：从 PostgreSQL 领取名称，交回答案，直到算完；可在多台机器上各运行一个。"
        "被终止不丢失任何东西；版本、词典或模型与任务不同则拒绝。",
        "Work at a job that runs with --engine shared: names are claimed from PostgreSQL and their answers handed in, "
        "until none is left; one on each of as many machines as there are. Killed, it loses nothing. Refused where "
        "edition, lexicon or model are not the job's.",
    ),
)
def work(name: NameArgument, workers: WorkersOption = 0, as_json: Json = False) -> None:
    """Work at a job."""
    from agent.command_work import run_work

    run_work(name, workers, as_json)


@app.command("list", help=say("列出任务，新的在前。", "List the jobs, the newest first."))
def list_jobs(as_json: Json = False) -> None:
    """List the jobs."""
    from agent.command_job import run_list

    run_list(as_json)


@app.command(
    help=say("显示一个任务：状态、进度、版本、失败的名称。", "Show a job: state, progress, versions, failures.")
)
def show(name: NameArgument, as_json: Json = False) -> None:
    """Show a job."""
    from agent.command_job import run_show

    run_show(name, as_json)


@app.command(
    help=say(
        "继续一个停下或被终止的任务。输入改动过则拒绝；版本变了则全部重算。给出新的预算，则再问此前预算没有问到的名称。",
        "Go on with a job that was stopped or killed. Refused where an input was changed; worked out anew where "
        "versions were. With another budget, the names that the one before did not reach are asked about.",
    )
)
def resume(
    name: NameArgument,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    max_minutes: MaxMinutes = None,
    as_json: Json = False,
) -> None:
    """Go on with a job."""
    from agent.budget import Asked
    from agent.command_job import run_resume

    run_resume(name, Asked(max_calls, max_tokens, max_cost, max_minutes), as_json)


@app.command(help=say("停止一个任务；已完成的部分保留。", "Stop a job; what is done is kept."))
def cancel(name: NameArgument, as_json: Json = False) -> None:
    """Stop a job."""
    from agent.command_job import run_cancel

    run_cancel(name, as_json)


@app.command("retry-failed", help=say("重新处理任务中失败的名称。", "Try the names that failed again."))
def retry(name: NameArgument, as_json: Json = False) -> None:
    """Try the names that failed again."""
    from agent.command_job import run_retry

    run_retry(name, as_json)


@app.command(
    short_help=say("用别的版本、词典或模型重新运行一个任务，先看会改变什么。", "Run a job again and see what changes."),
    help=say(
        "用今天的程序、词典和人的决定（并可换版本或模型）重新运行一个已完成的任务，列出会改变的答案，害处大的在前。"
        "采纳（job adopt，或 --yes）之前不写结果，也不送审；问过模型的不再问。",
        "Run a job that is done again, with the program, lexicon and decisions of today and, where said, another "
        "edition or model, and list the answers that would change, the most harmful first. Nothing is written over the "
        "output and nothing goes into the queue before it is adopted (job adopt, or --yes). The model is not asked "
        "twice.",
    ),
)
def rerun(
    name: NameArgument,
    edition: EditionOption = None,
    model: ModelOption = None,
    job: Annotated[
        str, typer.Option("--id", metavar="NEW", help=say("新任务名；默认 NAME-r1。", "The new name; else NAME-r1."))
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help=say("采纳后写到哪里；默认覆盖原结果。", "Where to, once adopted; else over the old output."),
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, metavar="N", help=say("进程数；0 为自动。", "Processes; 0 chooses."))
    ] = None,
    device_codes: DeviceOption = None,
    memory: MemoryOption = None,
    yes: Annotated[bool, typer.Option("--yes", help=say("立即采纳。", "Adopt at once."))] = False,
    as_json: Json = False,
) -> None:
    """Run a job again and see what changes."""
    from agent.command_job import run_rerun

    options = {
        "edition": edition,
        "model": model,
        "workers": workers,
        "device_codes": device_codes,
        "memory": memory,
    }
    run_rerun(name, options, output, job, yes, as_json)


@app.command(
    help=say(
        "job rerun 会改变的答案：名称、检查数、之前、之后、因为什么；害处大的在前。",
        "The answers that a job rerun changes: name, exams, before, after, because of what; the most harmful first.",
    )
)
def changes(
    name: NameArgument,
    output: HtmlOutput = None,
    as_json: Json = False,
) -> None:
    """What a job run again changes, as HTML or JSON."""
    from agent.command_job_files import run_changes

    run_changes(name, output, as_json)


@app.command(
    help=say(
        "采纳 job rerun 的答案：写出结果，待审的送审；计在原任务名下，检查不重复计数。",
        "Adopt the answers of a job rerun: its output is written and the queue fed, under the job that was first run, "
        "so that no exam counts twice.",
    )
)
def adopt(name: NameArgument, as_json: Json = False) -> None:
    """Adopt what a job rerun found."""
    from agent.command_job import run_adopt

    run_adopt(name, as_json)


@app.command(
    help=say(
        "看一个文件的前几行，以及会用哪些列。", "Look at the first rows of a file, and which columns would be used."
    )
)
def look(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=say("文件。", "The file."))],
    sheet: SheetOption = None,
    rows: Annotated[int, typer.Option(min=0, metavar="N", help=say("行数。", "How many rows."))] = 8,
    as_json: Json = False,
) -> None:
    """Look at a file."""
    from agent.command_job_files import run_look

    run_look(file, sheet, rows, as_json)


@app.command(
    help=say(
        "任务的报告：去向、原因、没有解释的字、各步骤用时、版本。",
        "The report of a job: routes, reasons, characters that nothing explains, time of each step, versions.",
    )
)
def report(
    name: NameArgument,
    output: HtmlOutput = None,
    as_json: Json = False,
) -> None:
    """The report of a job, as HTML or JSON."""
    from agent.command_job_files import run_report

    run_report(name, output, as_json)


@app.command(
    help=say(
        "任务的结果，供人打开：像公式的单元格前加撇号。",
        "The output of a job for people: cells that look like formulas get an apostrophe.",
    )
)
def export(
    name: NameArgument,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="OUT", help=say("写到哪里；默认标准输出。", "Where to; else stdout.")),
    ] = None,
) -> None:
    """The output of a job, for people."""
    from agent.command_job_files import run_export

    run_export(name, output)
