"""The pipeline with a model: who is asked, what an answer changes; no outcome makes a name pass a hard rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from agent.answer import Query
from agent.model import Exam, ModelOutcome, ModelRequest
from agent.pipeline import Pipeline
from retrieval import Candidate
from standard import load_catalogue

PLAIN, CONTRAST = "20040100110000", "20040100210000"


class Scripted:
    """A model that gives one outcome and remembers what it was asked."""

    name = "scripted"

    def __init__(self, outcome: ModelOutcome) -> None:
        self.outcome = outcome
        self.asked: list[ModelRequest] = []

    @property
    def provenance(self) -> Mapping[str, str]:
        return {"model": "scripted", "prompt_hash": "0"}

    def fill(self, request: ModelRequest) -> ModelOutcome:
        self.asked.append(request)
        return self.outcome

    def fill_many(self, requests: Sequence[ModelRequest]) -> list[ModelOutcome]:
        return [self.fill(request) for request in requests]

    def close(self) -> None:
        pass


class Fixed:
    """A retriever that always finds the same two items."""

    version = "fixed"

    def search(self, texts: Sequence[tuple[str, str]], k: int = 10) -> list[list[Candidate]]:
        return [[Candidate(PLAIN, 0.9, {"lexical": 1}), Candidate(CONTRAST, 0.5, {"lexical": 2})] for _ in texts]


def answered(*codes: str) -> ModelOutcome:
    exams = tuple(Exam("CT", "胸部", "平扫" if code == PLAIN else "增强", "") for code in codes)
    return ModelOutcome("answered", "answered", exams, codes)


def pipeline(outcome: ModelOutcome) -> tuple[Pipeline, Scripted]:
    model = Scripted(outcome)
    return Pipeline(load_catalogue("3.8.2"), model=model, retriever=Fixed()), model  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "asks"),
    [
        ("胸部CT平扫", False),
        ("踝关节CT平扫", False),
        ("[头部]CT胸部平扫", False),
        ("心电图", False),
        ("胸部CT平扫甲乙", True),
        ("CT增强扫描", True),
    ],
)
def test_who_is_asked(name: str, asks: bool) -> None:
    """Not what is read completely, nor what a person alone can settle: a side, a contradiction, no exam at all."""
    subject, model = pipeline(answered(PLAIN))
    subject.answer([Query(name, "CT")])
    assert len(model.asked) == asks


def test_what_the_model_is_given() -> None:
    subject, model = pipeline(answered(PLAIN))
    answer = subject.answer([Query("胸部CT平扫甲乙", "CT")])[0]
    request = model.asked[0]
    assert (request.name, request.modality) == ("胸部CT平扫甲乙", "CT")
    assert {(span.slot, span.text) for span in request.spans} >= {("part", "胸部"), ("scan", "平扫")}
    assert [row.code for row in request.candidates] == [PLAIN, CONTRAST] == [c.code for c in answer.candidates]
    assert request.code_of(Exam("CT", "胸部", "平扫", "")) == PLAIN
    assert answer.versions["model.model"] == "scripted"
    assert answer.versions["retrieval"] == "fixed"


@pytest.mark.parametrize(
    ("outcome", "signal"),
    [(answered(PLAIN), "model_agrees"), (answered(CONTRAST), "model_disagrees"), (answered(), "model_disagrees")],
)
def test_agreement_is_evidence_and_lets_nothing_pass(outcome: ModelOutcome, signal: str) -> None:
    subject, _ = pipeline(outcome)
    answer = subject.answer([Query("胸部CT平扫嵴坳", "CT")])[0]
    assert (answer.route, answer.reason, answer.codes) == ("review", "unexplained", (PLAIN,))
    assert signal in {row.signal for row in answer.evidence}


def test_the_model_stands_in_where_the_reader_has_no_code() -> None:
    subject, _ = pipeline(answered(CONTRAST))
    answer = subject.answer([Query("上腹部CT增强+三维重建", "CT")])[0]
    assert (answer.route, answer.codes) == ("review", (CONTRAST,))


@pytest.mark.parametrize("kind", ["refused", "invalid", "timed_out", "unreachable", "over_budget", "skipped"])
def test_a_model_that_fails_changes_nothing(kind: str) -> None:
    queries = [Query("胸部CT平扫甲乙", "CT"), Query("CT增强扫描", "CT"), Query("胸部CT平扫", "CT")]
    subject, _ = pipeline(ModelOutcome(kind, kind))  # type: ignore[arg-type]
    alone = Pipeline(load_catalogue("3.8.2"))
    for with_model, without in zip(subject.answer(queries), alone.answer(queries), strict=True):
        assert (with_model.route, with_model.codes, with_model.reason, with_model.score) == (
            without.route,
            without.codes,
            without.reason,
            without.score,
        )


def test_explain_shows_candidates_also_of_a_complete_name() -> None:
    subject, model = pipeline(answered(PLAIN))
    answer = subject.explain(Query("胸部CT平扫", "CT"))
    assert [candidate.code for candidate in answer.candidates] == [PLAIN, CONTRAST]
    assert model.asked == []
