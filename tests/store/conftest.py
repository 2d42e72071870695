"""A store on each of the two databases; a PostgreSQL server for the whole run, where it is installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from agent.store import Store, open_url
from tests.store.postgres import Server, binaries, running
from tests.store.world import World


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """PostgreSQL."""
    folder = binaries()
    if folder is None:
        pytest.skip("PostgreSQL (initdb, pg_ctl) is not installed")
    with running(folder) as found:
        yield found


@pytest.fixture(scope="session")
def ready_postgresql(server: Server) -> str:
    """A database at the newest schema, to copy."""
    url = server.create()
    open_url(url).close()
    assert url.database is not None
    return url.database


@pytest.fixture(scope="session")
def ready_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file."""
    path = tmp_path_factory.mktemp("ready") / "yingma.db"
    open_url(URL.create("sqlite", database=str(path))).close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """Where a database without tables is."""
    if request.param == "sqlite":
        yield URL.create("sqlite", database=str(tmp_path / "yingma.db"))
        return
    server: Server = request.getfixturevalue("server")
    url = server.create()
    yield url
    server.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """Where a database with tables and no rows is."""
    if request.param == "sqlite":
        path = tmp_path / "yingma.db"
        shutil.copy(request.getfixturevalue("ready_sqlite"), path)
        yield URL.create("sqlite", database=str(path))
        return
    server: Server = request.getfixturevalue("server")
    url = server.create(request.getfixturevalue("ready_postgresql"))
    yield url
    server.drop(url)


@pytest.fixture
def store(url: URL) -> Iterator[Store]:
    """An open store."""
    found = open_url(url)
    yield found
    found.close()


@pytest.fixture
def world(store: Store) -> World:
    """People, names and a clock."""
    return World(store)
