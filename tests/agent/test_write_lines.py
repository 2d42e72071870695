"""Rows put into lines many at once are the bytes of rows put into lines one by one."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from agent.table_write import MARK, UnixLines, _lines

CELL = st.text(alphabet=st.sampled_from([*'胸a,\t"\r\n ', MARK, "\x00"]), max_size=5)


@given(st.lists(st.lists(CELL, min_size=1, max_size=3), max_size=6), st.sampled_from([",", "\t"]))
def test_as_one_by_one(rows: list[list[str]], delimiter: str) -> None:
    one_by_one = io.StringIO(newline="")
    csv.writer(UnixLines(one_by_one), delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    assert _lines(rows, delimiter) == one_by_one.getvalue()
