"""The command `chat`."""

from __future__ import annotations

import typer

from agent.cli_options import EditionOption, ModelOption
from agent.console import say


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""

    @app.command(
        short_help=say("在终端里对话。", "The dialogue, in the terminal."),
        help=say(
            "在终端里对话：输入检查名称、编码或问题，回答编码与原因；缺什么就问一个问题。不保存。",
            "The dialogue in the terminal: type an exam name, a code or a question; the answer is the code and why, "
            "and one question where something is missing. Nothing is kept.",
        ),
    )
    def chat(edition: EditionOption = None, model: ModelOption = None) -> None:
        """Talk."""
        from agent.command_chat import run
        from agent.opening import model_setting

        run(edition, model_setting(model))
