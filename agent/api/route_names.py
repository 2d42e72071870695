"""Names in, codes out: POST /api/normalize for many, GET /api/explain for one with everything behind it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from agent.answer import Query, Suggestion
from agent.api.context import Context, CurrentContext
from agent.command_explain import explained
from agent.reasons import evidence_rows, reasons
from agent.store import Remembered, recall
from standard.errors import InputError

router = APIRouter(prefix="/api")
LONGEST = 4000  # characters of a name, a modality or an institution
MEMORY = {  # a person decided: no reason of the router's
    "settle": ("有人已决定：给出编码。", "A person decided: it has these codes."),
    "reject": ("有人已决定：不是检查。", "A person decided: it is no exam."),
    "not_in_standard": ("有人已决定：标准中没有。", "A person decided: the standard does not have it."),
}


class NameIn(BaseModel):
    """One name in its context."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=LONGEST)
    modality: str = Field(default="", max_length=LONGEST)
    institution: str = Field(default="", max_length=LONGEST)


class MemoryOut(BaseModel):
    """The decision that answered."""

    decision_id: int
    action: str
    by: str
    at: str
    group_wide: bool


class AnswerOut(BaseModel):
    """The answer to one name. `route`: accepted or review; `reason`: an id with its sentence."""

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
    memory: MemoryOut | None = None


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
    queries = [Query(each.name, each.modality, each.institution) for each in names]
    suggestions = context.answer(queries)
    with context.store.reading() as session:
        remembered = recall(session, queries)
    answers = [answer_object(context, *each) for each in zip(suggestions, remembered, strict=True)]
    for each in answers:
        context.meters.names.labels(each.route, "memory" if each.memory else "pipeline").inc()
    return AnswersOut(answers=answers, versions=context.pipeline.versions)


@router.get("/explain")
def explain(
    context: CurrentContext, name: str, modality: str = "", institution: str = "", candidates: bool = True
) -> dict[str, Any]:
    """Everything that led to one answer: spans, exams, candidates, evidence, versions, and the decision if any."""
    if max(len(name), len(modality), len(institution)) > LONGEST:
        raise InputError(f"名称最多 {LONGEST} 个字符。", f"A name has at most {LONGEST} characters.")
    query = Query(name, modality, institution)
    suggestion = context.explain(query, candidates)
    with context.store.reading() as session:
        found = recall(session, [query])[0]
    told = explained(suggestion, context.catalogue)
    told["reason"] = {"id": suggestion.reason, "detail": suggestion.detail, **_reason(suggestion.reason)}
    for row in told["evidence"]:
        sentence = evidence_rows().get(row["signal"])
        row |= {"zh": sentence.zh, "en": sentence.en} if sentence else {}
    told["memory"] = None if found is None else memory_object(found).model_dump() | {"codes": list(found.codes)}
    return told


def answer_object(context: Context, suggestion: Suggestion, found: Remembered | None) -> AnswerOut:
    """A suggestion, or the decision that stands before it, as the API tells it."""
    name, edition = suggestion.query.name, suggestion.edition
    if found is not None:
        zh, en = MEMORY[found.action]
        return AnswerOut(
            name=name,
            edition=edition,
            route="accepted",
            codes=list(found.codes),
            names=[context.name_of(code) for code in found.codes],
            score=1.0,
            reason="memory",
            reason_zh=zh,
            reason_en=en,
            detail=found.action,
            memory=memory_object(found),
        )
    sentence = _reason(suggestion.reason)
    return AnswerOut(
        name=name,
        edition=edition,
        route=suggestion.route,
        codes=list(suggestion.codes),
        names=list(suggestion.names),
        score=round(suggestion.score, 6),
        reason=suggestion.reason,
        reason_zh=sentence["zh"],
        reason_en=sentence["en"],
        detail=suggestion.detail,
    )


def memory_object(found: Remembered) -> MemoryOut:
    """A remembered decision as plain values."""
    return MemoryOut(
        decision_id=found.decision_id,
        action=found.action,
        by=found.by,
        at=found.at.isoformat(timespec="seconds"),
        group_wide=found.group_wide,
    )


def _reason(name: str) -> dict[str, str]:
    row = reasons()[name]
    return {"zh": row.zh, "en": row.en}
