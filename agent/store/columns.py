"""Column types that behave the same on SQLite and PostgreSQL.

Words    any text of the outside world; a NUL character, which PostgreSQL cannot hold, is stored as its picture ␀
Plain    JSON (JSONB on PostgreSQL) of plain values, Chinese kept readable, texts treated as in Words
Moment   a point in time: aware in Python, UTC in the database
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

NUL = "\0"
PICTURE = "\N{SYMBOL FOR NULL}"


def storable(text: str) -> str:
    """The text with what no database can hold replaced: NUL by ␀, half of a surrogate pair by U+FFFD."""
    if NUL in text:
        text = text.replace(NUL, PICTURE)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= char <= "\udfff" else char for char in text)
    return text


def storable_value(value: Any) -> Any:
    """A plain value with every text in it storable."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(key)): storable_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [storable_value(each) for each in value]
    return value


class Words(TypeDecorator[str]):
    """Text of any length."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """What is written."""
        return None if value is None else storable(value)


class Plain(TypeDecorator[Any]):
    """JSON."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """JSONB on PostgreSQL."""
        return dialect.type_descriptor(JSONB() if dialect.name == "postgresql" else JSON())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """What is written."""
        return storable_value(value)


class Moment(TypeDecorator[datetime]):
    """A point in time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC; without a zone on SQLite, whose texts then sort by time. ValueError for a time without zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment has a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware, UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)
