"""A fault in the data of an edition stops the load and names file, row, column, value and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from standard import Edition, load_edition
from standard.catalogue import read_edition
from standard.errors import DataError
from standard.tables import COMBINATION_TABLES, ELEMENT_TABLES, ExceptionRow, Row

ALL_TABLES: list[type[Row]] = [*ELEMENT_TABLES.values(), *COMBINATION_TABLES.values(), ExceptionRow]


def test_the_invented_edition_generates_items_and_names(tiny: Edition) -> None:
    assert {code: item.name for code, item in tiny.items.items()} == {
        "A1111070": "AA左甲(平扫)",
        "A1111170": "AA左甲(平扫+重建)",
        "A1121070": "AA右甲(平扫)",
        "A1210170": "AA乙环重建",
        "A1212070": "AA乙环成像",  # 环 is written once
        "A9991070": "AA平扫",  # an unnamed part has no brackets
        "G111M1": "GL左甲正照",
        "G111m1": "GL左甲侧照",
        "H111M1": "GS甲快照",  # an exception
    }
    assert list(tiny.items) == sorted(tiny.items)
    assert [element.code for element in tiny.elements("part3", "GL")] == ["111"]
    assert tiny.elements("part3", "AA")[0].modalities == ("AA", "GL", "GS")


def test_an_extending_edition_has_both(tiny: Edition, next_tiny: Edition) -> None:
    assert set(next_tiny.items) - set(tiny.items) == {"A1113070", "A1113170", "A1121170"}
    assert set(tiny.items) < set(next_tiny.items)
    assert next_tiny.items["A1113170"].name == "AA左甲(增强+重建)"
    assert {item.edition for item in next_tiny.items.values()} == {"tiny-1.1"}


# File, text to replace, replacement, row, column, and a word of the remedy.
FAULTS = [
    ("parts.tsv", "code\tname", "code\ttitle", 1, None, "columns"),
    ("parts.tsv", "112\t右甲\t\tAA", "112\t右甲\tAA", 5, None, "tabs"),
    ("parts.tsv", "112\t右甲", "1l2\t右甲", 5, "code", "correct"),
    ("parts.tsv", "112\t右甲", "1122\t右甲", 5, "code", "length"),
    ("parts.tsv", "112\t右甲", "111\t右甲", 5, "code", "remove"),
    ("parts.tsv", "112\t右甲", "132\t右甲", 5, "code", "add"),
    ("parts.tsv", "112\t右甲", "112\t", 5, "name", "correct"),
    ("parts.tsv", "112\t右甲", "112\t右甲 ", 5, "name", "correct"),
    ("parts.tsv", "右甲\t\tAA", "右甲\t\tBB", 5, "modalities", "use"),
    ("scans.tsv", "plain\t特", "fancy\t特", 3, "style", "bracket"),
    ("devices.tsv", "site", "sometimes", 3, "use", "default"),
    ("devices.tsv", "\tGS\tdefault", "\tGS\titems", None, "use", "one device"),
    ("devices.tsv", "\tAA\tsite", "\tAA\tdefault", None, "use", "one device"),
    ("devices.tsv", "\tGS\tdefault", "\t光\tdefault", None, "modalities", "of one"),
    ("combinations.tsv", "A\t112\t右甲", "A\t113\t右甲", 3, "name", "correct"),
    ("combinations.tsv", "A\t112\t右甲", "A\t112\t左甲", 3, "name", "correct"),
    ("combinations.tsv", "A\t112\t右甲", "Z\t112\t右甲", 3, "device", "correct"),
    ("combinations.tsv", "右甲\t1", "右甲\t8", 3, "combinations", "see its element table"),
    ("combinations.tsv", "右甲\t1", "右甲\t1+1+1", 3, "combinations", "codes of"),
    ("combinations.tsv", "右甲\t1", "右甲\t1 1", 3, "combinations", "remove"),
    ("combinations.tsv", "右甲\t1", "右甲\t1  2", 3, "combinations", "-"),
    ("combinations.tsv", "右甲\t1", "右甲\t+", 3, "combinations", "-"),
    ("exceptions.tsv", "GS甲快照", "GS左甲正照", 2, "name", "remove"),
    ("exceptions.tsv", "H111M1", "H111M2", 2, "code", "remove"),
    ("exceptions.tsv", "whole", "odd", 2, "kind", "part"),
    ("exceptions.tsv", "印作快照", "", 2, "reason", "correct"),
    ("edition.toml", 'id = "tiny-1.0"', 'id = "tiny-2.0"', None, "id", "folder"),
    ("edition.toml", "start = 4", "start = 5", None, "layouts.0", "correct"),
    ("edition.toml", "length = 8", "length = 9", None, "layouts.0", "correct"),
    ("edition.toml", "source", "sauce", None, "source", "correct"),
    ("edition.toml", 'family = "radiology"', 'family = "botany"', None, "family", "correct"),
    ("edition.toml", 'id = "tiny-1.0"', "id = ", None, None, "TOML"),
    ("edition.toml", 'mark = "* "', 'mark = "* "\nextends = "tiny-0.9"', None, "extends", "correct"),
]


@pytest.mark.parametrize(("file", "old", "new", "row", "column", "remedy"), FAULTS)
def test_a_fault_is_named(
    file: str, old: str, new: str, row: int | None, column: str | None, remedy: str, tiny_folder: Path
) -> None:
    path = tiny_folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_edition(tiny_folder)
    error = caught.value
    assert Path(error.file) == path
    assert (error.row, error.column) == (row, column)
    assert remedy in error.en
    assert file in error.zh
    assert str(row or "") in error.zh


@pytest.mark.parametrize("file", ["edition.toml", "parts.tsv", "combinations.tsv", "exceptions.tsv"])
def test_a_missing_file_is_named(file: str, tiny_folder: Path) -> None:
    (tiny_folder / file).unlink()
    with pytest.raises(DataError, match="missing") as caught:
        read_edition(tiny_folder)
    assert Path(caught.value.file) == tiny_folder / file


@pytest.mark.parametrize("file", ["edition.toml", "parts.tsv"])
def test_a_file_in_another_encoding_is_named(file: str, tiny_folder: Path) -> None:
    path = tiny_folder / file
    path.write_bytes(path.read_text(encoding="utf-8").encode("gb18030"))
    with pytest.raises(DataError) as caught:
        read_edition(tiny_folder)
    assert Path(caught.value.file) == path


def test_an_empty_table_is_no_table(tiny_folder: Path) -> None:
    (tiny_folder / "posts.tsv").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="header"):
        read_edition(tiny_folder)


def test_an_edition_is_loaded_once(tiny: Edition) -> None:
    assert load_edition(Path(__file__).parent / "data" / "tiny-1.0") is tiny


@pytest.mark.parametrize("model", ALL_TABLES, ids=lambda model: model.__name__)
def test_every_table_and_column_says_what_it_means(model: type[Row]) -> None:
    assert model.__doc__
    assert ".tsv" in model.__doc__
    for name, column in model.model_fields.items():
        assert column.description, name
