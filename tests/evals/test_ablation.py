"""The ablation counts what it says: on two retrievers and a model whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agent.pipeline import Pipeline
from evals.ablation import ablate
from evals.gold import GoldRow
from retrieval import Candidate
from standard import load_catalogue

PLAIN, CONTRAST = "20040100110000", "20040100210000"


def row(name: str, code: str, route: str) -> GoldRow:
    return GoldRow(name, "s", "CT", name, 0, (frozenset({code}),) if code else (), route, "plain")  # type: ignore[arg-type]


ROWS = [
    row("胸部CT平扫", PLAIN, "auto"),  # accepted, right
    row("上腹部CT增强+三维重建", CONTRAST, "review"),  # no code by the reader
    row("心电图", "", "review"),
]


class Finds:
    """A retriever that finds one item."""

    version = "fixed"

    def __init__(self, code: str) -> None:
        self.code = code

    def search(self, texts: Sequence[tuple[str, str]], k: int = 10) -> list[list[Candidate]]:
        return [[Candidate(self.code, 1.0, {"lexical": 1})] for _ in texts]


@pytest.mark.parametrize(
    ("found", "offered_right", "kept_when_checked"),
    [(CONTRAST, 2, 0), (PLAIN, 1, 1)],
)
def test_steps(found: str, offered_right: int, kept_when_checked: int) -> None:
    subject = Pipeline(load_catalogue("3.8.2"), retriever=Finds(found))  # type: ignore[arg-type]
    reader, retrieval, checked = ablate(ROWS, subject, no_modality=False)
    assert (reader.accepted, reader.right, reader.offered, reader.offered_right) == (1, 1, 2, 1)
    assert (retrieval.accepted, retrieval.offered_right) == (1, offered_right)
    assert checked.accepted == kept_when_checked


def test_it_needs_a_retriever() -> None:
    with pytest.raises(ValueError, match="retriever"):
        ablate(ROWS, Pipeline(load_catalogue("3.8.2")), no_modality=False)
