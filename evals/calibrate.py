"""Fit, threshold and what they are worth, of some labelled names: all that `./yingma calibrate` tells and writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.audit import needed
from agent.evidence import NEVER_FITTED, expert_weights
from evals.calibration import (
    THINNED,
    Design,
    Fit,
    Floats,
    Key,
    Observation,
    best_strength,
    boosted,
    design,
    each_source,
    fit,
    out_of_fold,
    scores_of,
    unsigned,
)
from evals.reliability import Reliability, reliability
from evals.threshold import Chosen, Outcome, Promise, Run, choose, count, promise


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a mode: what the rules accept, what the threshold leaves of it, each with how many of it are right."""

    mode: str
    accepted: int
    right: int
    kept: int
    kept_right: int


@dataclass(frozen=True, slots=True)
class Unseen:
    """Of a mode, each source judged by weights and a threshold that have not seen it: what was accepted, and how many
    sources had a wrong one."""

    mode: str
    promise: Promise
    sources: int
    sources_wrong: int


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Weights by key (`shown`: how many answers show the row); how good the scores of each model are, out of fold where
    they are fitted; the threshold, of all and by modality.

    `too_few`: modalities whose accepted answers would not be enough if all were right."""

    strength: float
    losses: Mapping[float, float]
    weights: Mapping[Key, float]
    shown: Mapping[Key, int]
    scales: Mapping[str, float]
    models: Mapping[str, Mapping[str, Mapping[str, Reliability]]]  # of a model and a mode: all, accepted, review
    threshold: Chosen
    modalities: Mapping[str, Chosen]
    too_few: Mapping[str, Promise]
    costs: tuple[Cost, ...]
    unseen: tuple[Unseen, ...]
    sources: int

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "strength": self.strength,
            "scales": dict(self.scales),
            "log_loss_by_strength": {f"{key:g}": value for key, value in self.losses.items()},
            "weights": [
                {"table": key[0], "id": key[1], "weight": weight, "answers": self.shown.get(key, 0)}
                for key, weight in self.weights.items()
            ],
            "models": {
                model: {mode: {part: each.to_dict() for part, each in parts.items()} for mode, parts in modes.items()}
                for model, modes in self.models.items()
            },
            "threshold": self.threshold.to_dict(),
            "modalities": {name: each.to_dict() for name, each in self.modalities.items()},
            "too_few": {name: each.to_dict() for name, each in self.too_few.items()},
            "costs": [_plain(each) for each in self.costs],
            "leave_one_source_out": [{**_plain(each), "promise": each.promise.to_dict()} for each in self.unseen],
            "sources": self.sources,
        }


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Aim:
    """Precision to prove, the confidence to prove it at, and the share of right answers that a threshold may stop."""

    target: float
    confidence: float
    cost: float


def calibrate(observations: Sequence[Observation], aim: Aim) -> Calibrated:
    """All of it. The same observations give the same result."""
    import sklearn.ensemble  # noqa: F401 - before the limit, which holds for the libraries that are loaded
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # so few names are slower on many threads
        return _calibrate(observations, aim)


def _calibrate(observations: Sequence[Observation], aim: Aim) -> Calibrated:
    target, confidence = aim.target, aim.confidence
    found = design(observations)
    strength, losses = best_strength(found)
    fitted = fit(found, strength)
    scores = out_of_fold(found, strength)
    models = {
        "hand": scores_of(found, found.expert),
        "fitted": scores,
        "plain": unsigned(found),
        "boosted": boosted(found),
    }
    every = list(dict.fromkeys(each.mode for each in observations))
    modes = [mode for mode in every if mode != THINNED]  # the same names once more: no promise rests on them
    chosen = choose([run(observations, scores, mode) for mode in modes], target, confidence, aim.cost)
    modalities: dict[str, Chosen] = {}
    too_few: dict[str, Promise] = {}
    for modality in sorted({each.modality for each in observations if each.accepted and "+" not in each.modality}):
        runs = [run(observations, scores, mode, modality) for mode in modes]
        least = min(runs, key=len)
        if len(least) >= needed(target, confidence):
            modalities[modality] = choose(runs, target, confidence, aim.cost)
        else:
            counted = count(least, 0.0)
            too_few[modality] = promise(counted.accepted, counted.wrong, target, confidence)
    return Calibrated(
        strength=strength,
        losses=losses,
        weights=_weights(found, fitted),
        shown={key: sum(key in each.rows for each in observations) for key in found.keys},
        scales=fitted.scales,
        models={name: _by_mode(observations, each, modes) for name, each in models.items()},
        threshold=chosen,
        modalities=modalities,
        too_few=too_few,
        costs=tuple(_cost(observations, scores, mode, chosen, modalities) for mode in every),
        unseen=_unseen(observations, found, strength, modes, aim),
        sources=len(found.sources),
    )


def _weights(found: Design, fitted: Fit) -> dict[Key, float]:
    """In the order of the tables; a reason or convention that no answer shows has the expert's number, on the scale."""
    shown = dict(zip(found.keys, fitted.weights.tolist(), strict=True))
    weights: dict[Key, float] = {}
    for table, rows in expert_weights()._asdict().items():
        for name, expert in rows.items():
            if (table, name) in shown:
                weights[table, name] = shown[table, name]
            elif table in fitted.scales and expert and name not in NEVER_FITTED:
                weights[table, name] = round(fitted.scales[table] * expert, 2)
    return weights


def run(observations: Sequence[Observation], scores: Floats, mode: str, modality: str | None = None) -> Run:
    """What the rules accept in a mode, of one modality or of all."""
    return [
        Outcome(float(score), each.right)
        for each, score in zip(observations, scores, strict=True)
        if each.accepted and each.mode == mode and modality in (None, each.modality)
    ]


def _by_mode(
    observations: Sequence[Observation], scores: Floats, modes: Sequence[str]
) -> dict[str, dict[str, Reliability]]:
    """By what the rules do with the answers."""
    wanted = {"all": (True, False), "accepted": (True,), "review": (False,)}
    found: dict[str, dict[str, Reliability]] = {}
    for mode in modes:
        found[mode] = {}
        for part, routes in wanted.items():
            mine = [at for at, each in enumerate(observations) if each.mode == mode and each.accepted in routes]
            found[mode][part] = reliability([float(scores[at]) for at in mine], [observations[at].right for at in mine])
    return found


def _cost(
    observations: Sequence[Observation], scores: Floats, mode: str, chosen: Chosen, modalities: Mapping[str, Chosen]
) -> Cost:
    mine = [(each, scores[at]) for at, each in enumerate(observations) if each.accepted and each.mode == mode]
    least = {name: each.threshold for name, each in modalities.items()}

    def passes(modality: str, score: float) -> bool:
        return score >= max(least.get(name, chosen.threshold) for name in modality.split("+"))

    kept = [each for each, score in mine if passes(each.modality, score)]
    return Cost(mode, len(mine), sum(e.right for e, _ in mine), len(kept), sum(each.right for each in kept))


def _unseen(
    observations: Sequence[Observation],
    found: Design,
    strength: float,
    modes: Sequence[str],
    aim: Aim,
) -> tuple[Unseen, ...]:
    """Each source by weights and threshold of all the others."""
    kept: dict[str, list[tuple[str, bool]]] = {mode: [] for mode in modes}
    for train, test in each_source(found):
        scores = scores_of(found, fit(found, strength, train).weights)
        others = [observations[at] for at in train]
        runs = [run(others, scores[train], mode) for mode in modes]
        threshold = choose(runs, aim.target, aim.confidence, aim.cost).threshold
        for at in test:
            each = observations[at]
            if each.mode in kept and each.accepted and scores[at] >= threshold:
                kept[each.mode].append((each.source, each.right))
    told = []
    for mode in modes:
        wrong = [source for source, right in kept[mode] if not right]
        said = promise(len(kept[mode]), len(wrong), aim.target, aim.confidence)
        told.append(Unseen(mode, said, len({source for source, _ in kept[mode]}), len(set(wrong))))
    return tuple(told)
