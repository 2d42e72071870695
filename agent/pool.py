"""Worker processes that answer names, and what happens when one dies or a name makes it fail.

    pieces ──▶ tasks ──▶ one pipe a worker ──▶ answers, as they come
              a worker dies: its piece is given out again; again: name by name, and what kills twice has failed

ProcessPoolExecutor gives up all work when one worker dies and does not say at which piece; so the pipes are our own.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from multiprocessing import connection
from typing import TYPE_CHECKING, Any, NamedTuple

from agent.answer import Query
from agent.asking import Journal
from agent.budget import Meter, Spent, meter_on
from standard.errors import PausedError, YingmaError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from agent.memory import Memory
    from agent.model.patience import Patience
    from agent.model.protocol import ModelOutcome
    from agent.pipeline import Pipeline

    Parts = tuple[Meter | None, Journal | None, Patience | None]  # of what asks

Answer = tuple[str, ...]  # route, codes, names, score, reason, edition, detail
AHEAD = 2  # pieces for each worker, in its hands where a piece is told by its place
UNFIT = 20  # so many names that all fail in a piece, or that kill, are no matter of the names
DEATHS = 30  # workers that may die for no name's sake
YOUNG = 100_000  # objects after which a worker looks for cycles: reading makes none, and looking costs a tenth of it
BEAT = 0.5  # seconds between two beats, at most
END = (-1, -1)  # behind the last piece


class Task(NamedTuple):
    """A piece of the names: from, until, and places in it that are known to fail."""

    start: int
    end: int
    careful: bool = False
    skip: tuple[int, ...] = ()


class Done(NamedTuple):
    """A piece with its answers, in order; `failed`: places in the piece, and what went wrong there; what was `spent` on
    the model, and what it `said`."""

    start: int
    answers: list[Answer]
    failed: dict[int, str]
    spent: Spent = Spent()
    said: dict[Query, ModelOutcome] = {}  # noqa: RUF012 (never changed)


class Opening(NamedTuple):
    """How a process that starts anew opens the pipeline."""

    edition: str | None
    model: str
    device_codes: bool


# -- one piece ---------------------------------------------------------------------------------------------------------


def answer_piece(pipeline: Pipeline, queries: Sequence[Query]) -> tuple[list[Answer], dict[int, str]]:
    """The answers; where a name makes a step fail, it alone goes to review, saying so.

    An error of Yingma's own (a YingmaError) is none of a name: it goes up.
    """
    try:
        return list(pipeline.answer_compact(queries)), {}
    except YingmaError:
        raise
    except Exception as error:
        if len(queries) == 1:
            return [failure(pipeline, error)], {0: told(error)}
        answers, failed = [], {}
        for place, query in enumerate(queries):
            found, fault = answer_piece(pipeline, [query])
            answers += found
            if fault:
                failed[place] = fault[0]
        if len(failed) == len(queries) >= UNFIT:
            raise error
        return answers, failed


def failure(pipeline: Pipeline, error: Exception | None = None) -> Answer:
    """The answer of a name that failed: to review, with the kind of error."""
    kind = type(error).__name__ if error is not None else "killed"
    return "review", "", "", "0.0000", "failed", pipeline.default_edition, kind


def told(error: BaseException) -> str:
    """An error in one line."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}"[:300] if said else type(error).__name__


# -- the processes -----------------------------------------------------------------------------------------------------

_pipeline: Pipeline | None = None
_queries: Sequence[Query] = ()


class Pool:
    """Workers with the pipeline. Close it (contextlib.closing) to end them."""

    def __init__(
        self,
        pipeline: Pipeline,
        queries: Sequence[Query] | Mapping[int, Sequence[Query]],
        opening: Opening,
        workers: int,
        waits: Callable[[str, str], None] | None = None,
    ) -> None:
        """`queries`: all names; or those of each piece by its start, where they come with the pieces. `waits`: told, in
        Chinese and English, what a worker waits for."""
        self._pipeline, self._queries, self._opening = pipeline, queries, opening
        self._waits = waits
        self._forks = sys.platform == "linux" and single_threaded()
        self._context: Any = multiprocessing.get_context("fork" if self._forks else "spawn")
        # One that is told the names might be sending answers just then, and neither would read.
        self._room = AHEAD if self._forks and not isinstance(queries, Mapping) else 1
        self._blamed: Counter[int] = Counter()
        self._deaths = self._killers = 0  # of workers; names that kill
        self._workers = workers
        self._hands: dict[Connection, _Hand] = {}
        if self._forks:
            gc.freeze()  # what is loaded stays shared: the collector of a worker does not touch it

    def run(self, pieces: Iterable[tuple[int, int] | None], beat: Callable[[], None] | None = None) -> Iterator[Done]:
        """Each piece (from, until), answered; in the order in which they are done.

        Pieces are taken as there is room for them; None says that there is none for now. `beat` is called again and
        again, until all is done.
        """
        source, more = iter(pieces), True
        waiting: deque[Task] = deque()
        while True:
            held = len(waiting) + sum(len(hand.tasks) for hand in self._hands.values())
            while more and held < self._workers * AHEAD:
                piece = next(source, END)
                if piece is None:
                    break
                if piece == END:
                    more = False
                else:
                    waiting.append(Task(*piece))
                    held += 1
            if not more and not held:
                return
            while len(self._hands) < min(self._workers, held):
                self._begin()
            for count in range(1, self._room + 1):  # one each, before anybody has two
                for hand in self._hands.values():
                    if waiting and len(hand.tasks) < count:
                        self._give(hand, waiting.popleft())
            ready = connection.wait(list(self._hands), None if beat is None else BEAT)
            if beat is not None:
                beat()
            for pipe in ready:
                hand = self._hands[pipe]  # type: ignore[index]
                try:
                    kind, value = hand.pipe.recv()
                except (EOFError, OSError):
                    waiting.extendleft(reversed(self._dead(hand)))
                    continue
                if kind == "at":
                    hand.at = value
                elif kind == "waits":
                    if self._waits is not None:
                        self._waits(*value)
                elif kind in ("error", "paused"):
                    raise (PausedError if kind == "paused" else YingmaError)(*value)
                else:
                    hand.tasks.popleft()
                    hand.at = None
                    if waiting and not hand.tasks:
                        self._give(hand, waiting.popleft())
                    yield value

    def close(self) -> None:
        """End the workers."""
        for hand in self._hands.values():
            hand.process.kill()
        for hand in self._hands.values():
            hand.process.join()
            hand.pipe.close()
        self._hands.clear()

    def _begin(self) -> None:
        global _pipeline, _queries
        if self._forks:
            _pipeline = self._pipeline
            _queries = () if isinstance(self._queries, Mapping) else self._queries
        ours, theirs = self._context.Pipe()
        asking = self._pipeline.asking
        parts = (asking.meter, asking.journal, asking.patience)
        opening = None if self._forks else (self._opening, self._pipeline.memory, parts)
        process = self._context.Process(target=_work, args=(theirs, opening), daemon=True)
        process.start()
        theirs.close()
        self._hands[ours] = _Hand(process, ours)

    def _give(self, hand: _Hand, task: Task) -> None:
        hand.tasks.append(task)
        names: Sequence[Query] | None = None
        if isinstance(self._queries, Mapping):
            names = self._queries[task.start]
        elif not self._forks:
            names = self._queries[task.start : task.end]
        with suppress(OSError):  # it died; reading from it says so
            hand.pipe.send((task, names))

    def _dead(self, hand: _Hand) -> list[Task]:
        """What a dead worker had in hand, to be given out again: the first piece is under suspicion, no other one."""
        del self._hands[hand.pipe]
        hand.pipe.close()
        hand.process.join()
        self._deaths += 1
        tasks = list(hand.tasks)
        if hand.process.exitcode == 0 or self._killers > UNFIT or self._deaths > DEATHS + 8 * self._killers:
            raise YingmaError(
                "工作进程一再被系统终止（多半是内存不足）；已完成的部分保留，请加 --workers 1 重试。",
                "Worker processes were killed by the system again and again, probably for memory; what is done is "
                "kept, try again with --workers 1.",
            )
        if not tasks:
            return []
        first = tasks[0]
        if first.careful and hand.at is not None:
            self._blamed[hand.at] += 1
            if self._blamed[hand.at] > 1:
                self._killers += 1
                tasks[0] = first._replace(skip=(*first.skip, hand.at - first.start))
        else:
            place = -1 - first.start  # the piece itself, as one
            self._blamed[place] += 1
            tasks[0] = first._replace(careful=self._blamed[place] > 1)
        return tasks


class _Hand:
    """A worker and what it has to do."""

    def __init__(self, process: Any, pipe: Connection) -> None:
        self.process, self.pipe = process, pipe
        self.tasks: deque[Task] = deque()
        self.at: int | None = None


def single_threaded() -> bool:
    """Whether this process has one thread only, those of native libraries counted.

    Then workers are forked and share what is loaded. A process with other threads must not be forked, since a lock
    that one of them holds stays held in the child for ever.
    """
    return threading.active_count() == 1 and len(os.listdir("/proc/self/task")) == 1


def look_seldom() -> None:
    """Look for cycles seldom in a process that does nothing but read names."""
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])


def _work(pipe: Connection, opening: tuple[Opening, Memory | None, Parts] | None) -> None:
    """A worker: answers what comes until nothing comes any more. Ctrl-C is the parent's to handle."""
    global _pipeline
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    look_seldom()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    try:
        if opening is not None:
            from agent.opening import open_pipeline

            (edition, model, devices), memory, (meter, journal, patience) = opening
            _pipeline = open_pipeline(edition, model, device_codes=devices, keep=True)
            _pipeline.memory = memory
            if meter is not None:
                meter_on(_pipeline, meter, journal, patience, keep=True)
        assert _pipeline is not None
        if _pipeline.asking.patience is not None:
            _pipeline.asking.patience.tell = lambda *sentence: pipe.send(("waits", sentence))
        while True:
            task, queries = pipe.recv()
            pipe.send(("done", _answered(pipe, task, queries)))
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:
        known = (
            error
            if isinstance(error, YingmaError)
            else YingmaError(
                f"处理名称的步骤出错：{told(error)}；已完成的部分保留，改正后可继续。",
                f"A step failed at every name: {told(error)}; what is done is kept, mend it and go on.",
            )
        )
        pipe.send(("paused" if isinstance(known, PausedError) else "error", (known.zh, known.en)))


def _answered(pipe: Connection, task: Task, queries: Sequence[Query] | None) -> Done:
    assert _pipeline is not None  # the fork or the opening has set it
    names = _queries[task.start : task.end] if queries is None else queries
    _pipeline.asking.begin(task.start)
    if not task.careful:
        answers, failed = answer_piece(_pipeline, names)
        return Done(task.start, answers, failed, _pipeline.asking.spent, _pipeline.asking.said)
    answers, failed = [], {}
    for place, query in enumerate(names):
        if place in task.skip:
            answers.append(failure(_pipeline))
            failed[place] = "killed"
            continue
        pipe.send(("at", task.start + place))
        found, fault = answer_piece(_pipeline, [query])
        answers += found
        if fault:
            failed[place] = fault[0]
    return Done(task.start, answers, failed, _pipeline.asking.spent, _pipeline.asking.said)


def _end_with(sentinel: int) -> None:
    """End this process when its parent ends."""
    connection.wait([sentinel])
    os._exit(1)
