"""What a piece of a name says by itself is kept: no answer depends on what was read before."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.reader import Reader
from agent.reading import Reading

PIECES = [
    *("右膝关节正侧位", "髌骨轴位", "双膝关节", "左侧", "正位", "DR胸部正位", "腹部立卧位", "胸片", "(床旁)"),
    *("头颅MRI平扫", "MRA", "DWI", "颈椎MRI平扫", "增强", "头颅、颈部CTA", "胸部CT平扫", "三维重建", "CT", "腰椎"),
    *("彩超", "子宫附件彩超", "经阴道", "盆腔", "造影", "双肾、膀胱", "膀胱残余尿", "[腹部]", "血管成像"),
    *("膝关节正位", "膝关节正位胸部", "髋关节", "左", "尺骨"),
]
BETWEEN = ["", "+", ",", "、", "/", " ", "_", "和", "-"]
COLUMNS = ["", "CT", "MR", "DR", "超声"]
names = st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(BETWEEN)), min_size=1, max_size=4).map(
    lambda pairs: "".join(piece + between for piece, between in pairs)
)


def in_its_place(reader: Reader, name: str, modality: str) -> Reading:
    """The name with every piece worked out where it stands, nothing kept."""
    keeps, reader.pieces.keeps = reader.pieces.keeps, 0
    reader._outcomes.clear()
    try:
        return reader.read(name, modality)
    finally:
        reader.pieces.keeps = keeps
        reader._outcomes.clear()


@given(st.lists(st.tuples(names, st.sampled_from(COLUMNS)), min_size=2, max_size=6))
def test_kept_pieces_change_no_reading(reader: Reader, queries: list[tuple[str, str]]) -> None:
    for query in queries:
        assert reader.read(*query) == in_its_place(reader, *query)


@pytest.mark.parametrize("between", ["+", ","])
def test_two_pieces_as_if_nothing_were_kept(reader: Reader, between: str) -> None:
    """A piece may take its part or side from the one before (右膝关节正侧位,髌骨轴位), or say nothing new behind it."""
    for name in map(between.join, product(PIECES, repeat=2)):
        assert reader.read(name, "") == in_its_place(reader, name, "")


def test_a_piece_without_a_part_behind_one_that_came_to_no_exam(reader: Reader) -> None:
    name = "血管成像,尺骨,增强/"
    assert reader.read(name, "MR") == in_its_place(reader, name, "MR")
