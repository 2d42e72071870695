"""The closed sets behind a route: reasons, conventions and signals, each with a sentence in Chinese and in English.

Tables: standard/data/reasons.tsv (the order is gravity), conventions.tsv, evidence.tsv. Each row has the weight that an
expert expects; the weight that counts is the one fitted to labelled names, where they show the row (calibration.toml).
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal

from pydantic import BeforeValidator

from agent.calibration import fitted
from standard.errors import Lang
from standard.lexicon import DATA, read_rows
from standard.lexicon_rows import Row

Weight = Annotated[float, BeforeValidator(lambda cell: float(str(cell)))]  # log-odds, as a cell of a table


class ReasonRow(Row):
    """A reason of a route: id, route, expert's weight, a sentence in Chinese and English. Order is gravity."""

    id: str
    route: Literal["accepted", "review"]
    expert: Weight
    ask: Literal["", "model"]  # model: a language model is asked for what it would answer
    fill: Literal["", "same", "any"]  # model and classifier may fill it: with the reader's own codes, or with any
    zh: str
    en: str

    @property
    def weight(self) -> float:
        """In log-odds, as it counts."""
        return fitted("reason", self.id, self.expert)


class ConventionRow(Row):
    """A convention of reading, expert's weight, where it stands, a sentence in Chinese and English."""

    id: str
    expert: Weight
    source: str
    zh: str
    en: str

    @property
    def weight(self) -> float:
        """In log-odds, as it counts."""
        return fitted("convention", self.id, self.expert)


class EvidenceRow(Row):
    """A signal, expert's weight, a sentence in Chinese and English."""

    id: str
    expert: Weight
    zh: str
    en: str

    @property
    def weight(self) -> float:
        """In log-odds, as it counts."""
        return fitted("evidence", self.id, self.expert)


@cache
def reasons() -> dict[str, ReasonRow]:
    """All reasons by id, the gravest first."""
    return {row.id: row for _, row in read_rows(DATA / "reasons.tsv", ReasonRow)}


@cache
def conventions() -> dict[str, ConventionRow]:
    """All conventions by id."""
    return {row.id: row for _, row in read_rows(DATA / "conventions.tsv", ConventionRow)}


@cache
def evidence_rows() -> dict[str, EvidenceRow]:
    """All signals by id."""
    return {row.id: row for _, row in read_rows(DATA / "evidence.tsv", EvidenceRow)}


def sentence(reason: str, lang: Lang = "zh") -> str:
    """What a reason says. KeyError for an id that is not in the table."""
    row = reasons()[reason]
    return row.zh if lang == "zh" else row.en
