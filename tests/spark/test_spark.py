"""Jobs on Spark with two local workers, against the same jobs without: the same rows, in order, with the same answers.

.venv/bin/uv sync --inexact --extra spark && ./yingma test --slow tests/spark
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from agent.audit import Scope
from agent.jobs import find_job
from agent.jobs.accepted import accepted
from agent.opening import open_catalogue
from evals.bench.names import bench_names
from tests.cli.test_cli import HOSTILE
from tests.jobs.conftest import Told
from tests.jobs.test_jobs import ROOT, command, fed, finished, wait_for
from tests.store.world import ANKLE, CHEST, SURE, World

Yingma = Callable[..., Told]
JAVA = shutil.which("java") or shutil.which(os.path.join(os.environ.get("JAVA_HOME", ""), "bin", "java"))
pytestmark = [
    pytest.mark.slow,
    # Spark's Python side leaves pipes and sockets to the collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="pyspark is not installed (--extra spark)"),
    pytest.mark.skipif(JAVA is None, reason="there is no Java (17 or later)"),
]


def exams(count: int) -> pl.DataFrame:
    """Exams of names that come again and again, in no order, hostile ones among them, with columns of several types."""
    names = [(each.name, each.modality, each.institution) for each in bench_names(count // 4)]
    names += [(name, "", "甲") for name in HOSTILE]
    rows = [names[(n * 7919) % len(names)] for n in range(count)]
    frame = pl.DataFrame(rows, schema=["检查.名称", "检查类型", "医院"], orient="row")
    return frame.with_columns(
        pl.int_range(pl.len()).alias("no"),
        pl.when(pl.int_range(pl.len()) % 5 == 0).then(None).otherwise(pl.col("检查类型")).alias("检查类型"),
        pl.datetime(2026, 1, 1).dt.offset_by(pl.format("{}m", pl.int_range(pl.len()))).alias("at"),
        (pl.int_range(pl.len()) / 7).alias("value"),
    )


def written(folder: Path) -> pl.DataFrame:
    """The parts of an output in order."""
    return pl.concat([pl.read_parquet(each) for each in sorted(folder.glob("*.parquet"))])


def test_the_same_as_without_spark(yingma: Yingma, tmp_path: Path, home: Path, kept: World) -> None:
    """Two inputs: a file, and a folder of parts of unlike size; a name with a decision; every row in its place."""
    kept.put(ANKLE, job="before")
    kept.decide(kept.person("reviewer"), kept.cluster(), codes=[CHEST])
    frame = exams(6000)
    frame[1, 0] = ANKLE
    one, parts = tmp_path / "一 [1].parquet", tmp_path / "parts.parquet"
    frame[:500].write_parquet(one)
    parts.mkdir()
    frame[500:520].write_parquet(parts / "part-0.parquet")
    frame[520:5000].write_parquet(parts / "part-1.parquet", row_group_size=1000)
    frame[5000:].write_parquet(parts / "part-2.parquet")
    options = ("--name-column", "检查.名称", "--json")
    code, out, err = yingma(
        "job", "run", one, parts, "-o", tmp_path / "out.parquet", "--id", "s", "--engine", "spark", *options
    )
    assert code == 0, err
    told = json.loads(out)
    files = [one, *sorted(parts.glob("*.parquet"))]
    code, out, err = yingma("job", "run", *files, "-o", tmp_path / "local.parquet", "--id", "l", *options)
    assert code == 0, err
    there, here = written(tmp_path / "out.parquet"), pl.read_parquet(tmp_path / "local.parquet")
    assert there.columns == here.columns
    assert there.equals(here.cast(dict(there.schema)), null_equal=True)  # type: ignore[arg-type]
    assert there["no"].to_list() == list(range(6000))
    counted = ("rows", "exams", "names", "accepted", "review", "memory", "failed")
    assert {key: told["counts"][key] for key in counted} == {key: json.loads(out)["counts"][key] for key in counted}
    spark, local = (json.loads(yingma("job", "report", name, "--json")[1]) for name in ("s", "l"))
    assert spark["reasons"] == local["reasons"]
    assert spark["unexplained"] == local["unexplained"]
    doubt = list(accepted(home, open_catalogue(None), Scope("", ""), None))
    assert sorted(row[1:] for row in doubt if row.job == "s") == sorted(row[1:] for row in doubt if row.job == "l")
    assert {row.job for row in doubt} == {"s", "l"}
    kept.check()


def test_killed_it_goes_on_and_what_is_answered_is_not_answered_again(tmp_path: Path, home: Path, kept: World) -> None:
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    exams(2000).write_parquet(source)
    process = command(
        "job", "run", source, "-o", out, "--id", "k", "--engine", "spark", "--name-column", "检查.名称", home=home
    )
    made = home / "jobs" / "k" / "spark.json"
    wait_for(process, made.exists)
    os.killpg(process.pid, 9)
    process.communicate()
    answers = home / "jobs/k/spark/answers"
    before = sorted(each.name for each in answers.iterdir())
    finished(command("job", "resume", "k", home=home))
    assert sorted(each.name for each in answers.iterdir()) == before
    assert written(out)["no"].to_list() == list(range(2000))
    review = written(out).filter(pl.col("yingma_route") == "review")
    names = review.select(pl.col("检查.名称"), pl.col("检查类型").fill_null(""), "医院").unique()
    assert fed(kept)[1:] == (len(names), len(review))
    assert find_job(home, "k").status()["state"] == "done"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.parquet", "out.parquet"]


def test_killed_between_its_output_and_the_store_it_goes_on(tmp_path: Path, home: Path, kept: World) -> None:
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    exams(400).write_parquet(source)
    arguments = ("job", "run", source, "-o", out, "--id", "k", "--engine", "spark", "--name-column", "检查.名称")
    finished(command(*arguments, home=home, program=(str(ROOT / "tests/spark/dying.py"),)), -9)
    assert (find_job(home, "k").status()["state"], fed(kept)[1]) == ("interrupted", 0)
    before = {each.name: (each.stat().st_mtime_ns, each.read_bytes()) for each in out.iterdir()}
    draft = out.with_name(f".{out.name}.{find_job(home, 'k').spec().uid}.part")
    out.rename(draft)  # as if killed a moment before; and a folder that another made is not taken for the output
    out.mkdir()
    assert "is there already" in finished(command("job", "resume", "k", home=home), 2)
    assert list(out.iterdir()) == []
    out.rmdir()
    draft.rename(out)
    finished(command("job", "resume", "k", home=home))
    assert {each.name: (each.stat().st_mtime_ns, each.read_bytes()) for each in out.iterdir()} == before
    assert written(out)["no"].to_list() == list(range(400))
    review = written(out).filter(pl.col("yingma_route") == "review")
    names = review.select(pl.col("检查.名称"), pl.col("检查类型").fill_null(""), "医院").unique()
    assert fed(kept)[1:] == (len(names), len(review))
    assert find_job(home, "k").status()["state"] == "done"


def test_a_folder_is_one_table_and_a_column_of_counts_is_told(yingma: Yingma, tmp_path: Path, home: Path) -> None:
    parts = tmp_path / "parts.parquet"
    parts.mkdir()
    for number in range(2):
        pl.DataFrame({"检查名称": [SURE], "例数": [5 + number]}).write_parquet(parts / f"part-{number}.parquet")
    run = ("job", "run", parts, "--engine", "spark", "--json")
    code, out, err = yingma(*run, "-o", tmp_path / "one.parquet")
    assert code == 0, err
    told = json.loads(out)
    assert {key: told["counts"][key] for key in ("rows", "exams", "names")} == {"rows": 2, "exams": 2, "names": 1}
    assert ["例数" in note[1] and "does not use it" in note[1] for note in told["notes"]] == [True]
    assert written(tmp_path / "one.parquet")["例数"].to_list() == [5, 6]
    code, out, err = yingma(*run, "-o", tmp_path / "two.parquet", "--count-column", "")
    assert (code, json.loads(out)["notes"]) == (0, []), err


def test_one_sentence_each(yingma: Yingma, tmp_path: Path, home: Path) -> None:
    source, number, broken = tmp_path / "in.parquet", tmp_path / "number.parquet", tmp_path / "broken.parquet"
    exams(20).write_parquet(source)
    pl.DataFrame({"name": [1, 2]}).write_parquet(number)
    broken.write_bytes(b"PAR1 no")
    for arguments, said in (
        ((source,), "which column is the exam's name"),
        ((number,), "is bigint, not text"),
        ((broken,), "is not a readable parquet file"),
        ((source, number), "differ from those of"),
        ((source, "--model", "http://127.0.0.1:1/v1", "--name-column", "检查.名称"), "none or local only"),
    ):
        code, _, err = yingma("job", "run", *arguments, "-o", tmp_path / "o.parquet", "--engine", "spark", "--id", "e")
        assert (code, said in err) == (2, True), err
        assert not (tmp_path / "o.parquet").exists()
        shutil.rmtree(home / "jobs" / "e", ignore_errors=True)
