"""What a report counts: slots that differ, risk over coverage, other ways at their best, what changed and which way."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.answer import Query, Suggestion
from evals.gold import GoldRow
from evals.plain import plain_scores
from evals.report.baselines import Said, Way, ask_ways, at_best, compare_ways, thresholds
from evals.report.build import answer_of
from evals.report.compare import WAYS, change_rows, compare, way_of
from evals.report.confusion import Slots, confusions, slot_rows
from evals.report.curves import reliability, risk_coverage
from evals.report.model import Answer, Options, Report
from retrieval.embeddings import E5
from standard import load_catalogue
from standard.lexicon import load_lexicon
from tests.retrieval.conftest import slice_of

CATALOGUE = load_catalogue("3.8.2")
LEXICON = load_lexicon()
SLOTS = Slots(CATALOGUE, LEXICON)
BY_NAME = {item.name: code for code, item in CATALOGUE.items.items()}
CHEST, CONTRAST = "20040100110000", "20040100210000"
OPTIONS = Options(modality_hidden=False, model="none", edition=None)


def row(*alternatives: set[str], route: str = "auto", key: str = "1", name: str = "n") -> GoldRow:
    return GoldRow(key, "s", "CT", name, 0, tuple(map(frozenset, alternatives)), route, "plain")  # type: ignore[arg-type]


def said(*codes: str, route: str = "accepted", score: float = 0.9, reason: str = "complete") -> Suggestion:
    names = tuple(CATALOGUE.items[code].name if code in CATALOGUE.items else "" for code in codes)
    return Suggestion(Query("n"), route, codes, names, score, reason, "3.8.2")  # type: ignore[arg-type]


# -- slots -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edition", ["3.8", "3.8.2"])
def test_the_slots_tell_every_item_from_every_other(edition: str) -> None:
    catalogue = load_catalogue(edition)
    slots = Slots(catalogue, LEXICON)
    found = {tuple((slots.of(code) or {}).items()) for code in catalogue.items}
    assert len(found) == len(catalogue.items) > 1000


def test_every_field_of_a_code_is_in_a_slot() -> None:
    read = {slot for each in slot_rows().values() for slot in each.of.split(";")}
    fields = {
        field.slot
        for edition in CATALOGUE.editions
        for layout in edition.layouts
        for field in layout.fields
        if field.kind != "constant"
    }
    assert fields - read == set()
    assert list(slot_rows())[:2] == ["side", "contrast"]


@pytest.mark.parametrize(
    ("gold", "answer", "slots"),
    [
        ("CT左膝关节(平扫)", "CT右膝关节(平扫)", [("side", "左", "右")]),
        ("CT左膝关节(平扫)", "CT双膝关节(平扫)", [("side", "左", "双")]),
        ("CT胸部(平扫)", "CT胸部(增强)", [("contrast", "平扫", "增强")]),
        ("CT胸部(平扫+增强)", "CT胸部(增强)", [("contrast", "平扫+增强", "增强")]),
        ("CT胸部(平扫)", "CT胸部(低剂量扫描)", [("scan", "平扫", "低剂量扫描")]),
        ("CT胸部(平扫)", "MR胸部(平扫)", [("modality", "CT", "MR")]),
        ("CT胸部(平扫)", "CT上腹部(平扫)", [("part", "胸部", "上腹部")]),
        ("CT胸部(平扫)", "CT胸部(平扫+三维重建)", [("post", "", "三维重建")]),
        ("DR胸部正位", "DR胸部侧位", [("position", "正位", "侧位")]),
        (
            "CT左膝关节(平扫)",
            "CT右踝关节(增强)",
            [("side", "左", "右"), ("contrast", "平扫", "增强"), ("part", "膝关节", "踝关节")],
        ),
    ],
)
def test_what_differs(gold: str, answer: str, slots: list[tuple[str, str, str]]) -> None:
    found = SLOTS.differences(row({BY_NAME[gold]}), [BY_NAME[answer]])
    assert [(each.slot, each.gold, each.answer) for each in found] == slots


def test_codes_of_several_exams_are_paired_and_the_rest_is_their_number() -> None:
    knees = {BY_NAME["CT左膝关节(平扫)"], BY_NAME["CT右膝关节(平扫)"]}
    found = SLOTS.differences(row(knees | {CHEST}), [CONTRAST, *sorted(knees)])
    assert [each.slot for each in found] == ["contrast"]
    found = SLOTS.differences(row(knees), [CHEST, *knees])
    assert [(each.slot, each.gold, each.answer) for each in found] == [("exams", "", f"{CHEST} CT胸部(平扫)")]
    found = SLOTS.differences(row({CHEST, *knees}), [BY_NAME["MR右膝关节(平扫)"]])
    assert [each.slot for each in found] == ["exams", "modality"]


def test_the_nearest_alternative_counts() -> None:
    label = row({BY_NAME["MR左膝关节(增强)"]}, {CONTRAST})
    assert [each.slot for each in SLOTS.differences(label, [CHEST])] == ["contrast"]
    assert SLOTS.nearest(label, [CHEST]) == (CONTRAST,)


def test_what_no_slot_can_say() -> None:
    assert [each.slot for each in SLOTS.differences(row(), [CHEST])] == ["none"]
    assert [each.slot for each in SLOTS.differences(row({"99040100110000"}), [CHEST])] == ["unknown"]


def test_a_device_and_an_addition_of_a_site_are_told() -> None:
    found = SLOTS.differences(row({CHEST}), ["22040100110001"])
    assert [(each.slot, each.answer) for each in found] == [("modality", "16排CT"), ("addition", "01")]


def test_the_table_counts_names_once_a_slot() -> None:
    pairs = [
        (row({CHEST}, key="right"), said(CHEST)),
        (row({CHEST}, key="a"), said(CONTRAST)),
        (row({CHEST}, key="b"), said(CONTRAST)),
        (row({CHEST}, key="c"), said(CHEST, BY_NAME["CT上腹部(平扫)"], route="review")),
        (row({CHEST}, key="silent"), said(route="review")),
    ]
    accepted, offered = confusions(pairs, SLOTS)
    assert (accepted.answers, accepted.wrong, offered.answers, offered.wrong) == (3, 2, 1, 1)
    contrast = next(each for each in accepted.slots if each.slot == "contrast")
    assert (contrast.names, contrast.ids) == (2, ("a", "b"))
    assert [(each.gold, each.answer, each.names) for each in contrast.pairs] == [("平扫", "增强", 2)]
    exams = next(each for each in offered.slots if each.slot == "exams")
    assert [(each.gold, each.answer, each.names) for each in exams.pairs] == [("1", "2", 1)]


# -- the score ---------------------------------------------------------------------------------------------------------


def test_risk_over_coverage_by_hand() -> None:
    found = risk_coverage([(0.9, True), (0.8, False), (0.7, True), (0.1, False)], rows=8)
    assert [(each.answers, each.wrong, each.coverage) for each in found.points] == [
        (1, 0, 1 / 8),
        (2, 1, 2 / 8),
        (3, 1, 3 / 8),
        (4, 2, 4 / 8),
    ]
    assert found.aurc == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4) / 4)
    assert found.least == pytest.approx((0 + 0 + 1 / 3 + 2 / 4) / 4)


ANSWERS = st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9]), st.booleans()), max_size=6)


@given(ANSWERS)
def test_equal_scores_give_the_mean_over_their_orders(answers: list[tuple[float, bool]]) -> None:
    found = risk_coverage(answers, rows=10)
    assert found == risk_coverage(answers[::-1], rows=10)
    if not answers:
        assert (found.aurc, found.least, found.points) == (None, None, ())
        return
    areas = []
    for order in permutations(answers):
        hits = [hit for _, hit in sorted(order, key=lambda each: -each[0])]
        areas.append(mean(hits[: place + 1].count(False) / (place + 1) for place in range(len(hits))))
    assert found.aurc == pytest.approx(mean(areas))
    assert found.least is not None
    assert found.least <= found.aurc + 1e-12


def test_reliability_has_an_interval_for_each_bin() -> None:
    found = reliability("all", [(0.25, True), (0.25, False), (1.0, True)])
    assert [(each.answers, each.right) for each in found.bins] == [(2, 1), (1, 1)]
    assert found.ece == pytest.approx(2 * 0.25 / 3)
    assert found.brier == pytest.approx((0.75**2 + 0.25**2) / 3)
    assert found.bins[0].interval[0] < 0.5 < found.bins[0].interval[1]
    empty = reliability("accepted", [])
    assert (empty.ece, empty.brier, empty.bins) == (None, None, ())


# -- other ways --------------------------------------------------------------------------------------------------------

ROWS = [row({"a"}, key=str(number)) for number in range(4)] + [row(route="review", key="refuse")]
SAID = [Said(("a",), 0.9), Said(("a",), 0.8), Said(("b",), 0.8), Said(("a",), 0.7), Said((), 0.99)]


def test_thresholds_take_equal_scores_together_and_no_refusal() -> None:
    found = [(score, each.accepted, each.right) for score, each in thresholds(ROWS, SAID)]
    assert found == [(0.9, 1, 1), (0.8, 3, 2), (0.7, 4, 3)]


@pytest.mark.parametrize(
    ("wanted", "threshold", "accepted"), [(1.0, 0.9, 1), (0.75, 0.7, 4), (0.7, 0.7, 4), (0.8, 0.9, 1)]
)
def test_the_most_at_a_precision(wanted: float, threshold: float, accepted: int) -> None:
    found = at_best(ROWS, Way("tfidf", False, SAID), wanted)
    assert found.at_precision is not None
    assert (found.at_precision.threshold, found.at_precision.figures.accepted) == (threshold, accepted)
    assert found.at_f1 is not None
    assert (found.at_f1.threshold, found.at_f1.f1, found.top_right) == (0.7, pytest.approx(6 / 8), 3)


def test_a_way_that_never_comes_so_far_or_cannot_be_asked() -> None:
    wrong = at_best(ROWS, Way("dense", True, [Said(("b",), 0.5)] * 5), 0.99)
    assert wrong.at_precision is None
    left = at_best(ROWS, Way("model", True, (), ("没有", "There is none")), 0.99)
    assert (left.left_out, left.at_precision, left.at_f1) == (("没有", "There is none"), None, None)


@pytest.mark.slow
def test_the_ways_answer_what_can_be_found(home: Path) -> None:
    """The real ones, on a small catalogue: the standard's own name is found by all, its reading by none for nothing."""
    small = slice_of(CATALOGUE)
    names = [("CT胸部(平扫)", "CT"), ("MR颅脑(平扫+增强)", ""), ("心电图", "")]
    rows = [row({BY_NAME[name]}) for name, _ in names[:2]] + [row(route="review")]
    ways = ask_ways(names, small, LEXICON, home)
    assert {each.method for each in ways} == {
        "tfidf",
        "rapidfuzz",
        "dense",
        "fused",
        "retrieval",
        "model",
        "classifier",
    }
    pairs = [(each, said(*sorted(each.alternatives[0]) if each.alternatives else ())) for each in rows]
    pairs[2] = (rows[2], said(route="review"))
    found = compare_ways(pairs, ways, 0.99)
    assert (found.own.figures.accepted, found.own_top_right) == (2, 2)
    for way, each in zip(ways, found.ways, strict=True):
        assert each.left_out is None
        assert [one.codes for one in way.said[:2]] == [(BY_NAME[name],) for name, _ in names[:2]], way.method
        assert each.top_right == 2


def test_the_filter_hides_items_of_other_modalities() -> None:
    small = slice_of(CATALOGUE)
    plain = plain_scores([("胸部平扫", "MR")], small, LEXICON, E5())
    first = [plain.codes[plain.scores(way, True).argmax()] for way in plain.ways]
    assert {small.items[code].modality for code in first} == {"MR"}
    with pytest.raises(KeyError):
        plain.scores("rapidfuzz", False)


# -- what changed ------------------------------------------------------------------------------------------------------


def report(answers: list[Answer], **versions: str) -> Report:
    whole: dict[str, Any] = {
        "made": "2026-01-01T00:00:00+00:00",
        "gold": (),
        "options": OPTIONS,
        "versions": versions,
        "category": (),
        "source": (),
        "modality": (),
        "confusion": (),
        "reliability": (),
        "wrong": (),
        "baselines": None,
        "comparison": None,
        "answers": tuple(answers),
    }
    from evals.metrics import measure
    from evals.report.figures import figures

    return Report(all=figures(measure("all", [])), risk_coverage=risk_coverage([], 0), **whole)


def test_changes_come_by_harm_and_say_which_way() -> None:
    labels = [row({CHEST}, key=key) for key in "abcdefgh"]
    before = [
        said(CHEST),
        said(CHEST),
        said(CONTRAST),
        said(CHEST, route="review"),
        said(route="review"),
        said(route="review", reason="unexplained"),
        said(CHEST),
        said(CONTRAST, route="review"),
    ]
    now = [
        said(CHEST, score=0.5),  # a: the score alone moved
        said(CONTRAST),  # b
        said(CHEST),  # c
        said(CHEST),  # d
        said(CONTRAST),  # e
        said(route="review", reason="not_read"),  # f
        said(route="review"),  # g
        said(CHEST, route="review"),  # h
    ]
    old = report([answer_of(*each) for each in zip(labels, before, strict=True)], lexicon="1", catalogue="3.8.2")
    new = [answer_of(*each) for each in zip(labels, now, strict=True)]
    found = compare(old, "0" * 64, new, {"lexicon": "2", "catalogue": "3.8.2", "model.hash": "x"}, OPTIONS)
    assert [(each.kind, each.now.id, way_of(each)) for each in found.changes] == [
        ("accepted_other", "b", ("right", "wrong")),
        ("accepted_other", "c", ("wrong", "right")),
        ("accepted_review", "g", ("right", "none")),
        ("review_accepted", "e", ("none", "wrong")),
        ("review_accepted", "d", ("right", "right")),
        ("offered_other", "h", ("wrong", "right")),
        ("reason_other", "f", ("none", "none")),
    ]
    assert [(each.key, each.before, each.now) for each in found.versions] == [
        ("lexicon", "1", "2"),
        ("model.hash", "", "x"),
    ]
    assert (found.both, found.scores_moved, found.farthest) == (8, 1, pytest.approx(0.4))
    assert (found.before.accepted, found.before.right, found.now.accepted, found.now.right) == (4, 3, 5, 3)
    assert {each.kind for each in found.changes} == set(change_rows())
    assert len(set(WAYS)) == len(WAYS) == 9


def test_only_rows_of_both_are_compared_and_new_labels_are_told() -> None:
    old = report([answer_of(row({CHEST}, key="a"), said(CHEST)), answer_of(row({CHEST}, key="gone"), said(CHEST))])
    twice = answer_of(row({CHEST}, key="new"), said(CHEST))
    found = compare(old, "", [answer_of(row({CONTRAST}, key="a"), said(CHEST)), twice, twice], {}, OPTIONS)
    assert (found.both, found.only_before, found.only_now, found.relabelled) == (1, 1, 2, ("a",))
    assert (found.changes, found.versions, found.options) == ((), (), ())
    hidden = OPTIONS.model_copy(update={"modality_hidden": True})
    found = compare(old, "", [], {}, hidden)
    assert [(each.key, each.before, each.now) for each in found.options] == [("modality_hidden", "false", "true")]
