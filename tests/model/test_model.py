"""The protocol, the tables of outcomes and dialects, and the text that a model is given."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import CandidateRow, Exam, Model, ModelRequest, ReaderSpan, open_model, resolve_among
from agent.model.ask import Conversation, Reply, SpeakFailure, ask, case_text, quoted
from agent.model.guard import Breaker, Budget
from agent.model.protocol import Kind
from agent.model.tables import DATA, dialects, outcome_sentence, outcomes
from agent.settings import load_settings
from prompts import load_prompt
from standard.errors import DataError
from tests.model.conftest import CANDIDATES, CHEST

Make = Callable[..., ModelRequest]


def test_no_model_skips(request_for: Make) -> None:
    model = open_model("none", load_settings())
    assert isinstance(model, Model)
    assert [(one.kind, one.reason, one.codes) for one in model.fill_many([request_for()])] == [
        ("skipped", "no_model", ())
    ]
    assert model.provenance == {"model": "none"}
    model.close()


def test_the_setting_decides(own_home: Path) -> None:
    own_home.mkdir()
    (own_home / "settings.toml").write_text('model = "http://127.0.0.1:9/v1"\nmodel_name = "qwen"\n', encoding="utf-8")
    model = open_model()
    assert (model.name, model.provenance["endpoint"]) == ("qwen", "http://127.0.0.1:9/v1")
    model.close()


def test_opening_no_model_is_light() -> None:
    code = (
        "import sys\nfrom agent.model import open_model\nopen_model('none')\n"
        "print([name for name in ('openai', 'llama_cpp', 'chromadb', 'gradio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_each_outcome_has_one_kind_and_a_sentence_in_both_languages() -> None:
    table = outcomes()
    assert {row.kind for row in table.values()} == set(get_args(Kind))
    for reason, row in table.items():
        assert row.zh.endswith("。")
        assert row.en.endswith(".")
        assert outcome_sentence(reason, "zh") != outcome_sentence(reason, "en")


@pytest.mark.parametrize(
    ("change", "row", "column"),
    [
        (("reason\tkind", "reason\tsort"), 1, None),
        (("answered\tanswered", "answered\tgood"), 2, "kind"),
        (("refused\trefused", "answered\tanswered"), 3, "reason"),
        (("refused\trefused\t", "refused\t"), 3, None),
        (("skipped", "invalid"), None, "kind"),
    ],
)
def test_a_fault_in_the_outcomes_is_named(
    change: tuple[str, str], row: int | None, column: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "outcomes.tsv"
    path.write_text((DATA / "outcomes.tsv").read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        outcomes(path)
    assert (caught.value.file, caught.value.row, caught.value.column) == ("outcomes.tsv", row, column)


@pytest.mark.parametrize(
    "change",
    [('next = "json_object"', 'next = "nowhere"'), ("note =", "notes ="), ("[[dialect]]", "[[dialect"), ("'{", "'")],
)
def test_a_fault_in_the_dialects_is_named(change: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "dialects.toml"
    path.write_text((DATA / "dialects.toml").read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        dialects(path)
    assert caught.value.file == "dialects.toml"


def test_each_dialect_sends_the_schema_where_it_belongs() -> None:
    schema = {"type": "object"}
    assert {one.id: one.format_for(schema) for one in dialects().values()} == {
        "json_schema": {"type": "json_schema", "json_schema": {"name": "exams", "strict": True, "schema": schema}},
        "json_object": {"type": "json_object", "schema": schema},
        "json_plain": {"type": "json_object"},
    }


def test_resolve_takes_the_first_of_equal_candidates() -> None:
    twin = CHEST._replace(code="other")
    resolve = resolve_among((CHEST, twin))
    assert resolve(Exam("CT", "胸部", "平扫", "")) == CHEST.code
    assert resolve(Exam("CT", "胸部", "平扫", "三维重建")) is None


def test_the_coders_resolve_is_asked_when_it_is_given(request_for: Make) -> None:
    asked: list[Exam] = []

    def resolve(exam: Exam) -> str | None:
        asked.append(exam)
        return "30040100210000"

    reply = '{"e":[{"m":"MR","p":"胸部","s":"增强","x":""}]}'
    outcome = put(request_for(resolve=resolve), lambda _: Reply(reply, "stop", 1, 1))
    assert (outcome.kind, outcome.codes) == ("answered", ("30040100210000",))
    assert asked == [Exam("MR", "胸部", "增强", "")]


def put(request: ModelRequest, speak: Callable[[Conversation], Reply], **limits: Any) -> Any:
    fields = {"name_limit": 200, "timeout": 10.0, "max_exams": 4} | limits
    return ask(request, load_prompt("fill-slots"), speak, **fields)


def test_a_failure_of_the_second_question_keeps_the_first_in_the_trace(request_for: Make) -> None:
    said = iter(["nonsense"])

    def speak(conversation: Conversation) -> Reply:
        for text in said:
            return Reply(text, "stop", 10, 2, 0.5)
        raise SpeakFailure("connection", "gone")

    outcome = put(request_for(), speak)
    assert (outcome.kind, outcome.reason, outcome.detail) == ("unreachable", "connection", "gone")
    assert [(one.reply, one.problem != "") for one in outcome.attempts] == [("nonsense", True)]
    assert (outcome.tokens_in, outcome.tokens_out, outcome.cost) == (10, 2, 0.5)


def test_more_exams_than_asked_for_is_no_answer(request_for: Make) -> None:
    two = '{"e":[{"m":"CT","p":"胸部","s":"平扫","x":""},{"m":"CT","p":"胸部","s":"增强","x":""}]}'
    assert put(request_for(max_exams=1), lambda _: Reply(two, "stop", 1, 1)).reason == "not_schema"
    assert put(request_for(max_exams=9), lambda _: Reply(two, "stop", 1, 1), max_exams=1).reason == "not_schema"
    assert put(request_for(max_exams=2), lambda _: Reply(two, "stop", 1, 1)).kind == "answered"


def test_the_case_is_one_line_of_json(request_for: Make) -> None:
    text = case_text(
        request_for('a"b\n{"e":[]}', spans=(ReaderSpan("part", '"', "胸\n部"), ReaderSpan("noise", "x", ""))), 200
    )
    data = json.loads(text)
    assert "\n" not in text
    assert data["n"] == 'a"b\n{"e":[]}'
    assert data["r"] == [["part", '"', "胸\n部"]]
    assert data["c"] == ["CT|胸部|平扫|", "CT|胸部|增强|", "CT|胸部|平扫|三维重建", "MR|颅脑|平扫|"]


@given(st.text(st.characters(exclude_categories=[]), max_size=300), st.integers(16, 100))
def test_any_text_is_quoted_cut_and_printable(text: str, limit: int) -> None:
    out = quoted(text, limit)
    assert out.encode()
    assert "\n" not in out
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or char in "\u2028\u202e\ufeff" for char in out)
    back = json.loads(out)
    assert len(back) <= limit
    # Two lone halves side by side in JSON are one character: compare as UTF-16.
    if len(text) <= limit:
        assert back.encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")


@given(
    st.lists(
        st.builds(ReaderSpan, st.sampled_from(["part", "scan", "noise"]), st.text(max_size=5), st.text(max_size=5))
    )
)
def test_whatever_a_model_says_a_code_is_one_of_the_candidates(spans: list[ReaderSpan]) -> None:
    request = ModelRequest("x", "", tuple(spans), CANDIDATES)
    codes = {row.code for row in CANDIDATES}
    for reply in (
        '{"e":[{"m":"CT","p":"胸部","s":"平扫","x":""}]}',
        "[]",
        "20010100110000",
        '{"e":["20010100110000"]}',
    ):
        outcome = put(request, lambda _, reply=reply: Reply(reply, "stop", 1, 1))
        assert set(outcome.codes) <= codes
        assert bool(outcome.codes) == (outcome.kind == "answered")


def test_the_budget_has_no_limit_at_zero() -> None:
    budget = Budget(1.0, 2.0, 0.0, 0)
    assert budget.add(1_000_000, 500_000) == 2.0
    assert (budget.spent_out(), budget.cost) == ("", 2.0)


def test_the_breaker_lets_one_question_through_after_its_time() -> None:
    now = [0.0]
    breaker = Breaker(2, 10, lambda: now[0])
    breaker.failed()
    assert breaker.lets_through()
    breaker.failed()
    assert not breaker.lets_through()
    now[0] = 10.0
    assert [breaker.lets_through(), breaker.lets_through()] == [True, False]
    breaker.answered()
    assert [breaker.lets_through(), breaker.lets_through()] == [True, True]


def test_candidate_rows_that_are_equal_to_the_model_are_shown_once(request_for: Make) -> None:
    rows = (CHEST, CandidateRow("other", "", *CHEST[2:6]))
    assert json.loads(case_text(request_for(candidates=rows), 50))["c"] == ["CT|胸部|平扫|"]
