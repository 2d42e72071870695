"""`reader`: names a second of the whole pipeline without a model, against searching and against asking a model.

All on one core, in one process, on the same names, by turns, in seconds of that core (so what else runs on the machine
disturbs little). The pipeline is made anew for every run, so that nothing
it remembers from the run before counts. The plain ways find ten candidates a name and decide nothing:

- tfidf: scikit-learn's character TF-IDF (1 to 3), fitted on the standard names, product, ten best; fitting counts.
- dense: the embedding model over the names (sampled), product with the vectors of the items, ten best.
- model: one call of the local model a name (sampled), with the candidates of the lexical index in its prompt.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evals.bench.machine import ROOT, child_environment, on_one_core, peak_memory_mb
from evals.bench.names import BenchName, bench_names

if TYPE_CHECKING:
    from agent.pipeline import Pipeline

COUNT, RUNS, DENSE_SAMPLE, MODEL_SAMPLE = 10_000, 5, 200, 10
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def run_reader_bench(home: Path, count: int = COUNT, runs: int = RUNS) -> dict[str, Any]:
    """The measurement, made in fresh processes: one for the speeds, one for the pipeline's memory."""
    speeds = _child("speed", home, count, runs)
    memory = _child("memory", home, count, 1)
    return {**speeds, **memory}


def _child(what: str, home: Path, count: int, runs: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "evals.bench.reader", what, str(home), str(count), str(runs)]
    done = subprocess.run(command, cwd=ROOT, env=child_environment(**ENVIRONMENT), stdout=subprocess.PIPE, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure_memory(count: int) -> dict[str, Any]:
    """Peak memory of a process that does nothing but answer the names."""
    names = bench_names(count)
    began = time.process_time()
    _open_pipeline()
    opened = time.process_time() - began
    _pipeline_rate(names)
    return {"peak_memory_mb": peak_memory_mb(), "open_s": round(opened, 2)}


def measure_speed(home: Path, count: int, runs: int) -> dict[str, Any]:
    """Names a second of each way; the median of the runs, and of the ratios within a run."""
    on_one_core()
    names = bench_names(count)
    ours: list[float] = []
    compact: list[float] = []
    tfidf: list[float] = []
    for _ in range(runs):
        rates = _pipeline_rate(names)
        ours.append(rates["answer"])
        compact.append(rates["compact"])
        tfidf.append(_tfidf_rate(names))
    dense = _dense_rate(names[:DENSE_SAMPLE])
    asked = _model_rate(home, names[:MODEL_SAMPLE])
    return {
        "names": count,
        "cores_of_names": len({each.core for each in names}),
        "runs": runs,
        "names_per_s": {
            "pipeline": round(statistics.median(ours)),
            "pipeline_table": round(statistics.median(compact)),
            "tfidf": round(statistics.median(tfidf)),
            "dense": round(dense, 1),
            "model": round(asked, 2) if isinstance(asked, float) else None,
        },
        "spread": {"pipeline": [round(min(ours)), round(max(ours))], "tfidf": [round(min(tfidf)), round(max(tfidf))]},
        "ratio": {
            "pipeline": _ratios(ours, tfidf, dense, asked),
            "pipeline_table": _ratios(compact, tfidf, dense, asked),
        },
        "left_out": asked if isinstance(asked, str) else "",
    }


def _ratios(ours: list[float], tfidf: list[float], dense: float, asked: float | str) -> dict[str, float | None]:
    """How many times as fast ours is: by turns against TF-IDF (median), else against a sample."""
    rate = statistics.median(ours)
    return {
        "tfidf": round(statistics.median(a / b for a, b in zip(ours, tfidf, strict=True)), 2),
        "dense": round(rate / dense, 1),
        "model": round(rate / asked) if isinstance(asked, float) else None,
    }


def _open_pipeline() -> Pipeline:
    from agent.pipeline import Pipeline
    from standard import load_catalogue

    return Pipeline(load_catalogue())


def _pipeline_rate(names: Sequence[BenchName]) -> dict[str, float]:
    """Names a second of `answer` and of `answer_compact` (what tables are made of), each of a new pipeline, in a
    process that looks for cycles as seldom as a worker."""
    from agent.answer import Query
    from agent.pool import look_seldom

    look_seldom()
    queries = [Query(each.name, each.modality, each.institution) for each in names]
    rates: dict[str, float] = {}
    for key in ("answer", "compact"):
        pipeline = _open_pipeline()
        asked: Callable[[Sequence[Query]], Sequence[object]]
        asked = pipeline.answer if key == "answer" else pipeline.answer_compact
        began = time.process_time()
        answers = asked(queries)
        rates[key] = len(names) / (time.process_time() - began)
        assert len(answers) == len(names)
    return rates


def _folded(name: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFKC", name).upper().replace(" ", "")


def _item_names() -> list[str]:
    from standard import load_catalogue

    return [item.name for item in load_catalogue().items.values()]


def _tfidf_rate(names: Sequence[BenchName]) -> float:
    from sklearn.feature_extraction.text import TfidfVectorizer

    items = _item_names()
    began = time.process_time()
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3))
    index = vectorizer.fit_transform(map(_folded, items)).T.tocsr()
    for at in range(0, len(names), 1000):
        queries = vectorizer.transform(_folded(each.name) for each in names[at : at + 1000])
        np.argpartition(-(queries @ index).toarray(), 9, axis=1)[:, :10]
    return len(names) / (time.process_time() - began)


def _dense_rate(names: Sequence[BenchName]) -> float:
    """Without the time for the vectors of the items, which are made once."""
    from retrieval.embeddings import E5

    embedder = E5()
    embedder.queries(["胸部CT"])  # load the model before the clock runs
    items = np.random.default_rng(0).normal(size=(len(_item_names()), embedder.dimensions)).astype(np.float32)
    began = time.process_time()
    vectors = embedder.queries([each.name for each in names])
    np.argpartition(-(vectors @ items.T), 9, axis=1)[:, :10]
    return len(names) / (time.process_time() - began)


def _model_rate(home: Path, names: Sequence[BenchName]) -> float | str:
    """Names a second, or why there is no model."""
    from evals.bench.local_model import open_bench_model
    from evals.bench.model import requests_for
    from standard.errors import ModelError

    try:
        model = open_bench_model(home)
    except ModelError as error:
        return str(error)
    try:
        requests = requests_for(names)
        model.fill(requests[0])  # the first constrained call is slower
        began = time.process_time()
        for request in requests:
            model.fill(request)
        return len(names) / (time.process_time() - began)
    finally:
        model.close()


def _main(arguments: Sequence[str]) -> None:
    what, home, count, runs = arguments
    result = measure_memory(int(count)) if what == "memory" else measure_speed(Path(home), int(count), int(runs))
    print(json.dumps(result))


if __name__ == "__main__":
    _main(sys.argv[1:])
