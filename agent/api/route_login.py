"""The log-in page, log-in and log-out. A page of plain HTML, without any script."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from pathlib import Path
from string import Template
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from agent.api.context import Context, CurrentContext
from agent.api.gate import COOKIE, anybody_there, cookie_of, https, limits, made_for
from agent.api.language import TAGS, language_of, set_language
from agent.api.trouble import texts
from agent.store import caller, check_password, close_session, forget_attempts, now, open_session, try_login
from standard.errors import Lang, StoreError

router = APIRouter(include_in_schema=False)
PAGE = Template((Path(__file__).parent / "data" / "login.html").read_text(encoding="utf-8"))
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
COMMAND = "./yingma user add NAME --role admin"
LONGEST = 2000


@router.get("/login")
def login_page(request: Request, context: CurrentContext, next: str = "/ui/", lang: str = "") -> Response:
    """The page; in another language than the browser's where `lang` says so."""
    if context.local:
        return RedirectResponse("/ui/", 303)
    return _page(request, context, local_path(next), _lang(request, context, lang))


@router.post("/login")
def login(
    request: Request,
    context: CurrentContext,
    name: Annotated[str, Form(max_length=LONGEST)] = "",
    password: Annotated[str, Form(max_length=LONGEST)] = "",
    next: Annotated[str, Form(max_length=LONGEST)] = "/ui/",
    lang: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Log in, and on to where the person wanted to go; or the page again, which says why not."""
    target, shown = local_path(next), _lang(request, context, lang)
    settings = context.settings
    address = request.client.host if request.client else ""
    window = timedelta(minutes=settings.login_minutes)
    tries = (settings.login_tries, settings.login_tries_address)
    try:
        at = now()
        if not context.store.write(lambda session: try_login(session, name, address, at, window, tries)):
            wait = texts().text("login.wait", shown, minutes=settings.login_minutes)
            return _page(request, context, target, shown, wait, 429, name)
        with context.store.reading() as session:
            user = check_password(session, name, password)
        if user is None:
            return _page(request, context, target, shown, texts().text("login.wrong", shown), 401, name)
        user_id, old = user.id or 0, cookie_of(request.headers)

        def operation(session: Any) -> str:
            forget_attempts(session, name, address)
            if old is not None:
                close_session(session, old)
            return open_session(session, user_id, now(), limits(context))

        secret = context.store.write(operation)
    except StoreError:
        return _page(request, context, target, shown)
    answer = RedirectResponse(target, 303)
    answer.set_cookie(
        COOKIE,
        secret,
        settings.session_hours * 3600,
        httponly=True,
        samesite="lax",
        secure=https(request, context),
        path="/",
    )
    if lang:
        set_language(answer, shown, request, context)
    return answer


@router.post("/logout")
def logout(request: Request, context: CurrentContext) -> Response:
    """Log out, and back to the log-in page. A page of somebody whose place another one has taken in this browser ends
    nothing: its own session ended then."""
    secret = cookie_of(request.headers)
    if secret is not None:
        with context.store.reading() as session:
            found = caller(session, secret, now(), limits(context))
        if found is not None and made_for(request.scope, request.headers) - {str(found.user.id)}:
            lang = language_of(request.headers, context.lang)
            return _page(request, context, "/ui/", lang, texts().text("login.taken", lang), 409)
        context.store.write(lambda session: close_session(session, secret))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=https(request, context))
    return answer


def local_path(wanted: str) -> str:
    """A path of this server, or the first page: never another server's address."""
    plain = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    if not plain or "\\" in wanted or any(not char.isprintable() for char in wanted) or len(wanted) > LONGEST:
        return "/ui/"
    return wanted


def _lang(request: Request, context: Context, wanted: str) -> Lang:
    if wanted in ("zh", "en"):
        return "zh" if wanted == "zh" else "en"
    return language_of(request.headers, context.lang)


def _page(
    request: Request,
    context: Context,
    target: str,
    lang: Lang,
    problem: str = "",
    status: int = 200,
    name: str = "",
) -> Response:
    words = {key: escape(value) for key, value in texts().of("login", lang).items()}
    hint = ""
    try:
        if not anybody_there(context.store):
            hint = f"<p>{words['empty']}</p><pre>{escape(COMMAND)}</pre>"
    except StoreError:
        problem, status = texts().text("login.away", lang), 503
    page = PAGE.substitute(
        words,
        tag=TAGS[lang],
        code=lang,
        switch=escape(urlencode({"next": target, "lang": "en" if lang == "zh" else "zh"})),
        problem=f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else "",
        hint=hint,
        target=escape(target),
        who=escape(name),
    )
    return HTMLResponse(page, status, {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})
