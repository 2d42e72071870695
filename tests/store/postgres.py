"""A PostgreSQL server of the tests' own, which is quick and loses what it likes when the machine does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from evals.bench import postgres
from evals.bench.postgres import Server, binaries

__all__ = ["Server", "binaries", "running"]

# Without autovacuum, so that the plans of queries do not depend on when it came by.
SETTINGS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off", "deadlock_timeout=20ms")


@contextmanager
def running(folder: Path, settings: Sequence[str] = SETTINGS) -> Iterator[Server]:
    """A server of the binaries in a folder."""
    with postgres.running(folder, settings) as server:
        yield server
