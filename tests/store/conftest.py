"""A store on each of the two databases; a PostgreSQL server for the whole run, where it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from agent.store import Store, open_url
from tests.store.postgres import Server, binaries, running
from tests.store.world import World, clean


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """PostgreSQL."""
    folder = binaries()
    if folder is None:
        pytest.skip("PostgreSQL (initdb, pg_ctl) is not installed")
    with running(folder) as found:
        yield found


@pytest.fixture(scope="session")
def on_postgresql(server: Server) -> Iterator[Store]:
    """A store that the tests share, each of which finds it empty: what is compiled stays compiled."""
    store = open_url(server.create())
    yield store
    store.close()


@pytest.fixture(scope="session")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The same in a file."""
    store = open_url(URL.create("sqlite", database=str(tmp_path_factory.mktemp("shared") / "yingma.db")))
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """Where a database of the test's own is, without tables."""
    if request.param == "sqlite":
        yield URL.create("sqlite", database=str(tmp_path / "yingma.db"))
        return
    server: Server = request.getfixturevalue("server")
    url = server.create()
    yield url
    server.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Store:
    """A store without rows."""
    found: Store = request.getfixturevalue(f"on_{request.param}")
    clean(found)
    return found


@pytest.fixture
def world(store: Store) -> World:
    """People, names and a clock."""
    return World(store)
