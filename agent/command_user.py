"""`yingma user` and `yingma token`: accounts and API tokens, on the database itself. No server needs to run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from getpass import getpass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.command_standard import show_table
from agent.console import emit_json, note, say
from agent.settings import load_settings
from agent.store import (
    Store,
    add_token,
    add_user,
    find_user,
    now,
    open_store,
    revoke_token,
    set_active,
    set_password,
    set_role,
    users,
)
from agent.store.schema_acts import Token, User
from standard.errors import InputError


def run_add(name: str, role: str, as_json: bool) -> None:
    """A new account; its password from the terminal or standard input. InputError where something does not hold."""
    with _store() as store:
        with store.reading() as session:
            known = find_user(session, name)
        if known is not None:
            raise InputError(
                f"用户 {known.name} 已存在；请换一个名字。", f"There is a user {known.name} already; take another name."
            )
        password = ask_password()
        user = store.write(lambda session: add_user(session, name, role, password, now()))
        _tell(user, as_json, f"已建立用户 {user.name}（{user.role}）。", f"Made the user {user.name} ({user.role}).")


def run_list(as_json: bool) -> None:
    """All accounts."""
    with _store() as store, store.reading() as session:
        found = [user_object(user) for user in users(session)]
    if as_json:
        emit_json(found)
        return
    headings = say("用户|角色|可登录|建立于", "name|role|active|made").split("|")
    yes, no = say("是", "yes"), say("否", "no")
    show_table(headings, [(u["name"], u["role"], yes if u["active"] else no, u["created_at"][:10]) for u in found])


def run_role(name: str, role: str, as_json: bool) -> None:
    """Another role for an account, from its next request on."""
    with _store() as store:

        def operation(session: Session) -> User:
            user = _named(session, name)
            set_role(session, user.id or 0, role, now())
            return user

        user = store.write(operation)
        _tell(user, as_json, f"{user.name} 的角色现在是 {user.role}。", f"{user.name} now has the role {user.role}.")


def run_password(name: str, as_json: bool) -> None:
    """A new password; the sessions and tokens of the account end."""
    with _store() as store:
        with store.reading() as session:
            _named(session, name)
        password = ask_password()

        def operation(session: Session) -> User:
            user = _named(session, name)
            set_password(session, user.id or 0, password, now())
            return user

        user = store.write(operation)
        _tell(
            user,
            as_json,
            f"{user.name} 的密码已更换；其会话和令牌已失效。",
            f"{user.name} has a new password; its sessions and tokens have ended.",
        )


def run_active(name: str, active: bool, as_json: bool) -> None:
    """Switch an account off, which ends its sessions, or on again."""
    with _store() as store:

        def operation(session: Session) -> User:
            user = _named(session, name)
            set_active(session, user.id or 0, active, now())
            return user

        user = store.write(operation)
        off = (f"{user.name} 已停用，不能再登录。", f"{user.name} is switched off and cannot log in.")
        on = (f"{user.name} 已启用。", f"{user.name} is switched on.")
        _tell(user, as_json, *(on if active else off))


def run_token_add(name: str, label: str, days: int, as_json: bool) -> None:
    """A new token, which is shown this once."""
    with _store() as store:

        def operation(session: Session) -> tuple[Token, str]:
            user = _named(session, name)
            if not user.active:
                raise InputError(
                    f"{user.name} 已停用；请先启用。", f"{user.name} is switched off; switch the account on first."
                )
            at = now()
            return add_token(session, user.id or 0, label, at, at + timedelta(days=days) if days else None)

        token, secret = store.write(operation)
    if as_json:
        emit_json({"id": token.id, "label": label, "expires_at": _time(token.expires_at), "token": secret})
        return
    print(secret)
    note(
        say(
            f"令牌 {token.id} 只显示这一次；用法：Authorization: Bearer …",
            f"Token {token.id} is shown this once; send it as Authorization: Bearer ….",
        )
    )


def run_token_list(as_json: bool) -> None:
    """All tokens, without their texts."""
    with _store() as store, store.reading() as session:
        statement = select(Token, col(User.name)).join(User, col(User.id) == col(Token.user_id)).order_by(col(Token.id))
        found = [
            {
                "id": token.id,
                "user": name,
                "label": token.label,
                "created_at": _time(token.created_at),
                "expires_at": _time(token.expires_at),
                "revoked_at": _time(token.revoked_at),
            }
            for token, name in session.execute(statement)
        ]
    if as_json:
        emit_json(found)
        return
    headings = say("编号|用户|用途|建立于|到期|收回于", "id|user|for|made|expires|taken back").split("|")
    keys = ("id", "user", "label", "created_at", "expires_at", "revoked_at")
    show_table(headings, [[str(each[key] or "") for key in keys] for each in found])


def run_token_revoke(number: int, as_json: bool) -> None:
    """Take a token back."""
    with _store() as store:

        def operation(session: Session) -> None:
            if session.get(Token, number) is None:
                raise InputError(
                    f"没有令牌 {number}；编号见 ./yingma token list。",
                    f"There is no token {number}; ./yingma token list tells the numbers.",
                )
            revoke_token(session, number, now())

        store.write(operation)
    if as_json:
        emit_json({"id": number, "revoked": True})
    else:
        note(say(f"令牌 {number} 已收回。", f"Token {number} is taken back."))


def user_object(user: User) -> dict[str, Any]:
    """An account as plain values, without its password."""
    return {
        "id": user.id,
        "name": user.name,
        "role": user.role,
        "active": user.active,
        "created_at": _time(user.created_at),
    }


def ask_password() -> str:
    """A password: asked for twice at a terminal, else one line of standard input. InputError where they differ."""
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        if not line:
            raise InputError(
                "标准输入里没有密码；请给出一行。", "Standard input holds no password; give it as one line."
            )
        return line.rstrip("\r\n")
    password = getpass(say("密码：", "Password: "))
    if password != getpass(say("再输一次：", "Once more: ")):
        raise InputError("两次输入的密码不同；请重试。", "The passwords differ; try again.")
    return password


@contextmanager
def _store() -> Iterator[Store]:
    store = open_store(load_settings())
    try:
        yield store
    finally:
        store.close()


def _named(session: Session, name: str) -> User:
    user = find_user(session, name)
    if user is None:
        raise InputError(
            f"没有用户 {name}；已有的见 ./yingma user list。",
            f"There is no user {name}; ./yingma user list tells those there are.",
        )
    return user


def _tell(user: User, as_json: bool, zh: str, en: str) -> None:
    if as_json:
        emit_json(user_object(user))
    else:
        note(say(zh, en))


def _time(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
