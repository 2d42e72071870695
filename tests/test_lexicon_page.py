"""The page for experts names every table there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from standard.lexicon import DATA

PAGE = (Path(__file__).parent.parent / "docs" / "lexicon.md").read_text(encoding="utf-8")
TABLES = sorted([*(DATA / "lexicon").glob("*.tsv"), *(DATA / "rules").glob("*.tsv"), *DATA.glob("*.tsv")])


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.name)
def test_the_page_names_the_table(table: Path) -> None:
    assert f"{table.name}`" in PAGE
