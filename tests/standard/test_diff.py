"""Comparison of editions."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from standard import Edition, Item, load_catalogue, load_edition
from standard.diff import ElementChange, Recoded, Renamed, compare


def with_changes(edition: Edition, changes: dict[str, tuple[str, str] | None]) -> Edition:
    """The edition with items renamed and recoded: old code to (new code, new name), or None to remove it."""
    items: dict[str, Item] = {}
    for code, item in edition.items.items():
        change = changes.get(code, (code, item.name))
        if change is not None:
            items[change[0]] = replace(item, code=change[0], name=change[1])
    return edition.with_items(items)


def test_an_edition_and_itself(tiny: Edition) -> None:
    result = compare(tiny, tiny)
    assert result.counts == {
        "same": 9,
        "added": 0,
        "removed": 0,
        "renamed": 0,
        "recoded": 0,
        "elements_added": 0,
        "elements_removed": 0,
        "elements_renamed": 0,
    }


def test_an_edition_that_extends(tiny: Edition, next_tiny: Edition) -> None:
    result = compare(tiny, next_tiny)
    assert {each.code: [e.code for e in each.new_elements] for each in result.added} == {
        "A1113070": ["3"],
        "A1113170": ["3"],
        "A1121170": [],  # all its elements were there
    }
    assert result.elements_added == (ElementChange("scan", "3", ("AA",), "", "增强"),)
    back = compare(next_tiny, tiny)
    assert [each.code for each in back.removed] == [each.code for each in result.added]
    assert back.elements_removed == (ElementChange("scan", "3", ("AA",), "增强", ""),)


def test_renamed_recoded_removed(tiny: Edition) -> None:
    new = with_changes(
        tiny, {"A1111070": ("A1111070", "AA左甲平"), "A1121070": ("A1129070", "AA右甲(平扫)"), "H111M1": None}
    )
    result = compare(tiny, new)
    assert result.renamed == (Renamed("A1111070", "AA左甲(平扫)", "AA左甲平", "AA"),)
    assert result.recoded == (Recoded("AA右甲(平扫)", "A1121070", "A1129070", "AA"),)
    assert [each.code for each in result.removed] == ["H111M1"]
    assert result.added == ()
    assert result.counts["same"] == 6
    assert result.by_modality("removed") == {"GS": 1}


def test_a_code_given_to_another_item_is_not_the_same_thing(tiny: Edition) -> None:
    """A1111070 moves to A1118070, and its old code goes to a new item: recoded and added, not renamed."""
    moved = with_changes(tiny, {"A1111070": ("A1118070", "AA左甲(平扫)")})
    reused = moved.with_items(
        {**moved.items, "A1111070": replace(tiny.items["A1111070"], code="A1111070", name="AA左甲(薄层)")}
    )
    result = compare(tiny, reused)
    assert [each.new_code for each in result.recoded] == ["A1118070"]
    assert [(each.code, each.code_was) for each in result.added] == [("A1111070", "AA左甲(平扫)")]
    assert result.renamed == ()


def test_two_items_that_change_places(tiny: Edition) -> None:
    one, two = tiny.items["A1111070"], tiny.items["A1121070"]
    result = compare(tiny, with_changes(tiny, {one.code: (one.code, two.name), two.code: (two.code, one.name)}))
    assert {(each.name, each.new_code) for each in result.recoded} == {(one.name, two.code), (two.name, one.code)}
    assert result.counts["same"] == 7


def test_a_renamed_element(tiny: Edition) -> None:
    elements = tuple(
        replace(each, name="斜照") if (each.slot, each.code) == ("scan", "m1") else each for each in tiny.all_elements
    )
    result = compare(tiny, replace(tiny, all_elements=elements))
    assert result.elements_renamed == (ElementChange("scan", "m1", ("GL", "GS"), "侧照", "斜照"),)


def test_it_is_json(tiny: Edition, next_tiny: Edition) -> None:
    told = json.loads(json.dumps(compare(tiny, next_tiny).to_dict(), ensure_ascii=False))
    assert (told["old"], told["new"]) == ("tiny-1.0", "tiny-1.1")
    assert told["counts"]["added"] == len(told["added"]) == 3
    assert told["by_modality"]["same"] == {"AA": 6, "GL": 2, "GS": 1}


def test_catalogues_compare_as_their_editions() -> None:
    result = compare(load_catalogue("3.8"), load_catalogue("3.8.2"))
    assert result.counts["same"] == 1226 + 443 + 72
    assert result.counts["added"] == 141


def test_v382_against_v38_is_what_was_published(shared: Path) -> None:
    told = (shared / "standard" / "DIFF.md").read_text(encoding="utf-8")
    counts = {
        label: int(count)
        for label, count in re.findall(
            r"^\| (in both|removed|renamed|recoded|in V3.8.2 only)[^|]*\| (\d+) \|", told, re.M
        )
    }
    result = compare(load_edition("radiology-3.8"), load_edition("radiology-3.8.2"))
    assert counts == {
        "in both": result.counts["same"],
        "removed": result.counts["removed"],
        "renamed": result.counts["renamed"],
        "recoded": result.counts["recoded"],
        "in V3.8.2 only": result.counts["added"],
    }
    assert result.counts["same"] == 1226
    assert result.by_modality("same") == {"CT": 534, "MR": 420, "DR": 218, "MG": 51, "RF": 3}
    assert result.by_modality("added") == {"CT": 14, "MR": 60, "DR": 16, "RF": 51}
    new = re.findall(r"^\| (\w{14}) \| \* (.+?) \| (CT|MR|X线) scan (\w\w) (.+?) \|$", told, re.M)
    assert len(new) == 5
    assert [
        (each.code, each.name, each.new_elements[0].code, each.new_elements[0].name)
        for each in result.added
        if each.new_elements
    ] == [(code, name, scan, scan_name) for code, name, _, scan, scan_name in new]
    assert {(each.slot, each.code) for each in result.elements_added} == {("scan", scan) for *_, scan, _ in new}
    assert result.elements_removed == result.elements_renamed == ()


@pytest.mark.parametrize("kind", ["added", "removed"])
def test_the_comparison_is_symmetric(kind: str) -> None:
    old, new = load_edition("radiology-3.8"), load_edition("radiology-3.8.2")
    other = {"added": "removed", "removed": "added"}[kind]
    assert compare(old, new).counts[kind] == compare(new, old).counts[other]
