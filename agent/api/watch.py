"""Sees every request from outside: counts it, logs it, and puts the security headers on its answer.

The log is one JSON object a line, without what people ask about: a request is told by its route, its status, its time
and the number of the person. With the setting log_detail also by its path.
"""

from __future__ import annotations

import time
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.api.context import Context
from agent.api.log import logger
from agent.api.person import Person
from agent.api.routes import find

# Gradio's page is made of inline scripts and styles, and compiles templates; nothing may come from elsewhere.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # not no-referrer: the log-in form would then send Origin: null
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
QUIET = ("/healthz", "/static/{path:path}", "/assets/{path:path}")  # not logged while they go well
STRICT = "max-age=31536000"


class Watch:
    """Pure ASGI."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self.app = app
        self.context = context
        self.https = context.settings.public_origin.startswith("https://")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        told: dict[str, Any] = {"status": 500}
        state = scope["state"] = dict(scope.get("state") or {})

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
                told["seconds"] = time.perf_counter() - started
                headers = MutableHeaders(raw=list(message.get("headers", ())))
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self.https:
                    headers.setdefault("strict-transport-security", STRICT)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("cache-control", "no-store")
                elif scope["path"].startswith("/static/"):
                    headers.setdefault("cache-control", "no-cache")  # asks whether it is new; the answer is short
                message = {**message, "headers": headers.raw}
            await send(message)

        method, path = scope["method"], scope["path"]
        row = find(method, path)
        route = row.path if row is not None else "other"
        try:
            await self.app(scope, receive, with_headers)
        finally:
            status = told["status"]
            seconds = told.get("seconds", time.perf_counter() - started)
            self.context.meters.requests.labels(method, route, str(status)).inc()
            self.context.meters.seconds.labels(route).observe(seconds)
            person = state.get("person")
            line: dict[str, Any] = {
                "method": method,
                "route": route,
                "status": status,
                "ms": round(seconds * 1000, 1),
                "person": person.id if isinstance(person, Person) else None,
            }
            if "error" in state:
                line["error"] = state["error"]
            if self.context.settings.log_detail:
                line["path"] = path
                line["query"] = scope["query_string"].decode("latin-1")
            if status >= 400 or not route.endswith(QUIET):
                logger().info("request", **line)
