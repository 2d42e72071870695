"""The command line: what there is, with its options and help. What a command does lies in `command_*`.

Everything heavy is imported by the command that needs it, so that `yingma decode` starts at once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.exceptions import TyperException

from agent.console import EXIT_STOPPED, EXIT_USAGE, report, report_error, say
from standard.errors import YingmaError

WIDTH = 100  # of the help, the same on every terminal and in the docs

try:
    say("", "")
except YingmaError as problem:  # an impossible YINGMA_LANG: the help cannot be built in it
    sys.exit(report_error(problem, "--json" in sys.argv))

from agent import cli_audit, cli_calibrate, cli_chat, cli_develop, cli_jobs, cli_serve  # noqa: E402
from agent.cli_options import (  # noqa: E402
    BenchKills,
    BenchNames,
    BenchSeed,
    BenchStore,
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

app = typer.Typer(
    name="yingma",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDTH, "terminal_width": WIDTH},
    help=say(
        "影码：把医院的影像检查名称编成同一标准的编码。",
        "Yingma reads the names that hospitals give their imaging exams and assigns the codes of one standard.",
    ),
)
editions_app = typer.Typer(
    invoke_without_command=True,
    help=say("标准的各版本：列出、导入、比较。", "Editions of the standard: list, import, compare."),
)
app.add_typer(editions_app, name="editions")
model_app = typer.Typer(
    no_args_is_help=True,
    help=say("影码自己的模型：训练，看它的卡片。", "Yingma's own model: train it, show its card."),
)
app.add_typer(model_app, name="model")
app.add_typer(cli_jobs.app, name="job")
app.add_typer(cli_audit.app, name="audit")


@app.command(
    short_help=say("为文件中的检查名称编码。", "Code the exam names of a file."),
    help=say(
        "为文件中的检查名称编码。输出含输入的每一行每一列，其后是 yingma_route、yingma_codes、yingma_names、"
        "yingma_score、yingma_reason、yingma_edition。文件可为 csv、tsv（UTF-8 或 GB18030）、xlsx、parquet。",
        "Code the exam names of a file. The output has every row and column of the input, then yingma_route, "
        "yingma_codes, yingma_names, yingma_score, yingma_reason, yingma_edition. Files are csv, tsv (UTF-8 or "
        "GB18030), xlsx or parquet, by ending.",
    ),
)
def normalize(
    inputs: InputsArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help=say("输出文件。", "File to write."))],
    name_column: NameColumn = None,
    modality_column: ModalityColumn = None,
    institution_column: InstitutionColumn = None,
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
    as_json: Json = False,
) -> None:
    """Code a file."""
    from agent.budget import Asked
    from agent.command_normalize import Options, run

    run(
        Options(
            inputs,
            output,
            name_column,
            modality_column,
            institution_column,
            edition,
            model,
            sheet,
            workers,
            device_codes,
            memory,
            Asked(max_calls, max_tokens, max_cost, max_minutes),
            table,
        ),
        as_json,
    )


@app.command(
    short_help=say("解释一个名称是怎样编码的。", "Explain how one name was coded."),
    help=say(
        "解释一个名称：读到的词、候选项目、各段编码、证据、决定去向的规则。",
        "Explain one name: the words read, candidates, slots of the codes, evidence, the rule that routed it.",
    ),
)
def explain(
    name: Annotated[str, typer.Argument(metavar="NAME", help=say("检查名称。", "The exam's name."))],
    modality: Annotated[
        str, typer.Option(metavar="M", help=say("检查类型（CT、MR…）。", "Modality (CT, MR, ...)."))
    ] = "",
    institution: Annotated[str, typer.Option(metavar="I", help=say("机构。", "Institution."))] = "",
    edition: EditionOption = None,
    model: ModelOption = None,
    candidates: Annotated[
        bool, typer.Option("--candidates/--no-candidates", help=say("检索候选项目。", "Look candidates up."))
    ] = True,
    device_codes: DeviceOption = None,
    memory: MemoryOption = None,
    as_json: Json = False,
) -> None:
    """Explain one name."""
    from agent.command_explain import run

    run(name, modality, institution, edition, model, candidates, device_codes, memory, as_json)


@app.command(help=say("拆解一个编码，画出各段。", "Take a code apart and draw its fields."))
def decode(
    code: Annotated[str, typer.Argument(metavar="CODE", help=say("编码。", "The code."))],
    edition: EditionOption = None,
    as_json: Json = False,
) -> None:
    """Take a code apart."""
    from agent.command_standard import run_decode

    run_decode(code, edition, as_json)


@app.command(
    help=say(
        "在标准目录中查找。词可以是名称的任何部分或编码的开头。",
        "Search the catalogue, by words or the beginning of a code.",
    )
)
def search(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="WORDS", help=say("查找的词。", "Words to look for."))
    ] = None,
    code: Annotated[
        str | None, typer.Option(metavar="C", help=say("编码或其开头。", "A code or its beginning."))
    ] = None,
    modality: Annotated[str | None, typer.Option(metavar="M", help=say("检查类型。", "Modality."))] = None,
    part: Annotated[str | None, typer.Option(metavar="P", help=say("部位。", "Part."))] = None,
    scan: Annotated[str | None, typer.Option(metavar="S", help=say("扫描方式。", "Scan."))] = None,
    limit: Annotated[
        int, typer.Option(min=0, metavar="N", help=say("最多几项；0 为全部。", "At most so many; 0 is all."))
    ] = 20,
    edition: EditionOption = None,
    as_json: Json = False,
) -> None:
    """Search the catalogue."""
    from agent.command_standard import run_search

    run_search(" ".join(words or []), code, modality, part, scan, limit, edition, as_json)


@editions_app.callback()
def editions(context: typer.Context, as_json: Json = False) -> None:
    """List the editions where no other command is given."""
    if context.invoked_subcommand is None:
        from agent.command_standard import run_editions

        run_editions(as_json)


@editions_app.command("list", help=say("列出各版本。", "List the editions."))
def editions_list(as_json: Json = False) -> None:
    """List the editions."""
    from agent.command_standard import run_editions

    run_editions(as_json)


@editions_app.command(
    "import",
    help=say(
        "把发布方的工作簿读成一个版本，并报告不成立之处；有错时什么也不导入。",
        "Read a publisher's workbook into an edition and report what does not hold; with faults, nothing is imported.",
    ),
)
def editions_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=say("发布方的 xlsx。", "The publisher's xlsx."))],
    edition_id: Annotated[
        str | None,
        typer.Option(
            "--id",
            metavar="ID",
            help=say("版本号，如 radiology-4.0；默认取自工作簿。", "Id, as radiology-4.0; else the workbook's."),
        ),
    ] = None,
    new_elements: Annotated[
        bool,
        typer.Option(
            "--new-elements",
            help=say("允许现有版本没有的元素。", "Allow elements that the shipped edition does not have."),
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Import a workbook."""
    from agent.command_import import run

    run(file, edition_id, new_elements, as_json)


@editions_app.command(
    "diff",
    help=say("比较两个版本：新增、删除、改名、改码。", "Compare two editions: added, removed, renamed, recoded."),
)
def editions_diff(
    old: Annotated[str, typer.Argument(metavar="A", help=say("旧版本。", "The older edition."))],
    new: Annotated[str, typer.Argument(metavar="B", help=say("新版本。", "The newer edition."))],
    as_json: Json = False,
) -> None:
    """Compare two editions."""
    from agent.command_standard import run_diff

    run_diff(old, new, as_json)


@app.command(
    "eval",
    short_help=say("在标注好的名称上测量准确率和覆盖率。", "Measure precision and coverage on labelled names."),
    help=say(
        "在标注好的名称上测量：准确率、覆盖率，按类别、来源、检查类型，附置信区间。",
        "Measure on labelled names: precision and coverage by category, source and modality, with intervals.",
    ),
)
def evaluate(
    gold: Annotated[list[Path], typer.Argument(metavar="GOLD.tsv...", help=say("标注文件。", "Labelled names."))],
    no_modality: Annotated[
        bool, typer.Option("--no-modality", help=say("不看检查类型列。", "Hide the modality column."))
    ] = False,
    model: ModelOption = None,
    edition: EditionOption = None,
    ablation: Annotated[
        bool,
        typer.Option(
            "--ablation", help=say("逐步加上检索和模型来比较。", "Compare with retrieval and model added step by step.")
        ),
    ] = False,
    retrieval: Annotated[
        bool,
        typer.Option(
            "--retrieval", help=say("另测检索的召回率。", "Also measure the recall of retrieval, beside plain ways.")
        ),
    ] = False,
    voices: Annotated[
        bool,
        typer.Option("--voices", help=say("另比较词典、模型与分类器。", "Also compare reader, model, classifier.")),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help=say(
                "把报告写到此文件夹（report.html、report.json），并与其中上次的报告比较。",
                "Write a report to this folder (report.html, report.json), compared with the last one there.",
            ),
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="REPORT.json", help=say("改与这份报告比较。", "Compare the report with this one instead.")
        ),
    ] = None,
    baselines: Annotated[
        bool,
        typer.Option(
            "--baselines",
            help=say("报告中另测其他做法（较慢）。", "Measure other ways of coding for the report too (slower)."),
        ),
    ] = False,
    precision: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="P",
            help=say("其他做法的阈值要达到的准确率。", "Precision that the threshold of the other ways must reach."),
        ),
    ] = 0.99,
    as_json: Json = False,
) -> None:
    """Measure on labelled names."""
    from agent.opening import model_setting
    from evals.command import run_eval
    from evals.report.command import wish

    code = run_eval(
        gold,
        no_modality=no_modality,
        model=model_setting(model),
        edition=edition,
        ablation=ablation,
        retrieval=retrieval,
        voices=voices,
        wish=wish(report, against, baselines, precision),
        as_json=as_json,
    )
    if code:
        raise typer.Exit(code)


@model_app.command(
    "train",
    short_help=say("训练、导出并评测影码自己的模型。", "Train, export and evaluate Yingma's own model."),
    help=say(
        "用生成的名称训练影码自己的模型，导出为 GGUF，评测，写出卡片。首次会安装 PyTorch。"
        "停下后，同样的参数会接着训练。",
        "Train Yingma's own model on generated names, export it as GGUF, evaluate it, write its card. Installs PyTorch "
        "the first time. Stopped, it goes on with the same arguments.",
    ),
)
def model_train(
    output: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help=say("模型放在哪里；默认 YINGMA_HOME/model。", "Where the model goes; else YINGMA_HOME/model."),
        ),
    ] = None,
    names: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help=say("生成多少个名称；0 为默认。", "Names to generate; 0 is the default.")
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, metavar="S", help=say("随机种子。", "Seed."))] = 0,
    threads: Annotated[
        int,
        typer.Option(min=0, metavar="T", help=say("线程数；0 为核数，最多 8。", "Threads; 0 is the cores, at most 8.")),
    ] = 0,
    gold: Annotated[
        list[Path] | None,
        typer.Option(metavar="GOLD.tsv", help=say("另用这些标注文件评测。", "Evaluate on these labelled names too.")),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train Yingma's own model."""
    from evals.model_command import run_train

    run_train(output, names, seed, threads, gold or [], as_json)


@model_app.command("card", help=say("显示模型的卡片。", "Show a model's card."))
def model_card(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER", help=say("模型所在；默认为在用的模型。", "A model's folder; else the one in use.")
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a model's card."""
    from evals.model_command import run_card

    run_card(folder, as_json)


@app.command(
    short_help=say("测速，以同一次运行中的比值表示。", "Measure speed, as ratios within one run."),
    help=say(
        "测速，以同一次运行中的比值表示；kills：任务在随机时刻被杀后，结果是否与未受打扰时逐字节相同。",
        "Measure speed, as ratios within one run; kills: whether jobs that are killed at random moments end with the "
        "same bytes as undisturbed.",
    ),
)
def bench(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help=say("只测这一项。", "Only this one."))] = None,
    names: BenchNames = None,
    kills: BenchKills = None,
    seed: BenchSeed = None,
    store: BenchStore = None,
    as_json: Json = False,
) -> None:
    """Measure speed."""
    from evals.bench.command import run_bench

    code = run_bench(name, as_json, {"names": names, "kills": kills, "seed": seed, "store": store})
    if code:
        raise typer.Exit(code)


@app.command(
    help=say(
        "对随附的示例文件做主要工作，写到 ./out/，并给出汇总。",
        "Do the main job on the example files that come along, write to ./out/, and sum it up.",
    )
)
def demo(as_json: Json = False) -> None:
    """The main job on the examples."""
    from agent.command_demo import run

    run(as_json)


cli_calibrate.register(app)
cli_develop.register(app)
cli_serve.register(app)
cli_chat.register(app)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code; every error is told in one sentence."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(given or ["--help"]))


def run(arguments: list[str]) -> int:
    """The exit code of one run."""
    as_json = "--json" in arguments
    signal.signal(signal.SIGTERM, _terminated)
    command = typer.main.get_command(app)
    try:
        result: Any = command.main(arguments, prog_name="yingma", standalone_mode=False)
        sys.stdout.flush()
    except YingmaError as error:
        return report_error(error, as_json)
    except TyperException as error:
        return _usage(error, as_json)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if result == EXIT_STOPPED:
        return report("Stopped", "已停止；没有写出任何内容。", "Stopped; nothing was written.", EXIT_STOPPED, as_json)
    return result if isinstance(result, int) else 0


def _usage(error: TyperException, as_json: bool) -> int:
    """An unknown command or option, or a value that does not fit: one sentence with where to look."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "yingma"
    what = error.format_message().rstrip(".") if hasattr(error, "format_message") else str(error)
    return report(
        "UsageError",
        f"用法不对：{what}；用法见 ./{command} --help。",
        f"{what}; see ./{command} --help.",
        EXIT_USAGE,
        as_json,
    )


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM ends the run as Ctrl-C does: what is half done is cleaned up."""
    raise KeyboardInterrupt
