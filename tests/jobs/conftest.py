"""The command line in this process, and a store beside it in the same home."""

from __future__ import annotations

import csv
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from agent import console
from agent.store import open_url
from tests.store.world import World

Told = tuple[int, str, str]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sentences in English, and handlers of signals as they were."""
    monkeypatch.setenv("YINGMA_LANG", "en")
    before = signal.getsignal(signal.SIGTERM)
    console.language.cache_clear()
    yield
    console.language.cache_clear()
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def kept(home: Path) -> Iterator[World]:
    """The store of the home, with people in it."""
    store = open_url(URL.create("sqlite", database=str(home / "yingma.db")))
    yield World(store)
    store.close()


def table(path: Path, *rows: tuple[str, ...]) -> Path:
    """A csv file."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a result."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
