"""The second voice: a character n-gram classifier that says a name's set of codes, for a catalogue.

It shares nothing with the reader and the language model but the canonical text, so its errors are its own, and it is
fast enough to read every name. prompts/ngrams.py says what it sees of a name, prompts/bag_model.py how it works.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from threadpoolctl import ThreadpoolController

from agent.opinions import CLASSIFIER
from prompts.bag_model import BagModel, Weights, unpack
from prompts.embedded import MOST_EXAMS, Asker
from standard import Catalogue
from standard.errors import ModelError
from standard.lexicon import Lexicon, load_lexicon

FOLDER, FILE = CLASSIFIER.parent, CLASSIFIER.name
BLOCK = 128  # names worked out together; for speed alone: what is worked on at once stays in the cache


class UntrainedError(ModelError):
    """The classifier knows no items of the catalogue."""


class Voice(NamedTuple):
    """An answer: codes in the order of the catalogue (none: the refusal), its log-probability, and how many nats it
    stands before the best other answer."""

    codes: tuple[str, ...]
    logprob: float
    margin: float


class Classifier:
    """A file, opened for a catalogue: it answers with the items that the catalogue shares with the trained editions,
    which are those of the same code and name."""

    def __init__(self, weights: Weights, meta: Mapping[str, Any], catalogue: Catalogue, lexicon: Lexicon) -> None:
        trained = [pair for items in meta["editions"].values() for pair in items.items()]
        place = {code: at for at, (code, name) in enumerate(trained)
                 if (item := catalogue.get(code)) is not None and item.name == name}  # fmt: skip
        self._codes = [code for code in catalogue.items if code in place]
        if len(self._codes) <= MOST_EXAMS:
            raise UntrainedError(
                f"分类器不认识标准 {catalogue.id} 的项目；请用 model train 为它训练。",
                f"The classifier knows no items of {catalogue.id}; train one for it with: model train",
            )
        self._model = BagModel(weights.of([place[code] for code in self._codes]))
        self._asker = Asker(lexicon)
        self._threads = ThreadpoolController()
        self.provenance: Mapping[str, str] = {
            **{key: str(value) for key, value in meta.items() if key not in ("numbers", "editions")},
            "editions": "+".join(meta["editions"]),
            "items": f"{len(self._codes)} of {len(catalogue.items)}",
        }

    @classmethod
    def open(cls, catalogue: Catalogue, folder: Path = FOLDER, lexicon: Lexicon | None = None) -> Classifier:
        """The classifier of a folder for a catalogue. ModelError, with the remedy, where it cannot be read; its kind
        UntrainedError where it knows no items of the catalogue.

        Its `provenance` is what an answer depends on; `items` there says how many of the catalogue's it can answer.
        """
        weights, meta = unpack(folder / FILE)
        return cls(weights, meta, catalogue, lexicon or load_lexicon())

    def answer(self, names: Sequence[tuple[str, str]]) -> list[Voice]:
        """What it says of each name and its modality column ("" for none), in order. Any text will do."""
        out = []
        for at in range(0, len(names), BLOCK):
            questions = [self._asker.question(name, column) for name, column in names[at : at + BLOCK]]
            with self._threads.limit(limits=1):  # on so little, more threads only wait for each other, and burn a core
                found = self._model.answer(questions)
            for items, size, *numbers in zip(*(each.tolist() for each in found), strict=True):
                out.append(Voice(tuple(self._codes[item] for item in sorted(items[:size])), *numbers))
        return out
