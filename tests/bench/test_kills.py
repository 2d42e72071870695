"""The bench of kills, short: a job that is killed ends as an undisturbed one, and where it does not, that is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlmodel import col

from agent.cli import run
from agent.store import Store
from agent.store.schema import Sighting
from evals.bench.command import TABLES
from evals.bench.kept_rows import differences, kept_rows
from evals.bench.killed_job import PHASES
from evals.bench.kills import run_kills_bench
from evals.bench.postgres import binaries
from tests.store.world import ANKLE, SURE, World


@pytest.mark.parametrize(("kind", "kills"), [("sqlite", 1), pytest.param("postgresql", 1, marks=pytest.mark.slow)])
def test_killed_jobs_end_as_undisturbed_ones(kind: str, kills: int, home: Path) -> None:
    """A job of few names; its database server, where there is one, crashes too."""
    if kind == "postgresql" and binaries() is None:
        pytest.skip("PostgreSQL (initdb, pg_ctl) is not installed")
    result = run_kills_bench(home, names=300, kills=kills, seed=3, store=kind)
    assert result["differences"] == []
    assert result["kills"] == kills
    hits = result["phases"].values()
    for key in ("resumed", "same_bytes", "same_rows"):
        assert sum(each[key] for each in hits) == sum(each["all"] for each in hits) == kills + result["stops"]
    assert TABLES["kills"](result).row_count == len(PHASES) + 1
    assert list(home.iterdir()) == []


def test_a_name_that_is_lost_or_counted_twice_is_a_difference(store: Store) -> None:
    world = World(store)
    world.put(ANKLE, job="k")
    one = kept_rows(store)
    world.put(ANKLE, job="k")  # again: it counts once
    assert differences(one, kept_rows(store)) == []
    world.put(SURE, job="k")
    both = kept_rows(store)
    told = differences(both, one)
    assert any(line.startswith("name: 1 lost: ") for line in told)
    assert any(line.startswith("suggestion: 1 lost: ") for line in told)
    assert any(line.startswith("cluster: 1 too much: ") for line in differences(one, both))
    with store.writing() as session:
        session.execute(update(Sighting).values(exams=col(Sighting.exams) * 2))
    told = differences(both, kept_rows(store))
    assert [line.split(": ")[:2] for line in told] == [["sighting", "2 lost"], ["sighting", "2 too much"]]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("kills", "--store", "oracle"), "There is no store oracle"),
        (("kills", "--store", "postgresql://me:geheim@host:x/db"), "--store is no valid URL"),
        (("kills", "--store", "postgresql://me:geheim@127.0.0.1:1/db"), "me:***@127.0.0.1:1/db"),
        (("kills", "--store", "postgresql://127.0.0.1:1/db?user=me&password=geheim"), "127.0.0.1:1/db?user=me"),
        (("reader", "--kills", "3"), "--kills is for bench kills"),
    ],
)
def test_what_does_not_hold_is_one_sentence(
    words: tuple[str, ...],
    sentence: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("YINGMA_LANG", "en")
    assert run(["bench", *words, "--json"]) != 0
    told = capsys.readouterr()
    assert sentence in json.loads(told.out)["error"]["en"]
    assert "geheim" not in told.out + told.err
