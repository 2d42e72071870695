"""The answers of a job, piece by piece, each in a file of its own that says what it was made with.

A piece whose key is not today's (other versions, other inputs) is worked out anew, so all answers of an output are of
one make. A file that is torn does not hold, and counts as none. With a model a piece also holds what that said, so that
the store is fed without asking again, and what it cost: what was spent stays spent (spent.json) when a piece is
forgotten.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from agent.asking import read_journal
from agent.budget import Spent
from agent.jobs.folder import Folder, write_whole
from agent.pool import Answer, Done

if TYPE_CHECKING:
    from agent.answer import Query
    from agent.model.protocol import ModelOutcome

SPENT = "spent.json"


class Cost(NamedTuple):
    """What answers cost: questions and tokens, and seconds in which they were worked out."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0

    def plus(self, more: Iterable[float]) -> Cost:
        """The sums."""
        calls, tokens_in, tokens_out, seconds = more
        return Cost(
            self.calls + int(calls),
            self.tokens_in + int(tokens_in),
            self.tokens_out + int(tokens_out),
            round(self.seconds + seconds, 3),
        )

    @property
    def spent(self) -> Spent:
        """Without the seconds."""
        return Spent(*self[:3])


class Piece(NamedTuple):
    """Answers from a place on; `failed`: places in the piece, and what went wrong; their cost; what a model said."""

    start: int
    answers: list[Answer]
    failed: dict[int, str]
    cost: Cost = Cost()
    said: Sequence[Any] = ()

    def heard(self) -> dict[Query, ModelOutcome]:
        """What the model said, by name."""
        from agent.answer import Query
        from agent.model.plain import from_plain

        return {Query(*each[:3]): from_plain(each[3]) for each in self.said}


class Pieces:
    """The pieces of one job, of one make."""

    def __init__(self, folder: Folder, names: int, step: int, make: Mapping[str, str]) -> None:
        self.folder, self.names, self.step = folder, names, step
        self.key = key_of(make, names, step)

    def places(self) -> list[tuple[int, int]]:
        """From and until of every piece."""
        return [(start, min(start + self.step, self.names)) for start in range(0, self.names, self.step)]

    def keep(self, done: Done, seconds: float = 0.0, model: bool = False) -> None:
        """A piece, onto the disk; with what it cost, and what was said, where a `model` answered."""
        data = packed(self.key, done, seconds, model)
        write_whole(self.folder.answers / _name(done.start), data.encode())
        if model:
            (self.folder.answers / _name(done.start)).with_suffix(".said").unlink(missing_ok=True)

    def find(self, start: int) -> Piece | None:
        """A piece that was kept; None where there is none of this make."""
        try:
            return self.unpacked(start, (self.folder.answers / _name(start)).read_bytes())
        except OSError:
            return None

    def unpacked(self, start: int, data: bytes | str) -> Piece | None:
        """A piece as `packed` made it; None where it does not hold, or is of another make."""
        try:
            key, answers, failed, *more = json.loads(data)
        except ValueError:
            return None
        if key != self.key or len(answers) != min(self.step, self.names - start):
            return None
        cost, said = more or ((), ())
        return Piece(start, [tuple(each) for each in answers], dict(failed), Cost(*cost), said)

    def all(self) -> Iterator[Piece]:
        """Every piece in order. KeyError where one is missing."""
        for start, _ in self.places():
            piece = self.find(start)
            if piece is None:
                raise KeyError(start)
            yield piece

    def forget_others(self) -> None:
        """Forget what is of another make, so that what it cost is counted once."""
        forget(self.folder, [path for path in sorted(self.folder.answers.iterdir()) if not self._ours(path)])

    def _ours(self, path: Path) -> bool:
        if path.suffix == ".said":
            return bool(read_journal(path, self.key))
        return path.suffix == ".json" and path.stem.isdigit() and self.find(int(path.stem)) is not None


def packed(key: str, done: Done, seconds: float = 0.0, model: bool = False) -> str:
    """A piece as JSON in ASCII; with what it cost, and what was said, where a `model` answered."""
    value: list[Any] = [key, done.answers, sorted(done.failed.items())]
    if model:
        from agent.model.plain import to_plain

        value.append([*done.spent, round(seconds, 3)])
        value.append([[*query, to_plain(outcome)] for query, outcome in done.said.items()])
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def cost_before(folder: Folder) -> Cost:
    """What pieces that were forgotten had cost."""
    with suppress(OSError, ValueError):
        kept = folder.read(SPENT)
        for name in kept["forgotten"]:  # killed between the two steps of `forget`
            (folder.answers / name).unlink(missing_ok=True)
        return Cost(*kept["cost"])
    return Cost()


def forget(folder: Folder, paths: Iterable[Path]) -> None:
    """Remove pieces; what they cost is kept. First it is written down which, so that none is counted twice."""
    cost, names = cost_before(folder), []
    for path in paths:
        names.append(path.name)
        if path.suffix == ".said":
            for each in read_journal(path, None).values():
                cost = cost.plus((*each.spent, 0.0))
            continue
        with suppress(OSError, ValueError):
            found = json.loads(path.read_bytes())
            if len(found) > 3:
                cost = cost.plus(found[3])
    if any(cost):
        folder.write(SPENT, {"cost": cost, "forgotten": names})
    for name in names:
        (folder.answers / name).unlink(missing_ok=True)
    if any(cost):
        folder.write(SPENT, {"cost": cost, "forgotten": []})


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
            key, answers, *_ = json.loads((folder.answers / _name(due)).read_bytes())
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
