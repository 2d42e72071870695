"""Accounts and API tokens. Passwords are kept as Argon2 hashes, tokens as SHA-256 of 32 random bytes.

Every change of an account is in the trail, without any secret. The last active admin cannot be switched off or made
something else.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store.columns import storable
from agent.store.ledger import record
from agent.store.schema_acts import Token, User
from agent.store.schema_web import WebSession
from agent.store.states import PERSONS
from standard.errors import InputError
from standard.text import canonical

PREFIX = "yingma_"  # of a token, so that it is known where it turns up
SHORTEST = 10  # characters of a password
LONGEST = 1024
NAME_LONGEST = 100


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobody() -> str:
    """The hash that an unknown name is checked against, so that it takes as long as a known one."""
    return _hasher().hash(secrets.token_hex(16))


def add_user(session: Session, name: str, role: str, password: str, at: datetime, by: int | None = None) -> User:
    """A new account. InputError where name, role or password does not hold, or the name is taken."""
    shown = storable(name.strip())
    key = canonical(shown).text
    if not key or len(shown) > NAME_LONGEST or any(not char.isprintable() for char in shown):
        raise InputError(
            f"用户名应为 1 到 {NAME_LONGEST} 个可见字符。", f"A user's name has 1 to {NAME_LONGEST} visible characters."
        )
    _check_role(role)
    if find_user(session, shown) is not None:
        raise InputError(f"用户 {shown} 已存在；请换一个名字。", f"There is a user {shown} already; take another name.")
    user = User(key=key, name=shown, role=role, password=_hash(password), created_at=at)
    session.add(user)
    session.flush()
    _tell(session, user, "add", {}, at, by)
    return user


def find_user(session: Session, name: str) -> User | None:
    """The account of a name, in whatever case and width it is written."""
    key = canonical(storable(name.strip())).text
    return session.scalars(select(User).where(col(User.key) == key)).one_or_none()


def acting(session: Session, user_id: int) -> User | None:
    """The account as it is now, if it may act."""
    user = session.get(User, user_id, populate_existing=True)
    return user if user is not None and user.active else None


def users(session: Session) -> Sequence[User]:
    """All accounts by name."""
    return session.scalars(select(User).order_by(col(User.key))).all()


def names_of_users(session: Session, ids: Collection[int | None]) -> dict[int, str]:
    """The names of some accounts, by number; without those that are not there."""
    if not ids:
        return {}
    found = session.execute(select(col(User.id), col(User.name)).where(col(User.id).in_(ids))).all()
    return {number: name for number, name in found if number is not None}


def check_password(session: Session, name: str, password: str) -> User | None:
    """The account, if name and password hold and it is active; else nothing, after the same time."""
    user = find_user(session, name)
    stored = user.password if user is not None else _nobody()
    try:
        _hasher().verify(stored, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return None
    return user if user is not None and user.active else None


def set_password(session: Session, user_id: int, password: str, at: datetime, by: int | None = None) -> None:
    """A new password; every token of the account is taken back, every session ends."""
    user = _locked(session, user_id)
    user.password = _hash(password)
    for token in session.scalars(select(Token).where(col(Token.user_id) == user_id, col(Token.revoked_at).is_(None))):
        token.revoked_at = at
    _log_out(session, user_id)
    _tell(session, user, "password", _shown(user), at, by)


def set_role(session: Session, user_id: int, role: str, at: datetime, by: int | None = None) -> None:
    """Another role, from the next action on."""
    _check_role(role)
    user = _locked(session, user_id)
    before = _shown(user)
    if role != "admin":
        _keep_an_admin(session, user)
    user.role = role
    _tell(session, user, "role", before, at, by)


def set_active(session: Session, user_id: int, active: bool, at: datetime, by: int | None = None) -> None:
    """Switch an account off or on; what it decided stays."""
    user = _locked(session, user_id)
    before = _shown(user)
    if not active:
        _keep_an_admin(session, user)
        _log_out(session, user_id)
    user.active = active
    _tell(session, user, "active", before, at, by)


def add_token(
    session: Session, user_id: int, label: str, at: datetime, expires_at: datetime | None = None
) -> tuple[Token, str]:
    """A new token for the API, and its text, which is shown this once and not kept."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token(user_id=user_id, label=label, digest=_digest(secret), created_at=at, expires_at=expires_at)
    session.add(token)
    session.flush()
    assert token.id is not None
    record(session, at, user_id, "token", token.id, "add", {}, {"label": label})
    return token, secret


def check_token(session: Session, secret: str, at: datetime) -> User | None:
    """The active account that a token acts for; nothing where it does not hold, or no more."""
    found = session.scalars(select(Token).where(col(Token.digest) == _digest(secret))).one_or_none()
    if found is None or found.revoked_at is not None or (found.expires_at is not None and found.expires_at <= at):
        return None
    return acting(session, found.user_id)


def revoke_token(session: Session, token_id: int, at: datetime, by: int | None = None) -> None:
    """Take a token back, for good."""
    token = session.get_one(Token, token_id)
    if token.revoked_at is None:
        token.revoked_at = at
        record(session, at, by, "token", token_id, "revoke", {"label": token.label}, {"label": token.label})


def _locked(session: Session, user_id: int) -> User:
    found = select(User).where(col(User.id) == user_id).with_for_update()
    return session.scalars(found.execution_options(populate_existing=True)).one()


def _log_out(session: Session, user_id: int) -> None:
    session.execute(delete(WebSession).where(col(WebSession.user_id) == user_id))


def _keep_an_admin(session: Session, user: User) -> None:
    """InputError where no other active admin would be left. All admins are locked, so that two cannot leave at once."""
    admins = select(User).where(col(User.role) == "admin", col(User.active)).order_by(col(User.id)).with_for_update()
    left = [each for each in session.scalars(admins.execution_options(populate_existing=True)) if each.id != user.id]
    if user.role == "admin" and user.active and not left:
        raise InputError(
            f"{user.name} 是最后一个管理员；请先设另一个管理员。",
            f"{user.name} is the last admin; make another one first.",
        )


def _check_role(role: str) -> None:
    if role not in PERSONS:
        raise InputError(
            f"没有角色 {role}；请用 {'、'.join(PERSONS)}。", f"There is no role {role}; use {', '.join(PERSONS)}."
        )


def _hash(password: str) -> str:
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(
            f"密码应有 {SHORTEST} 到 {LONGEST} 个字符。", f"A password has {SHORTEST} to {LONGEST} characters."
        )
    return _hasher().hash(password)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _shown(user: User) -> dict[str, Any]:
    return {"name": user.name, "role": user.role, "active": user.active}


def _tell(session: Session, user: User, action: str, before: dict[str, Any], at: datetime, by: int | None) -> None:
    assert user.id is not None
    session.flush()
    record(session, at, by, "user", user.id, action, before, _shown(user))
