"""The commands of the standing audit: status, accepted, lift."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli_options import Json
from agent.console import say

app = typer.Typer(
    no_args_is_help=True,
    help=say(
        "抽查：自动接受的准确率，及因错误过多而暂停之处。",
        "The standing audit: how right what is accepted is, and stops.",
    ),
)

StopArgument = Annotated[int, typer.Argument(metavar="STOP", help=say("暂停的编号。", "The number of the stop."))]


@app.command(
    help=say(
        "显示抽查证明的准确率、发现错误之处、生效中的暂停。",
        "Show the precision that the audit proves, where it found wrong answers, and the stops that stand.",
    )
)
def status(as_json: Json = False) -> None:
    """Where the audit stands."""
    from agent.command_audit import run_status

    run_status(as_json)


@app.command(
    help=say(
        "写出因某次暂停而存疑的名称：在那里自动接受、无人看过的（CSV，公式已失效）。",
        "Write the names in doubt because of a stop: accepted there and seen by nobody (CSV, formulas defused).",
    )
)
def accepted(
    stop: StopArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help=say("输出文件。", "File to write."))],
) -> None:
    """Names in doubt."""
    from agent.command_audit import run_accepted

    run_accepted(stop, output)


@app.command(
    help=say("恢复自动接受，写明理由；记入审计记录。", "Let acceptance go on, with a reason; kept in the trail.")
)
def lift(
    stop: StopArgument,
    user: Annotated[
        str,
        typer.Option("--user", metavar="NAME", help=say("由谁恢复（组长或管理员）。", "Who lifts it (lead or admin).")),
    ],
    why: Annotated[str, typer.Option("--why", metavar="WORDS", help=say("理由。", "Why."))],
    as_json: Json = False,
) -> None:
    """Lift a stop."""
    from agent.command_audit import run_lift

    run_lift(stop, user, why, as_json)
