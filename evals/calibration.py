"""Fits the weights of the evidence to labelled names, and measures them on sources that the fit has not seen.

    labelled names ─▶ rows of evidence, amounts only ─▶ grouped by source ─▶ fit ─▶ weights
    (each mode: without a model, with one)                     └─▶ fits without a source ─▶ scores out of fold

The model is a logistic regression on the rows themselves, so a weight is what the screen shows and the sum of the rows
is the log-odds of the score. Each weight is held to the sign that the expert gave it (doubt never raises a score) and
drawn towards his number: maximum a posteriori under a Gaussian around it, so that a row which few names show stays near
it, and one that none shows stays there. Of reasons and conventions the expert says which counts more; how much they all
count is one scale for each table, fitted with the weights. How strong the pull is, cross-validation says. The loss is
convex, so a fit is repeatable. Of scikit-learn: the grouped folds, and the models that it is compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.answer import Query, Suggestion
from agent.calibration import Threshold
from agent.evidence import Weights, expert_weights
from agent.pipeline import Pipeline
from agent.router import Router
from evals.gold import GoldRow
from evals.scored import modality_of

Key = tuple[str, str]  # table (evidence, convention, reason), id of the row
Floats = NDArray[np.float64]
THINNED = "thinned"  # the mode of answers without a model by a lexicon with words left out (thinned.py)
PRIOR: Key = ("evidence", "prior")
# Of the pull to the expert's numbers, the strongest first. A weaker one leaves rows that few names show to chance.
STRENGTHS = (30.0, 10.0, 3.0, 1.0)
FOLDS = 10
MOST_WEIGHT, MOST_SCALE = 12.0, 2.0
SCALED = ("convention", "reason")  # tables whose rows the expert set against each other, on a scale of his own


class Observation(NamedTuple):
    """A labelled name as one mode answers it, where it offers codes: its rows by key, and what came of it."""

    source: str
    modality: str
    mode: str
    rows: Mapping[Key, float]  # amounts: how often a row's weight counts
    accepted: bool  # by the rules, whatever the score
    right: bool
    truth: float  # what the fit is told: 1 or 0, or less than 1 where being right now says little


@dataclass(frozen=True, slots=True)
class Design:
    """Observations as arrays; `keys` names the columns, in the order of the tables."""

    keys: tuple[Key, ...]
    amounts: Floats
    truth: Floats
    expert: Floats
    groups: NDArray[np.int64]
    sources: tuple[str, ...]


def observe(
    pipeline: Pipeline, rows: Sequence[GoldRow], mode: str, discount: Sequence[float] | None = None
) -> list[Observation]:
    """What a pipeline offers for the names, with a threshold that stops nothing. Names without an answer are left out.

    `discount`: of each row, the share taken off the truth of an answer that is accepted and right."""
    router, pipeline.router = pipeline.router, Router(_ones(), Threshold(every=0.0))
    try:
        answers = pipeline.fresh([Query(row.name, row.modality) for row in rows])
    finally:
        pipeline.router = router
    off = discount or [0.0] * len(rows)
    return [
        _observed(row, answer, mode, less) for row, answer, less in zip(rows, answers, off, strict=True) if answer.codes
    ]


def _ones() -> Weights:
    """Weights under which a row of evidence tells its amount."""
    tables = [dict.fromkeys(table, 1.0) for table in expert_weights()]
    return Weights(*tables)


def _observed(row: GoldRow, answer: Suggestion, mode: str, less: float) -> Observation:
    amounts: dict[Key, float] = {}
    for each in answer.evidence:
        own = each.signal in ("convention", "reason")
        amounts[(each.signal, each.value) if own else ("evidence", each.signal)] = each.weight
    accepted, right = answer.route == "accepted", row.right(answer.codes)
    truth = float(right) * (1.0 - less if accepted else 1.0)
    return Observation(row.source, modality_of(row, answer), mode, amounts, accepted, right, truth)


def design(observations: Sequence[Observation]) -> Design:
    """The arrays of a fit: a column for each row of the tables that any of them shows."""
    shown = {key for each in observations for key in each.rows}
    expert = {
        (table, name): weight
        for table, weights in expert_weights()._asdict().items()
        for name, weight in weights.items()
        if (table, name) in shown
    }
    place = {key: at for at, key in enumerate(expert)}
    amounts = np.zeros((len(observations), len(place)))
    for at, each in enumerate(observations):
        for key, amount in each.rows.items():
            amounts[at, place[key]] = amount
    sources = tuple(sorted({each.source for each in observations}))
    group = {source: at for at, source in enumerate(sources)}
    return Design(
        tuple(place),
        amounts,
        np.array([each.truth for each in observations]),
        np.array(list(expert.values())),
        np.array([group[each.source] for each in observations]),
        sources,
    )


class Fit(NamedTuple):
    """Weights in the order of `keys`, and the scale of the expert's numbers in each table of SCALED."""

    weights: Floats
    scales: Mapping[str, float]


def fit(found: Design, strength: float, chosen: NDArray[Any] | None = None) -> Fit:
    """The weights, for the observations chosen (indexes; all unless given)."""
    from scipy.optimize import minimize

    every = slice(None) if chosen is None else chosen
    amounts, place = np.unique(found.amounts[every], axis=0, return_inverse=True)  # most names show what others show
    times = np.bincount(place.ravel()).astype(float)
    truth = np.bincount(place.ravel(), weights=found.truth[every])
    count = len(found.keys)
    table = np.array([[key[0] == name for key in found.keys] for name in SCALED], float)
    fixed = found.expert * (1.0 - table.sum(axis=0))  # the centre is: fixed + scales @ (table * expert)
    scaled = table * found.expert

    def loss(point: Floats) -> tuple[float, Floats]:
        weights, scales = point[:count], point[count:]
        total = amounts @ weights
        away = weights - fixed - scales @ scaled
        value = np.sum(times * np.logaddexp(0.0, total) - truth * total) + 0.5 * strength * away @ away
        slope = amounts.T @ (times * _sigmoid(total) - truth) + strength * away
        return float(value), np.concatenate([slope, -strength * scaled @ away])

    bounds = [_bounds(key, expert) for key, expert in zip(found.keys, found.expert, strict=True)]
    bounds += [(0.0, MOST_SCALE)] * len(SCALED)
    start = np.concatenate([found.expert, np.ones(len(SCALED))])
    done = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 5000})
    if not done.success:
        raise RuntimeError(f"the fit did not converge: {done.message}")
    rounded = np.round(np.asarray(done.x, float), 2) + 0.0
    return Fit(rounded[:count], dict(zip(SCALED, rounded[count:].tolist(), strict=True)))


def _bounds(key: Key, expert: float) -> tuple[float, float]:
    """The sign of a weight is the expert's; the prior alone is free."""
    if key == PRIOR:
        return -MOST_WEIGHT, MOST_WEIGHT
    return (0.0, MOST_WEIGHT if expert > 0 else 0.0) if expert >= 0 else (-MOST_WEIGHT, 0.0)


def _sigmoid(total: Floats) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(total), float)


def grouped(found: Design) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Ten folds (train, test), or as many as there are sources: no source is in both."""
    from sklearn.model_selection import GroupKFold

    yield from GroupKFold(min(FOLDS, len(found.sources))).split(found.amounts, groups=found.groups)


def each_source(found: Design) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """A fold for each source: it, and all others."""
    from sklearn.model_selection import LeaveOneGroupOut

    yield from LeaveOneGroupOut().split(found.amounts, groups=found.groups)


Folds = Callable[[Design], Iterator[tuple[NDArray[Any], NDArray[Any]]]]


def out_of_fold(found: Design, strength: float, folds: Folds = grouped) -> Floats:
    """The score of each observation by a fit that has seen no other of its source."""
    scores = np.zeros(len(found.truth))
    for train, test in folds(found):
        scores[test] = _sigmoid(found.amounts[test] @ fit(found, strength, train).weights)
    return scores


def best_strength(found: Design) -> tuple[float, dict[float, float]]:
    """The pull with the least log-loss out of fold (the stronger of equals), and the loss of each."""
    losses = {strength: _log_loss(out_of_fold(found, strength), found.truth) for strength in STRENGTHS}
    return min(losses, key=losses.__getitem__), losses


def _log_loss(scores: Floats, truth: Floats) -> float:
    sure = np.clip(scores, 1e-9, 1 - 1e-9)
    return float(-np.mean(truth * np.log(sure) + (1 - truth) * np.log(1 - sure)))


def scores_of(found: Design, weights: Floats) -> Floats:
    """The score of each observation under weights in the order of `keys`."""
    return _sigmoid(found.amounts @ weights)


def boosted(found: Design) -> Floats:
    """Out of fold, by gradient boosting that is monotone in each row: what a model that is no sum would say."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    signs = [0 if key == PRIOR else int(np.sign(expert)) for key, expert in zip(found.keys, found.expert, strict=True)]
    make = lambda: HistGradientBoostingClassifier(  # noqa: E731
        monotonic_cst=signs, max_iter=150, learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=10, random_state=0
    )
    return _others(found, make)


def unsigned(found: Design) -> Floats:
    """Out of fold, by a plain logistic regression: no signs, drawn to nought."""
    from sklearn.linear_model import LogisticRegression

    return _others(found, lambda: LogisticRegression(C=1.0, max_iter=2000))


def _others(found: Design, make: Callable[[], Any]) -> Floats:
    """Each observation counts as right with its truth, as wrong with the rest."""
    scores = np.zeros(len(found.truth))
    for train, test in grouped(found):
        amounts, truth = found.amounts[train], found.truth[train]
        outcome = np.repeat([1, 0], len(train))
        share = np.concatenate([truth, 1 - truth])
        twice = np.vstack([amounts, amounts])
        counts = share > 0
        model = make().fit(twice[counts], outcome[counts], sample_weight=share[counts])
        scores[test] = model.predict_proba(found.amounts[test])[:, 1]
    return scores
