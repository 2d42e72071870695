"""Budgets of a job, against a real endpoint of our own: what is cut off is for review and says so, at the same name in
every run; a kill neither loses nor doubles what was spent; no question is put for the queue."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import URL
from sqlmodel import col

from agent.answer import Query
from agent.asking import Asking, Journal, Question
from agent.budget import Limits, Meter, Metered, Prices, Spent
from agent.jobs import find_job
from agent.jobs.folder import Folder
from agent.jobs.pieces import Cost, Pieces, cost_before
from agent.model import ModelOutcome, ModelRequest
from agent.pool import Done
from agent.store import open_url
from agent.store.schema import Cluster
from tests.jobs.conftest import Told, rows_of, table
from tests.jobs.test_jobs import ROOT, command, finished, wait_for
from tests.model.fake_server import Action, FakeServer, Response, first_choice
from tests.store.world import SURE

Yingma = Callable[..., Told]
PROGRAM = (str(ROOT / "tests/jobs/hosted.py"),)
OPEN = 90  # names that the model is asked about
LEFT = [f"胸部CT平扫甲{number}乙" for number in range(70, OPEN)]  # of them, where 70 are asked about


class Cut(NamedTuple):
    """A job that ended with a budget of 70 names."""

    server: FakeServer
    home: Path
    source: Path
    out: Path
    told: str


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cut]:
    folder = tmp_path_factory.mktemp("cut")
    rows = [(f"胸部CT平扫甲{number}乙", "CT") for number in range(OPEN)]
    source = table(folder / "in.csv", ("name", "modality"), *rows, (SURE, "CT"), *rows)
    with FakeServer(first_choice) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("YINGMA_MODEL", server.url)
        patch.setenv("YINGMA_MODEL_NAME", "fake")
        patch.setenv("YINGMA_MODEL_CACHE", "false")  # so that every question can be counted
        out = folder / "out.csv"
        job = ("job", "run", source, "-o", out, "--id", "b", "--max-calls", "70")
        told = finished(command(*job, home=folder / "home", program=PROGRAM))
        assert len(server.bodies) == 70  # the queue was fed without a question
        yield Cut(server, folder / "home", source, out, told)


def over(out: Path) -> list[str]:
    """The names that were not asked about, in order."""
    return list(dict.fromkeys(row["name"] for row in rows_of(out) if row["yingma_reason"].startswith("over_budget")))


@pytest.fixture
def asked(cut: Cut, monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    """The endpoint, as the model of this test."""
    monkeypatch.setenv("YINGMA_MODEL", cut.server.url)
    monkeypatch.setenv("YINGMA_MODEL_NAME", "fake")
    monkeypatch.setenv("YINGMA_MODEL_CACHE", "false")  # so that every question can be counted
    cut.server.script[:] = [first_choice]
    cut.server.bodies.clear()
    return cut.server


def test_what_is_cut_off_is_for_review_and_says_so(cut: Cut, yingma: Yingma, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINGMA_HOME", str(cut.home))
    sentence = "budget is spent (calls of the model): it was not asked about the other 20 names (40 exams)"
    assert sentence in cut.told
    assert sentence in yingma("job", "show", "b")[1]
    assert sentence in yingma("job", "report", "b")[1]
    assert over(cut.out) == LEFT
    row = next(row for row in rows_of(cut.out) if row["name"] == LEFT[0])
    assert (row["yingma_route"], row["yingma_codes"]) == ("review", "20040100110000")
    assert row["yingma_reason"] == "over_budget: The model's budget was spent, so it was not asked (unexplained)"
    shown = json.loads(yingma("job", "show", "b", "--json")[1])
    assert (shown["spent"]["calls"], shown["spent"]["tokens_in"], shown["limits"]["calls"]) == (70, 7000, 70)
    report = json.loads(yingma("job", "report", "b", "--json")[1])
    assert (report["model"]["out"], report["model"]["over_budget"]) == ("calls", {"names": 20, "exams": 40})
    store = open_url(URL.create("sqlite", database=str(cut.home / "yingma.db")))
    with store.reading() as session:
        counted = select(func.sum(col(Cluster.exams))).where(col(Cluster.reason) == "over_budget")
        assert session.scalar(counted) == 40
    store.close()


def test_every_run_cuts_at_the_same_name(
    cut: Cut, asked: FakeServer, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """normalize too, one question at a time, by the setting."""
    monkeypatch.setenv("YINGMA_MAX_CALLS", "70")
    monkeypatch.setenv("YINGMA_MODEL_CONCURRENCY", "1")
    finished(command("normalize", cut.source, "-o", tmp_path / "n.csv", home=home, program=PROGRAM))
    assert (tmp_path / "n.csv").read_bytes() == cut.out.read_bytes()
    assert len(asked.bodies) == 70


@pytest.mark.slow
def test_killed_between_two_questions_it_asks_none_twice_and_can_be_given_more(
    cut: Cut, asked: FakeServer, home: Path, tmp_path: Path
) -> None:
    go_on, enough = threading.Event(), 40
    asked.script[:] = [slow(asked, enough, go_on)]
    out = tmp_path / "out.csv"
    job = ("job", "run", cut.source, "-o", out, "--id", "k", "--max-calls", "70", "--feed", "none")
    process = command(*job, home=home, program=PROGRAM)
    wait_for(process, lambda: len(asked.bodies) > enough)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    go_on.set()
    assert not any((home / "jobs/k/answers").glob("*.json"))  # within the first piece
    asked.bodies.clear()
    finished(command("job", "resume", "k", home=home, program=PROGRAM))
    assert out.read_bytes() == cut.out.read_bytes()
    assert len(asked.bodies) == 70 - 32  # two rounds had been written down
    assert find_job(home, "k").status()["spent"]["calls"] == 70
    assert not list((home / "jobs/k/answers").glob("*.said"))
    finished(command("job", "resume", "k", "--max-calls", "0", home=home, program=PROGRAM))
    assert over(out) == []
    assert find_job(home, "k").status()["spent"]["calls"] == 32 + len(asked.bodies)


def slow(server: FakeServer, enough: int, go_on: threading.Event) -> Action:
    """Answers so many questions, and the others when it may go on."""

    def act(body: dict[str, Any]) -> Response:
        if len(server.bodies) > enough:
            go_on.wait()
        return first_choice(body)

    return act


# -- the parts ---------------------------------------------------------------------------------------------------------


class Counting:
    """A model that answers everything for 100 tokens and 20."""

    name = "counting"
    provenance: dict[str, str] = {}  # noqa: RUF012

    def __init__(self) -> None:
        self.names: list[str] = []

    def fill(self, request: ModelRequest) -> ModelOutcome:
        self.names.append(request.name)
        return ModelOutcome("answered", "answered", codes=(request.name,), tokens_in=100, tokens_out=20, logprob=0.0)

    def fill_many(self, requests: Any) -> list[ModelOutcome]:
        return [self.fill(request) for request in requests]

    def close(self) -> None:
        pass


def put(meter: Meter, names: int, threads: int = 1, journal: Journal | None = None) -> tuple[list[str], list[str]]:
    """Names put within a budget: those that were asked about, and the reasons of all outcomes."""
    model = Counting()
    metered = Metered(model, meter)
    asking = Asking(meter, threads, journal)
    asking.begin(0)
    questions = [
        Question(Query(str(name)), lambda name=name: metered.fill(ModelRequest(str(name))))  # type: ignore[misc]
        for name in range(names)
    ]
    said = asking.outcomes(questions)
    assert [each.codes for each in said if each.kind == "answered"] == [(str(name),) for name in range(names)][
        : len([each for each in said if each.kind == "answered"])
    ]
    return sorted(model.names, key=int), [each.reason for each in said]


@pytest.mark.parametrize("threads", [1, 5])
@pytest.mark.parametrize(
    ("limits", "asked_about", "out"),
    [
        (Limits(), 100, None),
        (Limits(calls=37), 37, "calls"),
        (Limits(tokens=3700), 32, "tokens"),  # rounds of 16: 1920, 3840
        (Limits(cost=5), 32, "cost"),  # 0.2 each
        (Limits(minutes=1e-9), 0, "minutes"),
        (Limits(calls=40, tokens=1000), 16, "tokens"),
    ],
)
def test_a_round_of_names_at_most_is_beyond_a_limit(
    limits: Limits, asked_about: int, out: str | None, threads: int
) -> None:
    meter = Meter(limits, Prices(1000, 5000))
    names, reasons = put(meter, 100, threads)
    assert names == [str(name) for name in range(asked_about)]
    assert reasons == ["answered"] * asked_about + ["budget_spent"] * (100 - asked_about)
    assert meter.spent == Spent(asked_about, 100 * asked_about, 20 * asked_about)
    assert meter.spent_out() == out


def test_a_journal_counts_as_the_first_time_also_when_its_last_line_is_torn(tmp_path: Path) -> None:
    def again() -> tuple[list[str], Spent]:
        meter = Meter(Limits(calls=60), Prices())
        names, reasons = put(meter, 100, journal=Journal(tmp_path, "key"))
        assert reasons == ["answered"] * 60 + ["budget_spent"] * 40
        return names, meter.spent

    assert again() == ([str(name) for name in range(60)], Spent(60, 6000, 1200))
    file = tmp_path / "000000000.said"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:33]) + b'["32", "", ')
    assert again() == ([str(name) for name in range(32, 60)], Spent(60, 6000, 1200))
    assert again() == ([], Spent(60, 6000, 1200))


def test_what_was_spent_stays_spent_when_answers_are_forgotten(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.answers.mkdir()
    answer = ("review", "", "", "0.1", "unexplained", "", "")
    old = Pieces(folder, 4, 2, {"program": "1"})
    for start in (0, 2):
        old.keep(Done(start, [answer] * 2, {}, Spent(2, 200, 40)), 1.5, model=True)
    new = Pieces(folder, 4, 2, {"program": "2"})
    new.forget_others()
    assert cost_before(folder) == Cost(4, 400, 80, 3.0)
    new.keep(Done(0, [answer] * 2, {}, Spent(1, 1, 1)), 1, model=True)
    (folder.answers / "000000002.json").write_text("{")  # as if it had been killed before it was removed
    folder.write("spent.json", {"cost": [4, 400, 80, 3.0], "forgotten": ["000000002.json"]})
    new.forget_others()
    assert cost_before(folder) == Cost(4, 400, 80, 3.0)
    assert [path.name for path in folder.answers.iterdir()] == ["000000000.json"]
