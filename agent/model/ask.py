"""One request to a model, whatever model: the prompt, the question, the check, the message back once, the outcome.

    request ──▶ case text ──▶ speak ──▶ check (schema, then "is it an item?") ──▶ answered | refused
                               ▲                    │ does not hold, first time
                               └── check's message ─┘                second time ──▶ invalid

`Speaker` is what a model brings: it turns a `Conversation` into one `Reply`, or raises `SpeakFailure` with a reason of
data/outcomes.tsv. A reply that did not finish by itself is an error and is not asked again.
"""

from __future__ import annotations

import json
import time
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from agent.model.protocol import Attempt, ModelOutcome, ModelRequest
from agent.model.tables import outcomes
from prompts.schema import CandidateRow, Exam, SchemaViolationError, SlotSchema, slot_schema
from prompts.templates import Prompt

# Categories of characters that a model is never shown as they are: control, format, surrogate, private, line ends.
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class Reply(NamedTuple):
    """What a model said to one conversation. `finish_reason` is "stop" when it ended by itself."""

    text: str
    finish_reason: str
    tokens_in: int
    tokens_out: int
    cost: float = 0.0
    dialect: str = ""


class SpeakFailure(Exception):  # noqa: N818 (an outcome, not a bug)
    """The model did not answer. `reason` is of data/outcomes.tsv; `detail` the text behind it, for the trace."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Conversation:
    """One question: the static prompt, this name's case, and, the second time, the first reply with what was wrong."""

    prompt: Prompt
    case: str
    schema: SlotSchema
    deadline: float
    first_reply: str = ""
    retry: str = ""

    def messages(self) -> list[dict[str, str]]:
        """As chat messages, the static ones first."""
        said = [{"role": "system", "content": self.prompt.system.strip("\n")}]
        for one in self.prompt.examples:
            said += [{"role": "user", "content": one.input}, {"role": "assistant", "content": one.output}]
        said.append({"role": "user", "content": self.case})
        if self.retry:
            said += [{"role": "assistant", "content": self.first_reply}, {"role": "user", "content": self.retry}]
        return said


class Speaker(Protocol):
    """What a model brings."""

    def __call__(self, conversation: Conversation) -> Reply:
        """One reply, or SpeakFailure."""
        ...


def quoted(text: str, limit: int) -> str:
    """A text as a JSON string: cut at `limit` characters, with nothing in it that does not print."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    out = json.dumps(text, ensure_ascii=False)
    if out.isascii() and out.isprintable():
        return out
    return "".join(
        char
        if unicodedata.category(char) not in _ESCAPED
        else "".join(
            f"\\u{unit:04x}"
            for unit in (
                [ord(char)]
                if ord(char) < 0x10000
                else [0xD800 + ((ord(char) - 0x10000) >> 10), 0xDC00 + ((ord(char) - 0x10000) & 0x3FF)]
            )
        )
        for char in out
    )


def row_text(row: CandidateRow) -> str:
    """A candidate as the model reads it: modality|part|scan|extra."""
    return "|".join((row.modality, row.part, row.scan, row.extra))


def case_text(request: ModelRequest, name_limit: int) -> str:
    """The variable part of the prompt: one line of JSON; whatever the name holds stays inside its quotation marks."""
    spans = ",".join(
        f"[{quoted(s.slot, 20)},{quoted(s.text, 40)},{quoted(s.element, 40)}]" for s in request.spans if s.element
    )
    rows = ",".join(quoted(text, 160) for text in dict.fromkeys(row_text(row) for row in request.candidates))
    return f'{{"n":{quoted(request.name, name_limit)},"h":{quoted(request.modality, 20)},"r":[{spans}],"c":[{rows}]}}'


def ask(
    request: ModelRequest, prompt: Prompt, speak: Speaker, *, name_limit: int, timeout: float, max_exams: int
) -> ModelOutcome:
    """The outcome of one request."""
    start = time.monotonic()
    schema = slot_schema(request.spans, request.candidates, min(request.max_exams, max_exams))
    if not schema.answerable:
        return ModelOutcome("skipped", "no_candidates")
    case = prompt.render("case", case=case_text(request, name_limit))
    attempts: list[Attempt] = []
    cost = 0.0

    def outcome(
        reason: str, detail: str = "", exams: tuple[Exam, ...] = (), codes: tuple[str, ...] = ()
    ) -> ModelOutcome:
        return ModelOutcome(
            outcomes()[reason].kind,
            reason,
            exams,
            codes,
            detail,
            tuple(attempts),
            sum(one.tokens_in for one in attempts),
            sum(one.tokens_out for one in attempts),
            cost,
            time.monotonic() - start,
        )

    first_reply = problem = ""
    reason = "not_json"
    for _ in range(2):
        retry = prompt.render("retry", problem=problem) if problem else ""
        asked = time.monotonic()
        try:
            reply = speak(Conversation(prompt, case, schema, asked + timeout, first_reply, retry))
        except SpeakFailure as failure:
            return outcome(failure.reason, failure.detail)
        cost += reply.cost
        spent = time.monotonic() - asked
        exams: tuple[Exam, ...] = ()
        codes: list[str] = []
        problem = ""
        if reply.finish_reason != "stop":
            problem = f"finish_reason={reply.finish_reason}"
            reason = "content_filter" if reply.finish_reason == "content_filter" else "truncated"
        else:
            try:
                exams = schema.parse(reply.text)
            except SchemaViolationError as violation:
                reason, problem = violation.kind, violation.problem
        if exams and not problem:
            codes, problem = _codes(request, exams)
            reason = "no_such_item" if problem else reason
        attempts.append(
            Attempt(reply.text, reply.finish_reason, reply.tokens_in, reply.tokens_out, spent, problem, reply.dialect)
        )
        if not problem:
            return outcome("answered", "", exams, tuple(codes)) if exams else outcome("refused")
        if reply.finish_reason != "stop":
            break
        first_reply = reply.text
    return outcome(reason, problem)


def _codes(request: ModelRequest, exams: tuple[Exam, ...]) -> tuple[list[str], str]:
    """The codes of an answer, or the message that tells the model which combination is no item."""
    codes: list[str] = []
    for exam in exams:
        code = request.code_of(exam)
        if code is None:
            rows = "；".join(dict.fromkeys(row_text(row) for row in request.candidates[:10]))
            return [], f"没有 {'|'.join(exam)} 这个项目，只有：{rows}。"
        codes.append(code)
    return codes, ""
