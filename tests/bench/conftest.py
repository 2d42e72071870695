"""Stores to compare."""

from tests.store.conftest import on_postgresql, on_sqlite, server, store

__all__ = ["on_postgresql", "on_sqlite", "server", "store"]
