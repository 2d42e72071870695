"""Pieces that one process claims from the database, where others work at the same job.

    claim ──▶ names ──▶ (workers) ──▶ handed in, or kept by the job's own process
      └── a sign of life every few seconds, while it works at them

Without a sign they are given to another process, so a process that was killed holds nothing up for long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress

from agent.answer import Query
from agent.store import Store
from agent.store import pieces as stored
from standard.errors import YingmaError

SIGNS = 4  # signs of life within a lease


class Claims:
    """The pieces of one job, of one make, that one process works at."""

    def __init__(self, store: Store, job_id: int, make: str, by: str, lease: float) -> None:
        """`by`: the name of this process among those that work at the job. `lease`: seconds."""
        self.store, self.job_id, self.make, self.by, self.lease = store, job_id, make, by, lease
        self.names: dict[int, list[Query]] = {}  # of the pieces in hand, by start
        self._signed = time.monotonic()

    def places(self, goes_on: Callable[[], None]) -> Iterator[stored.Place | None]:
        """Pieces as they are claimed; None while others work at all that are left. Ends when all are answered.
        `goes_on` is called before each claim, and may raise to end the work."""
        while True:
            goes_on()
            piece = self.store.write(lambda s: stored.claim(s, self.job_id, self.make, self.by, self.lease))
            if piece is not None and piece.start in self.names:
                continue  # given up for dead and let go by another process: it is in hand still, and claimed anew
            if piece is not None:
                self.names[piece.start] = [Query(*each) for each in piece.names]
                yield piece.start, piece.until
            elif self.left().pieces:
                yield None
            else:
                return

    def left(self) -> stored.Left:
        """What has no answers yet."""
        with self.store.reading() as session:
            return stored.left(session, self.job_id, self.make)

    def beat(self) -> None:
        """A sign of life, when it is time for one."""
        moment = time.monotonic()
        if self.names and moment - self._signed >= self.lease / SIGNS:
            self._signed = moment
            self.store.write(lambda session: stored.renew(session, self.job_id, self.by, self.lease))

    def hand_in(self, start: int, answers: str) -> bool:
        """The answers of a piece, into the database; False where another process has it by now."""
        del self.names[start]
        return self.store.write(lambda session: stored.hand_in(session, self.job_id, start, self.by, answers))

    def others(self) -> Sequence[stored.HandedIn]:
        """Some pieces that other processes have handed in; the next ones when these are kept."""
        with self.store.reading() as session:
            return stored.finished(session, self.job_id)

    def kept(self, starts: Collection[int]) -> None:
        """The answers of these pieces are in the job's folder."""
        for start in starts:
            self.names.pop(start, None)
        self.store.write(lambda session: stored.remove(session, self.job_id, starts))

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is in hand when the block ends early is for others at once."""
        try:
            yield
        except BaseException:
            with suppress(YingmaError):  # a database that is gone: the leases end by themselves
                self.store.write(lambda session: stored.let_go(session, self.job_id, self.by))
            raise
