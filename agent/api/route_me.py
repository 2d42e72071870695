"""Who am I, in which language; the switch of the language; the way from / to the pages."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from agent.api.context import CurrentContext
from agent.api.language import language_of, set_language
from agent.api.person import CurrentPerson

router = APIRouter()


class Choice(BaseModel):
    """A language."""

    lang: Literal["zh", "en"]


@router.get("/", include_in_schema=False)
def root() -> RedirectResponse:
    """To the pages."""
    return RedirectResponse("/ui/", 303)


@router.get("/api/me")
def me(person: CurrentPerson, context: CurrentContext, request: Request) -> dict[str, Any]:
    """Who is logged in."""
    return person._asdict() | {"lang": language_of(request.headers, context.lang), "local": context.local}


@router.post("/language", include_in_schema=False)
def language(choice: Choice, context: CurrentContext, request: Request) -> Response:
    """Switch the language of this browser."""
    answer = Response(status_code=204)
    set_language(answer, choice.lang, request, context)
    return answer
