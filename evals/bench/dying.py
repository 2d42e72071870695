"""The command line in a process that kills its whole group just before one of its writes: a moment that no clock finds.

    dying N FILE ARGUMENT…    dies before its write number N; 0 lives, and FILE then holds how many there were

A write is what the main process changes on the disk (a file opened for writing, renamed, linked or removed, a folder
made or removed) or commits to the database. Between two of them nothing lasts, so these are all the moments there are,
but for what SQLite, DuckDB and Polars do within one write of theirs.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
EVENTS = ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")


class Writes:
    """Counts writes of this process, and kills its group before one of them. Forked workers do not count."""

    def __init__(self, last: int) -> None:
        self.last, self.count, self._process = last, 0, os.getpid()

    def audit(self, name: str, arguments: tuple[Any, ...]) -> None:
        """What Python tells of before it does it (https://docs.python.org/3/library/audit_events.html)."""
        if name in EVENTS or (name == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES):
            self.one()

    def one(self, *_: object) -> None:
        """A write is about to be."""
        if os.getpid() != self._process:
            return
        self.count += 1
        if self.count == self.last:
            os.killpg(0, signal.SIGKILL)


def main(last: str, file: str, *arguments: str) -> int:
    """The exit code of the command line."""
    from agent import cli

    writes = Writes(int(last))
    event.listen(Engine, "commit", writes.one)
    sys.addaudithook(writes.audit)
    code = cli.run(list(arguments))
    count = writes.count
    Path(file).write_text(str(count), encoding="ascii")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
