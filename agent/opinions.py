"""What models say of a name beside the reader: beside a model the classifier reads every name, the model those that it
leaves open; without one the classifier is asked about those that it can settle.

    reader ─┐
            ├─▶ router ─▶ settled, or: what does the model say? ─▶ router
    classifier ┘

An opinion is a set of codes and how far it stands before the next answer. Agreement of voices that err differently is
evidence; a voice alone is not (standard/data/voices.toml says how far before counts).
"""

from __future__ import annotations

import re
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from standard.lexicon import DATA, read_toml

FILE = DATA / "voices.toml"
CLASSIFIER = Path(__file__).parent / "model" / "data" / "embedded" / "classifier.npz"  # the one that ships


class Opinion(NamedTuple):
    """What one voice says: codes in the order of the name (none: the refusal), nats before the next answer.

    `margin` is None for a model that does not tell it."""

    codes: tuple[str, ...]
    margin: float | None = None


class Opinions(NamedTuple):
    """Of the voices that were asked."""

    classifier: Opinion | None = None
    model: Opinion | None = None


class Rule(BaseModel):
    """The least margins of a rule, in nats."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    model_margin: float = Field(ge=0)
    classifier_margin: float = Field(ge=0)


class AloneRule(BaseModel):
    """The least margin of the classifier's where it decides without a model, in nats; the most exams of a name."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    classifier_margin: float = Field(ge=0)
    exams: int = Field(ge=1)


class UnexplainedRule(BaseModel):
    """What is no noise, though nothing explains it: regular expressions on the canonical text, and words of which
    slots it may be part of, straight behind them. What stands not apart: whole words that match `orders`. What it may
    touch and still stand apart: words of slots, separators. `elsewhere`: characters in names of parts that say none."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    matters: tuple[str, ...]
    orders: tuple[str, ...]
    elsewhere: frozenset[str]
    behind: frozenset[str]
    beside: frozenset[str]
    separators: frozenset[str]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The expressions of `matters`, compiled. re.error for one that is none."""
        return _any_of(self.matters)

    @cached_property
    def whole(self) -> re.Pattern[str]:
        """Those of `orders`."""
        return _any_of(self.orders)


def _any_of(expressions: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(expressions) or r"(?!)")


class VoiceRules(BaseModel):
    """voices.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    unexplained: UnexplainedRule
    alone: AloneRule
    fill: Rule
    veto: Rule
    doubt: Rule


@cache
def voice_rules() -> VoiceRules:
    """The rules that ship. DataError names what does not hold."""
    return read_toml(FILE, VoiceRules)


def sure(opinion: Opinion | None, margin: float) -> bool:
    """The opinion stands far enough before the next answer."""
    return opinion is not None and opinion.margin is not None and opinion.margin >= margin
