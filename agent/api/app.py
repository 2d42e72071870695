"""Makes the application: routers, gate, headers. A subject adds its router to ROUTERS and its lines to routes.tsv."""

from __future__ import annotations

from importlib import import_module

from fastapi import FastAPI

from agent.api.context import Context
from agent.api.gate import Gate
from agent.api.trouble import tell_errors

ROUTERS = (  # modules with a `router`
    "agent.api.route_health",
    "agent.api.route_login",
    "agent.api.route_me",
    "agent.api.route_review",
    "agent.api.route_review_lead",
)


def create_app(context: Context) -> FastAPI:
    """The application of a context, everything behind the gate. ui.app.mount adds the pages."""
    app = FastAPI(title="Yingma", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.state.context = context
    for module in ROUTERS:
        app.include_router(import_module(module).router)
    tell_errors(app)
    app.add_middleware(Gate, context=context)
    return app
