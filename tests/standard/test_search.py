"""Search in a catalogue."""

from __future__ import annotations

from typing import Any

import pytest

from standard import Catalogue, Edition, search
from standard.catalogue import catalogue_of


@pytest.fixture(scope="module")
def small(tiny: Edition) -> Catalogue:
    """A catalogue of the invented edition."""
    return catalogue_of("small", [tiny])


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        ("", ["A1111070", "A1111170", "A1121070", "A1210170", "A1212070", "A9991070", "G111M1", "G111m1", "H111M1"]),
        ("左甲 平扫", ["A1111070", "A1111170"]),
        ("平扫 左甲", ["A1111070", "A1111170"]),
        ("平扫左甲", ["A1111070", "A1111170"]),  # 平扫 is a word of the lexicon
        ("左甲乙丙", []),  # one word, and no item has it
        ("左甲aa平扫", ["A1111070", "A1111170"]),  # three words
        ("ＡＡ左甲（平扫）", ["A1111070", "A1111170"]),
        ("AA左甲(平扫+重建)", ["A1111170"]),
        ("左甲", ["G111M1", "G111m1", "A1111070", "A1111170", "H111M1"]),  # short first; only in an element last
        ("G111m", ["G111m1"]),  # a code's case carries meaning
        ("gl", ["G111M1", "G111m1"]),
        ("没有", []),
        (" ，", ["A1111070", "A1111170", "A1121070", "A1210170", "A1212070", "A9991070", "G111M1", "G111m1", "H111M1"]),
    ],
)
def test_by_words(words: str, codes: list[str], small: Catalogue) -> None:
    assert [item.code for item in search(small, words)] == codes


@pytest.mark.parametrize(
    ("asked", "codes"),
    [
        ({"code": "G111M1"}, ["G111M1"]),
        ({"code": "A12"}, ["A1210170", "A1212070"]),
        ({"code": "g111"}, []),
        ({"modality": "gs"}, ["H111M1"]),
        ({"part": "右甲"}, ["A1121070"]),
        ({"part": "11", "modality": "AA"}, ["A1111070", "A1111170", "A1121070"]),
        ({"part": "上乙"}, ["A1210170", "A1212070"]),
        ({"part": "环"}, ["A1210170", "A1212070"]),  # no part is called so: a piece of a name
        ({"scan": "平扫", "part": "999"}, ["A9991070"]),
        ({"scan": "2"}, ["A1212070"]),
        ({"words": "重建", "part": "左甲", "modality": "AA", "scan": "1", "code": "A"}, ["A1111170"]),
        ({"code": "A", "limit": 2}, ["A1111070", "A1111170"]),
    ],
)
def test_by_field(asked: dict[str, Any], codes: list[str], small: Catalogue) -> None:
    assert [item.code for item in search(small, **asked)] == codes


def test_the_limit(catalogue: Catalogue) -> None:
    assert len(search(catalogue)) == 50
    assert len(search(catalogue, limit=0)) == len(catalogue.items)


def test_in_the_standard(catalogue: Catalogue) -> None:
    assert search(catalogue, "胸部CT平扫")[0].code == "20040100110000"
    assert {item.modality for item in search(catalogue, part="乳腺", limit=0)} == {"MR", "MG", "RF", "US"}
    assert all(item.elements["part2"] == "膝关节" for item in search(catalogue, part="0722", limit=0))


def test_every_item_is_first_for_its_own_name(catalogue: Catalogue) -> None:
    missed = [item.name for item in catalogue.items.values() if search(catalogue, item.name, limit=1) != [item]]
    assert missed == []
