"""Nothing is open that routes.tsv does not open: every route, Gradio's own too, as nobody and as each role."""

from __future__ import annotations

import httpx
import pytest

from agent.api.routes import find, routes
from agent.api.trouble import texts
from agent.store.states import PERSONS
from tests.api.calls import HOLE, SKIPPED, STREAMS, Call, known, told
from tests.review.filling import fill
from tests.serving import Server
from tests.store.world import ANKLE, dump

FOREIGN = (
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
)


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    """Every call that the application knows."""
    return known()


def status(client: httpx.Client, call: Call, **headers: str) -> tuple[int, str]:
    """What a call answers: status, and the sentence of an error. A stream is left as soon as it begins."""
    body = {"content": b"{}"} if call.method != "GET" else {}
    extra = {"connection": "close"} | ({"content-type": "application/json"} if body else {})
    with client.stream(call.method, call.path, headers={**extra, **headers}, **body) as answer:
        if answer.status_code < 400 or call.path.startswith(STREAMS):
            return answer.status_code, ""
        answer.read()
        found = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        error = found.get("error") if isinstance(found, dict) else None
        return answer.status_code, error["en"] if isinstance(error, dict) else ""


def test_each_route_of_our_own_stands_in_the_table_and_each_line_is_a_route(calls: list[Call]) -> None:
    ours = {each for each in calls if not each.path.startswith(("/ui/", "/static"))}
    assert [each for each in ours if find(*each) is None] == []
    there = set(calls)
    lines = [Call(each.row.method, each.row.path) for each in routes()]
    stale = [
        line
        for line in lines
        if line.path != "/ui" and not line.path.startswith("/static/") and Call(*_sample(line)) not in there
    ]
    assert stale == []
    assert len([each for each in calls if find(*each) is None]) > 20  # of Gradio's


def _sample(line: Call) -> Call:
    return next(
        each
        for each, same in zip(told(), routes(), strict=True)
        if same.row.path == line.path and same.row.method == line.method
    )


def test_as_nobody_everything_is_closed_but_what_is_for_anyone(calls: list[Call], served: Server) -> None:
    opened = []
    with served.client(None) as client:
        for call in sorted({*told(), *calls}):
            row = find(*call)
            if row is not None and row.who == "anyone":
                continue
            found, _ = status(client, call)
            if found != 401:
                opened.append((call, found))
            if call.method == "GET":
                asked, _ = status(client, call, accept="text/html")
                if asked != 303:
                    opened.append((call, asked))
    assert opened == []


@pytest.mark.parametrize(("role", "token"), [*((role, False) for role in PERSONS), ("viewer", True), ("lead", True)])
def test_as_a_role_exactly_what_the_table_says(
    calls: list[Call], served_sqlite: Server, role: str, token: bool
) -> None:
    refused, missing = texts().text("error.role", "en"), texts().text("error.path", "en")
    wrong = []
    with served_sqlite.client(role, token) as client:
        for call in sorted({*told(), *calls}):
            if call.path in SKIPPED:
                continue
            row = find(*call)
            found, sentence = status(client, call)
            if row is None:
                right = (found, sentence) == (404, missing)
            elif row.who != "anyone" and PERSONS.index(role) < PERSONS.index(row.who):  # type: ignore[arg-type]
                right = (found, sentence) == (403, refused)
            else:
                right = found != 401 and sentence != refused and found < 500
            if not right:
                wrong.append((call, found, sentence))
    assert wrong == []


@pytest.mark.parametrize("headers", FOREIGN, ids=lambda headers: " ".join(headers.values()) or "absent")
def test_what_changes_something_is_refused_from_a_foreign_page(
    calls: list[Call], served: Server, headers: dict[str, str]
) -> None:
    done = []
    cookies = {"yingma_session": served.cookie("admin")}
    with httpx.Client(base_url=served.url, cookies=cookies, timeout=60) as client:
        for call in sorted({*told(), *calls}):
            if call.method != "GET":
                for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
                    found, sentence = status(client, call, **headers, **{"content-type": kind})
                    if (found, sentence) != (403, texts().text("error.origin", "en")):
                        done.append((call, found))
        assert client.get("/api/me").json()["name"] == "admin"  # not logged out either
    assert done == []


ASKED = {"name": ANKLE, "words": "胸部", "decision": "1", "stop": "1", "candidates": "false"}
EDITIONS = {"old": "radiology-3.8", "new": "radiology-3.8.2"}


def test_what_is_only_asked_for_changes_nothing(served: Server) -> None:
    fill(served.store, [(ANKLE, "CT", "只看医院", 3)], job="asked for")
    answered = 0
    with served.client("admin") as client:  # who is logged in by now
        before = dump(served.store)
        for line in routes():
            path = HOLE.sub("20040100110000" if "{code}" in line.row.path else "1", line.row.path)
            if line.row.method == "GET" and not path.startswith(STREAMS):
                answered += client.get(path, params=ASKED | EDITIONS).status_code == 200
    assert answered > 25
    assert dump(served.store) == before


def test_websockets_are_refused(served_sqlite: Server) -> None:
    headers = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    with served_sqlite.client(None) as client:
        answer = client.get("/ui/gradio_api/ws", headers={**headers, "sec-websocket-key": "x" * 22 + "=="})
    assert answer.status_code in (401, 403)


def test_a_wrong_token_is_nobody_even_beside_a_cookie(served_sqlite: Server) -> None:
    with served_sqlite.client("admin") as client:
        answer = client.get("/api/me", headers={"authorization": "Bearer yingma_wrong"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("token", [False, True])
def test_a_page_that_was_made_for_another_person_does_nothing(served: Server, token: bool) -> None:
    with served.client("reviewer", token) as client:
        for other in (str(served.ids["lead"]), "", "x", f"{served.ids['reviewer']}0"):
            for path in ("/api/me", "/api/review/progress", "/api/jobs", "/ui/gradio_api/startup-events"):
                answer = client.get(path, headers={"x-yingma-person": other})
                assert answer.status_code == 409, (path, other)
                assert "另一个人" in answer.json()["error"]["zh"]
            for path in (
                "/api/review/export",
                "/api/jobs/x/result",
                "/api/jobs/x/report",
                "/api/me",
            ):  # links: ?person=
                assert client.get(path, params={"person": other}).status_code == 409, (path, other)
            both = {"x-yingma-person": str(served.ids["reviewer"])}
            assert client.get("/api/me", headers=both, params={"person": other}).status_code == 409
            body = {"id": 1, "rev": 1, "action": "reject", "key": f"other-{other}-{token}"}
            answer = client.post("/api/review/decide", json=body, headers={"x-yingma-person": other})
            assert answer.status_code == 409
        own = str(served.ids["reviewer"])
        assert client.get("/api/me", headers={"x-yingma-person": own}).status_code == 200
        assert client.get("/api/review/export", params={"person": own}).status_code == 200
        assert client.get("/api/me").status_code == 200


def test_headers_that_browsers_obey_are_on_every_answer(served_sqlite: Server) -> None:
    with served_sqlite.client("lead") as lead, served_sqlite.client(None) as nobody:
        for answer in (lead.get("/ui/"), lead.get("/api/me"), nobody.get("/api/me"), nobody.get("/login")):
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "same-origin"
            assert "server" not in answer.headers


def test_a_body_that_is_too_long_is_not_read(served_sqlite: Server) -> None:
    with served_sqlite.client("lead") as client:
        answer = client.post(
            "/api/normalize", content=b" " * (33 * 2**20), headers={"content-type": "application/json"}
        )
    assert answer.status_code == 413
