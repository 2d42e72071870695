"""The commands of jobs: run, list, show, resume, cancel, retry-failed."""

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
    spark = "spark"


NameArgument = Annotated[str, typer.Argument(metavar="NAME", help=say("任务名。", "The job's name."))]


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
        typer.Option("--engine", help=say("运行方式；目前只有 local。", "What it runs on; local only, for now.")),
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
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="OUT.html", help=say("写到哪里；默认标准输出。", "Where to; else stdout.")
        ),
    ] = None,
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
