"""The shipped editions equal the published lists, and hold together."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from standard import catalogue_ids, edition_ids, load_catalogue, load_edition
from standard.catalogue import EDITIONS, catalogue_of
from standard.errors import InputError
from standard.naming import compose_name
from standard.tables import ExceptionRow, read_table

Published = Callable[..., list[dict[str, str]]]
SIZES = {"radiology-3.8": 1226, "radiology-3.8.2": 1367, "ultrasound-1.1": 443, "nuclear-2.0": 72}


@pytest.mark.parametrize("edition_id", SIZES)
def test_items_equal_the_published_list(edition_id: str, published: Published) -> None:
    rows = published(edition_id)
    printed = {row["code"]: (row["modality"], row["name"].removeprefix("*").removeprefix(" ")) for row in rows}
    ours = {item.code: (item.modality, item.name) for item in load_edition(edition_id).items.values()}
    assert len(rows) == SIZES[edition_id]
    assert ours == printed


@pytest.mark.parametrize("edition_id", ["radiology-3.8", "radiology-3.8.2"])
def test_elements_of_items_equal_the_published_columns(edition_id: str, published: Published) -> None:
    edition = load_edition(edition_id)
    for row in published(edition_id):
        item = edition.items[row["code"]]
        for slot in ("part1", "part2", "part3", "scan", "post", "position"):
            if row[f"{slot}_code"]:
                assert item.slots[slot] == row[f"{slot}_code"]
                assert item.elements.get(slot, "") == row[f"{slot}_name"]


@pytest.mark.parametrize("slot", ["part3", "scan", "post", "position"])
@pytest.mark.parametrize("edition_id", ["radiology-3.8", "radiology-3.8.2"])
def test_every_published_element_is_there_or_omitted_with_a_reason(
    edition_id: str, slot: str, published: Published
) -> None:
    edition = load_edition(edition_id)
    omitted = {"M8", "M9", "M10", "073200", "00"}  # edition.toml says why; 00 is the layout's `none`
    groups = {"X线": ("DR", "MG", "RF")}
    for row in published(edition_id, "parts" if slot == "part3" else f"{slot}s"):
        code = row.get("level3_code") or row["code"]
        name = row.get("level3_name") or row["name"]
        if code in omitted:
            continue
        for word in (row.get("modalities") or row["modality"]).split("/"):
            for modality in groups.get(word, (word,)):
                element = edition.element(slot, modality, code)
                assert element is not None, (code, modality)
                assert element.name == name


@pytest.mark.parametrize(("edition_id", "size"), SIZES.items())
def test_size_and_uniqueness(edition_id: str, size: int) -> None:
    edition = load_edition(edition_id)
    assert len(edition.items) == size
    assert len({item.name for item in edition.items.values()}) == size
    assert all(item.edition == edition_id and item.code == code for code, item in edition.items.items())
    assert all(not set(code) & set("iolIOL") for code in edition.items)
    assert all(not item.name.startswith(("*", " ")) for item in edition.items.values())


@pytest.mark.parametrize("edition_id", SIZES)
def test_every_name_is_composed_or_an_exception_with_a_reason(edition_id: str) -> None:
    edition = load_edition(edition_id)
    folders = [EDITIONS / edition_id]
    if edition_id == "radiology-3.8.2":
        folders.append(EDITIONS / "radiology-3.8")
    explained = {row.code: row for folder in folders for _, row in read_table(folder / "exceptions.tsv", ExceptionRow)}
    for item in edition.items.values():
        layout = edition.layout(item.modality)
        assert layout is not None
        elements = {
            slot: element
            for slot, code in item.slots.items()
            if (element := edition.element(slot, item.modality, code)) is not None
        }
        regular = compose_name(layout.naming, elements) == item.name
        assert regular != (item.code in explained), item
    assert all(row.reason.strip() for row in explained.values())


def test_the_number_of_exceptions_is_the_published_one() -> None:
    counts = {each: len(read_table(EDITIONS / each / "exceptions.tsv", ExceptionRow)) for each in SIZES}
    assert counts["radiology-3.8"] == 48
    assert counts["radiology-3.8"] + counts["radiology-3.8.2"] == 64


def test_catalogues_put_editions_together() -> None:
    assert catalogue_ids() == ["3.8.2", "3.8"]
    assert load_catalogue() is load_catalogue("V3.8.2") is load_catalogue("3.8.2")
    assert len(load_catalogue("3.8.2").items) == 1367 + 443 + 72
    assert len(load_catalogue("3.8").items) == 1226 + 443 + 72
    assert [edition.id for edition in load_catalogue("ultrasound-1.1+nuclear-2.0").editions] == [
        "ultrasound-1.1",
        "nuclear-2.0",
    ]
    item = load_catalogue().get("20040100110000")
    assert item is not None
    assert (item.name, item.modality, item.edition) == ("CT胸部(平扫)", "CT", "radiology-3.8.2")
    assert item.elements["part3"] == "胸部"
    assert load_catalogue().get("20040100110001") is None


def test_the_modality_finds_its_edition() -> None:
    catalogue = load_catalogue()
    for modality in catalogue.modalities:
        edition = catalogue.edition_for(modality)
        assert edition is not None
        assert any(item.modality == modality for item in edition.items.values())
    assert catalogue.edition_for("XX") is None


@pytest.mark.parametrize("name", ["3.9", "nonsense", "V", "radiology-9", "../radiology-3.8", "radiology-3.8+"])
def test_an_unknown_catalogue_is_told_with_the_known_ones(name: str) -> None:
    with pytest.raises(InputError) as caught:
        load_catalogue(name)
    assert "3.8.2" in caught.value.zh
    assert "3.8.2" in caught.value.en


def test_two_editions_of_one_family_make_no_catalogue() -> None:
    with pytest.raises(InputError, match="choose one"):
        catalogue_of("both", [load_edition("radiology-3.8"), load_edition("radiology-3.8.2")])


def test_edition_ids_are_the_shipped_and_the_imported(tmp_path: Path) -> None:
    assert edition_ids(tmp_path) == sorted(SIZES)
    (tmp_path / "radiology-9").mkdir()
    (tmp_path / "radiology-9" / "edition.toml").write_text("", encoding="utf-8")
    assert edition_ids(tmp_path) == [*sorted(SIZES), "radiology-9"]


def test_importing_and_loading_needs_no_heavy_package() -> None:
    heavy = ("chromadb", "duckdb", "gradio", "llama_cpp", "numpy", "openpyxl", "polars", "python_calamine", "rich")
    program = f"import sys, standard; standard.load_catalogue(); print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
