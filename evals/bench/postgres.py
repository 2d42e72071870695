"""Databases for a run: on a PostgreSQL server that is there, or on one of the run's own, which can be stopped hard.

A server of its own is a fresh cluster in a temporary folder, reached by its socket only; it goes with the run.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.engine import URL

from agent.store.engine import shown
from standard.errors import StoreError

OWNER = "yingma_test"
SETTINGS = ("listen_addresses=", "max_connections=60")


class Databases:
    """Makes and drops databases on a server. `url`: one that is there, by an account that may make others.

    StoreError where the server does not do it."""

    def __init__(self, url: URL) -> None:
        self._url = url

    def url(self, database: str) -> URL:
        """Where a database is."""
        return self._url.set(database=database)

    def create(self, template: URL | None = None) -> URL:
        """A new database, empty or as another one is that nobody uses now."""
        name = f"yingma_{secrets.token_hex(6)}"
        self._run(f"CREATE DATABASE {name}" + (f" TEMPLATE {template.database}" if template is not None else ""))
        return self.url(name)

    def drop(self, url: URL) -> None:
        """Drop a database, whoever is connected."""
        self._run(f"DROP DATABASE {url.database} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        plain = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        try:
            with psycopg.connect(plain, autocommit=True) as connection:
                connection.execute(statement.encode())
        except psycopg.Error as error:
            place, said = shown(self._url), " ".join(str(error).split())[:300]
            raise StoreError(
                f"不能在 {place} 上建立或删除数据库：{said}。请检查地址和账户的权限。",
                f"No database can be made or dropped on {place}: {said}. Check the address and the rights of the "
                "account.",
            ) from error


class Server(Databases):
    """A running server of its own in a folder. `user`: the account that it runs as, where this process is root."""

    def __init__(self, folder: Path, binaries: Path, settings: Sequence[str], user: str | None) -> None:
        super().__init__(
            URL.create("postgresql+psycopg", OWNER, database="postgres", query={"host": str(folder)}),
        )
        self.folder, self._binaries, self._user = folder, binaries, user
        self._options = " ".join(["-k", str(folder), *(f"-c {each}" for each in (*SETTINGS, *settings))])

    def start(self) -> None:
        """Start it, as it is now or was when it was stopped."""
        self._control("-o", self._options, "-l", self.folder / "log", "-w", "start")

    def stop_hard(self) -> None:
        """Stop it as a crash does: connections are cut, nothing is written."""
        self._control("-m", "immediate", "-w", "stop")

    def _control(self, *words: object) -> None:
        _call(self._user, self.folder, self._binaries / "pg_ctl", "-D", self.folder / "data", *words)


def binaries() -> Path | None:
    """The folder of initdb and pg_ctl; None where PostgreSQL is not installed."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def account() -> str | None:
    """An account other than root, which the server refuses; None where this process is no root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise RuntimeError("neither the account postgres nor nobody")


@contextmanager
def running(folder: Path, settings: Sequence[str] = ()) -> Iterator[Server]:
    """A server of the binaries in a folder. `settings`: name=value, else PostgreSQL's own."""
    user = account()
    home = Path(tempfile.mkdtemp(prefix="yingma-pg-"))  # short, since the path of a socket may not be long
    try:
        if user is not None:
            shutil.chown(home, user)
        data = home / "data"
        _call(user, home, folder / "initdb", "-D", data, "-U", OWNER, "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8")
        server = Server(home, folder, settings, user)
        server.start()
        try:
            yield server
        finally:
            server.stop_hard()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _call(user: str | None, home: Path, *words: object) -> None:
    extra = ["--no-sync"] if str(words[0]).endswith("initdb") else []
    done = subprocess.run(
        [*map(str, words), *extra],
        user=user,
        group=None if user is None else pwd.getpwnam(user).pw_gid,
        extra_groups=None if user is None else [],
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if extra else subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{words[0]}: {(done.stdout or b'').decode()}")
