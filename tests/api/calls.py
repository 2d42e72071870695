"""Every call that the application knows: the lines of routes.tsv and the routes that FastAPI and Gradio bring along."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from agent.api.routes import routes

ROOT = Path(__file__).resolve().parent.parent.parent
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
HOLE = re.compile(r"\{(\w+)(?::\w+)?\}")
STREAMS = ("/ui/gradio_api/heartbeat/", "/ui/gradio_api/queue/data")
SKIPPED = ("/login", "/logout")  # for anyone: the one says 401 itself, the other ends the session


class Call(NamedTuple):
    """A method and a path with something in its holes."""

    method: str
    path: str


def filled(path: str) -> str:
    """A path of a route, its holes filled."""
    return HOLE.sub("x", path)


def told() -> list[Call]:
    """The calls of routes.tsv."""
    return [Call(each.row.method, filled(each.row.path)) for each in routes()]


def known() -> list[Call]:
    """The calls of the application and of what is mounted on it; made in another process, which imports Gradio."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.api.calls"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [Call(*each) for each in json.loads(done.stdout.splitlines()[-1])]


def _walk(found: Any, prefix: str) -> Iterator[Call]:
    for route in found:
        if hasattr(route, "original_router"):  # a router that was included, as FastAPI keeps it
            yield from _walk([*route.effective_candidates(), *route.effective_low_priority_routes()], prefix)
            continue
        path = prefix + route.path
        inner = getattr(route, "routes", None)
        if inner:
            yield from _walk(inner, path)
        else:
            for method in sorted(set(getattr(route, "methods", None) or ("GET",)) & set(METHODS)):
                yield Call(method, filled(path))


if __name__ == "__main__":
    from agent.api.context import Context
    from agent.settings import load_settings
    from ui.app import make_app

    print(json.dumps(sorted(set(_walk(make_app(Context(load_settings())).routes, "")))))
