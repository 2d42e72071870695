"""`daily`: the exams of one day, most of whose names came before, as a job from start to end, start of Python included.

In a home of its own, a day of 30,000 exams under 5,000 names is coded and fed into the queue; the day after has as many
exams, under the same names and 300 new ones. Each day is `job run` in a process of its own; without a model, and with
Yingma's own, which then is asked about new names only. Seconds of the cores are told too: they say what it costs where
the machine has other work as well.
"""

from __future__ import annotations

import csv
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evals.bench.machine import ROOT, child_environment
from evals.bench.names import BenchName, bench_names

EXAMS, KNOWN, NEW, RUNS = 30_000, 5_000, 300, 3
SEED = 20_261_129


def run_daily_bench(
    home: Path, exams: int = EXAMS, known: int = KNOWN, new: int = NEW, runs: int = RUNS
) -> dict[str, Any]:
    """Seconds of the first day and of the next one (median of the runs), by model. `home` is not touched."""
    names = bench_names(known + new)
    models = ["none"] + (["local"] if find_spec("llama_cpp") else [])
    return {
        "exams": exams,
        "names": known,
        "new": new,
        "runs": runs,
        "models": {model: _days(names, exams, new, model, runs) for model in models},
        "left_out": "" if find_spec("llama_cpp") else "llama_cpp",
    }


def _days(names: Sequence[BenchName], exams: int, new: int, model: str, runs: int) -> dict[str, Any]:
    """The first day, then `runs` times the next one, each from the same home after the first."""
    firsts, nexts = [], []
    for run in range(runs):
        with tempfile.TemporaryDirectory(prefix="yingma-bench-") as folder:
            place = Path(folder)
            firsts.append(_day(place, names[:-new], exams, model, f"first-{run}"))
            nexts.append(_day(place, names, exams, model, f"next-{run}"))
    return {
        "first_s": round(statistics.median(each["seconds"] for each in firsts), 2),
        "first_cpu_s": round(statistics.median(each["cpu"] for each in firsts), 2),
        "next_s": round(statistics.median(each["seconds"] for each in nexts), 2),
        "next_cpu_s": round(statistics.median(each["cpu"] for each in nexts), 2),
        "next_spread_s": [round(pick(each["seconds"] for each in nexts), 2) for pick in (min, max)],
        "next_steps_s": nexts[-1]["steps"],
        "next_names": nexts[-1]["names"],
    }


def _day(place: Path, names: Sequence[BenchName], exams: int, model: str, name: str) -> dict[str, Any]:
    """One day as a job."""
    chance = random.Random(SEED)
    rows = [*names, *(names[int(len(names) * chance.random() ** 3)] for _ in range(exams - len(names)))]
    chance.shuffle(rows)
    source = place / f"{name}.csv"
    with open(source, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("no", "name", "modality", "institution"))
        writer.writerows((at, each.name, each.modality, each.institution) for at, each in enumerate(rows))
    command = [sys.executable, "-m", "agent", "job", "run", str(source), "-o", str(place / f"{name}.out.csv")]
    environment = child_environment(YINGMA_HOME=str(place / "home"), YINGMA_DATABASE_URL="")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--id", name, "--model", model, "--json"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    told = json.loads(done.stdout)
    return {"seconds": seconds, "cpu": cpu, "steps": told["seconds"], "names": told["counts"]["names"]}
