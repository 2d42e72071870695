"""Accounts and tokens: hashed, folded, in the trail without secrets; there is always an admin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from agent.store import (
    Store,
    add_token,
    add_user,
    check_password,
    check_token,
    find_user,
    revoke_token,
    set_active,
    set_password,
    set_role,
    users,
)
from agent.store.schema_acts import Token, Trail, User
from standard.errors import InputError
from tests.store.world import START

GOOD = "correct horse 电池"


def new(session: Session, name: str = "李 医生", role: str = "admin") -> User:
    return add_user(session, name, role, GOOD, START)


def everything(session: Session) -> str:
    """All that is stored, as text."""
    return "".join(
        str(row) for table in ("users", "token", "trail") for row in session.execute(text(f"SELECT * FROM {table}"))
    )


def test_a_password_is_kept_as_an_argon2_hash(store: Store) -> None:
    with store.writing() as session:
        user = new(session)
        assert user.password.startswith("$argon2id$")
        assert GOOD not in everything(session)
    with store.reading() as session:
        found = check_password(session, "李 医生", GOOD)
        assert found is not None
        assert found.id == user.id
        assert check_password(session, "李医生", GOOD) is not None
        assert check_password(session, "李医生", GOOD + "x") is None
        assert check_password(session, "李医生", "") is None
        assert check_password(session, "王", GOOD) is None


def test_names_that_look_alike_are_one(store: Store) -> None:
    with store.writing() as session:
        new(session, "Ａnna")
        with pytest.raises(InputError, match="There is a user"):
            new(session, "anna ")
        assert find_user(session, "ANNA") is not None
        assert [each.name for each in users(session)] == ["Ａnna"]


@pytest.mark.parametrize(
    ("name", "role", "password", "said"),
    [
        ("", "admin", GOOD, "visible characters"),
        ("a\u202eb", "admin", GOOD, "visible characters"),
        ("a\0b", "admin", GOOD, "already|visible|characters|no role"),
        ("x" * 101, "admin", GOOD, "visible characters"),
        ("a", "root", GOOD, "no role root"),
        ("a", "system", GOOD, "no role system"),
        ("a", "admin", "short", "10 to 1024"),
        ("a", "admin", "x" * 1025, "10 to 1024"),
    ],
)
def test_what_makes_no_account(store: Store, name: str, role: str, password: str, said: str) -> None:
    if name == "a\0b":
        with store.writing() as session:
            assert add_user(session, name, role, password, START).name == "a␀b"
        return
    with pytest.raises(InputError, match=said), store.writing() as session:
        add_user(session, name, role, password, START)
    with store.reading() as session:
        assert users(session) == []


def test_an_account_that_is_switched_off_may_nothing(store: Store) -> None:
    with store.writing() as session:
        admin, user = new(session), new(session, "王", "reviewer")
        assert user.id is not None
        _, secret = add_token(session, user.id, "script", START)
        set_active(session, user.id, False, START, by=admin.id)
        assert check_password(session, "王", GOOD) is None
        assert check_token(session, secret, START) is None
        set_active(session, user.id, True, START, by=admin.id)
        assert check_token(session, secret, START) is not None


def test_there_is_always_an_admin(store: Store) -> None:
    with store.writing() as session:
        first, second = new(session), new(session, "王")
        assert first.id is not None
        assert second.id is not None
        set_role(session, second.id, "lead", START, by=first.id)
        for change in (
            lambda: set_role(session, first.id or 0, "viewer", START),
            lambda: set_active(session, first.id or 0, False, START),
        ):
            with pytest.raises(InputError, match="last admin"):
                change()
        set_role(session, second.id, "admin", START, by=first.id)
        set_active(session, first.id, False, START, by=second.id)


def test_a_token_is_shown_once_and_holds_until_it_is_revoked(store: Store) -> None:
    with store.writing() as session:
        user = new(session)
        assert user.id is not None
        token, secret = add_token(session, user.id, "export", START, START + timedelta(days=1))
        assert secret.startswith("yingma_")
        assert secret not in everything(session)
        assert (found := check_token(session, secret, START)) is not None
        assert found.id == user.id
        assert check_token(session, secret + "x", START) is None
        assert check_token(session, "", START) is None
        assert check_token(session, secret, START + timedelta(days=1)) is None
        assert token.id is not None
        revoke_token(session, token.id, START, by=user.id)
        revoke_token(session, token.id, START, by=user.id)
        assert check_token(session, secret, START) is None
        actions = [(row.subject, row.action) for row in session.scalars(select(Trail).order_by(Trail.id))]  # type: ignore[arg-type]
        assert actions == [("user", "add"), ("token", "add"), ("token", "revoke")]


def test_a_new_password_ends_the_tokens(store: Store) -> None:
    with store.writing() as session:
        user = new(session)
        assert user.id is not None
        _, secret = add_token(session, user.id, "x", START)
        set_password(session, user.id, "another password", START, by=user.id)
        assert check_token(session, secret, START) is None
        assert check_password(session, user.name, GOOD) is None
        assert check_password(session, user.name, "another password") is not None
        assert session.scalars(select(Token)).one().revoked_at == START
        assert "argon2" not in "".join(str(row.before) + str(row.after) for row in session.scalars(select(Trail)))
