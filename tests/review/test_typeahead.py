"""Type-ahead: all words occur, initials, synonyms, names before codes, the same every time."""

from __future__ import annotations

import pytest

from agent.review.typeahead import LIMIT, entry, find, find_items, initial, initials
from standard import load_catalogue
from standard.search import fold

CATALOGUE = load_catalogue("3.8.2")


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("颅脑 平扫", "CT颅脑(平扫)"),
        ("平扫 颅脑", "CT颅脑(平扫)"),
        ("头颅 平扫", "CT颅脑(平扫)"),  # as the lexicon knows it
        ("lnps", "CT颅脑(平扫)"),
        ("xb ps mr", "MR胸部(平扫)"),
        ("左膝 zxw", ""),
        ("dr 左膝 正侧位", "DR左膝关节正、侧位"),
        ("20040100", "CT肺结节分析"),
        ("ＣＴ　胸部", "CT胸部(平扫)"),
    ],
)
def test_the_first_of_what_is_found(query: str, first: str) -> None:
    found = find_items(CATALOGUE, query)
    assert (found[0].name if found else "") == first
    assert found == find_items(CATALOGUE, query)
    assert len(found) <= LIMIT


def test_every_word_occurs() -> None:
    for each in find_items(CATALOGUE, "胸部 增强", limit=999):
        assert "胸" in each.text
        assert fold("增强") in each.text
    assert find_items(CATALOGUE, "胸部 没有这种词") == []
    assert find_items(CATALOGUE, "  ") == []
    assert {CATALOGUE.items[each.code].modality for each in find_items(CATALOGUE, "胸部", "MR")} == {"MR"}


def test_items_of_the_modality_at_hand_come_first_and_the_others_follow() -> None:
    plain = [CATALOGUE.items[each.code].modality for each in find_items(CATALOGUE, "胸部 平扫")]
    assert plain[0] == "CT"
    found = find_items(CATALOGUE, "胸部 平扫", first={"MR"})
    kinds = [CATALOGUE.items[each.code].modality == "MR" for each in found]
    assert kinds == sorted(kinds, reverse=True)
    assert {True, False} <= set(kinds)
    assert len(found) == len(plain) == len(set(found))
    assert find_items(CATALOGUE, "mr 胸部 平扫", first={"CT"}) == find_items(CATALOGUE, "mr 胸部 平扫")


def test_names_come_before_codes() -> None:
    rows = [entry("11", "平扫"), entry("99", "11号扫描"), entry("110", "增强")]
    assert [each.name for each in find(((one, one) for one in rows), "11")] == ["11号扫描", "平扫", "增强"]


def test_every_character_of_the_editions_has_an_initial() -> None:
    names = [each.name for each in CATALOGUE.items.values()]
    names += [each.name for edition in CATALOGUE.editions for each in edition.all_elements]
    missing = {char for name in names for char in name if "\u4e00" <= char <= "\u9fff" and not initial(char)}
    assert missing == set()
    assert initials("三维重建") == ("swcj", "swzj")
    assert initial("，") == initial("\U00020000") == ""
