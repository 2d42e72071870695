"""Where indexes lie, and how several processes share them.

    <home>/index/build.lock             held by the one process that builds
    <home>/index/vectors-*.npz          vectors of documents, reused by the next build
    <home>/index/<catalogue>-<key>/     one finished index; `key` changes with all that it was made of
    <home>/index/.building-*/           an index being built

An index is built aside and renamed into place when it is whole, so a reader sees a whole one or none, and what an
interrupted build left is removed by the next. An index in use holds a shared lock on `in-use.lock`; an outdated one is
removed only when nobody holds that lock. Where the system has no flock, two builds may run at once: the first to finish
stays, the other is dropped.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from standard.errors import IndexError_

if sys.platform != "win32":
    import fcntl

IN_USE = "in-use.lock"
BUILDING = ".building-"


def lock(file: IO[bytes], *, shared: bool, wait: bool = True) -> bool:
    """Take a lock on an open file, until it is closed. False when `wait` is off and another process holds it."""
    if sys.platform == "win32":
        return True
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    try:
        fcntl.flock(file.fileno(), how)
    except BlockingIOError:
        return False
    return True


class Store:
    """The folder of all indexes in a home."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "index"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(self.folder, error) from error

    def place(self, catalogue: str, key: str) -> Path:
        """Where the index of a catalogue with this key lies, built or not."""
        return self.folder / f"{_slug(catalogue)}-{key}"

    @contextmanager
    def building(self) -> Iterator[None]:
        """Hold the lock of builds; waits for another process that builds."""
        try:
            file = (self.folder / "build.lock").open("ab")
        except OSError as error:
            raise _unusable(self.folder, error) from error
        with file:
            lock(file, shared=False)
            yield

    def begin(self) -> Path:
        """An empty folder to build in. Call while building: what earlier builds left is removed."""
        for left in self.folder.glob(f"{BUILDING}*"):
            shutil.rmtree(left, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=f"{BUILDING}{os.getpid()}-", dir=self.folder))

    def finish(self, built: Path, place: Path) -> None:
        """Put a whole index in its place; where one is already, that one stays."""
        (built / IN_USE).touch()
        try:
            built.rename(place)
        except OSError:
            if not place.is_dir():
                raise
            shutil.rmtree(built, ignore_errors=True)

    def discard(self, place: Path) -> None:
        """Remove an index that is not whole. It leaves its place at once, so that nobody opens half of it."""
        aside = Path(tempfile.mkdtemp(prefix=BUILDING, dir=self.folder)) / "discarded"
        place.rename(aside)
        shutil.rmtree(aside.parent, ignore_errors=True)

    def remove_outdated(self, catalogue: str, keep: Path) -> list[Path]:
        """Remove indexes of a catalogue other than `keep` that nobody uses; gives those removed."""
        removed = []
        for other in sorted(self.folder.glob(f"{_slug(catalogue)}-*")):
            if other == keep or not re.fullmatch(rf"{re.escape(_slug(catalogue))}-[0-9a-f]{{16}}", other.name):
                continue
            with (other / IN_USE).open("ab") as file:
                unused = lock(file, shared=False, wait=False)
                if unused:
                    self.discard(other)
                    removed.append(other)
        return removed


def _slug(catalogue: str) -> str:
    """A catalogue's id as a piece of a file name."""
    return re.sub(r"[^A-Za-z0-9.]+", "_", catalogue) or "_"


def _unusable(folder: Path, error: OSError) -> IndexError_:
    return IndexError_(
        f"索引文件夹 {folder} 不可写（{error.strerror}）；请检查权限，或用 YINGMA_HOME 指定别处",
        f"The index folder {folder} cannot be written ({error.strerror}); check its rights or set YINGMA_HOME",
    )
