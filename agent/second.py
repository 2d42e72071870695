"""The classifier without a model: asked only about names that it can settle, and opened at the first of them.

Most names never need it, and to open it costs a quarter of a second; so a run without a model pays for it where it says
something. It may be away for an edition that it was not trained for: then those names go to a person, as the reader
left them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from agent.answer import Query
from agent.opinions import CLASSIFIER, Opinion
from standard import Catalogue
from standard.compiled import hash_of

if TYPE_CHECKING:
    from agent.classifier import Classifier


class SecondVoice:
    """Of a catalogue, in one process."""

    def __init__(self, catalogue: Catalogue, file: Path = CLASSIFIER) -> None:
        self._catalogue, self._file = catalogue, file

    @cached_property
    def version(self) -> str:
        """The hash of its file: what an answer depends on, told without opening it; "" where there is no file."""
        return hash_of(self._file)[:16]

    @cached_property
    def _classifier(self) -> Classifier | None:
        from agent.classifier import Classifier, UntrainedError

        if not self._file.is_file():  # an installation without it; names are answered as by the reader alone
            return None
        try:
            return Classifier.open(self._catalogue, self._file.parent)
        except UntrainedError:
            return None

    def opinions(self, queries: Sequence[Query]) -> Sequence[Opinion | None]:
        """What it says of each query; None of each where there is none that knows the edition. ModelError for a file
        that cannot be read."""
        if self._classifier is None:
            return [None] * len(queries)
        return opinions_of(self._classifier, queries)


def opinions_of(classifier: Classifier, queries: Sequence[Query]) -> list[Opinion]:
    """What the classifier says of each query."""
    voices = classifier.answer([(query.name, query.modality) for query in queries])
    return [Opinion(voice.codes, voice.margin) for voice in voices]
