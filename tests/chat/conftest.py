"""A dialogue over the shipped edition, and a store on each of the two databases."""

from __future__ import annotations

import pytest

from agent.chat.dialogue import Dialogue
from tests.chat.talking import Chat, tools
from tests.store.conftest import on_postgresql, on_sqlite, server, store, world

__all__ = ["on_postgresql", "on_sqlite", "server", "store", "world"]


@pytest.fixture
def chat() -> Chat:
    """A conversation that nobody keeps."""
    return Chat(Dialogue(tools()))
