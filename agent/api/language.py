"""The language of a request: the cookie of the switch, else what the browser asks for, else the setting."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from agent.api.context import Context
from agent.api.gate import cookie_of, https
from standard.errors import Lang

YEAR = 365 * 24 * 3600
COOKIE = "yingma_lang"
TAGS: dict[Lang, str] = {"zh": "zh-CN", "en": "en"}  # Gradio takes zh for English


def language_of(headers: Mapping[str, str], default: Lang = "zh") -> Lang:
    """Of the headers of a request."""
    chosen = cookie_of(headers, COOKIE)
    if chosen is not None:
        return "zh" if chosen.lower().startswith("zh") else "en"
    for each in headers.get("accept-language", "").split(","):
        tag = each.split(";")[0].strip().lower()
        if tag.startswith("zh"):
            return "zh"
        if tag.startswith("en"):
            return "en"
    return default


def set_language(answer: Response, lang: Lang, request: Request, context: Context) -> None:
    """Let this browser keep a language."""
    answer.set_cookie(COOKIE, TAGS[lang], YEAR, httponly=True, samesite="lax", secure=https(request, context), path="/")
