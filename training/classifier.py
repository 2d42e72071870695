"""Fitting of the second voice, a character n-gram classifier, on generated names.

    table of n-grams ─▶ sums ─▶ relu ─▶ hidden (and a mixed part of it) ─▶ items of each segment, number of exams

The loss is the negative logarithm of the chance of the true answer: of the number of exams, and of drawing them one
after the other from what the segments say. An item's output weights are the sum of those of its
elements and of its own, so that a rare item learns from the others of its part or scan. prompts/bag_model.py holds the
same arithmetic in integers. The same seed gives the same file on the same kind of machine.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from prompts import ngrams
from prompts.bag_model import COUNTS, EXACT, GREATEST, USED, Answers, BagModel, Weights, pack, settle
from prompts.embedded import MOST_EXAMS, Asker
from standard import Catalogue
from standard.lexicon import Lexicon
from training.generator import CHUNK, Generator, TrainingName
from training.versions import edition_versions, generator_version

HELD_OUT = 4  # chunks of another seed
SHIFTS = 5  # the greatest left shift of a row of the table
SPREAD = 3.0  # of the sums, for the first steps
FIRST, SECOND, TINY = 0.9, 0.98, 1e-8  # of Adam


class Sizes(NamedTuple):
    """How large the model is and how it learns: buckets (2 ** bits), columns of the table, those of them that sum the
    whole name, mixed values; learning rate, share of the steps over which it rises, names a step."""

    bits: int = 16
    columns: int = 128
    wide: int = 64
    mixed: int = 128
    rate: float = 0.01
    warm_up: float = 0.05
    rows: int = 250


SIZES = Sizes()


class Truth(NamedTuple):
    """Of a batch: questions; indices of the true items, -1 behind the last, (names, MOST_EXAMS); number classes."""

    questions: list[str]
    items: torch.Tensor
    counts: torch.Tensor


class Table:
    """The table of n-grams and its optimizer: Adam, for the rows that a step touches."""

    def __init__(self, sizes: Sizes, chance: torch.Generator) -> None:
        self.rows = torch.randn(1 << sizes.bits, sizes.columns, generator=chance) * 0.1
        self._means, self._squares = torch.zeros_like(self.rows), torch.zeros_like(self.rows)
        self._steps = 0

    def learn(self, at: Any, gradient: Any, rate: float) -> None:
        """One step on the rows `at`."""
        self._steps += 1
        means = self._means[at].mul_(FIRST).add_(gradient, alpha=1 - FIRST)
        squares = self._squares[at].mul_(SECOND).addcmul_(gradient, gradient, value=1 - SECOND)
        self._means[at], self._squares[at] = means, squares
        size = (squares / (1 - SECOND**self._steps)).sqrt_().add_(TINY)
        self.rows[at] -= rate / (1 - FIRST**self._steps) * means / size


class Net:
    """The model in floats. `layers` are what the optimizer of torch learns; the table learns by itself."""

    def __init__(self, catalogue: Catalogue, sizes: Sizes, seed: int) -> None:
        chance = torch.Generator().manual_seed(seed)
        self.sizes = sizes
        self.table = Table(sizes, chance)
        hidden, items = sizes.columns + sizes.mixed, list(catalogue.items.values())
        elements: dict[tuple[str, str], int] = {}
        parts = [
            [elements.setdefault(pair, len(elements)) for pair in (("modality", item.modality), *item.elements.items())]
            for item in items
        ]
        self._parts = torch.tensor(list(chain.from_iterable(parts)))
        self._offsets = torch.tensor([0, *np.cumsum([len(each) for each in parts])[:-1]])
        self.layers = {
            "table_bias": torch.zeros(sizes.columns),
            "mixer": torch.randn(sizes.mixed, sizes.columns, generator=chance) / sizes.columns**0.5,
            "mixer_bias": torch.zeros(sizes.mixed),
            "elements": torch.randn(len(elements), hidden, generator=chance) * 0.05,
            "own": torch.zeros(len(items), hidden),
            "items_bias": torch.zeros(len(items)),
            "counts": torch.zeros(COUNTS, 2 * hidden),
            "counts_bias": torch.zeros(COUNTS),
        }
        for layer in self.layers.values():
            layer.requires_grad_()

    def items(self) -> Any:
        """The output weights of the items, (I, H)."""
        elements = self.layers["elements"]
        return self.layers["own"] + functional.embedding_bag(self._parts, elements, self._offsets, mode="sum")

    def hidden(self, rows: Any, found: ngrams.Bags, buckets: Any) -> Any:
        """The hidden values of each segment, (segments, H). `buckets`: of the n-grams, as places in `rows`."""
        owners, wide = torch.from_numpy(found.owners), self.sizes.wide
        sums = functional.embedding_bag(buckets, rows, torch.from_numpy(found.segments[:-1]), mode="sum")
        sizes = torch.from_numpy(np.diff(found.segments).astype(np.float32))[:, None]
        names = len(found.names) - 1
        whole = torch.zeros(names, wide).index_add(0, owners, sums[:, :wide])
        whole_sizes = torch.zeros(names, 1).index_add(0, owners, sizes)
        sums = torch.cat(
            [(whole * (SPREAD * whole_sizes.rsqrt()))[owners], sums[:, wide:] * (SPREAD * sizes.rsqrt())], 1
        )
        first = functional.relu(sums + self.layers["table_bias"])
        mixed = functional.relu(functional.linear(first, self.layers["mixer"], self.layers["mixer_bias"]))
        return torch.cat([first, mixed], 1)

    def outputs(self, hidden: Any, owners: Any, names: int) -> tuple[Any, Any]:
        """Logits of the items of each segment, and of the number of exams of each name."""
        logits = functional.linear(hidden, self.items(), self.layers["items_bias"])
        index = owners[:, None].expand_as(hidden)
        greatest = torch.zeros(names, hidden.shape[1]).scatter_reduce(0, index, hidden, "amax")
        summed = torch.zeros(names, hidden.shape[1]).index_add(0, owners, hidden)
        pooled = torch.cat([greatest, summed], 1)
        return logits, functional.linear(pooled, self.layers["counts"], self.layers["counts_bias"])


def together(logits: Any, owners: Any, names: int) -> Any:
    """Log-sum-exp over the segments of each name: (segments,) to (names,)."""
    peak = torch.full((names,), -torch.inf).scatter_reduce(0, owners, logits.detach(), "amax")
    return torch.zeros(names).index_add(0, owners, torch.exp(logits - peak[owners])).log() + peak


def loss_of(net: Net, truth: Truth) -> tuple[Any, Any, Any]:
    """The loss of a batch, the rows of the table that it touches, and their values with the gradient to come.

    It is the negative logarithm of what `prompts.bag_model.settle` calls the chance of the true answer, its exams drawn
    in the order of `truth.items`."""
    found = ngrams.bags(truth.questions, net.sizes.bits)
    touched, places = np.unique(found.buckets, return_inverse=True)
    at = torch.from_numpy(touched)
    rows = net.table.rows[at].requires_grad_()
    owners, names = torch.from_numpy(found.owners), len(truth.questions)
    logits, counts = net.outputs(net.hidden(rows, found, torch.from_numpy(places)), owners, names)
    true = logits.gather(1, truth.items.clamp(min=0)[owners])
    mass = logits.logsumexp(1)
    loss = functional.cross_entropy(counts, truth.counts, reduction="sum")
    weight, rest = torch.zeros_like(mass), torch.ones_like(mass)
    for rank in range(int((truth.items >= 0).sum(1).max())):
        real = truth.items[:, rank] >= 0
        mine = together(weight + true[:, rank], owners, names)
        every = together(weight + mass + rest.log(), owners, names)
        loss = loss + ((every - mine) * real).sum()
        taken = torch.exp(weight + true[:, rank] - mine[owners])
        weight = weight + torch.log1p(-USED * taken * real[owners])
        rest = (rest - torch.exp(true[:, rank] - mass) * real[owners]).clamp(min=1e-6)
    return loss / names, at, rows


def truth_of(names: Sequence[TrainingName], asker: Asker, places: dict[str, int], chance: random.Random) -> Truth:
    """Names as a batch, the exams of each in any order. Of more than MOST_EXAMS codes some count."""
    items = torch.full((len(names), MOST_EXAMS), -1, dtype=torch.int64)
    for row, name in enumerate(names):
        codes = list(dict.fromkeys(name.codes))
        for column, code in enumerate(chance.sample(codes, min(len(codes), MOST_EXAMS))):
            items[row, column] = places[code]
    counts = (items >= 0).sum(1).clamp(max=COUNTS - 1)
    return Truth([asker.question(name.name, name.modality) for name in names], items, counts)


def train_classifier(
    generator: Generator,
    catalogue: Catalogue,
    lexicon: Lexicon,
    out: Path,
    names: int,
    seed: int,
    progress: Callable[[int, int, float], None],
    sizes: Sizes = SIZES,
) -> dict[str, float]:
    """Fit the classifier to `names` names (whole chunks) and write its file.

    `progress` is told names learnt, names in all, and the loss of the last chunk. Returns figures: the last loss, the
    seconds it took, and of names of another seed the share read right, of all and by kind, and the share for which
    integers and floats say the same.
    """
    begun = time.perf_counter()
    asker, places = Asker(lexicon), {code: at for at, code in enumerate(catalogue.items)}
    net, chance = Net(catalogue, sizes, seed), random.Random(seed)
    optimizer = torch.optim.AdamW(net.layers.values(), sizes.rate, (FIRST, SECOND), weight_decay=0.0)
    chunks, each = max(1, math.ceil(names / CHUNK)), CHUNK // sizes.rows
    loss = math.nan
    torch.set_flush_denormal(True)  # of what Adam forgets; else they slow the steps down
    try:
        for chunk in range(chunks):
            drawn, losses = generator.chunk(chunk), []
            for part in range(each):
                truth = truth_of(drawn[part * sizes.rows : (part + 1) * sizes.rows], asker, places, chance)
                rate = sizes.rate * _slope((chunk * each + part) / (chunks * each), sizes.warm_up)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                optimizer.zero_grad()
                value, at, rows = loss_of(net, truth)
                value.backward()
                optimizer.step()
                net.table.learn(at, rows.grad, rate)
                losses.append(value.item())
            loss = sum(losses) / len(losses)
            progress((chunk + 1) * CHUNK, chunks * CHUNK, loss)
        held_out = list(Generator(catalogue, lexicon, seed + 1).names(HELD_OUT * CHUNK))
        truth = truth_of(held_out, asker, places, chance)
        weights = stored(net, truth)
        figures = {"loss": loss, **_measured(net, weights, truth, held_out)}
    finally:
        torch.set_flush_denormal(False)
    editions = {edition.id: {item.code: item.name for item in edition.items.values()} for edition in catalogue.editions}
    meta = {
        "seed": seed,
        "names": chunks * CHUNK,
        "lexicon": lexicon.version,
        "generator": generator_version(),
        "edition_versions": "+".join(edition_versions(catalogue).values()),
        "editions": editions,
    }
    pack(weights, meta, out)
    return {**figures, "seconds": time.perf_counter() - begun}


def _slope(done: float, warm_up: float) -> float:
    """The learning rate as a share of the greatest: up in a line, down in half a cosine."""
    return min(1.0, done / warm_up + 0.01) * 0.5 * (1 + math.cos(math.pi * done))


# -- the stored model --------------------------------------------------------------------------------------------------


def stored(net: Net, truth: Truth) -> Weights:
    """The model in integers. `truth`: names whose hidden values say how far those reach."""
    hidden = net.sizes.columns + net.sizes.mixed
    levels = EXACT // (GREATEST * hidden)
    layers = {key: layer.detach().numpy() for key, layer in net.layers.items()}
    with torch.no_grad():
        found = ngrams.bags(truth.questions, net.sizes.bits)
        values = net.hidden(net.table.rows, found, torch.from_numpy(found.buckets))
        step = float(values.max()) / levels
        items, items_scale = _scaled(net.items().numpy())
    table, shift, unit = _shifted(net.table.rows.numpy())
    mixer, mixer_scale = _scaled(layers["mixer"])
    counts, counts_scale = _scaled(layers["counts"])
    return Weights(
        table=table,
        shift=shift,
        table_bias=layers["table_bias"] / np.float32(step),
        mixer=mixer,
        mixer_scale=mixer_scale,
        mixer_bias=layers["mixer_bias"] / np.float32(step),
        items=items,
        items_scale=items_scale * np.float32(step),
        items_bias=layers["items_bias"],
        counts=counts,
        counts_scale=counts_scale * np.float32(step),
        counts_bias=layers["counts_bias"],
        unit=unit * SPREAD / step,
        levels=levels,
        wide=net.sizes.wide,
    )


def _scaled(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """8-bit integers and the scale of each row, of which they are multiples."""
    scale = np.maximum(np.abs(values).max(axis=1), 1e-12) / GREATEST
    return np.rint(values / scale[:, None]).astype(np.int8), scale.astype(np.float32)


def _shifted(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """8-bit integers, the left shift of each row, and the unit of all."""
    reach = np.abs(values).max(axis=1)
    unit = float(reach.max()) / (GREATEST << SHIFTS)
    shift = np.ceil(np.log2(np.maximum(reach / (unit * GREATEST) - 1e-6, 1.0))).astype(np.uint8)
    whole = np.rint(values / (unit * np.exp2(shift.astype(np.float32)))[:, None])
    return np.clip(whole, -GREATEST, GREATEST).astype(np.int8), shift, unit


def _measured(net: Net, weights: Weights, truth: Truth, names: Sequence[TrainingName]) -> dict[str, float]:
    """Shares of the names that are read right, and that floats and integers answer alike."""
    model = BagModel(weights)
    answers: dict[str, list[frozenset[int]]] = {"float": [], "stored": []}
    for at in range(0, len(names), CHUNK):
        questions = truth.questions[at : at + CHUNK]
        for way, found in (("float", _answer(net, questions)), ("stored", model.answer(questions))):
            answers[way] += [frozenset(row[:size]) for row, size in zip(found.items.tolist(), found.sizes, strict=True)]
    true = [frozenset(item for item in row if item >= 0) for row in truth.items.tolist()]
    hits = [said == real for said, real in zip(answers["stored"], true, strict=True)]
    alike = [one == other for one, other in zip(*answers.values(), strict=True)]
    figures = {"right": sum(hits) / len(hits), "alike": sum(alike) / len(alike)}
    for kind in ("one", "several", "refusal"):
        of_kind = [hit for hit, name in zip(hits, names, strict=True) if name.kind == kind]
        figures[f"right_{kind}"] = sum(of_kind) / len(of_kind) if of_kind else math.nan
    return figures


def _answer(net: Net, questions: Sequence[str]) -> Answers:
    """What `BagModel.answer` gives, in floats."""
    found = ngrams.bags(questions, net.sizes.bits)
    with torch.no_grad():
        hidden = net.hidden(net.table.rows, found, torch.from_numpy(found.buckets))
        logits, counts = net.outputs(hidden, torch.from_numpy(found.owners), len(questions))
        return settle(logits.numpy(), found.owners, counts.double().numpy())
