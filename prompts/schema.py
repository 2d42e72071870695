"""What the model may write: the slots of each exam in a name, from closed lists.

    {"e":[{"m":"CT","p":"胸部","s":"平扫","x":""}]}          one exam
    {"e":[]}                                                refusal: no exam of the standard fits

    m modality   p part (its finest name)   s scan   x post-processing, position or way; "" for none

The four values determine an item. The lists hold the values of the candidates first, then what the reader found, so a
reply can only hold words of the standard. Keys are short and nothing is optional, because each token costs.
`SlotSchema` gives the same rule in three shapes: JSON schema (endpoints), GBNF grammar (llama.cpp), `parse` (the check
that every reply passes, whatever constrained it).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

# Which of the four keys a slot of the reader's speaks about; other slots (side, noise, separator) bound nothing.
KEY_OF_SLOT = {
    "modality": "m",
    "part": "p",
    "part1": "p",
    "part2": "p",
    "part3": "p",
    "vessel": "p",
    "system": "p",
    "scan": "s",
    "post": "x",
    "position": "x",
    "way": "x",
    "subitem": "x",
}
KEYS = ("m", "p", "s", "x")


class ReaderSpan(NamedTuple):
    """One thing the reader found: slot, the characters it came from, the element's published name."""

    slot: str
    text: str
    element: str


class CandidateRow(NamedTuple):
    """One candidate of the standard, as the model sees it. (modality, part, scan, extra) determine the code."""

    code: str
    name: str
    modality: str
    part: str
    scan: str
    extra: str = ""
    side: str = ""


class Exam(NamedTuple):
    """One exam of an answer: the four values."""

    modality: str
    part: str
    scan: str
    extra: str


class SchemaViolationError(ValueError):
    """A reply that does not hold. `problem` is the message that goes back; `kind` is not_json or not_schema."""

    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(problem)
        self.kind = kind
        self.problem = problem


class _ExamReply(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    m: str
    p: str
    s: str
    x: str

    @field_validator("m", "p", "s", "x")
    @classmethod
    def _in_list(cls, value: str, info: ValidationInfo) -> str:
        allowed: dict[str, tuple[str, ...]] = info.context or {}
        if value not in allowed.get(str(info.field_name), ()):
            raise ValueError(f"{value!r} is not in the list")
        return value


class _Reply(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    e: Annotated[list[_ExamReply], Field()]


@dataclass(frozen=True, slots=True)
class SlotSchema:
    """The closed lists for one name, and the most exams an answer may hold."""

    m: tuple[str, ...]
    p: tuple[str, ...]
    s: tuple[str, ...]
    x: tuple[str, ...]
    max_exams: int

    @property
    def answerable(self) -> bool:
        """Is there anything to choose from?"""
        return bool(self.m and self.p and self.s and self.x)

    def values(self) -> dict[str, tuple[str, ...]]:
        """The four lists by key."""
        return {"m": self.m, "p": self.p, "s": self.s, "x": self.x}

    def json_schema(self) -> dict[str, Any]:
        """JSON schema, strict as hosted endpoints mean it: all required, nothing further, every string from a list."""
        lists = self.values()
        exam = {
            "type": "object",
            "properties": {key: {"type": "string", "enum": list(lists[key])} for key in KEYS},
            "required": list(KEYS),
            "additionalProperties": False,
        }
        return {
            "type": "object",
            "properties": {"e": {"type": "array", "items": exam, "maxItems": self.max_exams}},
            "required": ["e"],
            "additionalProperties": False,
        }

    def gbnf(self) -> str:
        """The same as a llama.cpp grammar, without any white space, so that a reply is as short as it can be.

        Written here and not by llama-cpp-python's converter: that one allows spaces, and its literals break on a value
        with a quotation mark.
        """
        lists = self.values()
        exam = '"{" ' + ' "," '.join(f"{_literal(json.dumps(key) + ':')} {key}" for key in KEYS) + ' "}"'
        more = ' ("," exam' * (self.max_exams - 1) + ")?" * (self.max_exams - 1)
        rules = [
            f'root ::= {_literal(json.dumps("e"))} ":" "[" (exam{more})? "]"',
            f"exam ::= {exam}",
            *(
                f"{key} ::= " + " | ".join(_literal(json.dumps(value, ensure_ascii=False)) for value in lists[key])
                for key in KEYS
            ),
        ]
        rules[0] = rules[0].replace("root ::= ", 'root ::= "{" ') + ' "}"'
        return "\n".join(rules) + "\n"

    def parse(self, reply: str) -> tuple[Exam, ...]:
        """The exams of a reply. SchemaViolationError tells the model, in its own terms, what is wrong."""
        try:
            data = json.loads(reply)
        except (json.JSONDecodeError, RecursionError) as err:
            raise SchemaViolationError("not_json", "不是合法的 JSON。只写一个 JSON 对象。") from err
        try:
            parsed = _Reply.model_validate(data, context=self.values())
        except ValidationError as err:
            raise SchemaViolationError("not_schema", self._explain(err)) from err
        if len(parsed.e) > self.max_exams:
            raise SchemaViolationError("not_schema", f"e 最多 {self.max_exams} 项。")
        exams = tuple(Exam(one.m, one.p, one.s, one.x) for one in parsed.e)
        if len(set(exams)) != len(exams):
            raise SchemaViolationError("not_schema", "同一项目写了两次。")
        return exams

    def _explain(self, err: ValidationError) -> str:
        lists = self.values()
        said: list[str] = []
        for fault in err.errors()[:3]:
            where = ".".join(str(step) for step in fault["loc"])
            key = str(fault["loc"][-1]) if fault["loc"] else ""
            if key in lists and fault["type"] == "value_error":
                choices = "、".join(json.dumps(value, ensure_ascii=False) for value in lists[key][:20])
                said.append(f"{where} 只能是：{choices}。")
            else:
                said.append(f"{where or 'JSON'}：{fault['type']}。")
        return "".join(said)


def _literal(text: str) -> str:
    """A GBNF literal."""
    out = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return f'"{out}"'


def slot_schema(spans: Sequence[ReaderSpan], candidates: Sequence[CandidateRow], max_exams: int) -> SlotSchema:
    """The closed lists of one name: the candidates' values in their order, then the reader's elements.

    "" (no post-processing, no position) is always a choice of x; of s only where a candidate has no scan.
    """
    found: dict[str, list[str]] = {key: [] for key in KEYS}
    for span in spans:
        key = KEY_OF_SLOT.get(span.slot)
        if key and span.element:
            found[key].append(span.element)
    return SlotSchema(
        m=_distinct([*(row.modality for row in candidates), *found["m"]]),
        p=_distinct([*(row.part for row in candidates), *found["p"]]),
        s=_distinct([*(row.scan for row in candidates), *found["s"]]),
        x=_distinct([*(row.extra for row in candidates), *found["x"], ""]),
        max_exams=max(1, max_exams),
    )


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
