"""Routing: the rows are the score, the gravest reason is told, a model that disagrees never lets a name pass."""

from __future__ import annotations

import math

import pytest

from agent.answer import Query
from agent.opinions import Opinion, Opinions
from agent.pipeline import Pipeline
from agent.reading import Exam, Unexplained
from agent.reasons import conventions, evidence_rows, reasons, sentence
from agent.router import Router

EXAM = Exam("CT", "胸部", "", "平扫", "", "20040100110000")


@pytest.mark.parametrize("name", ["胸部CT平扫", "胸部CT", "踝关节CT", "胸部CT平扫xyz", "头颅MRA+MRI平扫", "心电图"])
def test_the_evidence_is_the_score(pipeline: Pipeline, name: str) -> None:
    answer = pipeline.answer([Query(name)])[0]
    total = sum(row.weight for row in answer.evidence)
    assert answer.score == pytest.approx(1 / (1 + math.exp(-total)))


def test_every_signal_of_the_evidence_is_in_its_table(pipeline: Pipeline) -> None:
    for name in ("胸部CT", "头颅MRA+MRI平扫xx", "骨盆正位+左髋蛙式位"):
        for row in pipeline.answer([Query(name)])[0].evidence:
            assert row.signal in evidence_rows()
            if row.signal == "convention":
                assert row.value in conventions()
            if row.signal == "reason":
                assert row.value in reasons()


def test_the_gravest_reason_is_told() -> None:
    issues = (("missing_side", (), "膝关节"), ("conflict_part", (), ""), ("uncatalogued", (), ""))
    assert Router().route((), issues, Unexplained(3)).reason == "conflict_part"


@pytest.mark.parametrize(
    ("exams", "issues", "unexplained", "model", "route", "reason"),
    [
        ((EXAM,), (), 0, None, "accepted", "complete"),
        ((EXAM,), (), 0, ("20040100110000",), "accepted", "complete"),
        ((EXAM,), (), 0, ("20040100210000",), "review", "model_disagrees"),
        ((EXAM,), (), 0, (), "review", "model_disagrees"),
        ((EXAM,), (), 1, ("20040100110000",), "review", "unexplained"),
        ((EXAM,), (("conflict_side", (), ""),), 0, ("20040100110000",), "review", "conflict_side"),
        ((EXAM._replace(code=""),), (), 0, None, "review", "uncatalogued"),
        ((), (), 0, None, "review", "not_read"),
    ],
)
def test_hard_rules(exams, issues, unexplained, model, route, reason) -> None:  # type: ignore[no-untyped-def]
    routed = Router().route(
        exams, issues, Unexplained(unexplained), Opinions(model=None if model is None else Opinion(model))
    )
    assert (routed.route, routed.reason) == (route, reason)


def test_every_reason_has_a_sentence_in_both_languages() -> None:
    for reason in reasons():
        assert sentence(reason, "zh") != sentence(reason, "en")


def test_compact_answers_are_the_same_answers(pipeline: Pipeline) -> None:
    queries = [Query(name, "CT") for name in ("胸部CT平扫", "踝关节CT", "头颅CTA", "胸部CT平扫甲乙", "", "左肾CT")]
    for compact, answer in zip(pipeline.answer_compact(queries), pipeline.answer(queries), strict=True):
        assert compact == (
            answer.route,
            "+".join(answer.codes),
            " + ".join(answer.names),
            f"{answer.score:.4f}",
            answer.reason,
            answer.edition,
            answer.detail,
        )
