"""The dialogue over HTTP on a real server: streaming, history, whose it is, what a stranger gets."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from tests.serving import Server

ANKLE = "踝关节三维重建术"


def say(server: Server, who: str, **body: Any) -> list[dict[str, Any]]:
    """The lines of an answer."""
    with server.client(who) as client, client.stream("POST", "/api/chat", json=body) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        return [json.loads(line) for line in answer.iter_lines()]


def text_of(lines: list[dict[str, Any]]) -> str:
    """The Markdown of an answer."""
    return "".join(line["text"] for line in lines if line["kind"] == "text")


def test_an_answer_streams_and_is_kept(served: Server) -> None:
    lines = say(served, "clerk", text=ANKLE, lang="zh")
    assert lines[0]["kind"] == "begun"
    assert lines[-1]["kind"] == "end"
    assert sum(line["kind"] == "text" for line in lines) > 2  # in pieces, not at once
    assert "缺少左右" in text_of(lines)
    (options,) = (line for line in lines if line["kind"] == "options")
    assert [each["label"] for each in options["options"]][:3] == ["左侧", "右侧", "双侧"]
    number = lines[0]["conversation"]
    lines = say(served, "clerk", option=options["options"][1]["id"], lang="en")
    assert lines[0]["conversation"] == number
    assert "20072502111100" in text_of(lines)
    (card,) = (line["fact"] for line in lines if line["kind"] == "card")
    assert (card["settled"], [item["code"] for item in card["items"]]) == (True, ["20072502111100"])
    with served.client("clerk") as client:
        kept = client.get(f"/api/chat/{number}").json()
        assert [each["role"] for each in kept] == ["user", "assistant"] * 2
        assert number in [each["id"] for each in client.get("/api/chat").json()]
        assert client.delete(f"/api/chat/{number}").status_code == 204
        assert client.get(f"/api/chat/{number}").status_code == 400
    with served.client("admin") as client:
        assert number not in [each["id"] for each in client.get("/api/chat").json()]


def test_a_token_may_talk(served_sqlite: Server) -> None:
    with served_sqlite.client("viewer", token=True) as client:
        answer = client.post("/api/chat", json={"text": "胸部CT平扫"})
        assert "20040100110000" in answer.text


def test_the_table_of_a_column(served_sqlite: Server) -> None:
    names = ["胸部CT平扫", "=cmd|' /C calc'!A0", "膝关节MR", "-1+1胸部CT"]
    lines = say(served_sqlite, "clerk", text="\n".join(names), lang="zh")
    with served_sqlite.client("clerk") as client:
        answer = client.get(f"/api/chat/messages/{lines[0]['message']}/table.csv")
        assert answer.headers["content-disposition"].startswith("attachment")
        rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0][:3] == ["行", "名称", "编码"]
    assert rows[1][:3] == ["1", "胸部CT平扫", "20040100110000"]
    assert [row[1] for row in rows[2:]] == ["'=cmd|' /C calc'!A0", "膝关节MR", "'-1+1胸部CT"]
    with served_sqlite.client("reviewer") as client:
        assert client.get(f"/api/chat/messages/{lines[0]['message']}/table.csv").status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/chat"),
        ("GET", "/api/chat"),
        ("GET", "/api/chat/1"),
        ("DELETE", "/api/chat/1"),
        ("GET", "/api/chat/messages/1/table.csv"),
    ],
)
def test_nobody_gets_nothing(served_sqlite: Server, method: str, path: str) -> None:
    with served_sqlite.client(None) as client:
        assert client.request(method, path, json={"text": ANKLE}).status_code == 401


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_foreign_origin_changes_nothing(served_sqlite: Server, method: str) -> None:
    with served_sqlite.client("clerk") as client:
        before = client.get("/api/chat").json()
        path = "/api/chat" if method == "POST" else "/api/chat/1"
        answer = client.request(method, path, json={"text": ANKLE}, headers={"origin": "http://evil.example"})
        assert answer.status_code == 403
        assert client.get("/api/chat").json() == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"text": "x" * 20_001}, 422),
        ({"text": "x", "state": {}}, 422),
        ({"text": "x", "conversation": 0}, 422),
        ({"text": "x", "conversation": 2**40}, 422),
        ({"text": "x", "conversation": 2**31 - 1}, 400),
        ({"option": "1:1:1"}, 400),
        ({"text": "x", "lang": "fr"}, 422),
        ({"text": ""}, 200),
    ],
)
def test_what_does_not_hold(served_sqlite: Server, body: dict[str, Any], status: int) -> None:
    with served_sqlite.client("lead") as client:
        assert client.post("/api/chat", json=body).status_code == status
