"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.console import say

Json = Annotated[bool, typer.Option("--json", help=say("以 JSON 写到标准输出。", "Write JSON to standard output."))]
EditionOption = Annotated[
    str | None,
    typer.Option(
        "--edition", metavar="E", help=say("标准版本，默认 3.8.2。", "Edition of the standard; 3.8.2 unless said.")
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="none|local|URL",
        help=say(
            "语言模型：none（默认）、local 或服务地址。", "Language model: none (default), local, or an endpoint's URL."
        ),
    ),
]

DeviceOption = Annotated[
    bool | None,
    typer.Option(
        "--device-codes/--no-device-codes",
        help=say(
            "编码区分设备（16排 22、3.0T 33），名称写明时。",
            "Codes tell scanners apart (16排: 22, 3.0T: 33) where the name says which.",
        ),
    ),
]

MemoryOption = Annotated[
    bool | None,
    typer.Option(
        "--memory/--no-memory",
        help=say(
            "人已决定的名称直接用其决定（默认用）。",
            "What people decided answers the same names (it does unless said).",
        ),
    ),
]
NameColumn = Annotated[
    str | None,
    typer.Option(
        metavar="C",
        help=say("检查名称所在的列；默认按列名判断。", "Column of the exam's name; else guessed by header."),
    ),
]
ModalityColumn = Annotated[
    str | None,
    typer.Option(metavar="C", help=say("检查类型（CT、MR…）所在的列。", "Column of the modality (CT, MR, ...).")),
]
InstitutionColumn = Annotated[
    str | None, typer.Option(metavar="C", help=say("机构所在的列。", "Column of the institution."))
]
CountColumn = Annotated[
    str | None,
    typer.Option(
        metavar="C",
        help=say(
            '每行代表多少次检查的列（不重复的名称表）；默认按列名判断，"" 表示没有。',
            'Column of the number of exams (in a list of distinct names); else by header, "" is none.',
        ),
    ),
]
SheetOption = Annotated[
    str | None, typer.Option(metavar="S", help=say("xlsx 的工作表名。", "Sheet to read of an xlsx file."))
]
WorkersOption = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        help=say("进程数；0 为自动。结果与之无关。", "Processes; 0 chooses. Results do not depend on it."),
    ),
]
TableOption = Annotated[
    str | None,
    typer.Option(
        "--table",
        metavar="T",
        help=say(
            "数据库中的表，如 public.exams；IN 是数据库地址时用。",
            "Table of a database, as public.exams, where IN is an address.",
        ),
    ),
]
InputsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="IN...",
        help=say(
            "输入文件，或一个目录（输出也是目录）；或数据库地址：postgresql://用户@主机/库、sqlite:///文件、"
            "duckdb:///文件，并用 --table 指明表。",
            "Files to read, or a folder (then the output is one too); or databases, postgresql://user@host/db, "
            "sqlite:///file, duckdb:///file, with --table.",
        ),
    ),
]
MaxCalls = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help=say("最多就多少个名称问模型；0 不限。", "Most names that the model is asked about; 0 is no limit."),
    ),
]
MaxTokens = Annotated[
    int | None,
    typer.Option(min=0, metavar="N", help=say("模型最多用多少词元；0 不限。", "Most tokens, sent and received.")),
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="X",
        help=say(
            "模型最多花多少钱，按 YINGMA_MODEL_PRICE_IN/OUT 计；0 不限。",
            "Most that the model may cost, at YINGMA_MODEL_PRICE_IN and _OUT.",
        ),
    ),
]
MaxMinutes = Annotated[
    float | None,
    typer.Option(min=0, metavar="M", help=say("最多问模型多少分钟；0 不限。", "Most minutes of asking the model.")),
]
BenchNames = Annotated[
    int | None,
    typer.Option(
        "--names",
        min=1,
        metavar="N",
        help=say("kills：每个任务的名称数；默认 6000。", "kills: names of a job; else 6,000."),
    ),
]
BenchKills = Annotated[
    int | None,
    typer.Option("--kills", min=1, metavar="N", help=say("kills：杀多少次；默认 50。", "kills: how many; else 50.")),
]
BenchSeed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        metavar="S",
        help=say("kills：抽取时刻的随机种子；默认 1。", "kills: seed of the moments; else 1."),
    ),
]
BenchStore = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="STORE",
        help=say(
            "kills：sqlite（默认）；postgresql（自建的临时服务器，会使其崩溃）；或 postgresql:// 地址。",
            "kills: sqlite (else); postgresql, a server of its own, which crashes too; or a URL postgresql://..., with "
            "databases of its own on that server.",
        ),
    ),
]
