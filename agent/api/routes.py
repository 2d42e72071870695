"""Who may call what: data/routes.tsv, one line for each method and path.

`path` is written as FastAPI writes it: `{id}` is one piece, `{path:path}` any number of them. `who` is `anyone`, the
lowest role that may, or `nobody`. The first line that fits holds; what no line fits is not there, for anybody.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from standard.errors import DataError
from standard.lexicon import read_rows
from standard.lexicon_rows import Row

ROUTES = Path(__file__).parent / "data" / "routes.tsv"
# Below these there may be anything; a hole of many pieces elsewhere would open what nobody has thought of.
WIDE = ("/static/", "/ui/static/", "/ui/assets/", "/ui/svelte/", "/ui/gradio_api/file=")
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Who = Literal["anyone", "viewer", "clerk", "reviewer", "adjudicator", "lead", "admin", "nobody"]
_HOLE = re.compile(r"\{(\w+)(:path)?\}")


class RouteRow(Row):
    """A line of routes.tsv."""

    method: Method
    path: str
    who: Who


class Route(NamedTuple):
    """A line, ready to be compared."""

    row: RouteRow
    pattern: re.Pattern[str]


@cache
def routes() -> tuple[Route, ...]:
    """All lines. DataError where one stands twice, or opens too much."""
    seen = set()
    found = []
    for number, row in read_rows(ROUTES, RouteRow):
        if (row.method, row.path) in seen:
            problem = ("出现两次；请删去一行", "stands twice; drop one")
            raise DataError(ROUTES.name, number, "path", row.path, problem)
        seen.add((row.method, row.path))
        if ":path}" in row.path and not (row.method == "GET" and row.path.startswith(WIDE)):
            problem = ("开得太宽；请逐个写出地址", "opens too much; write each path")
            raise DataError(ROUTES.name, number, "path", row.path, problem)
        found.append(Route(row, _pattern(row.path)))
    return tuple(found)


def find(method: str, path: str) -> RouteRow | None:
    """The line for a call; None where there is none. HEAD is a GET."""
    wanted = "GET" if method == "HEAD" else method
    return next((each.row for each in routes() if each.row.method == wanted and each.pattern.fullmatch(path)), None)


def _pattern(path: str) -> re.Pattern[str]:
    parts, at = [], 0
    for hole in _HOLE.finditer(path):
        parts += [re.escape(path[at : hole.start()]), ".*" if hole[2] else "[^/]+"]
        at = hole.end()
    return re.compile("".join([*parts, re.escape(path[at:])]), re.DOTALL)
