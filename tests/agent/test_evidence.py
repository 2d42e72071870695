"""The evidence: its rows are the score, doubt never raises it, and a complete name with too little is for a person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import calibration
from agent.calibration import Threshold, fitted, log_odds
from agent.evidence import expert_weights, shipped_weights
from agent.opinions import Opinion, Opinions
from agent.reading import Exam, Unexplained
from agent.reasons import conventions, reasons
from agent.router import Router
from standard.errors import DataError

CHEST, CONTRAST, KNEE = "20040100110000", "20040100210000", "22072201111100"
EXAM = Exam("CT", "胸部", "", "平扫", "", CHEST)
ROUTER = Router()
DOUBTS = sorted(row.id for row in reasons().values() if row.route == "review" and row.expert < 0)
CONVENTIONS = sorted(row.id for row in conventions().values() if row.expert < 0)

causes = st.lists(st.sampled_from(DOUBTS), max_size=3, unique=True)
margins = st.floats(0, 30)
codes = st.sampled_from([(CHEST,), (CONTRAST,), ()])
opinion = st.none() | st.builds(Opinion, codes, st.none() | margins)
voices = st.builds(Opinions, opinion, opinion)


def total(
    found: list[str], unexplained: int, opinions: Opinions, rules: tuple[str, ...] = (), code: str = CHEST
) -> float:
    """The sum of the rows of one exam, which is the log-odds of the score."""
    issues = tuple((reason, (), "") for reason in found)
    routed = ROUTER.route((EXAM._replace(rules=rules, code=code),), issues, Unexplained(unexplained), opinions)
    weights = sum(row.weight for row in routed.evidence)
    assert routed.score == pytest.approx(1 / (1 + 2.718281828459045**-weights), abs=1e-9)
    return weights


@given(causes, st.sampled_from(DOUBTS), st.integers(0, 12), voices)
def test_a_reason_more_never_raises_the_score(
    found: list[str], more: str, unexplained: int, opinions: Opinions
) -> None:
    assert total([*found, more], unexplained, opinions) <= total(found, unexplained, opinions) + 1e-9


@given(causes, st.integers(0, 12), voices)
def test_an_unexplained_character_more_never_raises_the_score(found: list[str], count: int, opinions: Opinions) -> None:
    assert total(found, count + 1, opinions) <= total(found, count, opinions) + 1e-9


@given(causes, voices, st.lists(st.sampled_from(CONVENTIONS), max_size=3, unique=True), st.sampled_from(CONVENTIONS))
def test_a_convention_more_never_raises_the_score(
    found: list[str], opinions: Opinions, rules: list[str], more: str
) -> None:
    fewer = tuple(rule for rule in rules if rule != more)
    assert total(found, 0, opinions, (*fewer, more)) <= total(found, 0, opinions, fewer) + 1e-9


@given(causes, opinion, margins, margins, st.booleans())
def test_a_voice_counts_by_how_far_it_stands(
    found: list[str], other: Opinion | None, one: float, two: float, is_model: bool
) -> None:
    """Against the answer: the farther, the lower. For it: the farther, the higher. Never for it less than against."""

    def with_voice(said: str, margin: float) -> float:
        voice = Opinion((said,), margin)
        return total(found, 0, Opinions(other, voice) if is_model else Opinions(voice, other))

    near, far = sorted((one, two))
    assert with_voice(CONTRAST, far) <= with_voice(CONTRAST, near) + 1e-9
    assert with_voice(CHEST, near) <= with_voice(CHEST, far) + 1e-9
    assert with_voice(CONTRAST, near) <= with_voice(CHEST, near) + 1e-9


def test_what_only_the_model_says_is_no_agreement() -> None:
    model, classifier = Opinion((CONTRAST,), 9.0), Opinion((CONTRAST,), 9.0)
    routed = ROUTER.route((), (), Unexplained(), Opinions(classifier, model))
    signals = [row.signal for row in routed.evidence]
    assert "model_alone" in signals
    assert "model_agrees" not in signals
    assert "classifier_agrees" in signals  # with the codes that are offered
    assert routed.route == "review"


def test_without_codes_the_score_is_near_nought() -> None:
    assert ROUTER.route((), (("missing_part", (), ""),), Unexplained(), Opinions()).score < 0.05


@pytest.mark.parametrize(
    ("threshold", "route", "reason"),
    [
        (Threshold(every=0.5), "accepted", "complete"),
        (Threshold(every=0.9999999), "review", "score_low"),
        (Threshold(every=0.9999999, modality={"CT": 0.5}), "accepted", "complete"),
        (Threshold(every=0.5, modality={"CT": 0.9999999}), "review", "score_low"),
    ],
)
def test_what_is_complete_and_scores_low_is_for_a_person(threshold: Threshold, route: str, reason: str) -> None:
    routed = Router(threshold=threshold).route((EXAM,), (), Unexplained())
    assert (routed.route, routed.reason) == (route, reason)
    assert not routed.asks  # what a model would add was not part of the promise


@pytest.mark.parametrize(
    ("families", "route"),
    [(["CT"], "accepted"), (["CT", "MR"], "review"), (["US"], "accepted"), (["US", "MR"], "review")],
)
def test_exams_of_several_modalities_need_the_strictest(families: list[str], route: str) -> None:
    exams = tuple(EXAM._replace(family=family, code=f"{at}") for at, family in enumerate(families))
    threshold = Threshold(every=0.6, modality={"CT": 0.5, "MR": 0.9999999})
    assert Router(threshold=threshold).route(exams, (), Unexplained()).route == route


def test_no_score_lets_a_name_pass_a_rule() -> None:
    for doubt in DOUBTS:
        routed = Router(threshold=Threshold(every=0.0)).route((EXAM,), ((doubt, (), ""),), Unexplained())
        assert (routed.route, routed.reason) == ("review", doubt)


def test_the_shipped_calibration_holds() -> None:
    shipped, expert = shipped_weights(), expert_weights()
    for table, weights in calibration.calibration().weights:
        known = getattr(expert, table)
        assert set(weights) <= set(known), f"calibration.toml knows rows of {table} that the table does not have"
    for mine, experts in zip(shipped, expert, strict=True):
        for name, weight in mine.items():
            assert name == "prior" or weight * experts[name] >= 0
    threshold = calibration.calibration().threshold
    assert all(0.5 <= each < 1 for each in (threshold.every, *threshold.modality.values()))


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """calibration.toml as a copy that may be broken."""
    copy = tmp_path / "calibration.toml"
    copy.write_text(calibration.FILE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(calibration, "FILE", copy)
    calibration.calibration.cache_clear()
    yield copy
    calibration.calibration.cache_clear()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("every = ", "every = 1", "every"),
        ("[bound]", "[bounds]", "bound"),
        ("[made]", "[made", "TOML"),
    ],
)
def test_a_faulty_calibration_is_told(edited: Path, old: str, new: str, said: str) -> None:
    text = edited.read_text(encoding="utf-8")
    assert old in text
    edited.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=said):
        calibration.calibration()


def test_a_weight_against_the_experts_sign_is_told(edited: Path) -> None:
    edited.write_text(
        edited.read_text(encoding="utf-8").split("[weights.")[0] + "[weights.reason]\nnegated = 1.5\n", encoding="utf-8"
    )
    with pytest.raises(DataError, match=r"weights\.reason\.negated"):
        fitted("reason", "negated", -5.0)


def test_log_odds_and_scores() -> None:
    assert log_odds(0.0) == float("-inf")
    assert calibration.probability(log_odds(0.9)) == pytest.approx(0.9)
