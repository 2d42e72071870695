"""Puts directly after <head> of the pages who it is and the language that he chose, then our own styles and scripts.

Gradio takes its language from navigator.language when its own scripts start, so this has to come before them. Our
scripts and styles too: given to Gradio (`head=`), they would be fetched while it builds the tabs, a tab that is built
first would stay empty, and the first card of the review page would wait for Gradio. They read `window.YINGMA`: {lang:
"zh"|"en", person: {id, name, role}, local, pages: the tabs that he may see, t: texts of the bar, review: of that page}.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.api.context import Context
from agent.api.language import TAGS, language_of
from agent.api.person import person_in
from ui.pages import PAGES
from ui.static_files import bundle
from ui.words import words

MARK = b"<head>"


class Head:
    """Pure ASGI: only the page itself is held back until it is whole; everything else goes by as it comes."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self.app = app
        self.context = context
        self.own = f'<link rel="stylesheet" href="{bundle("css").url}"><script src="{bundle("js").url}"></script>'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or scope["path"] not in ("/ui", "/ui/") or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        start: list[Message] = []
        body: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.append(message)
                return
            body.append(message.get("body", b""))
            if message.get("more_body"):
                return
            whole = b"".join(body)
            headers = MutableHeaders(raw=list(start[0]["headers"]))
            if headers.get("content-type", "").startswith("text/html"):
                whole = whole.replace(MARK, MARK + self.script(scope).encode("utf-8"), 1)
                headers["content-length"] = str(len(whole))
                headers["cache-control"] = "no-store"
            await send({**start[0], "headers": headers.raw})
            await send({"type": "http.response.body", "body": whole})

        await self.app(scope, receive, keep)

    def script(self, scope: Scope) -> str:
        """The scripts of a request."""
        lang = language_of(Headers(scope=scope), self.context.lang)
        person = person_in(scope)
        texts = words()
        told: dict[str, Any] = {
            "lang": lang,
            "person": person._asdict(),
            "local": self.context.local,
            "pages": [each.id for each in PAGES if person.at_least(each.role)],
            "t": texts.of("bar", lang) | {"role": texts.text(f"role.{person.role}", lang)},
            "review": texts.of("review", lang),
        }
        tag = TAGS[lang]
        plain = json.dumps(told, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", "").replace("\u2029", "")
        return (
            f"<script>window.YINGMA={plain};"
            f'for(const[k,v]of[["language","{tag}"],["languages",["{tag}"]]])'
            "Object.defineProperty(navigator,k,{get:()=>v,configurable:true});"
            f'document.documentElement.lang="{tag}";document.documentElement.dataset.role="{person.role}"</script>'
            f"{self.own}"
        )
