"""A run with an endpoint that goes down: it waits and loses no answer, or pauses in one sentence; a name at which
alone the endpoint fails holds up nothing."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from agent.answer import Query
from agent.asking import Asking, Question
from agent.budget import Limits, Meter, Metered, Prices
from agent.model import ModelOutcome, ModelRequest
from agent.model.hosted import HostedModel
from agent.model.patience import Patience
from agent.settings import load_settings
from standard.errors import PausedError
from tests.model.fake_server import Action, FakeServer, Response, error, first_choice

Make = Callable[..., ModelRequest]
NAMES = [str(number) for number in range(20)]


class Run:
    """Names put to an endpoint with patience; `waited`: the seconds it would have slept."""

    def __init__(self, server: FakeServer, threads: int) -> None:
        self.server, self.now = server, 0.0
        self.waited: list[float] = []
        self.told: list[str] = []
        settings = load_settings(
            model=server.url, model_name="fake", model_timeout=5, model_concurrency=threads, model_retries=0
        )
        self.model = HostedModel(settings, sleep=lambda _: None)
        self.meter = Meter(Limits(), Prices())
        self.asking = Asking(self.meter, threads)
        self.patience = self.asking.patience = Patience(300, 60, sleep=self.sleep, clock=lambda: self.now)
        self.patience.afresh = self.model.ask_again
        self.patience.tell = lambda zh, en: self.told.append(en)
        self.mend: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds
        self.mend()

    def ask(self, make: Make, names: Sequence[str] = NAMES) -> list[ModelOutcome]:
        model = Metered(self.model, self.meter)

        def put(name: str) -> Callable[[], ModelOutcome]:
            return lambda: model.fill(make(name))

        return self.asking.outcomes([Question(Query(name), put(name)) for name in names])


@contextmanager
def running(*script: Action, threads: int = 4) -> Iterator[Run]:
    with FakeServer(*script) as server:
        run = Run(server, threads)
        yield run
        run.model.close()


def name_of(body: dict[str, Any]) -> str:
    return str(json.loads(body["messages"][-1]["content"])["n"])


@pytest.mark.parametrize("fault", [error(503), error(500), error(429), error(429, retry_after="3600")])
@pytest.mark.parametrize("threads", [1, 4])
def test_down_for_a_while_changes_no_answer(fault: Action, threads: int, request_for: Make) -> None:
    with running(first_choice, threads=threads) as run:
        wanted = run.ask(request_for)
        counted = run.meter.spent
    with running(*[first_choice] * 7, fault, threads=threads) as run:

        def mend() -> None:
            if len(run.waited) == 3:
                run.server.script[:] = [first_choice]

        run.mend = mend
        assert run.ask(request_for) == wanted
        assert run.waited == [60, 60, 60]
        assert run.meter.spent == counted  # neither failures nor trials are counted
        assert run.told[0].startswith("Waiting for the endpoint: The endpoint")


def test_it_travels_to_another_process(request_for: Make) -> None:
    with running(first_choice) as run:
        run.ask(request_for)
        other = pickle.loads(pickle.dumps(run.patience))
    assert (other.most, other.between) == (300, 60)


def test_down_for_minutes_is_a_pause_in_one_sentence(request_for: Make) -> None:
    with running(first_choice, error(503)) as run:
        with pytest.raises(PausedError) as caught:
            run.ask(request_for)
        assert sum(run.waited) == 300
        assert caught.value.en.startswith("Paused (5 minutes waited): The endpoint kept failing inside")
        assert "job resume" in caught.value.zh
        asked = len(run.server.bodies)
        assert asked < 100  # 20 names and seven tries: an endpoint that is down is not flooded
        run.server.script[:] = [first_choice]
        assert {each.kind for each in run.ask(request_for)} == {"answered"}


@pytest.mark.parametrize(("status", "said"), [(401, "does not accept the key"), (404, "no such address or model")])
def test_what_no_waiting_mends_is_told_at_once(status: int, said: str, request_for: Make) -> None:
    with running(error(status)) as run:
        with pytest.raises(PausedError, match=said):
            run.ask(request_for)
        assert run.waited == []


@pytest.mark.parametrize("threads", [1, 4])
def test_names_at_which_alone_it_fails_hold_up_nothing(threads: int, request_for: Make) -> None:
    bad = set(NAMES[6:14])  # more in a row than after which a model gives up

    def act(body: dict[str, Any]) -> Response:
        return error(500, "this one")(body) if name_of(body) in bad else first_choice(body)

    with running(act, threads=threads) as run:
        said = run.ask(request_for)
        assert {name for name, each in zip(NAMES, said, strict=True) if each.reason == "server_error"} == bad
        assert {each.kind for name, each in zip(NAMES, said, strict=True) if name not in bad} == {"answered"}
        assert run.waited == []
        assert run.meter.spent.calls == len(NAMES) - len(bad)
