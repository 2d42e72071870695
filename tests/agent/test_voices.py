"""What the voices may decide beside the reader: fill what it left open, veto what it read; never a hard rule."""

from __future__ import annotations

import pytest

from agent.opinions import Opinion, Opinions, voice_rules
from agent.reader import Reader
from agent.reading import Exam, Unexplained
from agent.router import Router
from standard import load_catalogue

PLAIN, CONTRAST = "20040100110000", "20040100210000"
EXAM = Exam("CT", "胸部", "", "平扫", "", PLAIN)
FAR = 20.0  # nats: far enough for every rule
NONE = Unexplained()
NOISE, MATTERS, APART = Unexplained(3), Unexplained(3, True), Unexplained(3, apart=True)


def said(code: str, margin: float | None = FAR) -> Opinion:
    return Opinion((code,) if code else (), margin)


@pytest.mark.parametrize(
    ("unexplained", "issues", "model", "classifier", "route", "reason"),
    [
        (NOISE, (), said(PLAIN), said(PLAIN), "accepted", "voices_agree"),
        (NOISE, (), said(CONTRAST), said(CONTRAST), "review", "unexplained"),  # not what the reader found
        (NOISE, (), said(PLAIN), said(CONTRAST), "review", "unexplained"),
        (NOISE, (), said(PLAIN, 0.1), said(PLAIN), "review", "unexplained"),
        (NOISE, (), said(PLAIN), said(PLAIN, 0.1), "review", "unexplained"),
        (NOISE, (), said(PLAIN, None), said(PLAIN), "review", "unexplained"),  # a model that tells no margin
        (NOISE, (), said(""), said(""), "review", "unexplained"),
        (MATTERS, (), said(PLAIN), said(PLAIN), "review", "unexplained_matters"),
        (NOISE, (("conflict_side", (), ""),), said(PLAIN), said(PLAIN), "review", "conflict_side"),
        (NOISE, (("missing_side", (), ""),), said(PLAIN), said(PLAIN), "review", "missing_side"),
        (NONE, (), None, said(PLAIN), "accepted", "complete"),
        (NONE, (), said(PLAIN), said(CONTRAST), "accepted", "complete"),  # the model sides with the reader
        (NONE, (), said(CONTRAST), said(CONTRAST), "review", "voices_disagree"),
        (NONE, (), said(""), said(""), "review", "voices_disagree"),
        (NONE, (), said(CONTRAST, 0.1), said(CONTRAST, 0.1), "accepted", "complete"),  # none of them is sure
    ],
)
def test_what_the_voices_decide(unexplained, issues, model, classifier, route, reason) -> None:  # type: ignore[no-untyped-def]
    routed = Router().route((EXAM,), issues, unexplained, Opinions(classifier, model))
    assert (routed.route, routed.reason) == (route, reason)
    assert (routed.filled == (PLAIN,)) == (reason == "voices_agree")
    assert not routed.asks or model is None


def test_the_model_is_asked_where_it_can_change_the_route() -> None:
    router = Router()
    assert not router.route((EXAM,), (), NONE, Opinions(said(PLAIN))).asks
    assert router.route((EXAM,), (), NONE, Opinions(said(CONTRAST))).asks == "model"
    assert router.route((EXAM,), (), NOISE, Opinions(said(PLAIN))).asks == "model"
    assert not router.route((EXAM,), (("conflict_side", (), ""),), NONE, Opinions(said(CONTRAST))).asks


@pytest.mark.parametrize(
    ("exams", "unexplained", "classifier", "reason", "asks"),
    [
        ((EXAM,), APART, None, "unexplained", "classifier"),
        ((EXAM,), APART, said(PLAIN), "stands_apart", ""),
        ((EXAM,), APART, said(PLAIN, 1.0), "unexplained", "model"),
        ((EXAM,), APART, said(CONTRAST), "unexplained", "model"),
        ((EXAM,), APART, said(""), "unexplained", "model"),
        ((EXAM,), NOISE, None, "unexplained", "model"),  # it touches what it may belong to
        ((EXAM,), MATTERS, said(PLAIN), "unexplained_matters", "model"),
        ((EXAM, EXAM._replace(code=CONTRAST)), APART, said(PLAIN), "unexplained", "model"),
        ((EXAM._replace(code=""),), APART, said(""), "unexplained", "model"),
        ((), APART, said(""), "unexplained", "model"),
    ],
)
def test_what_the_classifier_settles_without_a_model(exams, unexplained, classifier, reason, asks) -> None:  # type: ignore[no-untyped-def]
    routed = Router().route(exams, (), unexplained, Opinions(classifier))
    assert (routed.reason, routed.asks) == (reason, asks)
    assert (routed.route == "accepted") == (reason == "stands_apart")


def test_no_hard_rule_is_settled_by_the_classifier() -> None:
    for reason in ("conflict_side", "missing_side", "not_an_exam", "negated", "uncertain_part"):
        routed = Router().route((EXAM,), ((reason, (), ""),), APART, Opinions(said(PLAIN)))
        assert (routed.route, routed.reason) == ("review", reason)


@pytest.mark.parametrize(
    ("name", "matters"),
    [
        ("胸部CT平扫(布病)", False),
        ("胸部CT平扫(勿字)", True),
        ("右踝踝穴位", True),
        ("口腔CBCT", True),
        ("胸部CT平扫", False),
        ("冠脉嵴血管CTA", True),  # behind a part it may be of the part
        ("胸部12CT平扫", True),  # a finger? a vertebra?
        ("12胸部CT平扫", False),
    ],
)
def test_what_may_change_the_meaning(name: str, matters: bool) -> None:
    reading = Reader(load_catalogue()).read(name, "CT")
    assert reading.unexplained.matters == matters
    assert not matters or reading.unexplained.characters


@pytest.mark.parametrize(
    ("name", "apart"),
    [
        ("胸部CT平扫(嵴村)", True),
        ("【嵴村】胸部CT平扫", True),
        ("嵴村_胸部CT平扫", True),
        ("胸部CT平扫 嵴村", True),
        ("嵴村　胸部CT平扫", True),
        ("胸部CT平扫嵴村", False),
        ("嵴胸部CT平扫", False),
        ("胸部CT平扫+嵴村", False),
        ("胸部CT平扫、嵴村", False),
        ("胸部CT平扫,嵴村", False),
        ("胸部CT(平扫嵴)", False),
        ("胸部CT平扫 腘", False),  # all its characters are of parts
        ("胸部CT平扫(C)", False),  # contrast?
        ("胸部CT平扫(白领嵴C)", True),
    ],
)
def test_what_stands_apart(name: str, apart: bool) -> None:
    reading = Reader(load_catalogue()).read(name, "CT")
    assert reading.unexplained.apart == apart
    assert reading.unexplained.characters


def test_the_rules_that_ship_are_cautious() -> None:
    rules = voice_rules()
    assert rules.fill.model_margin >= rules.veto.model_margin > 0
