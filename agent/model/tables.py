"""The model step's data files as typed tables: outcomes.tsv (reason, kind, sentences) and dialects.toml."""

from __future__ import annotations

import csv
import functools
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.model.protocol import Kind
from standard.errors import DataError, Lang

DATA = Path(__file__).parent / "data"


class OutcomeRow(BaseModel):
    """One way in which the model step can end."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    reason: Annotated[str, Field(pattern=r"^[a-z_]+$", description="The id that answers carry")]
    kind: Annotated[Kind, Field(description="The kind of the closed set that it belongs to")]
    zh: Annotated[str, Field(min_length=1, description="One sentence in Chinese, with the remedy")]
    en: Annotated[str, Field(min_length=1, description="The same in English")]

    def sentence(self, lang: Lang = "zh") -> str:
        """The sentence in the language asked for."""
        return self.zh if lang == "zh" else self.en


class Dialect(BaseModel):
    """One way of asking an endpoint for structured output."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    id: str
    note: Annotated[str, Field(min_length=1)]
    next: str
    response_format: str
    refused_status: list[int]
    refused_words: list[str]

    def format_for(self, schema: dict[str, Any]) -> dict[str, Any]:
        """What is sent as response_format."""
        filled = _fill(json.loads(self.response_format), schema)
        assert isinstance(filled, dict)
        return filled

    def refused_by(self, status: int, text: str) -> bool:
        """Does this error mean that the endpoint does not know the dialect?"""
        low = text.lower()
        return status in self.refused_status and any(word in low for word in self.refused_words)


def _fill(value: Any, schema: dict[str, Any]) -> Any:
    if value == "$schema":
        return schema
    if isinstance(value, dict):
        return {key: _fill(inner, schema) for key, inner in value.items()}
    return value


@functools.cache
def outcomes(path: Path = DATA / "outcomes.tsv") -> dict[str, OutcomeRow]:
    """The outcomes by reason. DataError where the table does not hold."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    header = list(OutcomeRow.model_fields)
    if not rows or rows[0] != header:
        raise DataError(
            path.name,
            1,
            None,
            rows[0] if rows else [],
            (f"表头应为 {header}。", f"is not the header; it must be {header}."),
        )
    table: dict[str, OutcomeRow] = {}
    for number, cells in enumerate(rows[1:], 2):
        if len(cells) != len(header):
            raise DataError(
                path.name,
                number,
                None,
                cells,
                (f"应有 {len(header)} 列。", f"does not have {len(header)} columns; add or remove a tab."),
            )
        try:
            row = OutcomeRow.model_validate(dict(zip(header, cells, strict=True)))
        except ValidationError as err:
            fault = err.errors()[0]
            column = str(fault["loc"][0])
            raise DataError(
                path.name,
                number,
                column,
                fault["input"],
                (f"不成立：{fault['msg']}；请改正。", f"does not hold: {fault['msg']}; correct it."),
            ) from err
        if row.reason in table:
            raise DataError(
                path.name, number, "reason", row.reason, ("重复；请删去一行。", "stands twice; remove one row.")
            )
        table[row.reason] = row
    lacking = set(get_args(Kind)) - {row.kind for row in table.values()}
    if lacking:
        raise DataError(
            path.name,
            None,
            "kind",
            sorted(lacking),
            ("没有任何一行；请补上。", "has no row; add one for each."),
        )
    return table


def outcome_sentence(reason: str, lang: Lang = "zh") -> str:
    """The sentence of a reason."""
    return outcomes()[reason].sentence(lang)


@functools.cache
def dialects(path: Path = DATA / "dialects.toml") -> dict[str, Dialect]:
    """The dialects by id. DataError where the file does not hold."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        table = {one.id: one for one in (Dialect.model_validate(row) for row in data["dialect"])}
        for one in table.values():
            json.loads(one.response_format)
    except (tomllib.TOMLDecodeError, KeyError, ValidationError, json.JSONDecodeError) as err:
        raise DataError(
            path.name, None, "dialect", str(err), ("不成立；请改正。", "does not hold; correct it.")
        ) from err
    for one in table.values():
        if one.next and one.next not in table:
            raise DataError(
                path.name, None, "next", one.next, ("没有这个方言；请改正。", "is no dialect of this file; correct it.")
            )
    return table
