"""Names that items may be called by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from standard.edition import Catalogue
from standard.lexicon import Lexicon
from standard.spoken import LIMIT, spoken_names


@pytest.mark.parametrize(
    ("code", "spoken"),
    [
        ("20010100110000", ("颅脑CT", "头颅CT平扫", "脑CT")),  # the plain scan may stay unsaid
        ("20010100110000", ("颅脑CT平扫",)),
        ("40040100000100", ("胸片", "胸部DR正位", "胸部DR后前位")),
        ("20080201330000", ("颈部CTA", "颈部血管成像")),  # the region's angiography
        ("20072201111100", ("左膝关节CT三维重建", "左膝关节三维重建")),
        ("42040100000000", ("胸部移动DR",)),
        ("40070901000100", ("骨龄片",)),
    ],
)
def test_what_hospitals_say(code: str, spoken: tuple[str, ...], whole: Catalogue, lexicon: Lexicon) -> None:
    assert set(spoken) <= set(spoken_names(whole.items[code], lexicon))


def test_every_item_has_few_distinct_names_in_a_fixed_order(whole: Catalogue, lexicon: Lexicon) -> None:
    for item in whole.items.values():
        names = spoken_names(item, lexicon)
        assert len(names) == len(set(names)) <= LIMIT
        assert item.name not in names
        assert "" not in names
    item = whole.items["20010100110000"]
    assert spoken_names(item, replace(lexicon)) == spoken_names(item, lexicon)


def test_a_side_is_never_lost_or_changed(whole: Catalogue, lexicon: Lexicon) -> None:
    """No name of a left item is without its side, save idioms that imply it."""
    implied = {row.surface for row in lexicon.idioms if "side=" in row.slots}
    words = {form.surface for form in lexicon.of("side") if form.element == "左"} | {"左"}
    for item in whole.items.values():
        if item.elements.get("part3", "").startswith("左膝"):
            for name in spoken_names(item, lexicon):
                assert any(word in name for word in words) or name in implied, (item.name, name)
                assert "右" not in name
