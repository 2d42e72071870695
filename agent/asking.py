"""How a run puts its open names to the model: in rounds, several at once where the model can, within a budget.

    open names ──▶ round ──▶ said before? else asked (threads, where the model can) ──▶ counted ──▶ next round
                     └── nothing left: the rest is not asked about

Rounds and their order are fixed, so the same answers cut a budget at the same name, whatever the number of threads.
What was said of the piece under way stands in a journal: a run that is killed asks no question twice, and counts each
as it did the first time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from agent.answer import Query
from agent.budget import MANY, Meter, Spent
from standard.errors import YingmaError

if TYPE_CHECKING:
    from agent.model.patience import Patience
    from agent.model.protocol import ModelOutcome

Put = Callable[[], "ModelOutcome"]


class Question(NamedTuple):
    """A name, and how it is put to the model."""

    query: Query
    put: Put


class Said(NamedTuple):
    """What the model said of a name, and what the round that ended with it had spent."""

    outcome: ModelOutcome
    spent: Spent = Spent()


class Journal:
    """What was said of the piece under way, a line a name, in a file that outlives the process.

    `key`: of what the answers are made with; what is of another one does not hold.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder, self.key = folder, key
        self._file = folder

    def begin(self, start: int) -> dict[Query, Said]:
        """A piece begins; gives what was said of it before. YingmaError where the file cannot be written."""
        self._file = self.folder / f"{start:09d}.said"
        found = read_journal(self._file, self.key)
        draft = self._file.with_suffix(".draft")
        with self._told():  # anew: its last line may be torn
            draft.write_text(json.dumps(self.key) + "\n" + _lines(found), encoding="ascii")
            draft.replace(self._file)
        return found

    def add(self, said: Mapping[Query, Said]) -> None:
        """A round has ended. YingmaError where the file cannot be written."""
        with self._told(), open(self._file, "a", encoding="ascii") as file:
            file.write(_lines(said))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise YingmaError(
                f"不能写入 {self.folder}：{error.strerror}；已完成的部分保留，腾出空间或改正权限后用 job resume 继续。",
                f"{self.folder} cannot be written: {error.strerror}; what is done is kept, make room or mend the "
                "permissions and go on with job resume.",
            ) from error


def _lines(said: Mapping[Query, Said]) -> str:
    from agent.model.plain import to_plain

    return "".join(json.dumps([*query, spent, to_plain(outcome)]) + "\n" for query, (outcome, spent) in said.items())


def read_journal(file: Path, key: str | None) -> dict[Query, Said]:
    """What stands in a journal of a key, or of any; a line that was torn off ends it."""
    from agent.model.plain import from_plain

    found: dict[Query, Said] = {}
    with suppress(OSError, ValueError, TypeError), open(file, encoding="ascii") as lines:
        first = json.loads(next(lines, "null"))
        for line in lines if first is not None and key in (None, first) else ():
            *query, spent, outcome = json.loads(line)
            found[Query(*query)] = Said(from_plain(outcome), Spent(*spent))
    return found


class Asking:
    """Of one pipeline in one process."""

    def __init__(
        self, meter: Meter | None = None, threads: int = 1, journal: Journal | None = None, keep: bool = False
    ) -> None:
        """`threads`: questions that the model may be asked at once. `keep`: remember what is said until the next
        piece."""
        self.meter, self.threads, self.journal, self.keep = meter, threads, journal, keep
        self.patience: Patience | None = None  # with a meter only
        self.said: dict[Query, ModelOutcome] = {}  # of the piece
        self.spent = Spent()  # on the piece
        self._before: dict[Query, Said] = {}  # of the piece, and not counted yet where it was said in another run

    def begin(self, start: int) -> None:
        """A piece of the names begins."""
        self.said, self.spent = {}, Spent()
        self._before = self.journal.begin(start) if self.journal is not None else {}

    def outcomes(self, questions: Sequence[Question]) -> list[ModelOutcome]:
        """What the model says to each question, in order; those that the budget does not reach are not put."""
        found: list[ModelOutcome] = []
        while len(found) < len(questions):
            room = MANY if self.meter is None else self.meter.room()
            some = questions[len(found) : len(found) + room]
            if not some:
                from agent.model.protocol import ModelOutcome

                found += [ModelOutcome("over_budget", "budget_spent")] * (len(questions) - len(found))
                break
            found += self._round(some)
        if self.keep:
            self.said.update(zip((each.query for each in questions), found, strict=True))
        return found

    def _round(self, questions: Sequence[Question]) -> list[ModelOutcome]:
        before = self._before
        new = [each for each in questions if each.query not in before]
        answers = self._put([each.put for each in new])
        if self.patience is not None and new:
            answers = self.patience.settle([each.put for each in new], answers, self._put, self._probe)
        said = dict(zip((each.query for each in new), answers, strict=True))
        if self.meter is not None:
            spent = self.meter.settle()
            fresh = {query: Said(outcome) for query, outcome in said.items()}
            if fresh:
                fresh[new[-1].query] = Said(said[new[-1].query], spent)
                if self.journal is not None:
                    self.journal.add(fresh)
            for each in questions:
                if each.query in before:
                    spent = spent.plus(before[each.query].spent)
                    self.meter.spent = self.meter.spent.plus(before[each.query].spent)
            self.spent = self.spent.plus(spent)
        found = [said[each.query] if each.query in said else before[each.query].outcome for each in questions]
        if self.keep:  # a piece that fails is gone through once more, name by name
            before.update(zip((each.query for each in questions), map(Said, found), strict=True))
        return found

    def _put(self, questions: Sequence[Put]) -> list[ModelOutcome]:
        if self.threads == 1 or len(questions) < 2:
            return [put() for put in questions]
        with ThreadPoolExecutor(min(self.threads, len(questions)), thread_name_prefix="yingma-ask") as pool:
            return list(pool.map(lambda put: put(), questions))

    def _probe(self, put: Put) -> ModelOutcome:
        """A question that was answered before, only to see whether it is answered now."""
        assert self.meter is not None
        with self.meter.uncounted():
            return put()
