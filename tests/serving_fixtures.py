"""Fixtures that share a server and a browser: tests/conftest.py takes them.

served           a server on SQLite and on PostgreSQL (each test runs on both), shared by all tests of the run
served_sqlite    the one on SQLite only, for what the database does not matter to
browser          Chromium; skips where there is none
as_role          as_role("reviewer") is a page of the server on SQLite, logged in; closed after the test
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.serving import CHROMIUM, FLAGS, Server, logged_in, serving
from tests.store.postgres import binaries, running

__all__ = ["DATABASES", "as_role", "browser", "postgresql_server", "served", "served_postgresql", "served_sqlite"]


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Any]:
    """PostgreSQL."""
    folder = binaries()
    if folder is None:
        pytest.skip("PostgreSQL (initdb, pg_ctl) is not installed")
    with running(folder) as found:
        yield found


@pytest.fixture(scope="session")
def served_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on SQLite."""
    with serving(tmp_path_factory.mktemp("served") / "home") as server:
        yield server


@pytest.fixture(scope="session")
def served_postgresql(tmp_path_factory: pytest.TempPathFactory, postgresql_server: Any) -> Iterator[Server]:
    """A server on PostgreSQL."""
    with serving(tmp_path_factory.mktemp("served") / "home", postgresql_server.create()) as server:
        yield server


DATABASES = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.slow),
]  # what holds for the one mostly does for both


@pytest.fixture(params=DATABASES)
def served(request: pytest.FixtureRequest) -> Server:
    """A server on each database."""
    found: Server = request.getfixturevalue(f"served_{request.param}")
    return found


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Chromium."""
    if request.config.getoption("--part") == "rest":
        pytest.fail("this test must take the fixture browser as an argument, or it runs beside others")
    if not CHROMIUM.exists():
        pytest.skip("chromium is not installed")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield found
        found.close()


@pytest.fixture
def as_role(browser: Any, served_sqlite: Server) -> Iterator[Callable[..., Any]]:
    """A page of the server on SQLite: as_role("reviewer", lang="en", width=1920, height=1080)."""
    opened = []

    def make(role: str, **options: Any) -> Any:
        context = logged_in(browser, served_sqlite, role, **options)
        opened.append(context)
        return context.new_page()

    yield make
    for context in opened:
        context.close()
        assert context.strayed == []
