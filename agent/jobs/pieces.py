"""The answers of a job, piece by piece, each in a file of its own that says what it was made with.

A piece whose key is not today's (other versions, other inputs) is worked out anew, so all answers of an output are of
one make. A file that is torn does not hold, and counts as none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from agent.jobs.folder import Folder, write_whole
from agent.pool import Answer, Done


class Piece(NamedTuple):
    """Answers from a place on; `failed`: places in the piece, and what went wrong."""

    start: int
    answers: list[Answer]
    failed: dict[int, str]


class Pieces:
    """The pieces of one job, of one make."""

    def __init__(self, folder: Folder, names: int, step: int, make: Mapping[str, str]) -> None:
        self.folder, self.names, self.step = folder, names, step
        self.key = key_of(make, names, step)

    def places(self) -> list[tuple[int, int]]:
        """From and until of every piece."""
        return [(start, min(start + self.step, self.names)) for start in range(0, self.names, self.step)]

    def keep(self, done: Done) -> None:
        """A piece, onto the disk."""
        value = [self.key, done.answers, sorted(done.failed.items())]
        data = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
        write_whole(self.folder.answers / _name(done.start), data)

    def find(self, start: int) -> Piece | None:
        """A piece that was kept; None where there is none of this make."""
        try:
            key, answers, failed = json.loads((self.folder.answers / _name(start)).read_bytes())
        except (OSError, ValueError):
            return None
        if key != self.key or len(answers) != min(self.step, self.names - start):
            return None
        return Piece(start, [tuple(each) for each in answers], dict(failed))

    def all(self) -> Iterator[Piece]:
        """Every piece in order. KeyError where one is missing."""
        for start, _ in self.places():
            piece = self.find(start)
            if piece is None:
                raise KeyError(start)
            yield piece

    def drop(self, starts: Sequence[int]) -> None:
        """Forget pieces."""
        for start in starts:
            (self.folder.answers / _name(start)).unlink(missing_ok=True)


def key_of(make: Mapping[str, str], *more: int) -> str:
    """What tells answers of one make from those of another."""
    text = json.dumps([dict(sorted(make.items())), *more], ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def kept_answers(folder: Folder) -> Iterator[Answer]:
    """The answers of a job in order, whatever they were made with; it ends where a piece is missing or of another make
    than the first."""
    due, first = 0, None
    while True:
        try:
            key, answers, _ = json.loads((folder.answers / _name(due)).read_bytes())
        except (FileNotFoundError, ValueError):
            return
        first = first or key
        if key != first:
            return
        for each in answers:
            yield tuple(each)
        due += len(answers)


def _name(start: int) -> str:
    return f"{start:09d}.json"
