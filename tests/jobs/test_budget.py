"""Budgets of a job, against a real endpoint of our own: what is cut off is for review and says so, at the same name in
every run; a kill neither loses nor doubles what was spent; no question is put for the queue."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from agent.jobs import find_job
from agent.store.schema import Cluster
from tests.jobs.conftest import rows_of, table
from tests.jobs.test_jobs import ROOT, command, finished, wait_for
from tests.model.fake_server import Action, FakeServer, Response, first_choice
from tests.store.world import SURE, World

PROGRAM = (str(ROOT / "tests/jobs/hosted.py"),)
OPEN = 90  # names that the model is asked about
Run = Callable[..., str]


@pytest.fixture
def endpoint() -> Iterator[FakeServer]:
    with FakeServer(first_choice) as server:
        yield server


@pytest.fixture
def run(endpoint: FakeServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command that has ended, with the endpoint as its model."""
    monkeypatch.setenv("YINGMA_MODEL", endpoint.url)
    monkeypatch.setenv("YINGMA_MODEL_NAME", "fake")

    def call(*arguments: object, code: int = 0) -> str:
        return finished(command(*arguments, home=home, program=PROGRAM), code)

    return call


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Names that the reader leaves open, each twice, among sure ones."""
    rows = [(f"胸部CT平扫甲{number}乙", "CT") for number in range(OPEN)]
    return table(tmp_path / "in.csv", ("name", "modality"), *rows, (SURE, "CT"), *rows)


def over(out: Path) -> list[str]:
    """The names that were not asked about, in order."""
    return list(dict.fromkeys(row["name"] for row in rows_of(out) if row["yingma_reason"].startswith("over_budget")))


def test_calls_are_cut_at_the_same_name_in_every_run_and_it_says_so(
    run: Run, endpoint: FakeServer, source: Path, tmp_path: Path, home: Path, kept: World, monkeypatch: Any
) -> None:
    out = tmp_path / "out.csv"
    told = run("job", "run", source, "-o", out, "--id", "b", "--max-calls", "70")
    sentence = "The model's budget is spent (calls of the model): it was not asked about the other 20 names (40 exams)"
    assert sentence in told
    assert len(endpoint.bodies) == 70  # the queue was fed without a question
    assert over(out) == [f"胸部CT平扫甲{number}乙" for number in range(70, OPEN)]
    cut = next(row for row in rows_of(out) if row["name"] == over(out)[0])
    assert (cut["yingma_route"], cut["yingma_codes"]) == ("review", "20040100110000")
    assert cut["yingma_reason"] == "over_budget: The model's budget was spent, so it was not asked (unexplained)"
    with kept.store.reading() as session:
        counted = select(func.sum(col(Cluster.exams))).where(col(Cluster.reason) == "over_budget")
        assert session.scalar(counted) == 40
    shown = json.loads(run("job", "show", "b", "--json"))
    assert (shown["spent"]["calls"], shown["spent"]["tokens_in"], shown["limits"]["calls"]) == (70, 7000, 70)
    assert shown["counts"]["over_budget"] == 20
    report = json.loads(run("job", "report", "b", "--json"))
    assert (report["model"]["out"], report["model"]["over_budget"]) == ("calls", {"names": 20, "exams": 40})
    assert sentence.replace("'", "&#x27;") in run("job", "report", "b")

    monkeypatch.setenv("YINGMA_MAX_CALLS", "70")
    monkeypatch.setenv("YINGMA_MODEL_CONCURRENCY", "1")
    run("normalize", source, "-o", tmp_path / "n.csv", "--json")
    assert (tmp_path / "n.csv").read_bytes() == out.read_bytes()
    assert len(endpoint.bodies) == 140

    run("job", "resume", "b", "--max-calls", "0")  # the rest, now without a limit
    assert over(out) == []
    assert find_job(home, "b").status()["spent"]["calls"] == len(endpoint.bodies) - 70
    monkeypatch.setenv("YINGMA_MAX_CALLS", "0")
    run("normalize", source, "-o", tmp_path / "n.csv")
    assert (tmp_path / "n.csv").read_bytes() == out.read_bytes()


def test_killed_between_two_questions_it_asks_none_twice(
    run: Run, endpoint: FakeServer, source: Path, tmp_path: Path, home: Path
) -> None:
    run("job", "run", source, "-o", tmp_path / "whole.csv", "--id", "whole", "--max-tokens", "8000", "--feed", "none")
    assert len(endpoint.bodies) == 80  # 120 tokens each, in rounds of 16: the fifth crosses 8000
    endpoint.bodies.clear()
    go_on, enough = threading.Event(), 40
    endpoint.script[:] = [slow(endpoint, enough, go_on)]
    out = tmp_path / "out.csv"
    process = command(
        *("job", "run", source, "-o", out, "--id", "k", "--max-tokens", "8000", "--feed", "none"),
        home=home,
        program=PROGRAM,
    )
    wait_for(process, lambda: len(endpoint.bodies) > enough)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    go_on.set()
    assert not any((home / "jobs/k/answers").glob("*.json"))  # within the first piece
    endpoint.bodies.clear()
    run("job", "resume", "k")
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert len(endpoint.bodies) == 80 - 32  # two rounds had been written down
    assert find_job(home, "k").status()["spent"]["calls"] == 80
    assert not list((home / "jobs/k/answers").glob("*.said"))


def slow(endpoint: FakeServer, enough: int, go_on: threading.Event) -> Action:
    """Answers so many questions, and the others when it may go on."""

    def act(body: dict[str, Any]) -> Response:
        if len(endpoint.bodies) > enough:
            go_on.wait()
        return first_choice(body)

    return act


def test_money_and_time(
    run: Run, endpoint: FakeServer, source: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YINGMA_MODEL_PRICE_IN", "1000")
    monkeypatch.setenv("YINGMA_MODEL_PRICE_OUT", "5000")  # 0.2 a name
    run("job", "run", source, "-o", tmp_path / "o.csv", "--id", "c", "--max-cost", "5", "--feed", "none")
    assert len(endpoint.bodies) == 32
    told = run("job", "show", "c")
    assert "32 calls, 3,840 tokens, cost 6.40" in told
    assert "budget is spent (cost)" in told
    run("job", "run", source, "-o", tmp_path / "o.csv", "--id", "t", "--max-minutes", "0.0000001", "--feed", "none")
    assert len(endpoint.bodies) == 32
    assert len(over(tmp_path / "o.csv")) == OPEN
    assert "budget is spent (time)" in run("job", "show", "t")


def test_what_was_spent_stays_spent_when_answers_are_worked_out_anew(
    run: Run, endpoint: FakeServer, source: Path, tmp_path: Path, home: Path
) -> None:
    run("job", "run", source, "-o", tmp_path / "o.csv", "--id", "u", "--max-calls", "70", "--feed", "none")
    folder = find_job(home, "u")
    for path in folder.answers.iterdir():  # as another version of the program wrote them
        path.write_text(json.dumps(["another", *json.loads(path.read_text())[1:]]))
    (tmp_path / "o.csv").unlink()
    run("job", "resume", "u")
    assert len(endpoint.bodies) == 70
    assert len(over(tmp_path / "o.csv")) == OPEN
    assert folder.status()["spent"]["calls"] == 70
