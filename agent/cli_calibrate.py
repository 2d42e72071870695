"""The command that fits the score to labelled names: calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli_options import EditionOption, Json
from agent.console import say


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""

    @app.command(
        "calibrate",
        short_help=say("用标注好的名称拟合得分和门槛。", "Fit score and threshold to labelled names."),
        help=say(
            "用标注好的名称拟合证据的权重和采用的门槛，按来源交叉验证，显示可靠性与所能承诺的准确率。"
            "不给文件时用随附的标注名称（留作检验的一份除外）。加 --write 才写入数据文件。",
            "Fit the weights of the evidence and the threshold of acceptance to labelled names, cross-validated by "
            "source, and show reliability and the precision that can be promised. With no file, the labelled names "
            "that ship, without the set kept apart. Changes nothing unless --write is given.",
        ),
    )
    def calibrate(
        gold: Annotated[
            list[Path] | None,
            typer.Argument(metavar="GOLD.tsv...", help=say("标注文件。", "Labelled names.")),
        ] = None,
        target: Annotated[
            float, typer.Option(metavar="P", help=say("采用的答案要达到的准确率。", "Precision of accepted answers."))
        ] = 0.995,
        confidence: Annotated[
            float, typer.Option(metavar="P", help=say("承诺的把握。", "Confidence of what is promised."))
        ] = 0.95,
        cost: Annotated[
            float,
            typer.Option(
                min=0,
                max=1,
                metavar="P",
                help=say(
                    "门槛最多可拦下的正确答案的比例。",
                    "Share of the right answers that the threshold may stop at most.",
                ),
            ),
        ] = 0.005,
        model: Annotated[
            str,
            typer.Option(
                "--model",
                metavar="none|local|URL",
                help=say("除词典外还用哪个模型来拟合。", "The model to fit with, beside none."),
            ),
        ] = "local",
        edition: EditionOption = None,
        write: Annotated[
            bool,
            typer.Option("--write", help=say("写入 calibration.toml。", "Write calibration.toml.")),
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Fit score and threshold."""
        from agent.opening import model_setting
        from evals.calibrate import Aim
        from evals.calibrate_command import run_calibrate

        run_calibrate(
            gold or [],
            Aim(target, confidence, cost),
            model=model_setting(model),
            edition=edition,
            write=write,
            as_json=as_json,
        )
