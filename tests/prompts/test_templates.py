"""Prompts: how a file is loaded, what is refused, what a whole rendered prompt looks like."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from prompts import MissingVariablesError, load_prompt, prompt_names, read_prompt, slot_schema
from prompts.schema import CandidateRow
from prompts.templates import DATA
from standard.errors import DataError

GOOD = """
id = "tiny"
version = "1"
purpose = "A test."
variables = ["case", "problem"]
answer = "A: "
system = "Say it. $$5"
case = "Q: $case"
retry = "Wrong: $problem"
[[examples]]
input = "Q: one"
output = "1"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_renders(tmp_path: Path) -> None:
    prompt = read_prompt(write(tmp_path, GOOD))
    assert prompt.render("case", case="$problem $$ {x}") == "Q: $problem $$ {x}"
    assert prompt.static_text() == "Say it. $$5\nQ: one\nA: 1\n"
    assert len(prompt.hash) == 12


def test_the_hash_follows_the_content_and_not_the_layout(tmp_path: Path) -> None:
    first = read_prompt(write(tmp_path, GOOD)).hash
    assert read_prompt(write(tmp_path, GOOD.replace(" = ", "  =  ") + "\n# a remark\n")).hash == first
    assert read_prompt(write(tmp_path, GOOD.replace("Say it", "Say this"))).hash != first
    assert read_prompt(write(tmp_path, GOOD.replace('version = "1"', 'version = "2"'))).hash != first


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('purpose = "A test."', 'purpose = "A test."\nprupose = "x"'), "prupose"),
        (('version = "1"', "version = 1"), "version"),
        (('version = "1"', 'version = "one"'), "version"),
        (('system = "Say it. $$5"', ""), "system"),
        (('id = "tiny"', 'id = "other"'), "tiny"),
        (("$case", "$case $other"), "other"),
        (('"problem"]', '"problem", "spare"]'), "spare"),
        (("Say it. $$5", "Say $case"), "case"),
        (('output = "1"', ""), "examples.0.output"),
        (("[[examples]]", "[[examples"), "TOML"),
    ],
)
def test_what_a_file_may_not_be(change: tuple[str, str], words: str, tmp_path: Path) -> None:
    assert change[0] in GOOD
    with pytest.raises(DataError) as caught:
        read_prompt(write(tmp_path, GOOD.replace(*change, 1)))
    assert caught.value.file == "tiny.toml"
    assert words in caught.value.en


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match="nowhere"):
        load_prompt("nowhere")


def test_all_missing_variables_are_listed(tmp_path: Path) -> None:
    text = GOOD.replace('"Q: $case"', '"$case $b $a"').replace('"problem"]', '"problem", "a", "b"]')
    prompt = read_prompt(write(tmp_path, text))
    with pytest.raises(MissingVariablesError, match=r"missing variables \['a', 'b'\], unknown variables \['c', 'd'\]"):
        prompt.render("case", case="x", d="1", c="2")


def test_every_shipped_prompt_loads_and_its_examples_hold() -> None:
    assert prompt_names() == tuple(sorted(path.stem for path in DATA.glob("*.toml")))
    assert "fill-slots" in prompt_names()
    for example in load_prompt("fill-slots").examples:
        case = json.loads(example.input)
        rows = tuple(CandidateRow(text, "", *text.split("|")) for text in case["c"])
        exams = slot_schema((), rows, 4).parse(example.output)
        assert {"|".join(exam) for exam in exams} <= set(case["c"])
        assert example.output == json.dumps(json.loads(example.output), ensure_ascii=False, separators=(",", ":"))
        assert json.dumps(case, ensure_ascii=False, separators=(",", ":")) == example.input


def test_the_shipped_prompt_as_a_model_sees_it() -> None:
    # A change here is a change of every answer: raise the version in the file, then this.
    prompt = load_prompt("fill-slots")
    text = prompt.static_text() + prompt.render("case", case='{"n":"x"}') + "\n" + prompt.answer
    assert prompt.version == "1"
    assert text.splitlines()[4:] == [
        '{"n":"夜间急诊加收费","h":"DR","r":[],"c":["DR|胸部||正位"]}',
        '答：{"e":[]}',
        '{"n":"颅脑磁共振平扫加做脑动脉MRA","h":"","r":[["part","颅脑","颅脑"],["scan","平扫","平扫"]],'
        '"c":["MR|颅脑|平扫|","MR|颅脑|增强|","MR|颅内动脉|动脉血管成像(MRA)|"]}',
        '答：{"e":[{"m":"MR","p":"颅脑","s":"平扫","x":""},{"m":"MR","p":"颅内动脉","s":"动脉血管成像(MRA)","x":""}]}',
        '{"n":"64层螺旋肺CT扫描（普通）","h":"CT","r":[["part","肺","胸部"]],"c":["CT|胸部|平扫|","CT|胸部|增强|","CT|上腹部|平扫|"]}',
        '答：{"e":[{"m":"CT","p":"胸部","s":"平扫","x":""}]}',
        '{"n":"x"}',
        "答：",
    ]


def test_no_example_is_a_name_of_the_labelled_set() -> None:
    gold = Path(__file__).parents[3] / "shared" / "gold" / "dev.tsv"
    if not gold.is_file():
        pytest.skip("the folder ../shared is not there")
    with gold.open(encoding="utf-8", newline="") as lines:
        names = {row["name"].strip() for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)}
    examples = {json.loads(one.input)["n"] for name in prompt_names() for one in load_prompt(name).examples}
    assert len(names) > 300
    assert not examples & names
