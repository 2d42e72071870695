"""Opening the database, and its transactions.

    Settings ──▶ open_store ──▶ Store ─┬─ reading()  a session that sees one state and changes nothing
                                       ├─ writing()  a session that holds the lock for writing from its first statement
                                       └─ write(f)   f in a transaction of its own; once more where another came between

SQLite (the default, `yingma.db` in the home folder): write-ahead log, so that readers never wait; each commit is synced
to the disk, so that what was answered "ok" survives a crash; writers queue at BEGIN IMMEDIATE. PostgreSQL by
YINGMA_DATABASE_URL: READ COMMITTED; what a transaction changes, it locks row by row first. A machine that vanishes
(power, network) is noticed by the other side after about a minute, and what it had locked there is free.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from agent.settings import POSTGRESQL, Settings
from agent.store.migrate import upgrade
from standard.errors import StoreError, YingmaError

FILE_NAME = "yingma.db"
BUSY_SECONDS = 15  # that a writer waits for another one on SQLite
LOOK_SECONDS = 0.002  # between its looks whether the lock is free
ATTEMPTS = 3  # at an operation that another one came between
# Both sides of a connection look after so many quiet seconds whether the other is there, and give up after some looks
# without an answer: by default that takes two hours, while a machine that vanished holds its locks.
QUIET, EVERY, TIMES = 30, 10, 3
KEEPALIVES = {
    "keepalives_idle": QUIET,
    "keepalives_interval": EVERY,
    "keepalives_count": TIMES,
    "tcp_user_timeout": (QUIET + EVERY * TIMES) * 1000,
}
BETWEEN = ("40001", "40P01", "23505")  # PostgreSQL: serialization failure, deadlock, the same key at the same moment

T = TypeVar("T")


class Store:
    """An open database at the newest schema. Safe to use from several threads; a forked process opens its own."""

    def __init__(self, engine: Engine, place: str) -> None:
        self.engine = engine
        self.place = place  # for messages; no password in it
        self.writer = engine.execution_options(yingma_write=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for reading. StoreError when the database cannot be reached."""
        with self._told(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session in a transaction that is committed at the end, or rolled back when an error leaves it."""
        with self._told(), Session(self.writer, expire_on_commit=False) as session, session.begin():
            yield session

    def write(self, operation: Callable[[Session], T]) -> T:
        """What `operation` gives, its transaction committed; run anew where the database broke it off for another's."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.writing() as session:
                    return operation(session)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in BETWEEN or attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close every connection that is not in use."""
        self.engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """A database that is gone, full or locked, in one sentence. Every other error stays what it is."""
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            if getattr(error.orig, "sqlstate", None) in BETWEEN:
                raise
            raise unreachable(self.place, error) from error


def open_store(settings: Settings) -> Store:
    """The store of these settings, made or brought to the newest schema where it is not.

    StoreError, in one sentence, when it cannot be opened or was made by a newer version.
    """
    return open_url(database_url(settings))


def database_url(settings: Settings) -> URL:
    """Where the database is: PostgreSQL where a URL is set, else the SQLite file in the home folder."""
    given = settings.database_url.get_secret_value()
    if not given:
        return URL.create("sqlite", database=str(settings.home / FILE_NAME))
    return address("YINGMA_DATABASE_URL", given)


def address(name: str, given: str, problem: type[YingmaError] = StoreError) -> URL:
    """A URL for our driver. `name`: where it was given. `problem` is raised, without what was given, for none."""
    for prefix in POSTGRESQL:
        if given.startswith(prefix):
            given = "postgresql+psycopg://" + given.removeprefix(prefix)
            break
    try:
        return make_url(given)
    except (ArgumentError, ValueError) as error:  # a port that is no number is the latter
        raise problem(
            f"{name} 不是合法的地址；应为 postgresql://用户:密码@主机/数据库。",
            f"{name} is no valid URL; it should be postgresql://user:password@host/database.",
        ) from error


def shown(url: URL) -> str:
    """A URL as it may be printed: without a password, which may also stand behind the question mark."""
    return url.difference_update_query(["password"]).render_as_string(hide_password=True)


def open_url(url: URL) -> Store:
    """The store at a URL of SQLAlchemy's."""
    place = url.database or "" if url.drivername == "sqlite" else shown(url)
    try:
        if url.drivername == "sqlite":
            _make_file(Path(place))
        store = Store(_engine(url), place)
        try:
            upgrade(store.writer)
        except BaseException:
            store.close()
            raise
    except (DBAPIError, OSError) as error:
        raise unreachable(place, error) from error
    return store


def unreachable(place: str, error: DBAPIError | OSError) -> StoreError:
    """One sentence on a database that does not answer."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    said = " ".join(str(cause).split())[:300]
    if "database is locked" in said:
        return StoreError(
            f"数据库 {place} 被另一个进程占用超过 {BUSY_SECONDS} 秒；没有写入任何内容，请稍后重试。",
            f"The database {place} was locked by another process for more than {BUSY_SECONDS} seconds; "
            "nothing was written, try again later.",
        )
    return StoreError(
        f"打不开数据库 {place}：{said}。请检查 YINGMA_HOME 或 YINGMA_DATABASE_URL、权限和磁盘空间。",
        f"The database {place} cannot be used: {said}. Check YINGMA_HOME or YINGMA_DATABASE_URL, its permissions and "
        "the disk.",
    )


def _make_file(path: Path) -> None:
    """The file of the database, readable by nobody else, where there is none yet.

    It appears with its write-ahead log switched on: two processes that switch it on at once could lock each other out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        connection = sqlite3.connect(draft)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA user_version=1")
        connection.close()
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def _engine(url: URL) -> Engine:
    remote = url.drivername != "sqlite"
    engine = create_engine(
        url,
        json_serializer=partial(json.dumps, ensure_ascii=False),
        pool_pre_ping=remote,  # a connection may have died while it lay in the pool
        connect_args={name: value for name, value in KEEPALIVES.items() if name not in url.query} if remote else {},
    )
    event.listen(engine, "connect", _remember_process)
    event.listen(engine, "checkout", _refuse_other_process)
    if url.drivername == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _set_up_postgresql)
    return engine


def _set_up_postgresql(connection: Any, record: Any) -> None:
    """The server's side of KEEPALIVES, for this connection; by a socket file the server takes no notice of it."""
    for name, value in KEEPALIVES.items():
        setting = name if name.startswith("tcp_") else f"tcp_{name}"
        connection.execute("SELECT set_config(%s, %s, false)", (setting, str(value))).close()
    connection.commit()


def _set_up_sqlite(connection: Any, record: Any) -> None:
    """Settings of one connection. Python's driver must not begin transactions by itself."""
    connection.isolation_level = None
    for pragma in (f"busy_timeout={BUSY_SECONDS * 1000}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes the lock at once: it cannot find later that another one was first."""
    if not connection.get_execution_options().get("yingma_write"):
        connection.exec_driver_sql("BEGIN")
    elif not _begin_in_turn(connection.connection.dbapi_connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises what is wrong, as SQLAlchemy's error


def _begin_in_turn(connection: Any) -> bool:
    """Begin as soon as the lock is free; whether that was so in time.

    SQLite itself looks less and less often, up to every 100 ms: beside a job that takes the lock again within a few
    milliseconds, a reviewer's decision would find it taken each time.
    """
    limit = time.monotonic() + BUSY_SECONDS
    connection.execute("PRAGMA busy_timeout=0").close()
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE").close()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= limit:
                    return False
                time.sleep(LOOK_SECONDS)
            else:
                return True
    finally:
        connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}").close()


def _remember_process(connection: Any, record: Any) -> None:
    record.info["process"] = os.getpid()


def _refuse_other_process(connection: Any, record: Any, proxy: Any) -> None:
    """A forked process makes connections of its own; those of its parent are not used."""
    if record.info["process"] != os.getpid():
        record.dbapi_connection = proxy.dbapi_connection = None
        raise DisconnectionError("made by another process")
