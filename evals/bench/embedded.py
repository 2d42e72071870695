"""`embedded`: Yingma's own small model: names a second on one core, what Python adds to llama.cpp, memory.

A few names go through all ways in turning order, then the next few, so that what else runs on the machine disturbs all
ways alike:

- fill: the whole step, with the runner-up, as the pipeline asks it.
- walk: the answer without its runner-up.
- right_draft, wrong_draft: the same, given the right answer, or another name's, in the same batch as the prompt.
- llama, llama_walk: the very batches of `fill` and of `walk`, made beforehand and given to `llama_decode` again.

Seconds are of the processor; ratios are medians over the blocks of names. Memory and opening are those of a process
that does nothing but answer.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evals.bench.machine import ROOT, child_environment, on_one_core, peak_memory_mb
from evals.bench.names import BenchName, bench_names
from standard.errors import ModelError

if TYPE_CHECKING:
    from agent.model.embedded import EmbeddedModel
    from agent.model.evaluate import Evaluator, Logits
    from agent.model.walk import Walk

COUNT, RUNS, BLOCK = 500, 3, 20
WAYS = ("fill", "walk", "right_draft", "wrong_draft", "llama", "llama_walk")
Calls = list[Callable[[], Any]]
ENVIRONMENT = {"OMP_NUM_THREADS": "1"}


class Batch:
    """One batch, ready for `llama_decode`, with the arrays that it points to."""

    def __init__(self, evaluator: Evaluator, tokens: np.ndarray[Any, Any], flags: np.ndarray[Any, Any]) -> None:
        self._arrays = tokens, flags
        self._decode = partial(evaluator.lib.llama_decode, evaluator.context, evaluator.batch(tokens, flags))

    def __call__(self) -> int:
        """llama.cpp's answer: 0 where it did it."""
        return int(self._decode())


class Recorder:
    """An evaluator that also notes what it is told, as functions that tell llama.cpp the same without this package."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.calls: Calls = []
        self.batches = 0

    def clear(self) -> None:
        """Empties the sequence."""
        self.evaluator.clear()
        self.calls.append(partial(self.evaluator.lib.llama_memory_clear, self.evaluator.memory, False))

    def cut(self, length: int) -> None:
        """Keeps the first `length` tokens."""
        self.evaluator.cut(length)
        self.calls.append(partial(self.evaluator.lib.llama_memory_seq_rm, self.evaluator.memory, 0, length, -1))

    def feed(self, tokens: Sequence[int], outputs: int = 1) -> Logits:
        """Appends tokens."""
        flags = np.zeros(len(tokens), dtype=np.int8)
        flags[-outputs:] = 1
        self.calls.append(Batch(self.evaluator, np.array(tokens, dtype=np.int32), flags))
        self.batches += 1
        return self.evaluator.feed(tokens, outputs)


def run_embedded_bench(home: Path, count: int = COUNT) -> dict[str, Any]:
    """The measurement, made in fresh processes; `left_out` says why where there is no model."""
    speed = _child("speed", count)
    return speed if speed["left_out"] else {**speed, **_child("memory", count)}


def _child(what: str, count: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "evals.bench.embedded", what, str(count)],
        cwd=ROOT,
        env=child_environment(**ENVIRONMENT),
        stdout=subprocess.PIPE,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def open_own() -> EmbeddedModel:
    """Yingma's own model: of YINGMA_MODEL_PATH where that is one, else as shipped. ModelError where there is none."""
    from agent.model.embedded import EmbeddedModel, own_in_use
    from standard import load_catalogue

    return EmbeddedModel(load_catalogue(), own_in_use())


def measure_memory(count: int) -> dict[str, Any]:
    """Seconds until the model is open, imports included, and peak memory after the names."""
    from agent.model import ModelRequest

    names = bench_names(count)
    began = time.process_time()
    model = open_own()
    opened = time.process_time() - began
    model.fill_many([ModelRequest(each.name, each.modality) for each in names])
    return {"open_s": round(opened, 2), "peak_memory_mb": peak_memory_mb()}


def measure_speed(count: int) -> dict[str, Any]:
    """Names a second of each way, and whether they give the same answers."""
    on_one_core()
    try:
        model = open_own()
    except ModelError as error:
        return {"left_out": str(error)}
    try:
        return _measured(model, bench_names(count))
    finally:
        model.close()


def _measured(model: EmbeddedModel, names: Sequence[BenchName]) -> dict[str, Any]:
    from agent.model import ModelRequest

    plain = [model.walk(each.name, each.modality) for each in names]
    backward = [model.walk(each.name, each.modality) for each in reversed(names)]
    walked = [model.walk(each.name, each.modality, runner_up=False) for each in names]
    fill_calls, batches = _recorded(model, names, runner_up=True)
    walk_calls, _ = _recorded(model, names, runner_up=False)
    found: dict[str, list[Walk]] = {"right_draft": [], "wrong_draft": []}
    ways: dict[str, Calls] = {way: [] for way in WAYS}
    for at, name in enumerate(names):
        walk = partial(model.walk, name.name, name.modality, runner_up=False)
        ways["fill"].append(partial(model.fill, ModelRequest(name.name, name.modality)))
        ways["walk"].append(walk)
        ways["right_draft"].append(partial(walk, draft=walked[at].codes))
        ways["wrong_draft"].append(partial(walk, draft=walked[at - 1].codes))
        ways["llama"].append(partial(_replay, fill_calls[at]))
        ways["llama_walk"].append(partial(_replay, walk_calls[at]))
    blocks = range(0, len(names), BLOCK)
    spent = {way: np.zeros((RUNS, len(blocks))) for way in WAYS}
    for run, (turn, at) in itertools.product(range(RUNS), enumerate(blocks)):
        first = (run + turn) % len(WAYS)
        for way in WAYS[first:] + WAYS[:first]:
            began = time.process_time()
            made = [call() for call in ways[way][at : at + BLOCK]]
            spent[way][run, turn] = time.process_time() - began
            if run == 0 and way in found:
                found[way] += made
    seconds = {way: float(np.median(each.sum(axis=1))) for way, each in spent.items()}
    return {
        "left_out": "",
        "model": dict(model.provenance),
        "names": len(names),
        "names_per_s": {way: round(len(names) / each) for way, each in seconds.items()},
        "over_llama": {
            "fill": round(_ratio(spent["fill"], spent["llama"]) - 1, 3),
            "walk": round(_ratio(spent["walk"], spent["llama_walk"]) - 1, 3),
        },
        "times_walk": {
            way: round(_ratio(spent["walk"], spent[way]), 2) for way in ("fill", "right_draft", "wrong_draft")
        },
        "batches_a_name": round(batches / len(names), 2),
        "runner_ups": sum(each.runner_up is not None for each in plain),
        "same_in_reverse": sum(a == b for a, b in zip(plain, reversed(backward), strict=True)),
        "drafts": {way: _compared(walked, walks) for way, walks in found.items()},
    }


def _recorded(model: EmbeddedModel, names: Sequence[BenchName], runner_up: bool) -> tuple[list[Calls], int]:
    """The calls of each name, and how many batches there were."""
    recorder = Recorder(model.walker.evaluator)
    model.walker.evaluator = recorder  # type: ignore[assignment]
    calls = []
    try:
        for each in names:
            recorder.calls = []
            model.walk(each.name, each.modality, runner_up=runner_up)
            calls.append(recorder.calls)
    finally:
        model.walker.evaluator = recorder.evaluator
    return calls, recorder.batches


def _ratio(ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any]) -> float:
    """Of seconds [runs, blocks]: the median over runs and blocks, each against the same block of the same run."""
    return float(np.median(ours / theirs))


def _replay(calls: Calls) -> None:
    for call in calls:
        call()


def _compared(plain: Sequence[Walk], drafted: Sequence[Walk]) -> dict[str, Any]:
    """How many answers are the same, and the largest difference of log-probability among those."""
    pairs = list(zip(plain, drafted, strict=True))
    differences = [abs(a.logprob - b.logprob) for a, b in pairs if a.codes == b.codes]
    return {"same": len(differences), "logprob_off_by": round(max(differences, default=0.0), 6)}


def _main(arguments: Sequence[str]) -> None:
    what, count = arguments
    print(json.dumps(measure_memory(int(count)) if what == "memory" else measure_speed(int(count))))


if __name__ == "__main__":
    _main(sys.argv[1:])
