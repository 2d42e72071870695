"""The gate: every request passes it, and only it decides who may go on. Pure ASGI, so that streams stay streams.

websocket ─▶ refused
changes something, from a page that is not ours ─▶ 403      (with a bearer token no browser sent it by itself)
nobody, and not open to anyone ─▶ log-in page for a browser, else 401
from a page that was made for another person ─▶ 409         (only our pages say so, in a header; in a link: ?person=)
no line of routes.tsv ─▶ 404;  a lower role than its line says ─▶ 403
else ─▶ the application, with scope["state"]["person"]
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from anyio.to_thread import run_sync
from sqlalchemy import select
from sqlmodel import col
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.api.context import Context
from agent.api.person import Person
from agent.api.routes import find
from agent.api.trouble import refusal, store_away
from agent.store import Limits, Store, add_user, caller, check_token, find_user, now, touch
from agent.store.schema_acts import User
from standard.errors import StoreError

COOKIE = "yingma_session"
MADE_FOR = "x-yingma-person"  # the id of the person whom a page was made for: tabs of a browser share one session
LINKED_FOR = "person"  # the same in the query of a link or a form, which can send no header
SAFE = ("GET", "HEAD", "OPTIONS")
LARGEST_BODY = 32 * 2**20
STREAMED = ("/api/uploads",)  # taken piece by piece, and limited by the route itself
LOCAL_NAME = "local"  # of the one person of single-user mode


class Gate:
    """Wraps an application."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self.app = app
        self.context = context
        self._local: Person | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            answer = await self._judge(scope)
        except StoreError as error:
            answer = store_away(error)
        if answer is not None:
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _judge(self, scope: Scope) -> Response | None:
        """The answer that stops the request; None where it may go on."""
        headers = Headers(scope=scope)
        method, path = scope["method"], scope["path"]
        route = find(method, path)
        bearer = _bearer(headers)
        if self.context.local and not _loopback(headers.get("host", "")):
            return refusal(403, "host")
        if method not in SAFE and bearer is None and not self._ours(scope, headers):
            return refusal(403, "origin")
        if method not in SAFE and path not in STREAMED and not _short(headers):
            return refusal(413, "size")
        if route is not None and route.who == "anyone":
            return None
        person = await run_sync(self._identify, bearer, cookie_of(headers))
        if person is None:
            if method == "GET" and bearer is None and "text/html" in headers.get("accept", ""):
                wanted = path + ("?" + scope["query_string"].decode("latin-1") if scope["query_string"] else "")
                return RedirectResponse("/login?next=" + quote(wanted, safe="/"), 303)
            return refusal(401, "login", {"WWW-Authenticate": "Bearer"})
        if made_for(scope, headers) - {str(person.id)}:
            return refusal(409, "other_person")
        if route is None:
            return refusal(404, "path")
        if route.who == "nobody" or not person.at_least(route.who):
            return refusal(403, "role")
        scope.setdefault("state", {})["person"] = person
        return None

    def _ours(self, scope: Scope, headers: Headers) -> bool:
        """Whether a browser says that one of our own pages sent this. Nothing said: no."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is None and origin is None:
            return False
        if site is not None and site != "same-origin":
            return False
        if origin is None:
            return True
        if self.context.settings.public_origin:
            return origin.lower() == self.context.settings.public_origin
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and parts.netloc.lower() == headers.get("host", "").lower()

    def _identify(self, bearer: str | None, cookie: str | None) -> Person | None:
        """Whose request it is."""
        store = self.context.store
        if bearer is not None:
            with store.reading() as session:
                return _person(check_token(session, bearer, now()))
        if self.context.local:
            if self._local is None:
                self._local = local_person(store)
            return self._local
        if cookie is None:
            return None
        at = now()
        with store.reading() as session:
            found = caller(session, cookie, at, limits(self.context))
        if found is None:
            return None
        if found.stale:
            store.write(lambda session: touch(session, cookie, at))
        return _person(found.user)


def made_for(scope: Scope, headers: Headers) -> set[str]:
    """The ids of the persons whom the page says it was made for: at most one, where it is ours."""
    asked = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return {*headers.getlist(MADE_FOR), *asked.get(LINKED_FOR, ())}


def limits(context: Context) -> Limits:
    """How long sessions last."""
    settings = context.settings
    return Limits(timedelta(minutes=settings.session_idle_minutes), timedelta(hours=settings.session_hours))


def local_person(store: Store) -> Person:
    """The one person of single-user mode: a lead, made the first time, with a password that nobody knows."""
    import secrets

    def operation(session: Any) -> Person:
        user = find_user(session, LOCAL_NAME) or add_user(session, LOCAL_NAME, "lead", secrets.token_urlsafe(32), now())
        return Person(user.id or 0, user.name, "lead")

    return store.write(operation)


def anybody_there(store: Store) -> bool:
    """Whether there is any account that may log in."""
    with store.reading() as session:
        return session.scalars(select(col(User.id)).where(col(User.active)).limit(1)).first() is not None


def cookie_of(headers: Mapping[str, str], name: str = COOKIE) -> str | None:
    """The value of a cookie; None where there is none."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return None if found is None or not found.value else found.value


def https(request: Request, context: Context) -> bool:
    """Whether the browser speaks https, to us or to the proxy before us."""
    origin = context.settings.public_origin
    return origin.startswith("https://") if origin else request.url.scheme == "https"


def _bearer(headers: Headers) -> str | None:
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None


def _short(headers: Headers) -> bool:
    """Whether a body is short enough to be held in memory; a form with files is not, and its route limits it."""
    if headers.get("content-type", "").startswith("multipart/form-data"):
        return True
    length = headers.get("content-length")
    if length is None:
        return "transfer-encoding" not in headers
    return length.isdecimal() and int(length) <= LARGEST_BODY


def _person(user: User | None) -> Person | None:
    return None if user is None else Person(user.id or 0, user.name, user.role)


def _loopback(host: str) -> bool:
    """Whether a Host header names this very machine: another name could be a page that was rebound to it."""
    name = urlsplit("//" + host).hostname or ""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


__all__: list[str] = [
    "COOKIE",
    "LINKED_FOR",
    "Gate",
    "anybody_there",
    "cookie_of",
    "https",
    "limits",
    "local_person",
    "made_for",
]
