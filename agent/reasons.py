"""The closed sets behind a route: reasons, conventions and signals, each with a sentence in Chinese and in English.

Tables: standard/data/reasons.tsv (the order is gravity), conventions.tsv, evidence.tsv.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal

from pydantic import BeforeValidator

from standard.errors import Lang
from standard.lexicon import DATA, Row, read_rows

Weight = Annotated[float, BeforeValidator(lambda cell: float(str(cell)))]  # log-odds, as a cell of a table


class ReasonRow(Row):
    """A reason of a route: id, route, weight in log-odds, a sentence in Chinese and English. Order is gravity."""

    id: str
    route: Literal["accepted", "review"]
    weight: Weight
    ask: Literal["", "model"]  # model: a language model is asked for what it would answer
    fill: Literal["", "same", "any"]  # model and classifier may fill it: with the reader's own codes, or with any
    zh: str
    en: str


class ConventionRow(Row):
    """A convention of reading, its weight in log-odds, where it stands, a sentence in Chinese and English."""

    id: str
    weight: Weight
    source: str
    zh: str
    en: str


class EvidenceRow(Row):
    """A signal, its weight in log-odds, a sentence in Chinese and English."""

    id: str
    weight: Weight
    zh: str
    en: str


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
