"""The slot schema: which lists it holds, and that its three shapes (JSON schema, grammar, check) say the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts import CandidateRow, Exam, ReaderSpan, SchemaViolationError, SlotSchema, slot_schema

CHEST = CandidateRow("1", "", "CT", "胸部", "平扫")
KNEE = CandidateRow("2", "", "DR", "左膝关节", "X线摄影", "正、侧位")
ANALYSIS = CandidateRow("3", "", "CT", "冠状动脉", "", "钙化积分")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


def test_candidates_first_then_what_the_reader_found() -> None:
    spans = (
        ReaderSpan("part", "肺", "肺"),
        ReaderSpan("vessel", "冠脉", "冠状动脉"),
        ReaderSpan("scan", "平扫", "平扫"),
        ReaderSpan("position", "正位", "正位"),
        ReaderSpan("modality", "CT", "CT"),
        ReaderSpan("side", "左", "左"),
        ReaderSpan("noise", "医保", "医保"),
        ReaderSpan("part", "?", ""),
    )
    schema = slot_schema(spans, (KNEE, CHEST), 3)
    assert schema.values() == {
        "m": ("DR", "CT"),
        "p": ("左膝关节", "胸部", "肺", "冠状动脉"),
        "s": ("X线摄影", "平扫"),
        "x": ("正、侧位", "", "正位"),
    }
    assert schema.max_exams == 3


def test_no_scan_is_a_choice_only_where_a_candidate_has_none() -> None:
    assert slot_schema((), (CHEST,), 1).s == ("平扫",)
    assert slot_schema((), (CHEST, ANALYSIS), 1).s == ("平扫", "")


def test_nothing_to_choose_from() -> None:
    assert not slot_schema((), (), 4).answerable
    assert not slot_schema((ReaderSpan("part", "肺", "肺"),), (), 4).answerable
    assert slot_schema((), (CHEST,), 4).answerable


def test_every_string_of_the_json_schema_is_from_a_list_and_the_array_is_capped() -> None:
    schema = slot_schema((), (CHEST, KNEE), 4).json_schema()
    exam = schema["properties"]["e"]["items"]
    assert schema["properties"]["e"]["maxItems"] == 4
    assert schema["additionalProperties"] is exam["additionalProperties"] is False
    assert all(set(rule) == {"type", "enum"} for rule in exam["properties"].values())
    assert exam["required"] == ["m", "p", "s", "x"]


def test_the_grammar_as_it_is() -> None:
    assert slot_schema((), (CHEST, KNEE), 2).gbnf() == (
        'root ::= "{" "\\"e\\"" ":" "[" (exam ("," exam)?)? "]" "}"\n'
        'exam ::= "{" "\\"m\\":" m "," "\\"p\\":" p "," "\\"s\\":" s "," "\\"x\\":" x "}"\n'
        'm ::= "\\"CT\\"" | "\\"DR\\""\n'
        'p ::= "\\"胸部\\"" | "\\"左膝关节\\""\n'
        's ::= "\\"平扫\\"" | "\\"X线摄影\\""\n'
        'x ::= "\\"\\"" | "\\"正、侧位\\""\n'
    )


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        ("", "not_json", "JSON"),
        ("null", "not_schema", "JSON"),
        ("[]", "not_schema", "JSON"),
        ("[" * 5000, "not_json", "JSON"),
        ("{}", "not_schema", "e"),
        ('{"e":null}', "not_schema", "e"),
        ('{"e":[1]}', "not_schema", "e.0"),
        ('{"e":[{"m":"CT","p":"胸部","s":"平扫","x":"","c":"1"}]}', "not_schema", "e.0.c"),
        ('{"e":[{"m":"CT","p":"肝","s":"平扫","x":""}]}', "not_schema", 'e.0.p 只能是："胸部"、"左膝关节"'),
        ('{"e":[{"m":1,"p":"胸部","s":"平扫","x":""}]}', "not_schema", "e.0.m"),
        ('{"e":[{"m":"CT","p":"胸部 ","s":"平扫","x":""}]}', "not_schema", "e.0.p"),
    ],
)
def test_what_the_check_says_to_the_model(reply: str, kind: str, words: str) -> None:
    with pytest.raises(SchemaViolationError) as caught:
        slot_schema((), (CHEST, KNEE), 2).parse(reply)
    assert caught.value.kind == kind
    assert words in caught.value.problem


def test_the_check_counts_and_finds_doubles() -> None:
    schema = slot_schema((), (CHEST, KNEE), 2)
    one = {"m": "CT", "p": "胸部", "s": "平扫", "x": ""}
    other = one | {"m": "DR"}
    assert schema.parse(json.dumps({"e": [one, other]})) == (
        Exam("CT", "胸部", "平扫", ""),
        Exam("DR", "胸部", "平扫", ""),
    )
    for exams in ([one, one], [one, other, one | {"x": "正、侧位"}]):
        with pytest.raises(SchemaViolationError):
            schema.parse(json.dumps({"e": exams}))


@st.composite
def schemas(draw: st.DrawFn) -> SlotSchema:
    lists = [tuple(draw(st.lists(TEXT, min_size=1, max_size=3, unique=True))) for _ in range(4)]
    return SlotSchema(*lists, max_exams=draw(st.integers(1, 3)))  # type: ignore[arg-type]


@given(schemas(), st.data())
@settings(max_examples=60)
def test_whatever_the_lists_allow_passes_the_check(schema: SlotSchema, data: st.DataObject) -> None:
    exam = st.builds(Exam, *(st.sampled_from(schema.values()[key]) for key in "mpsx"))
    exams = tuple(data.draw(st.lists(exam, max_size=schema.max_exams, unique=True)))
    reply = json.dumps(
        {"e": [dict(zip("mpsx", one, strict=True)) for one in exams]}, ensure_ascii=data.draw(st.booleans())
    )
    assert schema.parse(reply) == exams


@given(
    schemas(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["e", "m", "p", "s", "x"]), inner),
        max_leaves=8,
    ),
)
@settings(max_examples=60)
def test_whatever_passes_the_check_is_from_the_lists(schema: SlotSchema, value: Any) -> None:
    try:
        exams = schema.parse(json.dumps(value))
    except SchemaViolationError:
        return
    assert len(exams) <= schema.max_exams
    assert all(one[at] in schema.values()[key] for one in exams for at, key in enumerate("mpsx"))
