"""What was fitted to labelled names: weights of the evidence, and the score from which a complete answer is accepted.

standard/data/calibration.toml holds both; `./yingma calibrate --write` makes it, docs/trust.md says how. A row of the
tables that no labelled name shows keeps the expert's weight. Read at run time as numbers only: no library is needed.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from standard.errors import DataError
from standard.lexicon import DATA, read_toml

FILE = DATA / "calibration.toml"
Kind = Literal["evidence", "convention", "reason"]
FARTHEST = 30.0  # log-odds: beyond it a score is 0 or 1 anyway


class FittedWeights(BaseModel):
    """Weights in log-odds by the id of a row, for each table."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    evidence: dict[str, float] = {}
    convention: dict[str, float] = {}
    reason: dict[str, float] = {}


class Threshold(BaseModel):
    """The least score of an accepted answer: of each modality that had names enough, and of all others.

    An answer with exams of several modalities needs the strictest of theirs."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    every: float = Field(ge=0, lt=1)
    modality: dict[str, float] = {}


class Bound(BaseModel):
    """What the threshold was chosen for, and on how many accepted answers; docs/trust.md says what it promises."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    target: float = Field(gt=0, lt=1)
    confidence: float = Field(gt=0, lt=1)
    accepted: int = Field(ge=0)
    wrong: int = Field(ge=0)
    proven: bool


class Calibration(BaseModel):
    """calibration.toml. `made`: what it was fitted with (files, names, sources, versions)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    made: dict[str, str | int | list[str]]
    threshold: Threshold
    bound: Bound
    weights: FittedWeights


@cache
def calibration() -> Calibration:
    """What ships. DataError names what does not hold."""
    return read_toml(FILE, Calibration)


def fitted(kind: Kind, row: str, expert: float) -> float:
    """The weight of a row: as fitted, else as the expert set it.

    DataError where the two have different signs: the expert says which way a row counts, the fit only how much.
    """
    weights: dict[str, float] = getattr(calibration().weights, kind)
    weight = weights.get(row, expert)
    if weight * expert < 0 and (kind, row) != ("evidence", "prior"):
        problem = (f"与专家的权重 {expert:g} 符号相反", f"has another sign than the expert's weight, {expert:g}")
        raise DataError(FILE.name, None, f"weights.{kind}.{row}", weight, problem)
    return weight


def probability(total: float) -> float:
    """A sum of evidence in log-odds as a score in 0..1."""
    return 1.0 / (1.0 + math.exp(-max(-FARTHEST, min(FARTHEST, total))))


def log_odds(score: float) -> float:
    """A score as a sum of evidence: minus infinity for 0."""
    return -math.inf if score <= 0 else math.log(score / (1.0 - score))
