"""An answered column as a table for a spreadsheet: CSV in UTF-8 with a mark, nothing in it that runs as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agent.chat.render import sentences
from agent.defuse import defused
from standard.errors import Lang


def table_of(cards: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The table among the cards of an answer."""
    return next((card for card in cards if card.get("kind") == "table"), None)


def csv_of(table: Mapping[str, Any], lang: Lang) -> bytes:
    """The table: one line a name."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(sentences().text("table.file", lang).split("|"))
    for row in _rows(table, lang):
        writer.writerow([defused(cell) for cell in row])
    return out.getvalue().encode("utf-8-sig", "replace")


def _rows(table: Mapping[str, Any], lang: Lang) -> Iterator[list[str]]:
    texts = sentences()
    for number, line in enumerate(table["lines"], 1):
        route = texts.text("accepted" if line["route"] == "accepted" else "open", lang)
        yield [
            str(number),
            line["name"],
            "+".join(line["codes"]),
            " + ".join(line["names"]),
            route,
            f"{line['score']:.4f}",
            line["reason"][lang],
        ]
