"""The standing audit, for the lead: bounds, suspects and stops; what is in doubt because of a stop; lifting one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from agent.api.context import CurrentContext
from agent.api.language import language_of
from agent.api.person import CurrentPerson
from agent.audit_summary import summary, told
from agent.jobs.accepted import accepted, as_csv
from agent.store import now
from agent.store.audit import find_stop, lift, scope_by_key

router = APIRouter(prefix="/api/audit")


class LiftBody(BaseModel):
    """A stop to lift, and why."""

    model_config = ConfigDict(extra="forbid")
    id: int
    why: Annotated[str, Field(max_length=1000)]


@router.get("")
def whole(context: CurrentContext) -> dict[str, Any]:
    """Where the audit stands."""
    with context.store.reading() as session:
        return summary(session, now())


@router.get("/accepted")
def in_doubt(stop: int, context: CurrentContext, request: Request) -> StreamingResponse:
    """What was accepted unseen where acceptance stopped, since it is in doubt, as CSV."""
    with context.store.reading() as session:
        found = find_stop(session, stop)
        scope, since = scope_by_key(session, found), found.since
    rows = accepted(context.settings.home, context.catalogue, scope, since)
    return StreamingResponse(
        as_csv(rows, language_of(request.headers, context.lang)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="accepted-{stop}.csv"'},
    )


@router.post("/lift")
def lift_stop(body: LiftBody, person: CurrentPerson, context: CurrentContext) -> dict[str, Any]:
    """Let acceptance go on."""
    return context.store.write(lambda session: told(session, lift(session, body.id, person.id, body.why, now())))
