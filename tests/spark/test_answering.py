"""What Spark's workers run, on plain pandas: the same answers as the pipeline here, a row for a row; and what is said
where there is no Spark."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from agent.answer import Query
from agent.audit import Scope
from agent.columns import OUTPUT, choose
from agent.command_normalize import cells_of
from agent.jobs.accepted import Row, accepted
from agent.jobs.folder import new_job
from agent.jobs.spark_run import ANSWERS, MADE
from agent.memory import load_all
from agent.opening import open_catalogue, open_pipeline
from agent.pipeline import Pipeline
from agent.pool import answer_piece
from agent.spark import answering, engine
from agent.spark.answering import EXAMS, FRAME, KEY, MARK, Make, answer_frames
from agent.store.keys import institution_key
from agent.versions import versions_of
from standard.errors import InputError
from tests.cli.test_cli import HOSTILE
from tests.jobs.conftest import Told
from tests.store.world import ANKLE, CHEST, SURE, World

NAMES = [(SURE, "CT", "甲"), (ANKLE, "", ""), *((name, "", "乙") for name in HOSTILE), (SURE, "CT", "乙")]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pipeline of another test."""
    monkeypatch.setattr(answering, "_opened", None)


def make(**changes: Any) -> Make:
    """What the driver would send."""
    found = Make(None, "none", device_codes=False, lang="zh", versions=versions_of(open_pipeline()), memory=None)
    return found._replace(**changes)


def frames(rows: Sequence[tuple[str, str, str]], size: int = 5) -> Iterator[pd.DataFrame]:
    """Frames as Spark gives them."""
    for start in range(0, len(rows), size):
        piece = [(*row, 7) for row in rows[start : start + size]]
        yield pd.DataFrame(piece, columns=[*KEY, EXAMS])


def test_the_answers_are_those_of_the_pipeline() -> None:
    found = pd.concat(answer_frames(frames(NAMES), make()))
    assert tuple(found.columns) == FRAME
    queries = [Query(*row) for row in NAMES]
    assert [tuple(row) for row in found[list(KEY)].to_numpy()] == NAMES
    answers, _ = answer_piece(open_pipeline(), queries)
    assert [tuple(row) for row in found[list(OUTPUT)].to_numpy()] == [cells_of(each, "zh") for each in answers]
    assert set(found[EXAMS]) == {7}
    assert list(answer_frames(iter([]), make())) == []


def test_the_pipeline_is_opened_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    first = make()
    list(answer_frames(frames(NAMES[:2]), first))
    monkeypatch.setattr("agent.opening.open_pipeline", None)  # a second opening would fail
    assert len(list(answer_frames(frames(NAMES), first))) == -(-len(NAMES) // 5)


def test_memory_goes_along(kept: World) -> None:
    kept.put(ANKLE, job="before")
    kept.decide(kept.person("reviewer"), kept.cluster(), codes=[CHEST])
    with kept.store.reading() as session:
        memory = load_all(session, ["", "甲"]).to_plain()
    (found,) = answer_frames(frames([(ANKLE, "", "")]), make(memory=memory))
    assert list(found["yingma_codes"]) == [CHEST]
    assert list(found["yingma_reason_id"]) == ["memory"]


def test_a_name_that_fails_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Pipeline.answer_compact

    def failing(self: Pipeline, queries: Sequence[Query]) -> Any:
        if any("坏" in query.name for query in queries):
            raise ZeroDivisionError("this name")
        return whole(self, queries)

    monkeypatch.setattr(Pipeline, "answer_compact", failing)
    (found,) = answer_frames(frames([(SURE, "CT", ""), ("坏", "", "")]), make())
    assert list(found["yingma_reason_id"]) == ["complete", "failed"]
    assert list(found["yingma_fault"]) == ["", "ZeroDivisionError: this name"]


def test_another_program_on_a_worker_is_refused() -> None:
    with pytest.raises(RuntimeError, match=MARK) as caught:
        list(answer_frames(frames(NAMES), make(versions={**versions_of(open_pipeline()), "lexicon": "other"})))
    zh, en = json.loads(str(caught.value).removeprefix(MARK))
    assert "lexicon" in zh
    assert "install the same program" in en


def test_every_part_of_a_name_has_its_column() -> None:
    header = ["例数", "设备类型", "no", "检查名称"]
    for count in ("", None):  # a column of counts is no part of a name
        assert engine.keyed(choose(header, "in.parquet", count=count)) == dict(zip(KEY, (3, 1, None), strict=True))
    assert len(KEY) == len(Query._fields)


def test_names_accepted_on_spark_are_in_doubt_as_well(home: Path) -> None:
    """From the parquet that Spark keeps, once it is whole."""
    folder = new_job(
        home, {"id": "s", "inputs": ["in.parquet"], "output": "o.parquet", "engine": "spark"}, "2026-01-01"
    )
    parts = folder.path / ANSWERS
    parts.mkdir(parents=True)
    for number, frame in enumerate(answer_frames(frames(NAMES), make())):
        pl.DataFrame({name: frame[name].to_list() for name in FRAME}).write_parquet(parts / f"part-{number}.parquet")
    catalogue = open_catalogue(None)
    assert list(accepted(home, catalogue, Scope("", ""), None)) == []
    folder.write(MADE, {"key": "k"})
    answers, _ = answer_piece(open_pipeline(), [Query(*row) for row in NAMES])
    wanted = [
        Row("s", institution, modality, name, 7, answer[1], answer[2])
        for (name, modality, institution), answer in zip(NAMES, answers, strict=True)
        if answer[0] == "accepted"
    ]
    assert list(accepted(home, catalogue, Scope("", ""), None)) == wanted
    here = [row for row in wanted if row.institution == "甲"]
    assert list(accepted(home, catalogue, Scope("CT", institution_key("甲")), None)) == here
    assert here != wanted
    assert here != []


# -- what does not hold ------------------------------------------------------------------------------------------------


def test_only_parquet_and_nothing_is_overwritten(tmp_path: Path) -> None:
    source, folder = tmp_path / "in.parquet", tmp_path / "parts.parquet"
    pl.DataFrame({"name": [SURE]}).write_parquet(source)
    folder.mkdir()
    engine.check_paths([source, folder], tmp_path / "out.parquet")
    for inputs, output, said in (
        ([tmp_path / "in.csv"], tmp_path / "out.parquet", "parquet only"),
        ([source], tmp_path / "out.csv", "parquet only"),
        ([tmp_path / "no.parquet"], tmp_path / "out.parquet", "There is no file"),
        ([source], folder, "is there already"),
        ([source], tmp_path / "no" / "out.parquet", "does not exist"),
    ):
        with pytest.raises(InputError, match=said):
            engine.check_paths(inputs, output)
    engine.check_paths([source], folder, mine=True)  # its own, of before it was killed


def test_what_spark_does_not_read_is_refused(yingma: Callable[..., Told], tmp_path: Path, home: Path) -> None:
    pl.DataFrame({"name": [SURE]}).write_parquet(tmp_path / "in.parquet")
    for arguments in (
        ("mysql://reader@db/ris",),
        (tmp_path / "in.parquet", "sqlite:///ris.db"),
        (tmp_path / "in.parquet", "--count-column", "n"),
        (tmp_path / "in.parquet", "--max-calls", "1"),
    ):
        code, _, err = yingma("job", "run", *arguments, "-o", tmp_path / "o.parquet", "--engine", "spark")
        assert (code, err.count("\n")) == (2, 1), err
        assert "it has no databases, column of counts or budgets" in err
    assert not (home / "jobs").exists()


@pytest.mark.skipif(importlib.util.find_spec("pyspark") is not None, reason="pyspark is installed")
def test_without_spark_one_sentence_says_so(yingma: Callable[..., Told], tmp_path: Path, home: Path) -> None:
    pl.DataFrame({"name": [SURE]}).write_parquet(tmp_path / "in.parquet")
    code, _, err = yingma("job", "run", tmp_path / "in.parquet", "-o", tmp_path / "o.parquet", "--engine", "spark")
    assert (code, err.count("\n")) == (2, 1)
    assert "uv sync --inexact --extra spark" in err
    assert not (home / "jobs").exists()
