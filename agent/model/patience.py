"""What a job does when its endpoint is down: it waits, asks again, and pauses when that has lasted for minutes.

    round ──▶ some questions failed ──▶ asked again ──▶ all answered ──▶ the round goes on
                    ▲                        │ a name that was answered before is answered now, too: the endpoint is
                    └── wait ◀── down ◀──────┤ there, and what fails at it is the names' own matter: they go to review
                                             └ down for too long: PausedError

So an endpoint that is down for a while changes no answer, and one that fails at single names holds up no other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from agent.model.protocol import ModelOutcome
from agent.model.tables import outcomes
from standard.errors import PausedError

FATAL = frozenset({"auth", "not_found"})  # reasons that no waiting mends
OWN = frozenset({"connection", "timeout", "server_error"})  # of a name, where the endpoint answers others
DOWN = OWN | {"rate_limited", "given_up"}
Put = Callable[[], ModelOutcome]
Tell = Callable[[str, str], None]


def _quiet(zh: str, en: str) -> None:
    """Nobody listens."""


def _nothing() -> None:
    """The model never gives up."""


class Patience:
    """Of one run. `most`: seconds without any answer after which it pauses; `between`: seconds between two tries."""

    def __init__(
        self,
        most: float,
        between: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most, self.between = most, between
        self.tell: Tell = _quiet
        self.afresh: Callable[[], None] = _nothing  # lets a model that has given up for a while ask at once
        self._sleep, self._clock = sleep, clock
        self._good: Put | None = None

    def __reduce__(self) -> tuple[type[Patience], tuple[float, float]]:
        """To another process, which tells and asks in its own way."""
        return Patience, (self.most, self.between)

    def settle(
        self,
        questions: Sequence[Put],
        said: Sequence[ModelOutcome],
        ask: Callable[[Sequence[Put]], list[ModelOutcome]],
        probe: Callable[[Put], ModelOutcome],
    ) -> list[ModelOutcome]:
        """What was said in a round, without what only an endpoint that is down would say.

        `ask` puts questions, `probe` one that was answered before. PausedError when the endpoint is down for too long,
        or will not answer as it is asked.
        """
        found = list(said)
        since = self._clock()
        failed = self._failed(found, range(len(found)))
        self._remember(questions, found)
        while failed:
            self.afresh()
            for place, outcome in zip(failed, ask([questions[at] for at in failed]), strict=True):
                found[place] = outcome
            still = self._failed(found, failed)
            there = len(still) < len(failed)
            if there:
                since = self._clock()
            self._remember(questions, found)
            if still and not there and self._good is not None:
                self.afresh()
                there = probe(self._good).reason not in DOWN
            failed = [place for place in still if found[place].reason not in OWN] if there else still
            if there and all(found[place].reason == "given_up" for place in failed):
                continue  # nobody has asked these: the model had stopped asking
            if failed:
                self._wait(found[failed[0]], since)
        return found

    def _failed(self, said: Sequence[ModelOutcome], places: Sequence[int]) -> list[int]:
        for place in places:
            if said[place].reason in FATAL:
                raise paused(said[place])
        return [place for place in places if said[place].reason in DOWN]

    def _remember(self, questions: Sequence[Put], said: Sequence[ModelOutcome]) -> None:
        for place, outcome in enumerate(said):
            if outcome.kind in ("answered", "refused"):
                self._good = questions[place]
                return

    def _wait(self, outcome: ModelOutcome, since: float) -> None:
        waited = self._clock() - since
        if waited >= self.most:
            raise paused(outcome, waited)
        row = outcomes()[outcome.reason]
        self.tell(f"等待模型服务：{row.zh}", f"Waiting for the endpoint: {row.en}")
        self._sleep(min(self.between, max(0.0, self.most - waited)))


def paused(outcome: ModelOutcome, waited: float = 0.0) -> PausedError:
    """The sentence of a pause."""
    row = outcomes()[outcome.reason]
    zh = f"（已等 {waited / 60:.0f} 分钟）" if waited >= 60 else ""
    en = f" ({waited / 60:.0f} minutes waited)" if waited >= 60 else ""
    return PausedError(
        f"已暂停{zh}：{row.zh.rstrip('。')}；已完成的部分保留，恢复后用 job resume 继续。",
        f"Paused{en}: {row.en.rstrip('.')}; what is done is kept, go on with job resume when it is back.",
    )
