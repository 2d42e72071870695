"""What is masked before a name leaves the machine: the examples in the rules' own file, real names, hostile ones."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from agent.model.masking import DATA, load_masker, mask, masker
from standard.errors import DataError

MASKS = [(rule.id, before, after) for rule, _ in masker().rules for before, after in rule.masks]
KEEPS = [(rule.id, name) for rule, _ in masker().rules for name in rule.keeps]
SHARED = Path(__file__).parents[3] / "shared"


def test_each_rule_has_examples_of_both_kinds() -> None:
    assert all(rule.masks and rule.keeps for rule, _ in masker().rules)
    assert len({rule.id for rule, _ in masker().rules}) == len(masker().rules)


@pytest.mark.parametrize(("rule", "before", "after"), MASKS, ids=[before for _, before, _ in MASKS])
def test_what_a_rule_masks(rule: str, before: str, after: str) -> None:
    masked = mask(before)
    assert (masked.text, masked.rules) == (after, (rule,))
    assert mask(masked.text).text == after


@pytest.mark.parametrize(("rule", "name"), KEEPS, ids=[f"{rule}-{name}" for rule, name in KEEPS])
def test_what_a_rule_leaves(rule: str, name: str) -> None:
    assert rule not in mask(name).rules


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("患者：王五，电话１３８１２３４５６７８，胸部CT", ["王五", "１３８１２３４５６７８"]),
        ("13\u200b8123\u200b45678 胸片", ["138", "45678"]),
        ("姓名：司马相如 身份证440106199001011234 床号：7 头颅", ["司马", "440106", "7"]),
        ("腰椎MR（赵一曼女士，住院号：A889）", ["赵一曼", "A889"]),
        ("李某某，男，45岁，胸部CT平扫", ["李某某"]),
    ],
)
def test_several_at_once(name: str, gone: list[str]) -> None:
    text = mask(name).text
    assert not [word for word in gone if word in text]


@pytest.mark.parametrize(
    "name",
    [
        *("颞下颌关节张口位", "王氏位", "患者张口位", "高位颈椎", "C1-C7椎体", "64排128层CT", "1.5T磁共振"),
        *("双侧髋关节(蛙式位)", "", "床旁胸片", "左膝(站立位)", "金属异物", "T11-L2", "胸片(自费)"),
    ],
)
def test_exam_words_stay(name: str) -> None:
    assert mask(name) == (name, ())


@pytest.mark.parametrize(
    "name", ["1" * 10_000, "张" * 10_000, "床号" * 5_000, "a@" * 5_000, "患者" * 5_000, "0 " * 5_000]
)
def test_long_names_end(name: str) -> None:
    assert isinstance(mask(name).text, str)


def test_no_name_of_the_standard_nor_a_real_one_is_touched() -> None:
    files = [SHARED / "gold" / "dev.tsv", *sorted((SHARED / "standard").glob("*/items.tsv"))]
    if not all(path.is_file() for path in files) or len(files) < 2:
        pytest.skip("the folder ../shared is not there")
    touched = []
    for path in files:
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
                name = (row["name"] or "").lstrip("* ")
                touched += [text for text in (name, f"患者{name}", f"{name}先生") if mask(text).rules]
    assert touched == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (('id = "id_card"', "id = 7"), "rule.0.id"),
        (('id = "id_card"', 'id = "id_card"\nextra = 1'), "rule.0.extra"),
        (("(?<!\\d) (?:(?:\\+|00)", "(?<!\\d) ((?:(?:\\+|00)"), "rule mobile.pattern"),
        (("[[rule]]", "[[rule"), ""),
    ],
)
def test_a_fault_in_the_file_is_named(change: tuple[str, str], where: str, tmp_path: Path) -> None:
    text = DATA.read_text(encoding="utf-8")
    assert change[0] in text
    path = tmp_path / "masking.toml"
    path.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_masker(path)
    assert "masking.toml" in caught.value.en
    assert (caught.value.column or "") == where
