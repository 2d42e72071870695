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
        from ui.app import make_app

        run(host, port, local, make_app)

    app.add_typer(_user_commands(), name="user")
    app.add_typer(_token_commands(), name="token")


def _user_commands() -> typer.Typer:
    commands = typer.Typer(
        no_args_is_help=True, help=say("用户：建立、列出、改角色、换密码、停用。", "Users: add, list, role, password.")
    )

    @commands.command(
        help=say(
            "建立用户。密码在终端问两次，或取标准输入的一行。",
            "Make a user. The password is asked for twice, or is one line of standard input.",
        )
    )
    def add(
        name: Annotated[str, typer.Argument(metavar="NAME", help=say("用户名。", "The user's name."))],
        role: Annotated[
            str,
            typer.Option(metavar="ROLE", help="viewer, clerk, reviewer, adjudicator, lead, admin"),
        ],
        as_json: Annotated[bool, typer.Option("--json", help=say("输出 JSON。", "Write JSON."))] = False,
    ) -> None:
        """Make a user."""
        from agent.command_user import run_add

        run_add(name, role, as_json)

    @commands.command("list", help=say("列出用户。", "List the users."))
    def list_users(
        as_json: Annotated[bool, typer.Option("--json", help=say("输出 JSON。", "Write JSON."))] = False,
    ) -> None:
        """List users."""
        from agent.command_user import run_list

        run_list(as_json)

    @commands.command("role", help=say("改变用户的角色。", "Give a user another role."))
    def set_role(
        name: Annotated[str, typer.Argument(metavar="NAME", help=say("用户名。", "The user's name."))],
        role: Annotated[str, typer.Argument(metavar="ROLE", help="viewer, clerk, reviewer, adjudicator, lead, admin")],
        as_json: Annotated[bool, typer.Option("--json", help=say("输出 JSON。", "Write JSON."))] = False,
    ) -> None:
        """Another role."""
        from agent.command_user import run_role

        run_role(name, role, as_json)

    @commands.command(
        help=say("更换密码；其会话和令牌随之失效。", "A new password; the user's sessions and tokens end.")
    )
    def password(
        name: Annotated[str, typer.Argument(metavar="NAME", help=say("用户名。", "The user's name."))],
        as_json: Annotated[bool, typer.Option("--json", help=say("输出 JSON。", "Write JSON."))] = False,
    ) -> None:
        """A new password."""
        from agent.command_user import run_password

        run_password(name, as_json)

    @commands.command(help=say("停用用户；其会话随之结束。", "Switch a user off; the user's sessions end."))
    def disable(
        name: Annotated[str, typer.Argument(metavar="NAME", help=say("用户名。", "The user's name."))],
        as_json: Annotated[bool, typer.Option("--json", help=say("输出 JSON。", "Write JSON."))] = False,
    ) -> None:
        """Switch off."""
        from agent.command_user import run_active

        run_active(name, False, as_json)

    @commands.command(help=say("重新启用用户。", "Switch a user on again."))
    def enable(
        name: Annotated[str, typer.Argument(metavar="NAME", help=say("用户名。", "The user's name."))],
        as_json: Annotated[bool, typer.Option("--json", help=say("输出 JSON。", "Write JSON."))] = False,
    ) -> None:
        """Switch on."""
        from agent.command_user import run_active

        run_active(name, True, as_json)

    return commands


def _token_commands() -> typer.Typer:
    commands = typer.Typer(
        no_args_is_help=True, help=say("接口的令牌：建立、列出、收回。", "Tokens for the API: add, list, revoke.")
    )

    @commands.command(
        help=say(
            "为用户建立令牌，写到标准输出；只显示这一次。",
            "Make a token for a user and write it to standard output; it is shown this once.",
        )
    )
    def add(
        name: Annotated[str, typer.Argument(metavar="NAME", help=say("用户名。", "The user's name."))],
        label: Annotated[str, typer.Option(metavar="WORDS", help=say("用途。", "What it is for."))] = "",
        days: Annotated[
            int, typer.Option(min=0, metavar="N", help=say("有效天数；0 为不限。", "Days that it holds; 0: no end."))
        ] = 0,
        as_json: Annotated[bool, typer.Option("--json", help=say("输出 JSON。", "Write JSON."))] = False,
    ) -> None:
        """Make a token."""
        from agent.command_user import run_token_add

        run_token_add(name, label, days, as_json)

    @commands.command("list", help=say("列出令牌，不含其内容。", "List the tokens, without their texts."))
    def list_tokens(
        as_json: Annotated[bool, typer.Option("--json", help=say("输出 JSON。", "Write JSON."))] = False,
    ) -> None:
        """List tokens."""
        from agent.command_user import run_token_list

        run_token_list(as_json)

    @commands.command(help=say("收回令牌。", "Take a token back."))
    def revoke(
        number: Annotated[int, typer.Argument(metavar="ID", help=say("编号。", "The token's number."))],
        as_json: Annotated[bool, typer.Option("--json", help=say("输出 JSON。", "Write JSON."))] = False,
    ) -> None:
        """Take a token back."""
        from agent.command_user import run_token_revoke

        run_token_revoke(number, as_json)

    return commands
