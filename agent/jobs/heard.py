"""What the model said to the names of a job, out of its pieces: the store is fed without asking again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from agent.answer import Query
from agent.asking import Asking, Question

if TYPE_CHECKING:
    from agent.jobs.pieces import Pieces
    from agent.model.protocol import ModelOutcome


class Heard(Asking):
    """Takes the place of what asks. `places`: of the names that it will be asked about, in order."""

    def __init__(self, pieces: Pieces, places: Mapping[Query, int]) -> None:
        super().__init__()
        self._pieces, self._places = pieces, places
        self._start = -1
        self._piece: dict[Query, ModelOutcome] = {}

    def outcomes(self, questions: Sequence[Question]) -> list[ModelOutcome]:
        """As they were said; what no piece holds is asked."""
        found = []
        for each in questions:
            said = self._of(each.query)
            found.append(each.put() if said is None else said)
        return found

    def _of(self, query: Query) -> ModelOutcome | None:
        place = self._places.get(query)
        if place is None:
            return None
        start = place - place % self._pieces.step
        if start != self._start:
            piece = self._pieces.find(start)
            self._start, self._piece = start, piece.heard() if piece is not None else {}
        return self._piece.get(query)
