"""Learn then test: p-values are exact, a threshold that is proven holds, too few names are told in plain words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audit import needed
from evals.threshold import GRID, Outcome, choose, count, p_value, promise, promise_sentence

TARGET, CONFIDENCE = 0.995, 0.95


@pytest.mark.parametrize(("wrong", "least"), [(0, 598), (1, 947), (2, 1258)])
def test_how_many_names_prove_a_target(wrong: int, least: int) -> None:
    """Of 598 all right: 0.995 to the 598th is just under 5 %."""
    assert needed(TARGET, CONFIDENCE, wrong) == least
    assert p_value(wrong, least, TARGET) <= 1 - CONFIDENCE < p_value(wrong, least - 1, TARGET)


def test_a_promise_agrees_with_its_bound() -> None:
    """The target is proven exactly where the one-sided bound of Clopper and Pearson reaches it."""
    for accepted, wrong in ((0, 0), (597, 0), (598, 0), (599, 1), (946, 1), (947, 1), (2000, 20)):
        said = promise(accepted, wrong, TARGET, CONFIDENCE)
        assert said.proven == (said.lower >= TARGET)
        assert said.proven == (said.p <= 1 - CONFIDENCE)


def test_too_few_is_said_in_plain_words() -> None:
    zh, en = promise_sentence(promise(352, 1, TARGET, CONFIDENCE))
    assert "595 more right answers" in en
    assert "too few to promise a precision of 99.5 %" in en
    assert "数据太少" in zh
    assert "595" in zh
    zh, en = promise_sentence(promise(945, 13, TARGET, CONFIDENCE))
    assert "is missed" in en
    assert "没有达到" in zh
    zh, en = promise_sentence(promise(1644, 0, TARGET, CONFIDENCE))
    assert "at least 99.5 %" in en
    assert "太少" not in zh


def test_the_threshold_goes_down_as_far_as_is_proven() -> None:
    good = [Outcome(0.99, True)] * 900
    bad = [Outcome(0.72, at % 10 > 0) for at in range(100)]
    chosen = choose([good + bad], TARGET, CONFIDENCE)
    assert chosen.promise.proven
    assert 0.72 < chosen.threshold <= 0.99
    assert (chosen.stopped, chosen.stopped_right) == (100, 90)


def test_the_threshold_never_goes_below_what_was_seen() -> None:
    chosen = choose([[Outcome(0.93, True)] * 700], TARGET, CONFIDENCE)
    assert (chosen.threshold, chosen.stopped) == (0.93, 0)


def test_too_few_names_stop_nothing_and_promise_nothing() -> None:
    chosen = choose([[Outcome(0.9, True)] * 100], TARGET, CONFIDENCE)
    assert not chosen.promise.proven
    assert chosen.promise.missing == 498
    assert chosen.stopped == 0


def test_every_run_has_to_hold() -> None:
    good = [Outcome(0.99, True)] * 900
    wrong = [Outcome(0.99, at >= 20) for at in range(900)]
    assert choose([good], TARGET, CONFIDENCE).promise.proven
    assert not choose([good, wrong], TARGET, CONFIDENCE).promise.proven


outcomes = st.lists(st.builds(Outcome, st.sampled_from(GRID), st.sampled_from([True] * 30 + [False])), max_size=400)


@given(st.lists(outcomes, min_size=1, max_size=2))
def test_what_is_promised_was_counted(runs: list[list[Outcome]]) -> None:
    chosen = choose(runs, 0.9, 0.9)
    counts = [count(run, chosen.threshold) for run in runs]
    assert (chosen.promise.accepted, chosen.promise.wrong) in [tuple(each) for each in counts]
    if chosen.promise.proven:
        assert all(p_value(each.wrong, each.accepted, 0.9) <= 0.1 + 1e-12 for each in counts)
    assert chosen.stopped == sum(each.score < chosen.threshold for run in runs for each in run)


def test_a_bad_threshold_is_rarely_proven() -> None:
    """Where every threshold misses the target, one is proven in at most 1 - confidence of the draws."""
    draw = np.random.default_rng(7)
    scores = draw.choice(GRID, 1200)
    proven = sum(
        choose([[Outcome(float(s), bool(r)) for s, r in zip(scores, draw.random(1200) < 0.9, strict=True)]], 0.905, 0.9)
        .promise.proven
        for _ in range(200)
    )  # fmt: skip
    assert proven <= 200 * 0.1 + 3 * (200 * 0.1 * 0.9) ** 0.5
