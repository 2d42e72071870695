"""The n-gram classifier's arithmetic: its file, and what follows from a name's bags; numpy alone.

    bags of n-grams ─▶ sums (whole name, segment) ─▶ hidden ─▶ items of each segment ─▶ share of each item
                                                        └─▶ number of exams (0: the refusal)

Weights are 8-bit integers, and what they are multiplied with is rounded to integers too, so small that every sum of
products is exact in 32-bit floats: an answer is the same to the last bit in every batch, in every order, with any
number of threads. training/classifier.py makes the file, agent/classifier.py answers with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from prompts import ngrams
from prompts.embedded import LONGEST, MOST_EXAMS
from standard.errors import ModelError

FORMAT = 1
COUNTS = 5  # classes of the number of exams: 0 (the refusal), 1, 2, 3, and 4 or more
EXACT = 1 << 24  # integers up to here are exact in 32-bit floats
GREATEST = 127  # of an 8-bit weight
USED = 0.95  # how much less a segment counts that an exam came from
NEVER = 1e-30  # the least share, so that its logarithm is finite


@dataclass(frozen=True)
class Weights:
    """The arrays of the file. D columns of the table, of which the first `wide` are summed over the whole name and the
    others over a segment; R mixed values; H = D + R hidden ones; I items.

    An integer array times its scale (one a row) is the float it stands for; a row of `table` is shifted instead: it
    stands for table << shift, times `unit`. Hidden values are integers from 0 to `levels`.
    """

    table: np.ndarray  # int8, (buckets, D)
    shift: np.ndarray  # uint8, (buckets,)
    table_bias: np.ndarray  # f32, (D,)
    mixer: np.ndarray  # int8, (R, D)
    mixer_scale: np.ndarray  # f32, (R,)
    mixer_bias: np.ndarray  # f32, (R,)
    items: np.ndarray  # int8, (I, H)
    items_scale: np.ndarray  # f32, (I,)
    items_bias: np.ndarray  # f32, (I,)
    counts: np.ndarray  # int8, (COUNTS, 2 H): of the segments' greatest hidden values, and of their sums
    counts_scale: np.ndarray  # f32, (COUNTS,)
    counts_bias: np.ndarray  # f32, (COUNTS,)
    unit: float
    levels: int
    wide: int

    @property
    def bits(self) -> int:
        """The logarithm of the number of buckets."""
        return len(self.table).bit_length() - 1

    def of(self, items: Sequence[int]) -> Weights:
        """With these items alone, in this order."""
        chosen = {key: getattr(self, key)[items] for key in ("items", "items_scale", "items_bias")}
        return Weights(**{**vars(self), **chosen})

    def fault(self) -> str:
        """What does not fit together; "" for nothing."""
        buckets, columns = self.table.shape
        hidden = columns + len(self.mixer)
        shapes = {
            "shift": (buckets,),
            "table_bias": (columns,),
            "mixer": (len(self.mixer), columns),
            "mixer_scale": (len(self.mixer),),
            "mixer_bias": (len(self.mixer),),
            "items": (len(self.items), hidden),
            "items_scale": (len(self.items),),
            "items_bias": (len(self.items),),
            "counts": (COUNTS, 2 * hidden),
            "counts_scale": (COUNTS,),
            "counts_bias": (COUNTS,),
        }
        for key, shape in shapes.items():
            array = getattr(self, key)
            if array.shape != shape or array.dtype.kind not in "iuf":
                return f"{key} {array.dtype} {array.shape}"
        if buckets != 1 << self.bits or not 0 <= self.wide <= columns:
            return f"table {self.table.shape}, {self.wide}"
        most = (LONGEST + 3) * ngrams.EACH  # n-grams of a name
        if max(most * GREATEST << int(self.shift.max()), GREATEST * self.levels * hidden) > EXACT:
            return f"levels {self.levels}, shift {self.shift.max()}"
        return ""


def pack(weights: Weights, meta: Mapping[str, Any], path: Path) -> None:
    """Write a file. `meta` is kept with it: editions ({id: {code: name}}, in the order of the items), versions."""
    arrays: dict[str, Any] = {key: value for key, value in vars(weights).items() if isinstance(value, np.ndarray)}
    numbers = {key: value for key, value in vars(weights).items() if not isinstance(value, np.ndarray)}
    told = {**meta, "format": FORMAT, "features": ngrams.VERSION, "numbers": numbers}
    text = json.dumps(told, ensure_ascii=False, sort_keys=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        np.savez_compressed(stream, meta=np.frombuffer(text.encode(), dtype=np.uint8), **arrays)


def unpack(path: Path) -> tuple[Weights, dict[str, Any]]:
    """Weights and meta of a file. ModelError where there is none, or it is damaged or of another version."""
    if not path.is_file():
        raise ModelError(
            f"没有分类器文件 {path}；请重新安装，或用 model train 训练。",
            f"There is no classifier file {path}; install again, or make one with: model train",
        )
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
        meta: dict[str, Any] = json.loads(arrays.pop("meta").tobytes().decode())
        version = meta["format"], meta["features"]
        if version == (FORMAT, ngrams.VERSION):
            weights = Weights(**arrays, **meta["numbers"])
            fault = weights.fault()
            items = sum(len(each) for each in meta["editions"].values())
            if fault or items != len(weights.items):
                raise ValueError(fault or f"items {items}")
            return weights, meta
    except Exception as error:  # whatever a damaged file makes numpy, zlib and json raise
        raise ModelError(
            f"分类器文件 {path} 已损坏（{error}）；请重新安装，或用 model train 训练。",
            f"The classifier file {path} is damaged ({error}); install again, or make it anew with: model train",
        ) from error
    raise ModelError(
        f"分类器文件 {path} 属于另一版本的程序；请用 model train 重新训练。",
        f"The classifier file {path} is of another version of the program; make it anew with: model train",
    )


class BagModel:
    """Weights, ready to be used: 32-bit copies of the integers, that BLAS can multiply."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._table = weights.table.astype(np.float32)
        self._table *= np.exp2(weights.shift.astype(np.float32))[:, None]
        self._mixer = np.ascontiguousarray(weights.mixer.T, dtype=np.float32)
        self._items = np.ascontiguousarray(weights.items.T, dtype=np.float32)
        self._counts = np.ascontiguousarray(weights.counts.T, dtype=np.float64)

    def answer(self, questions: Sequence[str]) -> Answers:
        """The answer to each question. It does not depend on the others; at least one question."""
        weights = self._weights
        found = ngrams.bags(questions, weights.bits)
        owners, starts = found.owners, found.names[:-1]
        hidden = self._hidden(found)
        logits = hidden @ self._items
        logits *= weights.items_scale
        logits += weights.items_bias
        pooled = np.concatenate([greatest_of(hidden, starts), sums_of(hidden, starts)], axis=1)
        counts = pooled.astype(np.float64) @ self._counts
        return settle(logits, owners, counts * weights.counts_scale + weights.counts_bias)

    def _hidden(self, found: ngrams.Bags) -> np.ndarray:
        """The hidden values of each segment, f32 (segments, H): integers from 0 to `levels`."""
        weights, owners, starts = self._weights, found.owners, found.names[:-1]
        sums = sums_of(self._table[found.buckets], found.segments[:-1])
        sizes = np.diff(found.segments).astype(np.float32)
        whole, wide = np.add.reduceat(sizes, starts)[owners], weights.wide
        sums[:, :wide] = sums_of(sums[:, :wide], starts)[owners]
        unit = np.float32(weights.unit)
        sums[:, :wide] *= (unit / np.sqrt(whole))[:, None]
        sums[:, wide:] *= (unit / np.sqrt(sizes))[:, None]
        hidden = self._rounded(sums + weights.table_bias)
        mixed = hidden @ self._mixer
        return np.concatenate([hidden, self._rounded(mixed * weights.mixer_scale + weights.mixer_bias)], axis=1)

    def _rounded(self, values: np.ndarray) -> np.ndarray:
        rounded: np.ndarray = np.rint(np.clip(values, 0, self._weights.levels))
        return rounded


def sums_of(values: np.ndarray, starts: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Weighted sums of the rows from each start to the next: (rows, X) to (starts, X), f32.

    Row after row, one sum at a time: `np.add.reduceat` does the same in several times its time, and a sparse matrix a
    little faster, but to import one costs more than a small job's questions."""
    weighted = values if weights is None else values * weights[:, None]
    sums = np.empty((len(starts), values.shape[1]), dtype=np.float32)
    for at, (start, end) in enumerate(pairwise([*starts.tolist(), len(values)])):
        np.add.reduce(weighted[start:end], axis=0, out=sums[at])
    return sums


def greatest_of(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The greatest of the rows from each start to the next: (rows, X) to (starts, X)."""
    greatest: np.ndarray = values[starts]
    sizes = np.diff(starts, append=len(values))
    for step in range(1, int(sizes.max())):
        longer = np.flatnonzero(sizes > step)
        greatest[longer] = np.maximum(greatest[longer], values[starts[longer] + step])
    return greatest


class Answers(NamedTuple):
    """Of a batch: `items` the likeliest items of each name, the likeliest first, (names, MOST_EXAMS); `sizes` how many
    of them are the answer; `logprobs` of the answers, and `margins` in nats to the best others."""

    items: np.ndarray
    sizes: np.ndarray
    logprobs: np.ndarray
    margins: np.ndarray


def settle(logits: np.ndarray, owners: np.ndarray, counts: np.ndarray) -> Answers:
    """The likeliest answers. `logits`: f32 (segments, I), of items; used up. `owners`: the name of each segment.
    `counts`: f64 (names, COUNTS), logits of the number of exams.

    Exams are drawn one after the other, each by its share of what the segments say; a segment that an exam came from
    then counts less, so that the next one comes from another. The chance of k exams is that of the number, times the
    shares; since any order of them will do, the r-th share may be 1 / (k - r) at best.
    """
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    counts = counts - counts.max(axis=1)[:, None]
    counts -= np.log(np.exp(counts).sum(axis=1))[:, None]
    logits -= np.maximum.reduceat(logits.max(axis=1), starts)[owners][:, None]
    masses = np.exp(logits, out=logits)
    names = len(counts)
    items = np.zeros((names, MOST_EXAMS), dtype=np.int64)
    first, second = np.zeros((names, MOST_EXAMS)), np.zeros((names, MOST_EXAMS))  # logarithms of shares
    scores = np.full((names, MOST_EXAMS + 1), -np.inf)  # of the best answer of each size
    others = np.full_like(scores, -np.inf)  # of the next one of that size
    scores[:, 0] = counts[:, 0]
    left, weights = np.arange(names), np.ones(len(owners), dtype=np.float32)
    for rank in range(MOST_EXAMS):
        size, rows = rank + 1, np.arange(len(left))
        sums = sums_of(masses, starts, weights)
        total = np.maximum(sums.sum(axis=1), NEVER)
        sums[rows[:, None], items[left, :rank]] = -1.0
        chosen = items[left, rank] = sums.argmax(axis=1)
        best = sums[rows, chosen]
        first[left, rank] = np.log(np.maximum(best / total, NEVER))
        sums[rows, chosen] = -1.0
        second[left, rank] = np.log(np.maximum(sums.max(axis=1) / total, NEVER))
        at_best = np.log(np.arange(size, 0, -1))
        terms = np.minimum(first[left, :size] + at_best, 0.0)
        scores[left, size] = counts[left, min(size, COUNTS - 1)] + terms.sum(axis=1)
        others[left, size] = scores[left, size] - terms[:, rank] + second[left, rank]
        # a greater number can only count where it is likelier than the second best answer so far
        bound = np.partition(np.concatenate([scores[left], others[left]], axis=1), -2, axis=1)[:, -2]
        goes_on = counts[left, min(size + 1, COUNTS - 1) :].max(axis=1) > bound
        place = np.repeat(rows, np.diff(starts, append=len(owners)))
        taken = masses[np.arange(len(place)), chosen[place]]
        weights *= 1 - USED * taken * weights / np.maximum(best, NEVER)[place].astype(np.float32)
        masses[np.arange(len(place)), chosen[place]] = 0.0
        keep = goes_on[place]
        masses, weights, owners, left = masses[keep], weights[keep], owners[keep], left[goes_on]
        if not len(left):
            break
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
    sizes = scores.argmax(axis=1)
    rows = np.arange(names)
    logprobs = scores[rows, sizes]
    margins = logprobs - np.maximum(np.sort(scores, axis=1)[:, -2], others[rows, sizes])
    return Answers(items, sizes, logprobs, margins)
