"""The commands of developers: test, check, fix, docs, compile."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.console import say


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""

    @app.command(
        "test",
        help=say(
            "运行测试：不用浏览器的分两个进程，再是用浏览器的；末行合计。其余参数交给 pytest，给出文件则只运行一次。",
            "Run the tests, those without a browser in two processes, then those with; the last line counts both. "
            "Other arguments go to pytest, which runs once where a file is given.",
        ),
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": ["--help"]},
    )
    def run_the_tests(
        context: typer.Context,
        slow: Annotated[bool, typer.Option("--slow", help=say("也运行慢的测试。", "Run the slow tests too."))] = False,
    ) -> None:
        """Run the tests."""
        from agent.command_develop import run_tests

        raise typer.Exit(run_tests(slow, context.args))

    @app.command(
        help=say(
            "检查格式、代码、类型、数据文件、文档和版本号；不改动任何文件。",
            "Check format, lint, types, data files, docs and version; changes no file.",
        )
    )
    def check() -> None:
        """All checks but the tests."""
        from agent.command_develop import run_checks

        raise typer.Exit(run_checks())

    @app.command(help=say("整理格式，改正可自动改正之处。", "Format the code and mend what can be mended."))
    def fix() -> None:
        """Format and mend."""
        from agent.command_develop import run_fixes

        raise typer.Exit(run_fixes())

    @app.command(
        help=say(
            "由程序和数据重新生成 docs/ 中的参考页。", "Generate the reference pages in docs/ from program and data."
        )
    )
    def docs(
        screens: Annotated[
            bool,
            typer.Option(
                "--screens",
                help=say(
                    "改为重拍 docs/screens/ 中各页面的图（需要 chromium 和中文字体）。",
                    "Take the pictures of the pages in docs/screens/ again instead (needs chromium and Chinese fonts).",
                ),
            ),
        ] = False,
    ) -> None:
        """Generate the reference pages, or take the pictures."""
        from agent.command_develop import run_docs, run_screens

        raise typer.Exit(run_screens() if screens else run_docs())

    @app.command(
        "compile",
        help=say(
            "重新编译阅读器：源代码改动后它以解释方式运行，结果相同，但较慢；首次运行时已自动编译。",
            "Compile the reader again: after its sources changed it is interpreted, with the same answers but slower. "
            "The first call compiles by itself.",
        ),
    )
    def compile_reader() -> None:
        """Compile the reader."""
        from agent.command_compile import run_compile

        run_compile()
