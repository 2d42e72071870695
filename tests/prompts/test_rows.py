"""Items as the model sees them: the four values determine the item, in every edition."""

from __future__ import annotations

import pytest

from agent.model import Exam
from prompts import slot_schema
from prompts.rows import candidate_row, resolver
from standard import load_catalogue


@pytest.mark.parametrize("edition", ["3.8", "3.8.2"])
def test_four_values_are_one_item(edition: str) -> None:
    catalogue = load_catalogue(edition)
    resolve = resolver(catalogue)
    wrong = []
    for item in catalogue.items.values():
        row = candidate_row(item)
        if resolve(Exam(row.modality, row.part, row.scan, row.extra)) != item.code or not row.part:
            wrong.append(item.name)
    assert wrong == []


@pytest.mark.parametrize(
    ("code", "row"),
    [
        ("20040100110000", ("CT", "胸部", "平扫", "")),
        ("20010701111100", ("CT", "副鼻窦", "平扫", "三维重建")),
        ("40030202000100", ("DR", "颈椎", "", "正位")),
        ("42999999005100", ("移动DR", "非指定部位", "", "随机位")),
        ("50U101000C2000", ("US", "甲状腺", "三维", "")),
        ("A010A100A000", ("PET/CT", "躯干", "PET常规扫描", "")),
    ],
)
def test_a_row(code: str, row: tuple[str, ...]) -> None:
    item = load_catalogue().items[code]
    assert tuple(candidate_row(item)[2:6]) == row


def test_a_mixture_of_two_candidates_is_an_item_only_where_the_catalogue_has_it() -> None:
    catalogue = load_catalogue()
    resolve = resolver(catalogue)
    rows = [candidate_row(catalogue.items[code]) for code in ("20040100110000", "20010100210000")]
    schema = slot_schema((), rows, 1)
    assert resolve(Exam("CT", "胸部", "增强", "")) == "20040100210000"
    assert resolve(Exam("CT", "胸部", "正位", "")) is None
    assert {"胸部", "颅脑"} == set(schema.p)
