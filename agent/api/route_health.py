"""GET /healthz: whether the server works, to anybody, without anything that helps an attacker."""

from __future__ import annotations

import shutil

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy import text

from agent.api.context import Context, CurrentContext
from agent.store.migrate import current, head
from standard.errors import StoreError

router = APIRouter()
LEAST_DISK = 200 * 2**20  # bytes that must be free in the home folder


@router.get("/healthz")
def healthz(context: CurrentContext) -> JSONResponse:
    """ok, or which of database, migrations and disk is not."""
    wrong = problems(context)
    return JSONResponse({"status": "ok" if not wrong else "wrong", "wrong": wrong}, 200 if not wrong else 503)


def problems(context: Context) -> list[str]:
    """What is wrong: database, migrations, disk."""
    wrong = []
    try:
        with context.store.reading() as session:
            session.execute(text("SELECT 1"))
            if current(session.connection()) != head():
                wrong.append("migrations")
    except StoreError:
        wrong.append("database")
    try:
        if shutil.disk_usage(context.settings.home).free < LEAST_DISK:
            wrong.append("disk")
    except OSError:
        wrong.append("disk")
    return wrong
