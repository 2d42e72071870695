"""Uploaded files are their sender's: nobody else reads them, nobody else's event is given them.

Gradio keeps an upload under a path that holds a hash of its content, and gives it to whoever knows the path. So what
comes back from an upload is remembered with the person, a file is handed out to that person only, and an event that
names a path is let through only if it is his. What a page offers for download goes through a route of the API.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from anyio.to_thread import run_sync
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.api.context import Context
from agent.api.person import Person, person_in
from agent.api.trouble import refusal
from agent.store import keep_upload, now, owns_upload

ROOT = "/ui/gradio_api/"
UPLOAD = (ROOT + "upload", ROOT + "upload/")
FILES = (ROOT + "file=", ROOT + "file/")
EVENTS = tuple(ROOT + each for each in ("queue/join", "run/", "api/", "call/", "component_server"))
LARGEST_EVENT = 32 * 2**20


class Files:
    """Pure ASGI, behind the gate."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self.app = app
        self.context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or not scope["path"].startswith(ROOT):
            await self.app(scope, receive, send)
            return
        path: str = scope["path"]
        method = scope["method"]
        if method == "POST" and path in UPLOAD:
            await self._upload(scope, receive, send)
        elif method in ("GET", "HEAD") and path.startswith(FILES):
            wanted = path[len(FILES[0]) :]
            if not await run_sync(self._owns, person_in(scope), [wanted]):
                await refusal(404, "file")(scope, receive, send)
                return
            await self.app(scope, receive, send)
        elif method == "POST" and path.startswith(EVENTS):
            await self._event(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer of an upload is held back until its paths are remembered."""
        kept: list[Message] = []
        person = person_in(scope)

        async def hold(message: Message) -> None:
            kept.append(message)

        await self.app(scope, receive, hold)
        if kept and kept[0].get("status") == 200:
            paths = json.loads(b"".join(each.get("body", b"") for each in kept[1:]))
            await run_sync(self._keep, person, [str(each) for each in paths])
        for message in kept:
            await send(message)

    async def _event(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An event may name only files of the person's own."""
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if len(body) > LARGEST_EVENT:
                await refusal(413, "size")(scope, receive, send)
                return
            if not message.get("more_body"):
                break
        try:
            paths = list(_paths(json.loads(body)))
        except ValueError:
            await refusal(422, "body", what="JSON")(scope, receive, send)
            return
        if paths and not await run_sync(self._owns, person_in(scope), paths):
            await refusal(403, "file")(scope, receive, send)
            return
        given = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return given.pop() if given else await receive()

        await self.app(scope, again, send)

    def _owns(self, person: Person, paths: list[str]) -> bool:
        with self.context.store.reading() as session:
            return all(owns_upload(session, person.id, each) for each in paths)

    def _keep(self, person: Person, paths: list[str]) -> None:
        self.context.store.write(lambda session: keep_upload(session, person.id, paths, now()))


def _paths(value: Any) -> Iterator[str]:
    """Every path of a file in a value of an event, at any depth."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if isinstance(each.get("path"), str) and each["path"]:
                yield each["path"]
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
