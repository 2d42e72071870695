"""Makes the application: routers, gate, headers. A subject adds its router to ROUTERS and its lines to routes.tsv."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

from fastapi import FastAPI
from starlette.types import ASGIApp

from agent.api.context import Context
from agent.api.gate import Gate
from agent.api.trouble import tell_errors
from agent.api.watch import Watch

ROUTERS = (  # modules with a `router`
    "agent.api.route_audit",
    "agent.api.route_browse",
    "agent.api.route_chat",
    "agent.api.route_health",
    "agent.api.route_login",
    "agent.api.route_me",
    "agent.api.route_jobs",
    "agent.api.route_metrics",
    "agent.api.route_names",
    "agent.api.route_overview",
    "agent.api.route_standard",
    "agent.api.route_review",
    "agent.api.route_review_lead",
)


def create_app(context: Context, inner: Sequence[Callable[..., ASGIApp]] = ()) -> FastAPI:
    """The application of a context, everything behind the gate. ui.app.make_app adds the pages.

    `inner`: ASGI middlewares behind the gate, the outer ones last; made with the context.
    """
    app = FastAPI(title="Yingma", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.state.context = context
    for module in ROUTERS:
        app.include_router(import_module(module).router)
    tell_errors(app)
    for each in inner:
        app.add_middleware(each, context=context)
    app.add_middleware(Gate, context=context)
    app.add_middleware(Watch, context=context)  # outermost: it sees what the gate refuses
    return app
