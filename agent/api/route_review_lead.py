"""What the lead does with the review: assignments, agreement and control samples, export of decisions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import col

from agent.api.context import CurrentContext
from agent.api.language import language_of
from agent.api.person import CurrentPerson
from agent.review import controls
from agent.review.agreement import agreement, pairs
from agent.review.assignment import assign, assignments, end
from agent.review.export import as_concept_map, as_csv, as_xlsx, rows
from agent.store import now, users
from agent.store.schema import Institution
from agent.store.undoing import influence

router = APIRouter(prefix="/api/review")
LISTED = 50
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class AssignBody(BaseModel):
    """A filter for a person."""

    model_config = ConfigDict(extra="forbid")
    user: int
    institution: int | None = None
    modality: Annotated[str, Field(max_length=40)] | None = None
    reason: Annotated[str, Field(max_length=40)] | None = None


class EndBody(BaseModel):
    """An assignment to take back."""

    model_config = ConfigDict(extra="forbid")
    id: int


@router.get("/influence")
def influenced(decision: Annotated[int, Query(ge=1, le=2**63 - 1)], context: CurrentContext) -> dict[str, Any]:
    """What a decision influenced, to look at before it is retracted: the clusters that it settles, those of other
    institutions too (the first LISTED, by exams), and the jobs whose output holds its answer (the newest LISTED)."""
    with context.store.reading() as session:
        found = influence(session, decision)
        clusters = sorted(found.clusters, key=lambda each: (-each.exams, each.id))
        shown = {each.institution_id for each in clusters[:LISTED]}
        statement = select(col(Institution.id), col(Institution.name)).where(col(Institution.id).in_(shown))
        places = dict(session.execute(statement).all())
    return {
        "clusters": [
            {**each._asdict(), "institution": places.get(each.institution_id, "")} for each in clusters[:LISTED]
        ],
        "jobs": [each._asdict() for each in found.jobs[: -LISTED - 1 : -1]],
        "all": {
            "clusters": len(clusters),
            "names": sum(each.names for each in clusters),
            "exams": sum(each.exams for each in clusters),
            "jobs": len(found.jobs),
        },
    }


@router.get("/assignments")
def assigned(person: CurrentPerson, context: CurrentContext) -> dict[str, Any]:
    """One's own assignments; all of them, and whom there is, for a lead."""
    lead = person.at_least("lead")
    with context.store.reading() as session:
        found = assignments(session, None if lead else person.id)
        people = {each.id: each for each in users(session)}
        places = {each.institution_id for each in found if each.institution_id is not None}
        names = dict(
            session.execute(
                select(col(Institution.id), col(Institution.name)).where(col(Institution.id).in_(places))
            ).all()
        )
        given = [
            {
                "id": each.id,
                "user": people[each.user_id].name,
                "institution": names.get(each.institution_id, ""),
                "institution_id": each.institution_id,
                "modality": each.modality or "",
                "reason": each.reason or "",
            }
            for each in found
        ]
    reviewers = [
        {"id": each.id, "name": each.name}
        for each in people.values()
        if each.active and each.role not in ("viewer", "clerk")
    ]
    return {"rows": given, "people": reviewers if lead else []}


@router.post("/assign")
def give(body: AssignBody, person: CurrentPerson, context: CurrentContext) -> dict[str, Any]:
    """Give a person a filter."""
    row = context.store.write(
        lambda session: assign(session, body.user, person.id, now(), body.institution, body.modality, body.reason)
    )
    return {"id": row.id}


@router.post("/unassign")
def take_away(body: EndBody, person: CurrentPerson, context: CurrentContext) -> dict[str, Any]:
    """Take a filter back."""
    context.store.write(lambda session: end(session, body.id, person.id, now()))
    return {"id": body.id}


@router.get("/quality")
def quality(context: CurrentContext) -> dict[str, Any]:
    """Agreement of blind second looks, and who noticed the control samples."""
    with context.store.reading() as session:
        found = agreement(pairs(session))
        caught = controls.rates(session)
        people = {each.id: each.name for each in users(session)}
    return {
        "overall": found.overall._asdict(),
        "reviewers": [{"name": people.get(number, ""), **each._asdict()} for number, each in found.reviewers.items()],
        "categories": [{"name": name, **each._asdict()} for name, each in found.categories.items()],
        "controls": [{"name": people.get(number, ""), **each._asdict()} for number, each in caught.items()],
    }


@router.get("/export")
def export(
    context: CurrentContext,
    request: Request,
    format: Literal["csv", "xlsx", "fhir"] = "csv",
    institution: int | None = None,
) -> Response:
    """The decisions that stand, as a file."""
    lang = language_of(request.headers, context.lang)
    catalogue = context.catalogue
    if format == "xlsx":
        with context.store.reading() as session:
            book = as_xlsx(rows(session, institution), catalogue, lang)
        return Response(book, media_type=XLSX, headers=_attached("decisions.xlsx"))

    def stream() -> Any:
        with context.store.reading() as session:
            found = rows(session, institution)
            yield from as_csv(found, catalogue, lang) if format == "csv" else as_concept_map(found, catalogue)

    if format == "csv":
        return StreamingResponse(stream(), media_type="text/csv; charset=utf-8", headers=_attached("decisions.csv"))
    return StreamingResponse(
        stream(), media_type="application/fhir+json", headers=_attached("decisions.conceptmap.json")
    )


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
