"""Training rows: names with their answers as tokens, and how they are put together for one step.

    <s> c : 胸 部 C T 平 扫 ⇒ | {"e":[{"m":"CT", | "p":"胸部", | "s":"平扫","x":"" | }]} </s>
    └ question, not learnt ┘   └ answer and its end: learnt                                ┘

Names are drawn a buffer at a time; those that contradict each other are left out; the rest is sorted by length and cut
into steps, so that a step's rows are about equally long, and the steps are shuffled. All of it is a pure function of
the seed and the buffer's number.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from prompts.embedded import BOS, EOS, MARK, AnswerTree, Asker, Vocabulary, build_vocabulary
from standard import Catalogue, load_catalogue
from standard.lexicon import Lexicon, load_lexicon
from training.audit import consistent
from training.generator import CHUNK, Generator, TrainingName

OTHER_CATALOGUES = ("3.8",)  # beside the default: their elements are in the vocabulary too
# Lengths of steps are multiples of these: for each new shape, the library of matrix products makes code anew.
EVEN, EVEN_ANSWERS = 4, 128
NOT_ASKED = -100  # what fills up the wanted tokens; cross_entropy leaves it out


def own_vocabulary() -> Vocabulary:
    """The vocabulary of the shipped editions and lexicon."""
    return build_vocabulary([load_catalogue(), *map(load_catalogue, OTHER_CATALOGUES)], load_lexicon())


class Row(NamedTuple):
    """One name: its tokens, and how many of them are the question."""

    tokens: list[int]
    question: int


class Step(NamedTuple):
    """The rows of one step, for n answer tokens of B names.

    `ids` int64 [B, tokens], filled up on the right; states are wanted from token `start` on; `at` int64 [n] are places
    in the flattened [B, tokens - start], and `wanted` int64 [n] is the next token there; where it is NOT_ASKED, the
    place only fills up.
    """

    ids: Tensor
    start: int
    at: Tensor
    wanted: Tensor

    @property
    def names(self) -> int:
        """B."""
        return len(self.ids)

    def right(self, guessed: Tensor) -> Tensor:
        """Of tokens guessed [n]: which names [B] have their whole answer right."""
        good = torch.ones(self.names, dtype=torch.bool)
        wrong = self.at[(guessed != self.wanted) & (self.wanted != NOT_ASKED)]
        good[wrong // (self.ids.shape[1] - self.start)] = False
        return good


class Place(NamedTuple):
    """How far a run is: steps done in a buffer, and all names drawn for what is done."""

    buffer: int = 0
    step: int = 0
    names: int = 0


class RowMaker:
    """Makes rows of names. Compiled for a catalogue, a lexicon and a vocabulary."""

    def __init__(self, catalogue: Catalogue, lexicon: Lexicon, vocabulary: Vocabulary) -> None:
        self.vocabulary, self.tree = vocabulary, AnswerTree(catalogue, vocabulary)
        self.asker = Asker(lexicon)

    def question(self, name: str, modality: str) -> list[int]:
        """The tokens up to and with the mark."""
        return [BOS, *self.vocabulary.encode(self.asker.question(name, modality) + MARK)]

    def row(self, name: TrainingName) -> Row:
        """The tokens of a name. KeyError for a code that the catalogue lacks."""
        question = self.question(name.name, name.modality)
        return Row([*question, *self.tree.answer(name.codes), EOS], len(question))


class Source:
    """All steps of a run, in order: `rows` names each, drawn `buffer` (a multiple of CHUNK) at a time."""

    def __init__(self, generator: Generator, maker: RowMaker, seed: int, names: int, buffer: int, rows: int) -> None:
        self._generator, self._maker, self._seed = generator, maker, seed
        self._names, self._buffer, self._rows = names, buffer, rows

    def steps(self, place: Place) -> Iterator[tuple[list[Row], Place]]:
        """The steps from a place on, each with the place behind it."""
        number, skip = place.buffer, place.step
        while number * self._buffer < self._names:
            count = min(self._buffer, self._names - number * self._buffer)
            steps = self._buffer_steps(number, count)
            for at in range(skip, len(steps)):
                last = at + 1 == len(steps)
                names = number * self._buffer + count * (at + 1) // len(steps)
                yield steps[at], Place(number + 1, 0, names) if last else Place(number, at + 1, names)
            number, skip = number + 1, 0

    def _buffer_steps(self, number: int, count: int) -> list[list[Row]]:
        drawn = list(self._generator.names(count, first_chunk=number * (self._buffer // CHUNK)))
        rows = [self._maker.row(name) for name in consistent(drawn, self._maker.asker)]
        steps = cut(rows, self._rows)
        random.Random(f"{self._seed}:steps:{number}").shuffle(steps)
        return steps


def cut(rows: Iterable[Row], size: int) -> list[list[Row]]:
    """The rows, sorted by length, `size` a step."""
    ordered = sorted(rows, key=lambda row: (len(row.tokens), row.question))
    return [ordered[at : at + size] for at in range(0, len(ordered), size)]


def make_step(rows: Sequence[Row]) -> Step:
    """The tensors of some rows."""
    longest = _up(max(len(row.tokens) for row in rows) - 1, EVEN)
    start = longest - _up(longest - min(row.question for row in rows) + 1, EVEN)
    whole = np.full((len(rows), longest + 1), EOS, dtype=np.int64)
    asked = np.zeros((len(rows), longest + 1), dtype=bool)
    for at, row in enumerate(rows):
        whole[at, : len(row.tokens)] = row.tokens
        asked[at, row.question : len(row.tokens)] = True
    places, wanted = np.flatnonzero(asked[:, start + 1 :]), whole[asked]
    fill = _up(len(places), EVEN_ANSWERS) - len(places)
    return Step(
        torch.from_numpy(whole[:, :-1].copy()),
        start,
        torch.from_numpy(np.pad(places, (0, fill))),
        torch.from_numpy(np.pad(wanted, (0, fill), constant_values=NOT_ASKED)),
    )


def _up(number: int, unit: int) -> int:
    """The next multiple of a unit."""
    return -(-number // unit) * unit
