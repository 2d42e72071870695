"""The commands of the server: serve, and the accounts and tokens of its users."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.console import say


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""

    @app.command(
        short_help=say("启动网页和接口。", "Run pages and API."),
        help=say(
            "在一个端口上启动网页（/ui/）和接口（/api/）。用户由 ./yingma user add 建立。",
            "Run pages (/ui/) and API (/api/) on one port. Users are made with ./yingma user add.",
        ),
    )
    def serve(
        host: Annotated[
            str | None, typer.Option(metavar="H", help=say("监听的地址；默认 127.0.0.1。", "Address; 127.0.0.1."))
        ] = None,
        port: Annotated[
            int | None,
            typer.Option(min=0, max=65535, metavar="P", help=say("端口；默认 8450。", "Port; 8450 unless said.")),
        ] = None,
        local: Annotated[
            bool,
            typer.Option(
                "--local",
                help=say("单用户，不用登录，只接受本机。", "One person, no log-in, from this machine only."),
            ),
        ] = False,
    ) -> None:
        """Run the server."""
        from agent.command_serve import run
        from ui.app import mount

        run(host, port, local, mount)
