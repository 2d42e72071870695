"""The benchmarks run and tell what they should; how fast anything is, no test says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals.bench.command import TABLES, run_bench
from evals.bench.daily import run_daily_bench
from evals.bench.embedded import run_embedded_bench
from evals.bench.machine import machine_facts, peak_memory_mb
from evals.bench.names import bench_names
from evals.bench.reader import run_reader_bench
from evals.bench.rows import run_rows_bench
from evals.bench.shared import run_shared_bench
from evals.retrieval import single_code_rows
from prompts.embedded import build_vocabulary
from standard import load_catalogue
from standard.errors import InputError
from standard.lexicon import load_lexicon
from tests.model.random_gguf import write_random_gguf
from tests.store.conftest import server  # noqa: F401
from tests.store.postgres import Server


def test_names_are_distinct_and_the_same_for_a_seed() -> None:
    names = bench_names(3_000)
    assert len({each.name for each in names}) == 3_000
    assert names == bench_names(3_000)
    assert bench_names(100) == names[:100]
    assert bench_names(100, seed=1) != names[:100]


def test_names_have_what_hospitals_write() -> None:
    names = bench_names(3_000)
    text = "\n".join(each.name for each in names)
    for piece in ("(医保)", "复查", "CT", "Ｃ", "正侧位", "彩超", "LUMBAR", "心电图", "+"):
        assert piece in text
    assert {"", "CT", "磁共振", "X光", "超声"} <= {each.modality for each in names}
    assert 1_500 < len({each.core for each in names}) < 3_000


@pytest.mark.slow
def test_the_reader_bench_measures_every_way(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINGMA_MODEL_PATH", str(home / "none.gguf"))
    result = run_reader_bench(home, count=200, runs=1)
    assert result["names"] == 200
    assert result["names_per_s"]["model"] is None
    assert "none.gguf" in result["left_out"] or "llama-cpp-python" in result["left_out"]
    assert all(result["names_per_s"][way] > 0 for way in ("pipeline", "pipeline_table", "tfidf", "dense"))
    assert all(result["ratio"][ours][way] > 0 for ours in ("pipeline", "pipeline_table") for way in ("tfidf", "dense"))
    assert result["peak_memory_mb"] is None or result["peak_memory_mb"] > 10
    assert TABLES["reader"](result).row_count == 5


def test_the_model_bench_says_why_it_was_left_out(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YINGMA_MODEL_PATH", str(home / "none.gguf"))
    assert run_bench("model", as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["command"] == "./yingma bench model"
    assert {"processor", "cores", "python", "numpy"} <= set(told["machine"])
    assert told["results"]["model"]["left_out"]
    assert TABLES["model"](told["results"]["model"]).row_count == 1


def test_the_bench_of_our_own_model_says_why_it_was_left_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "yingma.gguf").write_bytes(b"no model")
    monkeypatch.setenv("YINGMA_MODEL_PATH", str(home))
    result = run_embedded_bench(home, count=5)
    assert "yingma.gguf" in result["left_out"] or "llama-cpp-python" in result["left_out"]
    assert TABLES["embedded"](result).row_count == 1


@pytest.mark.slow
def test_the_bench_of_our_own_model_measures_every_way(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llama_cpp", reason="llama_cpp is not installed (uv sync --extra local)")
    write_random_gguf(home / "yingma.gguf", build_vocabulary([load_catalogue()], load_lexicon()))
    monkeypatch.setenv("YINGMA_MODEL_PATH", str(home))
    result = run_embedded_bench(home, count=40)
    assert result["names"] == result["same_in_reverse"] == 40
    assert set(result["names_per_s"]) == {"fill", "walk", "right_draft", "wrong_draft", "llama", "llama_walk"}
    assert min(result["names_per_s"].values()) > 0
    assert result["batches_a_name"] > 1
    assert result["peak_memory_mb"] is None or 10 < result["peak_memory_mb"] < 120
    assert TABLES["embedded"](result).row_count == 6


def test_an_unknown_benchmark_is_named_with_those_there_are() -> None:
    with pytest.raises(InputError, match="reader, model"):
        run_bench("raeder", as_json=True)


def test_machine_facts_are_there() -> None:
    assert int(machine_facts()["cores"]) >= 1
    peak = peak_memory_mb()
    assert peak is None or peak > 10


def test_rows_with_one_code(tmp_path: Path) -> None:
    gold = tmp_path / "gold.tsv"
    gold.write_text(
        "id\tmodality\tname\tcodes\troute\n"
        "1\tCT\t胸部CT\t20040100110000\tauto\n"
        '2\tCT\t"胸部"CT及头颅\tA+B\tauto\n'
        "3\tCT\t左或右\tA / B\treview\n"
        "4\tCT\t心电图\t\treview\n",
        encoding="utf-8",
    )
    assert [row.code for row in single_code_rows(gold)] == ["20040100110000"]


def test_a_file_without_labels_is_one_sentence(tmp_path: Path) -> None:
    other = tmp_path / "other.tsv"
    other.write_text("name\tcode\n胸部CT\t1\n", encoding="utf-8")
    with pytest.raises(InputError, match="lacks the columns codes, modality, route"):
        single_code_rows(other)


@pytest.mark.slow
def test_the_daily_bench_runs_two_days(home: Path) -> None:
    result = run_daily_bench(home, exams=60, known=20, new=5, runs=1)
    assert {each["next_names"] for each in result["models"].values()} == {25}
    assert all(each["next_s"] > 0 and "answering" in each["next_steps_s"] for each in result["models"].values())
    assert TABLES["daily"](result).row_count == len(result["models"])
    assert list(home.iterdir()) == []


@pytest.mark.slow
def test_the_rows_bench_keeps_the_order_of_rows(home: Path) -> None:
    """Few rows, of every kind of file; the job's own answers are joined back by the job and by DuckDB alone."""
    result = run_rows_bench(home, rows=3_000, names=300)
    assert set(result["kinds"]) == {"parquet", "csv", "gb18030"}
    assert all(each["in_order"] for each in result["kinds"].values())
    assert all(each["seconds"] >= each["answering"] >= 0 for each in result["kinds"].values())
    assert TABLES["rows"](result).row_count == 3


@pytest.mark.slow
def test_the_shared_bench_spreads_a_job_over_processes(
    server: Server,  # noqa: F811
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run_shared_bench(home)["left_out"] == "YINGMA_DATABASE_URL"
    url = server.create()
    monkeypatch.setenv("YINGMA_DATABASE_URL", url.set(drivername="postgresql").render_as_string(hide_password=False))
    result = run_shared_bench(home, names=8_000, runs=1)
    assert set(result["names_per_s"]) == set(result["names_per_core_s"]) == {1, 2}
    assert TABLES["shared"](result).row_count == 2
    assert list(home.iterdir()) == []
    server.drop(url)
