"""The fit: repeatable, signs held, sources apart; its rows are the pipeline's, and what is written can be read."""

from __future__ import annotations

import json
import random
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agent import calibration
from agent.answer import Query
from agent.calibration import log_odds
from agent.cli import run
from agent.console import language
from agent.evidence import shipped_weights
from agent.opening import open_pipeline
from agent.pipeline import Pipeline
from evals.calibrate import Aim, Calibrated, calibrate
from evals.calibrate_command import as_toml, observe_modes
from evals.calibration import Design, Observation, design, each_source, fit, grouped, observe, out_of_fold
from evals.gold import GoldRow, read_gold
from evals.labelled import DATA, first_sight, for_a_fit
from evals.reliability import reliability
from evals.scored import score_report
from evals.thinned import plan, thinned
from standard import load_catalogue
from standard.errors import InputError
from standard.lexicon import load_lexicon

AIM = Aim(target=0.9, confidence=0.95, cost=0.0)
SMALL = DATA / "third-eight-sources.tsv"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is printed, in English."""
    monkeypatch.setenv("YINGMA_LANG", "en")
    language.cache_clear()
    yield
    language.cache_clear()


@pytest.fixture(scope="module")
def observations() -> list[Observation]:
    """One shipped set as it is answered without a model, then what lexicons with words left out do not explain."""
    return observe_modes(for_a_fit([SMALL]), None, "none")[0]


@pytest.fixture(scope="module")
def found(observations: list[Observation]) -> Design:
    return design(observations)


def test_the_amounts_times_the_weights_are_the_score(observations: list[Observation]) -> None:
    """What is fitted is what the screen shows: no other model stands behind the rows."""
    answers = open_pipeline().answer([Query(row.name, row.modality) for row in for_a_fit([SMALL]).rows])
    weights = shipped_weights()._asdict()
    scores = [answer.score for answer in answers if answer.codes]
    for each, score in zip(observations[: len(scores)], scores, strict=True):
        total = sum(weights[table][row] * amount for (table, row), amount in each.rows.items())
        assert total == pytest.approx(log_odds(score), abs=1e-3)
    more = observations[len(scores) :]
    assert any(each.accepted for each in more)
    assert all({key for key in each.rows if key[0] == "reason"} == {("reason", "unexplained")} for each in more)


def test_words_are_left_out_alike_everywhere_and_never_an_elements_own_name() -> None:
    whole = load_lexicon()
    drawn = list(thinned(whole))
    assert len({each.forms for each in drawn}) == len(plan().draws)
    for each, again in zip(drawn, thinned(whole), strict=True):
        assert each.forms == again.forms
        left_out = set(whole.forms) - set(each.forms)
        asked = [form for form in whole.forms if form.slot in plan().slots]
        assert 0.5 * plan().share < len(left_out) / len(asked) < 1.5 * plan().share
        assert all(form.surface != form.element and form.slot in plan().slots for form in left_out)


def test_a_fit_is_repeatable_in_any_order(observations: list[Observation], found: Design) -> None:
    shuffled = list(observations)
    random.Random(3).shuffle(shuffled)
    first, again = fit(found, 1.0).weights, fit(design(shuffled), 1.0).weights
    assert found.keys == design(shuffled).keys
    assert np.array_equal(first, fit(found, 1.0).weights)
    assert np.allclose(first, again, atol=0.011)  # rounded to two places


def test_no_source_is_on_both_sides_of_a_fold(found: Design) -> None:
    for folds in (grouped, each_source):
        tested: list[int] = []
        for train, test in folds(found):
            assert not set(found.groups[train]) & set(found.groups[test])
            tested += test.tolist()
        assert sorted(tested) == list(range(len(found.truth)))


def synthetic(rows: dict[tuple[str, str], float], right: int, wrong: int) -> list[Observation]:
    """So many right and wrong answers with these rows, of six sources in turn."""
    outcomes = [True] * right + [False] * wrong
    return [Observation(f"s{at % 6}", "CT", "none", rows, True, hit, float(hit)) for at, hit in enumerate(outcomes)]


BASE = {("evidence", "prior"): 1.0, ("evidence", "coded"): 1.0}


def test_a_sign_is_the_experts() -> None:
    """A reason that only right answers show stays a doubt: it counts nothing, never for the answer."""
    told = synthetic(BASE, 60, 60) + synthetic({**BASE, ("reason", "combo_unclear"): 1.0}, 120, 0)
    made = design(told)
    assert fit(made, 0.01).weights[made.keys.index(("reason", "combo_unclear"))] == 0.0


def test_a_row_that_few_names_show_stays_near_the_expert() -> None:
    """On the scale of the table, which the rows that many names show have set."""
    told = synthetic(BASE, 90, 30) + synthetic({**BASE, ("reason", "unexplained"): 1.0}, 60, 120)
    told += synthetic({**BASE, ("reason", "combo_unclear"): 1.0}, 1, 0)
    made = design(told)
    found = fit(made, 10.0)
    at = made.keys.index(("reason", "combo_unclear"))
    assert 0.1 < found.scales["reason"] < 1.0
    assert abs(found.weights[at] - found.scales["reason"] * made.expert[at]) < 0.1
    assert ("reason", "negated") not in made.keys


def test_scores_out_of_fold_are_the_share_that_is_right() -> None:
    told = synthetic(BASE, 180, 60) + synthetic({**BASE, ("reason", "combo_unclear"): 1.0}, 60, 180)
    scores = out_of_fold(design(told), 0.1)
    assert scores[:240].mean() == pytest.approx(0.75, abs=0.02)
    assert scores[240:].mean() == pytest.approx(0.25, abs=0.02)


def test_a_set_kept_apart_is_never_fitted() -> None:
    apart = first_sight().apart
    files = for_a_fit([]).files
    assert len(files) == len(list(DATA.glob("*.tsv"))) - len(apart)
    for name in apart:
        assert not any(name in each for each in files)
        with pytest.raises(InputError, match="kept apart"):
            for_a_fit([DATA / f"{name}.tsv"])


def test_every_set_that_ships_is_known() -> None:
    """A new set is kept apart, or what it said at first sight is told; it never comes into a fit unnoticed."""
    seen = first_sight()
    assert {path.stem for path in DATA.glob("*.tsv")} == {*seen.sets, *seen.apart}


def test_only_sets_that_corrected_the_tables_are_discounted(tmp_path: Path) -> None:
    copy = tmp_path / "mine.tsv"
    copy.write_text(SMALL.read_text(encoding="utf-8"), encoding="utf-8")
    assert set(for_a_fit([copy]).discount) == {0.0}
    (share,) = set(for_a_fit([SMALL]).discount)
    assert 0 < share < 0.05


def test_a_name_twice_counts_once() -> None:
    assert len(for_a_fit([SMALL, SMALL]).rows) == len(for_a_fit([SMALL]).rows) <= len(read_gold([SMALL]))


def test_an_accepted_answer_tells_less_and_a_wrong_one_all() -> None:
    right = GoldRow("1", "s", "CT", "胸部CT平扫", 1, (frozenset({"20040100110000"}),), "auto", "plain")
    wrong = GoldRow("2", "s", "CT", "胸部CT平扫", 1, (frozenset({"20040100210000"}),), "auto", "plain")
    silent = GoldRow("3", "s", "CT", "心电图", 1, (), "review", "none")
    told = observe(Pipeline(load_catalogue()), [right, wrong, silent], "none", [0.02, 0.02, 0.02])
    assert [(each.right, each.truth) for each in told] == [(True, 0.98), (False, 0.0)]


@pytest.fixture(scope="module")
def whole(observations: list[Observation]) -> Calibrated:
    return calibrate(observations, AIM)


def test_what_is_written_is_read(whole: Calibrated) -> None:
    text = as_toml(whole, {"names": 1, "files": ["a.tsv 0"]})
    read = calibration.Calibration.model_validate(tomllib.loads(text))
    assert read.threshold.every == whole.threshold.threshold
    assert (read.bound.accepted, read.bound.wrong) == (whole.threshold.promise.accepted, 0)
    for (table, row), weight in whole.weights.items():
        assert getattr(read.weights, table)[row] == weight


def test_the_whole_is_repeatable(observations: list[Observation], whole: Calibrated) -> None:
    assert calibrate(observations, AIM).to_dict() == whole.to_dict()


def test_a_modality_with_few_names_is_told(whole: Calibrated) -> None:
    assert whole.too_few
    assert all(each.missing > 0 for each in whole.too_few.values())
    assert not set(whole.too_few) & set(whole.modalities)


def test_fitted_scores_are_better_probabilities_than_the_experts(whole: Calibrated) -> None:
    """Of sources that the fit has not seen."""
    before, after = whole.models["hand"]["none"], whole.models["fitted"]["none"]
    assert after["all"].brier < before["all"].brier
    assert after["review"].error < before["review"].error


def test_reliability_by_hand() -> None:
    """Two bins: 0.25 where one of two is right, 0.85 where both are."""
    found = reliability([0.25, 0.25, 0.85, 0.85], [True, False, True, True])
    assert [(each.rows, each.right) for each in found.bins] == [(2, 1), (2, 2)]
    assert found.error == pytest.approx((2 * 0.25 + 2 * 0.15) / 4)
    assert found.brier == pytest.approx((0.75**2 + 0.25**2 + 2 * 0.15**2) / 4)
    assert reliability([1.0, 0.0], [True, False]).error == 0.0
    assert reliability([], []).rows == 0


def test_what_ships_stops_little_and_is_calibrated() -> None:
    """Without a model, on the sets that were fitted: under one in a hundred is stopped, scores are shares."""
    rows = for_a_fit([]).rows
    answers = Pipeline(load_catalogue("3.8.2")).answer([Query(row.name, row.modality) for row in rows])
    told = score_report(list(zip(rows, answers, strict=True)))
    assert told.stopped < 0.01 * told.parts["accepted"].rows
    assert told.parts["all"].error < 0.05
    assert told.parts["review"].error < 0.1


def test_eval_tells_what_scores_are_worth(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", str(SMALL), "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert scores["reliability"]["all"]["rows"] == sum(
        scores["reliability"][part]["rows"] for part in ("accepted", "review")
    )
    assert scores["promise"]["accepted"] == sum(each["accepted"] for each in scores["promise_by_modality"].values())
    assert run(["eval", str(SMALL)]) == 0
    assert "more right answers, and none wrong, would be needed" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--target", "1"], "--target must be from 0.5"),
        (["--confidence", "0.2"], "--confidence must be from 0.5"),
        (["few.tsv"], "Give more labelled names"),
        (["nowhere.tsv"], "There is no file"),
        ([str(DATA / "eighth-ten-institutions.tsv")], "no fit may see it"),
    ],
)
def test_what_cannot_be_fitted_is_told(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SMALL.read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "few.tsv").write_text("".join(text[:20]), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before = calibration.FILE.read_bytes()
    assert run(["calibrate", *arguments, "--model", "none", "--write"]) == 2
    assert said in capsys.readouterr().err
    assert calibration.FILE.read_bytes() == before


def test_a_fit_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "calibration.toml"
    monkeypatch.setattr(calibration, "FILE", target)
    assert run(["calibrate", str(SMALL), "--model", "none", "--target", "0.9", "--write"]) == 0
    calibration.Calibration.model_validate(tomllib.loads(target.read_text(encoding="utf-8")))
    assert [each.name for each in tmp_path.iterdir()] == ["calibration.toml"]
    said = capsys.readouterr().out
    assert "At first sight" in said
    assert "Sources not seen" in said
