"""docs/store.md says what the store is."""

from __future__ import annotations

from pathlib import Path

from agent.reference import store_page
from agent.store.page import TABLES
from agent.store.schema import Base
from agent.store.states import table

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "store.md"


def test_the_page_is_made_of_the_tables() -> None:
    assert PAGE.read_text(encoding="utf-8") == store_page()


def test_every_table_and_column_says_what_it_holds() -> None:
    assert {model.__tablename__ for model in TABLES} == set(Base.metadata.tables)
    for model in TABLES:
        for name, field in model.model_fields.items():
            if name != "id":
                assert (field.description or "").endswith("."), (model, name)


def test_every_state_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{step.status}` | *{step.action}* |" in page for step in table() if step.action == "undo")
