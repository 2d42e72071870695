"""Names in, codes out: POST /api/normalize for many, GET /api/explain for one with everything behind it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from agent.answer import Query, Suggestion
from agent.api.context import CurrentContext
from agent.command_explain import explained
from agent.memory import MEMORY
from agent.reasons import evidence_rows, reasons
from standard.errors import InputError

router = APIRouter(prefix="/api")
LONGEST = 4000  # characters of a name, a modality or an institution


class NameIn(BaseModel):
    """One name in its context."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=LONGEST)
    modality: str = Field(default="", max_length=LONGEST)
    institution: str = Field(default="", max_length=LONGEST)


class AnswerOut(BaseModel):
    """The answer to one name. `route`: accepted or review; `reason`: an id with its sentence; `detail`: the word that
    the reason is about, or who decided."""

    name: str
    route: str
    codes: list[str]
    names: list[str]
    score: float
    reason: str
    reason_zh: str
    reason_en: str
    detail: str
    edition: str


class AnswersOut(BaseModel):
    """The answers in the order of the names, and what they were made with."""

    answers: list[AnswerOut]
    versions: dict[str, str]


@router.post("/normalize")
def normalize(names: list[NameIn], context: CurrentContext) -> AnswersOut:
    """The codes of names. What a person decided answers at once; nothing is put into the queue.

    At most `normalize_limit` names at once (2000 unless set otherwise); a whole export is a job.
    """
    limit = context.settings.normalize_limit
    if len(names) > limit:
        raise InputError(
            f"一次最多 {limit} 个名称，这里有 {len(names)} 个；请分批，或用 ./yingma job run。",
            f"At most {limit} names at once, these are {len(names)}; send less, or use ./yingma job run.",
        )
    answers = context.answer([Query(each.name, each.modality, each.institution) for each in names])
    for each in answers:
        context.meters.names.labels(each.route, "memory" if each.reason in MEMORY else "pipeline").inc()
    return AnswersOut(answers=[answer_object(each) for each in answers], versions=context.pipeline.versions)


@router.get("/explain")
def explain(
    context: CurrentContext, name: str, modality: str = "", institution: str = "", candidates: bool = True
) -> dict[str, Any]:
    """Everything that led to one answer: spans, exams, candidates, evidence, versions, and who decided if anybody."""
    if max(len(name), len(modality), len(institution)) > LONGEST:
        raise InputError(f"名称最多 {LONGEST} 个字符。", f"A name has at most {LONGEST} characters.")
    suggestion = context.explain(Query(name, modality, institution), candidates)
    told = explained(suggestion, context.catalogue)
    told["reason"] = {"id": suggestion.reason, "detail": suggestion.detail, **_reason(suggestion.reason)}
    for row in told["evidence"]:
        sentence = evidence_rows().get(row["signal"])
        row |= {"zh": sentence.zh, "en": sentence.en} if sentence else {}
    return told


def answer_object(suggestion: Suggestion) -> AnswerOut:
    """A suggestion as the API tells it."""
    sentence = _reason(suggestion.reason)
    return AnswerOut(
        name=suggestion.query.name,
        route=suggestion.route,
        codes=list(suggestion.codes),
        names=list(suggestion.names),
        score=round(suggestion.score, 6),
        reason=suggestion.reason,
        reason_zh=sentence["zh"],
        reason_en=sentence["en"],
        detail=suggestion.detail,
        edition=suggestion.edition,
    )


def _reason(name: str) -> dict[str, str]:
    row = reasons()[name]
    return {"zh": row.zh, "en": row.en}
