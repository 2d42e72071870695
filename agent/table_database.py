"""A table of a database, read once into a text file: postgresql, sqlite or duckdb, told by its URL.

    URL, table ──▶ columns and key ──▶ every cell as text, in a fixed order ──▶ a csv or tsv file, rows and hash

The order is that of the primary key; without one, of the rows as SQLite and DuckDB number them; else (PostgreSQL,
views) of all cells. All of it is read in one transaction, piece by piece. A cell is the database's own text of it,
nothing is an empty text. DuckDB's extensions for other databases are downloads, so each has its own driver here.

What is told of an address never holds its password.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

from agent.table_text import DELIMITERS
from agent.table_write import UnixLines
from standard.errors import InputError

POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
FILES = ("sqlite", "duckdb")
EXAMPLES = "postgresql://user@host/database, sqlite:///file.db, duckdb:///file.duckdb"
PIECE = 10_000  # rows
PATIENCE = 15  # seconds for a connection
LISTED = 20  # tables that a message names
# What the text of a value depends on, so that it is the same in every session.
SESSION = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "SET LOCAL DateStyle = 'ISO, YMD'",
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL IntervalStyle = 'postgres'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL bytea_output = 'hex'",
)


class Address(NamedTuple):
    """Where a database is. `url` has no password; `secret` is it, or ""."""

    url: str
    secret: str

    @property
    def scheme(self) -> str:
        """Which kind of database."""
        return self.url.partition("://")[0]

    @property
    def file(self) -> Path:
        """The file of a database that is one."""
        return Path(unquote(urlsplit(self.url).path.removeprefix("/")))


class Read(NamedTuple):
    """A table that was read: rows and hash of its columns and cells."""

    rows: int
    hash: str


def address_of(text: str) -> Address:
    """The address in a URL; the path of a file becomes absolute. InputError for no known kind of database."""
    scheme, _, rest = text.partition("://")
    try:
        parts = urlsplit(text)
        password = unquote(parts.password or "")
        parts.port  # noqa: B018 (raises for one that is none)
    except ValueError:
        parts = None
    if scheme not in (*POSTGRESQL, *FILES) or parts is None:
        raise InputError(
            f"不认识的数据库地址（{scheme}://…）；请写成 {EXAMPLES}。",
            f"This is no address of a database ({scheme}://...); write {EXAMPLES}.",
        )
    if scheme in FILES:
        file = Path(unquote(rest.removeprefix("/"))).absolute()
        return Address(f"{scheme}:///{file}", "")
    host = parts.netloc.rpartition("@")[2]
    user = f"{parts.netloc.rpartition('@')[0].partition(':')[0]}@" if "@" in parts.netloc else ""
    kept, secret = [], password
    for each in parts.query.split("&") if parts.query else []:
        key, _, value = each.partition("=")
        if unquote(key).lower() == "password":
            secret = unquote(value)
        elif unquote(key).lower() == "sslpassword":
            raise InputError(
                "数据库地址中不能写 sslpassword：它会随任务保存；请用没有密码的证书。",
                "An address of a database cannot hold sslpassword, which would be kept with the job; use a certificate "
                "without a password.",
            )
        else:
            kept.append(each)
    return Address(urlunsplit(("postgresql", user + host, parts.path, "&".join(kept), "")), secret)


def told(address: Address, table: str) -> str:
    """A table in a message."""
    return f"{address.url}#{table}"


def read_into(address: Address, table: str, target: Path) -> Read:
    """Read a table into a csv or tsv file. InputError where database, table or a cell does not hold; OSError where the
    file cannot be written."""
    opened = _postgresql if address.scheme in POSTGRESQL else _sqlite if address.scheme == "sqlite" else _duckdb
    with opened(address, table) as source:
        columns = source.columns()
        sink = _Sink(target)
        with closing(sink):
            csv.writer(UnixLines(sink), delimiter=sink.delimiter, lineterminator="\r\n").writerow(columns)
            rows = source.write(columns, sink)
        return Read(rows, sink.digest.hexdigest())


class _Sink:
    """A text file whose content is hashed as it is written."""

    def __init__(self, path: Path) -> None:
        self.delimiter = DELIMITERS[path.suffix]
        self.digest = hashlib.blake2b(digest_size=16)
        self._file: IO[bytes] = open(path, "wb")  # noqa: SIM115 (closed by who made it)

    def write(self, text: str) -> int:
        """A text."""
        return self.raw(text.encode())

    def raw(self, data: bytes | memoryview) -> int:
        """The same as bytes."""
        self.digest.update(data)
        return self._file.write(data)

    def close(self) -> None:
        """All is written."""
        self._file.close()


class _Source(Protocol):
    """An open table."""

    def columns(self) -> list[str]:
        """Its columns, in order."""
        ...

    def write(self, columns: Sequence[str], sink: _Sink) -> int:
        """Its rows, behind the header; how many."""
        ...


# -- PostgreSQL ----------------------------------------------------------------------------------------------------


class _PostgreSQL:
    def __init__(self, connection: Any, name: str, number: int) -> None:
        self._connection, self._name, self._number = connection, name, number

    def columns(self) -> list[str]:
        query = (
            "SELECT attname FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        )
        return [row[0] for row in self._connection.execute(query, (self._number,))]

    def write(self, columns: Sequence[str], sink: _Sink) -> int:
        query = (
            "SELECT attname FROM pg_index JOIN LATERAL unnest(indkey) WITH ORDINALITY AS k(number, place) ON true "
            "JOIN pg_attribute ON attrelid = indrelid AND attnum = k.number "
            "WHERE indrelid = %s AND indisprimary ORDER BY place"
        )
        key = [_quoted(row[0]) for row in self._connection.execute(query, (self._number,))]
        order = key or [f'{_quoted(each)}::text COLLATE "C"' for each in columns]
        cells = ", ".join(f"nullif({_quoted(each)}::text, '')" for each in columns)  # so that no quotes are put
        rows = f"SELECT {cells} FROM {self._name} ORDER BY {', '.join(order)}"
        delimiter = "E'\\t'" if sink.delimiter == "\t" else "','"
        cursor = self._connection.cursor()
        with cursor.copy(f"COPY ({rows}) TO STDOUT (FORMAT csv, DELIMITER {delimiter})") as copy:
            for block in copy:
                sink.raw(block)
        return int(cursor.rowcount)


@contextmanager
def _postgresql(address: Address, table: str) -> Iterator[_Source]:
    import psycopg

    secret: dict[str, Any] = {"password": address.secret} if address.secret else {}
    try:
        with psycopg.connect(
            address.url, connect_timeout=PATIENCE, client_encoding="utf8", application_name="yingma", **secret
        ) as connection:
            for statement in SESSION:
                connection.execute(statement)
            exact = ".".join(_quoted(part) for part in table.split("."))
            for name in (exact, table):
                number = _regclass(connection, name)
                if number:
                    yield _PostgreSQL(connection, exact if name == exact else _name_of(connection, number), number)
                    return
            query = (
                "SELECT table_schema || '.' || table_name FROM information_schema.tables "
                "WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
            )
            raise _no_table(address, table, [row[0] for row in connection.execute(query)])
    except psycopg.Error as error:
        raise _unreadable(address, table, error) from error


def _regclass(connection: Any, name: str) -> int | None:
    """The number of a table; None where there is none, or this is no name of one."""
    import psycopg

    try:
        with connection.transaction():
            row = connection.execute("SELECT to_regclass(%s)::oid", (name,)).fetchone()
    except psycopg.errors.SyntaxError:
        return None
    except psycopg.errors.InvalidName:
        return None
    return row[0] if row else None


def _name_of(connection: Any, number: int) -> str:
    """The full name of a table, quoted."""
    query = (
        "SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "WHERE pg_class.oid = %s"
    )
    return ".".join(map(_quoted, connection.execute(query, (number,)).fetchone()))


# -- databases that are a file -------------------------------------------------------------------------------------


class _Filed:
    """`fetch`: a query, and its rows in pieces."""

    def __init__(self, name: str, columns: list[str], order: list[str], kind: str, fetch: Callable[[str], Any]) -> None:
        self._name, self._columns, self._order, self._kind, self._fetch = name, columns, order, kind, fetch

    def columns(self) -> list[str]:
        return self._columns

    def write(self, columns: Sequence[str], sink: _Sink) -> int:
        texts = [f"coalesce(CAST({_quoted(each)} AS {self._kind}), '')" for each in columns]
        order = self._order or texts
        cursor = self._fetch(f"SELECT {', '.join(texts)} FROM {self._name} ORDER BY {', '.join(order)}")
        writer = csv.writer(UnixLines(sink), delimiter=sink.delimiter, lineterminator="\r\n")
        count = 0
        while rows := cursor.fetchmany(PIECE):
            writer.writerows(rows)
            count += len(rows)
        return count


@contextmanager
def _sqlite(address: Address, table: str) -> Iterator[_Source]:
    import sqlite3

    file = _there(address)
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=PATIENCE)) as connection:
            query = (
                "SELECT name, type FROM sqlite_master "
                "WHERE type IN ('table', 'view') AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name"
            )
            kinds = dict(connection.execute(query).fetchall())
            name = _chosen(address, table, list(kinds))
            found = connection.execute(f"SELECT name, pk FROM pragma_table_info({_text(name)}) ORDER BY cid").fetchall()
            key = [_quoted(each) for each, place in sorted(found, key=lambda each: each[1]) if place]
            order = key or (["rowid"] if kinds[name] == "table" else [])
            yield _Filed(_quoted(name), [each[0] for each in found], order, "TEXT", connection.execute)
    except sqlite3.Error as error:
        raise _unreadable(address, table, error) from error


@contextmanager
def _duckdb(address: Address, table: str) -> Iterator[_Source]:
    import duckdb

    file = _there(address)
    try:
        with closing(duckdb.connect(str(file), read_only=True)) as connection:
            query = "SELECT table_schema, table_name, table_type FROM information_schema.tables ORDER BY ALL"
            kinds = {
                (name if schema == "main" else f"{schema}.{name}"): (schema, name, kind)
                for schema, name, kind in connection.execute(query).fetchall()
            }
            wanted = table.removeprefix("main.")
            schema, name, kind = kinds[_chosen(address, wanted, list(kinds))]
            query = (
                "SELECT column_name FROM information_schema.columns WHERE table_schema = ? AND table_name = ? "
                "ORDER BY ordinal_position"
            )
            columns = [row[0] for row in connection.execute(query, (schema, name)).fetchall()]
            query = (
                "SELECT constraint_column_names FROM duckdb_constraints() "
                "WHERE schema_name = ? AND table_name = ? AND constraint_type = 'PRIMARY KEY'"
            )
            key = [_quoted(each) for row in connection.execute(query, (schema, name)).fetchall() for each in row[0]]
            order = key or (["rowid"] if kind == "BASE TABLE" else [])
            yield _Filed(f"{_quoted(schema)}.{_quoted(name)}", columns, order, "VARCHAR", connection.execute)
    except duckdb.Error as error:
        raise _unreadable(address, table, error) from error


def _there(address: Address) -> Path:
    """The file, which a driver would otherwise make."""
    if not address.file.is_file():
        raise InputError(
            f"没有数据库文件 {address.file}；请检查路径。", f"There is no database {address.file}; check the path."
        )
    return address.file


def _chosen(address: Address, table: str, names: list[str]) -> str:
    """The table asked for: as written, else without regard to case. InputError names those there are."""
    if table in names:
        return table
    folded = [name for name in names if name.casefold() == table.casefold()]
    if len(folded) == 1:
        return folded[0]
    raise _no_table(address, table, names)


# -- parts ---------------------------------------------------------------------------------------------------------


def _quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"


def _no_table(address: Address, table: str, names: Sequence[str]) -> InputError:
    listed = [*names[:LISTED], *(["…"] if len(names) > LISTED else [])]
    return InputError(
        f"{address.url} 没有表 {table}（--table）；" + (f"有：{'、'.join(listed)}。" if listed else "它没有任何表。"),
        f"{address.url} has no table {table} (--table); "
        + (f"it has {', '.join(listed)}." if listed else "it has no table at all."),
    )


def _unreadable(address: Address, table: str, error: Exception) -> InputError:
    """One sentence on a database that does not answer, or not so."""
    said = " ".join(str(error).split())[:300].rstrip(".")
    if address.secret:
        said = said.replace(address.secret, "***")
    return InputError(
        f"不能读取 {told(address, table)}：{said}；请检查地址、账号与权限（密码也可用 PGPASSWORD 或 ~/.pgpass 给出）。",
        f"{told(address, table)} cannot be read: {said}; check address, account and its rights (the password may also "
        "come from PGPASSWORD or ~/.pgpass).",
    )
