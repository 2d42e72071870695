"""What the overview shows. Who decided how much is for the lead; everybody else sees his own decisions."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from agent import overview
from agent.api.context import CurrentContext
from agent.api.person import CurrentPerson
from agent.reasons import reasons
from agent.store import now
from agent.store.states import word

router = APIRouter(prefix="/api/overview", include_in_schema=False)


@router.get("")
def whole(context: CurrentContext, person: CurrentPerson) -> dict[str, Any]:
    """Everything but the institutions."""
    at, zone = now(), context.settings.zone
    with context.store.reading() as session:
        standing = overview.standing(session)
        queue = overview.queue(session)
        finished = overview.finished(session)
        days = overview.days(session, at, None if person.at_least("lead") else person.id, zone=zone)
    return {
        "standing": [
            {"status": each.status, "zh": word("status", each.status), "en": word("status", each.status, "en")}
            | each.held._asdict()
            for each in standing
        ],
        "queue": [each._asdict() | _sentences(each.reason) for each in queue],
        "finished": finished._asdict(),
        "days": [each._asdict() for each in days],
        "zone": overview.zone_name(at, zone),
        "reasons": {name: _sentences(name) for name in reasons()},
    }


@router.get("/institutions")
def institutions(context: CurrentContext, page: Annotated[int, Query(ge=0, le=100_000)] = 0) -> dict[str, Any]:
    """A page of institutions."""
    with context.store.reading() as session:
        found, total = overview.institutions(session, page)
    return {"rows": [each._asdict() for each in found], "total": total, "page": page, "size": overview.PAGE}


def _sentences(reason: str) -> dict[str, str]:
    row = reasons().get(reason)
    return {"zh": row.zh, "en": row.en} if row is not None else {"zh": reason, "en": reason}
