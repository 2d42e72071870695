"""Stores, servers and a browser for the tests of the review page."""

from tests.serving_fixtures import *  # noqa: F403
from tests.store.conftest import on_postgresql, on_sqlite, server, store, world

__all__ = ["on_postgresql", "on_sqlite", "server", "store", "world"]
