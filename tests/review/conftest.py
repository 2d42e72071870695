"""Stores, servers and a browser for the tests of the review page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.serving import Server, serving
from tests.serving_fixtures import DATABASES
from tests.store.conftest import on_postgresql, on_sqlite, server, store, world

__all__ = ["on_postgresql", "on_sqlite", "server", "store", "world"]

# Nothing is drawn by lot, and no index is built beside the tests.
CALM = {"second_look_share": "0", "control_share": "0", "review_retrieval": "false"}


@pytest.fixture(scope="session")
def calm_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on SQLite that leaves nothing to chance."""
    with serving(tmp_path_factory.mktemp("review") / "home", **CALM) as found:
        yield found


@pytest.fixture(scope="session")
def calm_postgresql(tmp_path_factory: pytest.TempPathFactory, postgresql_server: Any) -> Iterator[Server]:
    """The same on PostgreSQL."""
    with serving(tmp_path_factory.mktemp("review") / "home", postgresql_server.create(), **CALM) as found:
        yield found


@pytest.fixture(params=DATABASES)
def calm(request: pytest.FixtureRequest) -> Server:
    """On each database."""
    found: Server = request.getfixturevalue(f"calm_{request.param}")
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def calm_on_each(request: pytest.FixtureRequest) -> Server:
    """On each database, each time."""
    found: Server = request.getfixturevalue(f"calm_{request.param}")
    return found
