"""The closed sets behind a route: reasons, conventions and signals, each with a sentence in Chinese and in English.

Tables: standard/data/reasons.tsv (the order is gravity), conventions.tsv, evidence.tsv.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

from pydantic import field_validator

from standard.errors import Lang
from standard.lexicon import DATA, Row, read_rows


class ReasonRow(Row):
    """A reason of a route: id, route, weight in log-odds, a sentence in Chinese and English. Order is gravity."""

    id: str
    route: Literal["accepted", "review"]
    weight: float
    ask: Literal["", "model"]  # model: a language model is asked for what it would answer
    zh: str
    en: str

    _w = field_validator("weight", mode="before")(lambda value: float(str(value)))


class ConventionRow(Row):
    """A convention of reading, its weight in log-odds, where it stands, a sentence in Chinese and English."""

    id: str
    weight: float
    source: str
    zh: str
    en: str

    _w = field_validator("weight", mode="before")(lambda value: float(str(value)))


class EvidenceRow(Row):
    """A signal, its weight in log-odds, a sentence in Chinese and English."""

    id: str
    weight: float
    zh: str
    en: str

    _w = field_validator("weight", mode="before")(lambda value: float(str(value)))


def load_reasons() -> tuple[ReasonRow, ...]:
    """All reasons, the gravest first."""
    return tuple(reasons().values())


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
