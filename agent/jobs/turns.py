"""How many jobs run at once: each that runs holds a place, the others wait in the order in which they came.

    YINGMA_HOME/jobs/.turns/  place-0 …          locked by a job that runs
                              wait-TIME-RANDOM   locked by a job that waits

A lock falls with its process, whatever ends that, so nothing has to be cleaned up, and nobody has to hand a place on:
who waits looks for one.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.jobs.folder import HELD, jobs_folder

EVERY = 0.2  # seconds between two looks


@contextmanager
def turn(home: Path, at_once: int, waits: Callable[[int], None]) -> Iterator[None]:
    """Hold one of `at_once` places while the block runs. Until there is one, `waits` is told again and again how many
    jobs are before this one, and may raise to give up."""
    folder = jobs_folder(home) / ".turns"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _ticket(folder) as ticket:
        while True:
            before = _before(folder, ticket)
            place = None if before else _place(folder, at_once)
            if place is not None:
                break
            waits(before + at_once)
            time.sleep(EVERY)
    try:
        yield
    finally:
        _close(place)


@contextmanager
def _ticket(folder: Path) -> Iterator[Path]:
    """A file that says when this one came; it is locked before anybody can see it."""
    draft = folder / f".{secrets.token_hex(8)}"
    handle = _open(draft)
    fcntl.flock(handle, fcntl.LOCK_EX)
    path = folder / f"wait-{time.time_ns():020d}-{secrets.token_hex(4)}"
    draft.rename(path)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        _close(handle)


def _before(folder: Path, ticket: Path) -> int:
    """How many wait that came earlier; what is left of those that were killed is removed."""
    count = 0
    for path in sorted(folder.glob("wait-*")):
        if path.name >= ticket.name:
            break
        with suppress(FileNotFoundError):
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
            except BlockingIOError:
                count += 1
            finally:
                os.close(handle)
    return count


def _place(folder: Path, at_once: int) -> int | None:
    """A place that is free now, held; None where there is none."""
    for number in range(at_once):
        handle = _open(folder / f"place-{number}")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _close(handle)
        else:
            return handle
    return None


def _open(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    HELD.add(handle)
    return handle


def _close(handle: int) -> None:
    HELD.discard(handle)
    os.close(handle)
