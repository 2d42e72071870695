"""The rules speak of elements that an edition or the lexicon has: a mistyped element would never fire."""

from __future__ import annotations

import pytest

from agent.stock import Stock
from standard import load_catalogue
from standard.lexicon import load_lexicon

LEXICON = load_lexicon()
STOCK = Stock(load_catalogue("3.8.2"), LEXICON)
WORDS = {element for form in LEXICON.forms for element in form.element.split(";")}
PARTS = {stem for family in ("CT", "MR", "DR", "MG", "RF", "US") for stem in STOCK.parts(family)} | WORDS | {"*", "="}
TABLES = {
    "group": [e for row in LEXICON.groups for e in (*row.members.split(";"), row.element)],
    "containment": [e for row in LEXICON.containments for e in (row.whole, *row.members.split(";"))],
    "heading": [e for row in LEXICON.headings for e in (row.heading, *row.members.split(";"))],
    "vessel": [e for row in LEXICON.vessels for e in (row.region, row.element)],
    "fallback": [e for row in LEXICON.fallbacks for e in (row.part, row.to_part)],
    "position_home": [e for row in LEXICON.position_homes for e in (row.part, row.to_part)],
    "position_fallback": [row.part for row in LEXICON.position_fallbacks],
    "one_part": [row.part for row in LEXICON.one_parts],
}


@pytest.mark.parametrize("table", TABLES)
def test_every_part_of_a_rule_is_known(table: str) -> None:
    assert sorted(set(TABLES[table]) - PARTS) == []
