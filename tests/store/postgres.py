"""A PostgreSQL server of the tests' own: a fresh cluster in a temporary folder, reached by its socket only."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.engine import URL

OWNER = "yingma_test"
SETTINGS = (
    "listen_addresses=",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "deadlock_timeout=20ms",
    "max_connections=60",
)


class Server:
    """A running server: makes and drops databases."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made = 0

    def url(self, database: str) -> URL:
        """Where a database is."""
        return URL.create("postgresql+psycopg", OWNER, database=database, query={"host": str(self.folder)})

    def create(self) -> URL:
        """A new database."""
        self._made += 1
        name = f"yingma_{self._made}"
        self._run(f"CREATE DATABASE {name}")
        return self.url(name)

    def drop(self, url: URL) -> None:
        """Drop a database, whoever is connected."""
        self._run(f"DROP DATABASE {url.database} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        with psycopg.connect(host=str(self.folder), user=OWNER, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())


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
def running(folder: Path) -> Iterator[Server]:
    """A server of the binaries in a folder."""
    user = account()
    home = Path(tempfile.mkdtemp(prefix="yingma-pg-"))  # short, since the path of a socket may not be long
    try:
        if user is not None:
            shutil.chown(home, user)
        data = home / "data"
        _call(user, home, folder / "initdb", "-D", data, "-U", OWNER, "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8")
        options = " ".join(["-k", str(home), *(f"-c {each}" for each in SETTINGS)])
        _call(user, home, folder / "pg_ctl", "-D", data, "-o", options, "-l", home / "log", "-w", "start")
        try:
            yield Server(home)
        finally:
            _call(user, home, folder / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
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
