"""Names with known truth, for training and measuring: a seed gives the same names on every machine.

A name is made from an item (or from several, or from none: a refusal), never read; so its truth is known. Names come in
chunks, each a pure function of the seed and its number, so that training can be resumed and work can be shared out.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Literal, NamedTuple

from standard import Catalogue
from standard.lexicon import Lexicon
from standard.spoken import spoken_names

CHUNK = 1000
Kind = Literal["one", "several", "refusal"]


class TrainingName(NamedTuple):
    """A name as it would come, the text of its modality column ("" for none), and its codes in the order of the name.

    No codes: the right answer is the refusal."""

    name: str
    modality: str
    codes: tuple[str, ...]
    kind: Kind


class Generator:
    """Compiled for a catalogue and a lexicon."""

    def __init__(self, catalogue: Catalogue, lexicon: Lexicon, seed: int) -> None:
        self._seed = seed
        self._items = [(code, (item.name, *spoken_names(item, lexicon))) for code, item in catalogue.items.items()]
        self._modality = {code: item.modality for code, item in catalogue.items.items()}

    def chunk(self, number: int) -> list[TrainingName]:
        """The names of one chunk: CHUNK of them."""
        chance = random.Random(f"{self._seed}:{number}")
        return [self._name(chance) for _ in range(CHUNK)]

    def names(self, count: int, first_chunk: int = 0) -> Iterator[TrainingName]:
        """`count` names from a chunk on."""
        number = first_chunk
        while count > 0:
            yield from self.chunk(number)[:count]
            number, count = number + 1, count - CHUNK

    def _name(self, chance: random.Random) -> TrainingName:
        share = chance.random()
        if share < 0.06:
            return TrainingName(chance.choice(["挂号费", "胶片费", "心电图", "加收费"]), "", (), "refusal")
        code, names = chance.choice(self._items)
        modality = self._modality[code] if chance.random() < 0.7 else ""
        if share < 0.25:
            other, others = chance.choice(self._items)
            if other != code:
                joined = f"{chance.choice(names)}+{chance.choice(others)}"
                return TrainingName(joined, "", (code, other), "several")
        return TrainingName(chance.choice(names), modality, (code,), "one")
