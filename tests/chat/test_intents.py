"""What a text asks for: the examples of the table, and names that look like commands."""

from __future__ import annotations

import pytest

from agent.chat.intents import intent_of, is_code, rules, splits


@pytest.mark.parametrize("row", [row for row, _ in rules()], ids=lambda row: row.example)
def test_each_rule_fits_its_example(row: object) -> None:
    assert intent_of(row.example).kind == row.id  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("胸部CT平扫", "name"),
        ("头部和颈部CTA", "name"),
        ("查体 胸部正位", "name"),
        ("128排CT", "name"),
        ("2.5T MRI", "name"),
        ("12345678", "code"),
        ("20 01 07 01 11 11 00", "code"),
        ("2001O701111100", "code"),
        ("A010A100A000", "code"),
        ("胸部CT\n\n 颅脑MR \r\n", "names"),
        ("  \n\t", "empty"),
        ("?", "help"),
        ("Compare 20040100110000 with 20040100210000", "compare"),
        ("what changed from 3.8 to 3.8.2?", "editions"),
        ("v3.8与V3.8.2有什么区别", "editions"),
        ("膝关节MR和CT的区别", "compare"),
        ("search knee", "search"),
        ("查找" + "膝" * 300, "name"),
    ],
)
def test_kinds(text: str, kind: str) -> None:
    assert intent_of(text).kind == kind


def test_groups() -> None:
    assert intent_of("3.8 到 3.8.2 改了什么").groups == {"old": "3.8", "new": "3.8.2"}
    assert intent_of("解释 20 01 07 01 11 11 00").groups == {"code": "20 01 07 01 11 11 00"}
    assert splits("头部和颈部CTA 和 胸部CT") == [("头部", "颈部CTA 和 胸部CT"), ("头部和颈部CTA", "胸部CT")]
    assert not is_code("MRCP3D2026")
