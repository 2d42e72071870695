"""`rows`: a whole job over many exam rows, by kind of file, against DuckDB alone on the same rows, in one run.

The table is made from `bench_names` (see there how): each row is an exam with a number, a name drawn with the skew of
real exports (Zipf: few names have most exams, every name at least one), modality, institution and date; no cell has a
comma or a quote, since csv with quotes goes through the csv module (agent/table_lines.py), which is slower. The job is
`yingma job run --feed none` in a process of its own; the seconds of its steps are those that it keeps. `tables` is what
is not answering: reading, finding the distinct names, joining the answers and writing the rows in the input's order.
DuckDB alone does the same with its own reader and writer: distinct names, join, order, write.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.table_lines import transcoded
from evals.bench.machine import ROOT, child_environment
from evals.bench.names import bench_names
from standard.errors import YingmaError

if TYPE_CHECKING:
    import polars as pl

ROWS, NAMES, SEED = 10_000_000, 250_000, 7
SKEW = 1.1  # exponent of the Zipf distribution
KINDS = ("parquet", "csv", "gb18030")
COLUMNS = ("--name-column", "name", "--modality-column", "modality", "--institution-column", "institution")
# A process is said to have held what its parent held when it began; so a small one calls the job, and tells in the end.
APART = (
    "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
)
NEW = "yingma_route, yingma_codes, yingma_names, yingma_score, yingma_reason, yingma_edition"


def run_rows_bench(home: Path, rows: int = ROWS, names: int = NAMES) -> dict[str, Any]:
    """Seconds of each kind of file; the answers of the job are checked against the input's order."""
    with tempfile.TemporaryDirectory(prefix="yingma-bench-") as folder:
        place = Path(folder)
        table = exam_rows(rows, names)
        results = {kind: _measured(kind, table, place) for kind in KINDS}
    return {"rows": rows, "names": names, "kinds": results}


def exam_rows(rows: int, names: int) -> pl.DataFrame:
    """The exams; the same for the same numbers."""
    import numpy as np
    import polars as pl

    made = bench_names(names)
    chance = np.random.default_rng(SEED)
    drawn = (chance.zipf(SKEW, rows - names) - 1) % names if rows > names else np.empty(0, dtype=np.int64)
    which = chance.permutation(np.concatenate([np.arange(min(rows, names)), drawn]))
    columns = {
        "name": pl.Series([each.name.replace(",", "，").replace('"', "”") for each in made]).gather(which),
        "modality": pl.Series([each.modality for each in made]).gather(which),
        "institution": pl.Series([each.institution for each in made]).gather(which),
        "date": pl.Series([f"2026-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]).gather(
            which % (12 * 28)
        ),
    }
    return pl.DataFrame({"id": pl.int_range(rows, eager=True), **columns})


def _measured(kind: str, table: pl.DataFrame, place: Path) -> dict[str, Any]:
    """One kind of file: the job, then DuckDB alone with the job's answers."""
    ending = "parquet" if kind == "parquet" else "csv"
    source, output, alone = (place / f"{kind}-{each}.{ending}" for each in ("in", "out", "alone"))
    _write(kind, table, source)
    began = time.perf_counter()
    seconds, memory = _job(kind, source, output, place)
    whole = time.perf_counter() - began
    in_order = _ids(output, ending) == table.height
    plain = source
    began = time.perf_counter()
    if kind == "gb18030":
        plain = place / "plain.csv"
        transcoded(source, plain)
    _alone(plain, output, alone, ending)
    duckdb = time.perf_counter() - began
    for each in {source, output, alone, plain}:
        each.unlink()
    ours = whole - seconds.get("answering", 0.0)
    return {
        "seconds": round(whole, 1),
        "answering": seconds.get("answering"),
        "tables": round(ours, 1),
        "duckdb": round(duckdb, 1),
        "ratio": round(ours / duckdb, 2),
        "peak_memory_mb": memory,
        "in_order": in_order,
    }


def _write(kind: str, table: pl.DataFrame, path: Path) -> None:
    if kind == "parquet":
        table.write_parquet(path)
        return
    table.write_csv(path, quote_style="never")
    if kind == "gb18030":
        text = path.with_suffix(".text")
        path.replace(text)
        with open(text, encoding="utf-8") as file, open(path, "w", encoding="gb18030", newline="") as out:
            while chunk := file.read(1 << 22):
                out.write(chunk)
        text.unlink()


def _job(kind: str, source: Path, output: Path, place: Path) -> tuple[dict[str, float], float]:
    """The job in a process of its own: seconds of its steps, and the most memory that it or a worker held (MB)."""
    home = place / f"home-{kind}"
    command = [sys.executable, "-m", "agent", "job", "run", str(source), "-o", str(output), "--id", "bench", *COLUMNS]
    environment = child_environment(YINGMA_HOME=str(home), YINGMA_DATABASE_URL="")
    called = [sys.executable, "-c", APART, *command, "--model", "none", "--feed", "none"]
    done = subprocess.run(called, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or str(done.returncode)).splitlines()[-1]
        raise YingmaError(f"测速的任务没有完成：{last}", f"The job of the benchmark did not end well: {last}")
    status = json.loads((home / "jobs" / "bench" / "status.json").read_text(encoding="utf-8"))
    return status["seconds"], round(int(done.stdout.split()[-1]) / 1024, 1)


def _ids(output: Path, ending: str) -> int:
    """The number of rows, where they are in the order of their numbers; -1 elsewhere."""
    import polars as pl

    reader: Callable[..., pl.LazyFrame] = pl.scan_parquet if ending == "parquet" else pl.scan_csv
    ids = reader(output).select("id").collect().to_series()
    return len(ids) if ids.equals(pl.int_range(len(ids), eager=True).cast(ids.dtype)) else -1


def _alone(source: Path, answered: Path, target: Path, ending: str) -> None:
    """Distinct names with their number, and the answers joined and written in the input's order, by DuckDB."""
    import duckdb

    threads = str(min(4, os.cpu_count() or 1))
    with duckdb.connect(config={"memory_limit": "6GB", "threads": threads}) as database:
        numbered = (
            f"SELECT *, file_row_number AS rn FROM read_parquet('{source}', file_row_number = true)"
            if ending == "parquet"
            else f"SELECT *, row_number() OVER () AS rn FROM read_csv('{source}', header = true, all_varchar = true)"
        )
        rows = numbered if ending == "parquet" else numbered.replace("row_number() OVER ()", "0")
        key = "name, modality, institution"
        database.execute(f"SELECT {key}, count(*) FROM ({rows}) GROUP BY ALL").fetchall()
        reader = "read_parquet" if ending == "parquet" else "read_csv"
        options = "" if ending == "parquet" else ", header = true, all_varchar = true"
        database.execute(f"CREATE TABLE answers AS SELECT DISTINCT {key}, {NEW} FROM {reader}('{answered}'{options})")
        kind = "FORMAT parquet" if ending == "parquet" else "FORMAT csv, HEADER true"
        database.execute(
            f"COPY (SELECT r.id, r.name, r.modality, r.institution, r.date, {NEW} FROM ({numbered}) AS r "
            f"JOIN answers AS a USING ({key}) ORDER BY r.rn) TO '{target}' ({kind})"
        )
