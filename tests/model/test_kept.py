"""What a model answered is not asked again, and changes no answer; what failed is."""

from __future__ import annotations

import csv
import importlib.util
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli import run
from agent.model import ModelOutcome, ModelRequest
from agent.model.embedded import EmbeddedModel
from agent.model.hosted import HostedModel
from agent.model.kept import FILE, KeptAnswers, catalogue_hash
from agent.settings import load_settings
from evals.bench.names import bench_names
from prompts.schema import ReaderSpan
from standard import load_catalogue
from standard.errors import StoreError
from tests.model.fake_server import FakeServer, error, first_choice, says

Make = Callable[..., ModelRequest]
NAMES = [(each.name, each.modality) for each in bench_names(60)]


def kept_in(folder: Path, **make: str) -> KeptAnswers:
    return KeptAnswers(folder / FILE, make)


def rows(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("SELECT count(*) FROM answer").fetchone()[0])


def asked(model: HostedModel, kept: KeptAnswers, request: ModelRequest) -> ModelOutcome:
    return kept.ask(request, lambda: model.fill(request))


# -- an endpoint -------------------------------------------------------------------------------------------------------


def test_an_endpoint_is_asked_once(own_home: Path, request_for: Make) -> None:
    request = request_for()
    with FakeServer(first_choice) as server:
        model = HostedModel(load_settings(model=server.url, model_name="fake", model_price_out=2.0))
        first = asked(model, kept_in(own_home), request)
        again = asked(model, kept_in(own_home), request)  # as another process would
        assert len(server.bodies) == 1
        assert (first.kind, again, again.attempts) == ("answered", first, first.attempts)
        assert model.budget.cost == first.cost  # what is kept costs nothing
        others = [
            replace(request, name=request.name + "右"),
            replace(request, modality="DR"),
            replace(request, spans=(ReaderSpan("part", "头", "颅脑"),)),
            replace(request, draft=()),
        ]
        for number, other in enumerate(others, 2):
            asked(model, kept_in(own_home), other)
            assert len(server.bodies) == number
        asked(model, kept_in(own_home, lexicon="2"), request)
        assert len(server.bodies) == len(others) + 2
        model.close()


@pytest.mark.parametrize("fault", [error(500), says("nonsense"), says("", "length")])
def test_what_failed_is_asked_again(fault: Callable[..., object], own_home: Path, request_for: Make) -> None:
    with FakeServer(fault) as server:  # type: ignore[arg-type]
        model = HostedModel(load_settings(model=server.url, model_name="fake"), sleep=lambda seconds: None)
        kept = kept_in(own_home)
        assert asked(model, kept, request_for()).kind in ("unreachable", "invalid")
        server.script[:] = [first_choice]
        assert asked(model, kept, request_for()).kind == "answered"
        server.script[:] = [fault]  # type: ignore[list-item]
        assert asked(model, kept, request_for()).kind == "answered"
        model.close()


def test_a_file_that_is_none_is_one_sentence(own_home: Path, request_for: Make) -> None:
    (own_home / FILE).parent.mkdir(parents=True)
    (own_home / FILE).write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match="delete it"):
        kept_in(own_home).ask(request_for(), lambda: ModelOutcome("refused", "refused"))


def test_answers_of_a_make_long_unused_are_dropped(
    own_home: Path, request_for: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = ModelOutcome("refused", "refused")
    kept_in(own_home, model="old").ask(request_for(), lambda: refused)
    monkeypatch.setattr("agent.model.kept.UNUSED", -1.0)
    kept_in(own_home, model="new").ask(request_for(), lambda: refused)
    assert rows(own_home / FILE) == 1


def test_an_edition_imported_again_is_another_one() -> None:
    assert catalogue_hash(load_catalogue("3.8")) != catalogue_hash(load_catalogue("3.8.2"))


# -- runs over files, with Yingma's own model --------------------------------------------------------------------------

needs_llama = pytest.mark.skipif(importlib.util.find_spec("llama_cpp") is None, reason="llama_cpp is not installed")


def normalized(folder: Path, name: str, *options: str) -> bytes:
    source = folder / "in.csv"
    with open(source, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("name", "modality"), *NAMES])
    assert run(["normalize", str(source), "-o", str(folder / name), "--model", "local", *options]) == 0
    return (folder / name).read_bytes()


@needs_llama
def test_a_run_gives_the_same_bytes_and_asks_only_what_is_new(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YINGMA_MODEL_CACHE", "false")
    wanted = normalized(tmp_path, "off.csv")
    assert not (own_home / FILE).exists()
    monkeypatch.delenv("YINGMA_MODEL_CACHE")
    assert normalized(tmp_path, "first.csv", "--workers", "2") == wanted
    asked = rows(own_home / FILE)
    assert 0 < asked < len(NAMES)

    def never(self: EmbeddedModel, request: ModelRequest) -> ModelOutcome:
        raise AssertionError(request.name)

    monkeypatch.setattr(EmbeddedModel, "fill", never)
    assert normalized(tmp_path, "again.csv") == wanted
    assert rows(own_home / FILE) == asked
