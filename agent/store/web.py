"""Sessions of browsers, the limit of log-in attempts, and whose an uploaded file is.

A cookie is 32 random bytes; the database keeps its hash, so that who reads the database cannot log in with it. A
session ends by log-out, after a time without activity, after a time at all, and with a new password or when the
account is switched off.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import case, delete, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store.columns import storable
from agent.store.ledger import insert_into, record
from agent.store.people import acting
from agent.store.schema_acts import User
from agent.store.schema_web import LoginAttempt, Upload, WebSession
from standard.text import canonical

TOUCH = timedelta(minutes=1)  # a session's last activity is written at most so often
UPLOAD_KEPT = timedelta(days=2)  # longer than Gradio keeps the file


class Limits(NamedTuple):
    """How long a session may be idle, how long it lasts at all."""

    idle: timedelta
    absolute: timedelta


class Caller(NamedTuple):
    """The account behind a session, and whether its activity is to be written down."""

    user: User
    stale: bool


def open_session(session: Session, user_id: int, at: datetime, limits: Limits) -> str:
    """Log a person in: the text of his cookie. Sessions that have run out are cleared away."""
    old = (col(WebSession.created_at) <= at - limits.absolute) | (col(WebSession.seen_at) <= at - limits.idle)
    session.execute(delete(WebSession).where(old))
    secret = secrets.token_urlsafe(32)
    session.add(WebSession(digest=_digest(secret), user_id=user_id, created_at=at, seen_at=at))
    record(session, at, user_id, "user", user_id, "login", {}, {})
    return secret


def caller(session: Session, secret: str, at: datetime, limits: Limits) -> Caller | None:
    """Whose session a cookie is; None where it is nobody's, or no more."""
    found = session.scalars(select(WebSession).where(col(WebSession.digest) == _digest(secret))).one_or_none()
    if found is None or found.created_at + limits.absolute <= at or found.seen_at + limits.idle <= at:
        return None
    user = acting(session, found.user_id)
    return None if user is None else Caller(user, at - found.seen_at >= TOUCH)


def touch(session: Session, secret: str, at: datetime) -> None:
    """The person is active."""
    session.execute(update(WebSession).where(col(WebSession.digest) == _digest(secret)).values(seen_at=at))


def close_session(session: Session, secret: str) -> None:
    """Log out, where the cookie is one."""
    session.execute(delete(WebSession).where(col(WebSession.digest) == _digest(secret)))


def try_login(
    session: Session, name: str, address: str, at: datetime, window: timedelta, limits: tuple[int, int]
) -> bool:
    """Count an attempt under a name and from an address; whether it may go on. `limits`: for the name, the address.

    Counted before the password is looked at: attempts at once cannot get past the limit. Names are kept as hashes,
    since people type passwords into the wrong field.
    """
    session.execute(delete(LoginAttempt).where(col(LoginAttempt.since) <= at - window))
    allowed = True
    for key, limit in sorted(zip((_name_key(name), _address_key(address)), limits, strict=True)):
        insert = insert_into(session, LoginAttempt).values(key=key, tries=1, since=at)
        old = col(LoginAttempt.since) <= at - window
        counted = insert.on_conflict_do_update(
            index_elements=["key"],
            set_={
                "tries": case((old, 1), else_=col(LoginAttempt.tries) + 1),
                "since": case((old, insert.excluded.since), else_=col(LoginAttempt.since)),
            },
        ).returning(col(LoginAttempt.tries))
        allowed &= int(session.execute(counted).scalar_one()) <= limit
    return allowed


def forget_attempts(session: Session, name: str, address: str) -> None:
    """The log-in went well: the name starts anew, and the address has one attempt less."""
    session.execute(delete(LoginAttempt).where(col(LoginAttempt.key) == _name_key(name)))
    mine = update(LoginAttempt).where(col(LoginAttempt.key) == _address_key(address), col(LoginAttempt.tries) > 0)
    session.execute(mine.values(tries=col(LoginAttempt.tries) - 1))


def keep_upload(session: Session, user_id: int, paths: Iterable[str], at: datetime) -> None:
    """These files came from this person."""
    session.execute(delete(Upload).where(col(Upload.at) <= at - UPLOAD_KEPT))
    for key in sorted({_digest(path) for path in paths}):
        insert = insert_into(session, Upload).values(key=key, user_id=user_id, at=at)
        session.execute(insert.on_conflict_do_update(index_elements=["key", "user_id"], set_={"at": at}))


def owns_upload(session: Session, user_id: int, path: str) -> bool:
    """Whether a file came from this person."""
    return session.get(Upload, (_digest(path), user_id)) is not None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _name_key(name: str) -> str:
    return _digest("name\0" + canonical(storable(name.strip())).text)


def _address_key(address: str) -> str:
    return _digest("address\0" + address)
