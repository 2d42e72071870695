"""Uploaded files belong to their sender."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.serving import Server

UPLOAD = "/ui/gradio_api/upload"


def upload(client: httpx.Client, content: bytes = b"name\n\xe5\xa4\xb4", name: str = "a.csv") -> Any:
    return client.post(UPLOAD, files={"files": (name, content, "text/csv")})


def test_a_file_is_given_to_who_sent_it_and_to_nobody_else(served: Server) -> None:
    with served.client("clerk") as mine, served.client("admin") as other, served.client(None) as nobody:
        [path] = upload(mine).json()
        assert mine.get(f"/ui/gradio_api/file={path}").content.startswith(b"name")
        for way in ("file=", "file/"):
            assert other.get(f"/ui/gradio_api/{way}{path}").status_code == 404
            assert nobody.get(f"/ui/gradio_api/{way}{path}").status_code == 401
        for near in (f"{path}/../a.csv", f"/{path}", path.replace("/a.csv", "//a.csv"), f"{path}%00"):
            assert other.get(f"/ui/gradio_api/file={near}").status_code in (403, 404)


def test_the_same_file_of_two_people_is_given_to_both(served: Server) -> None:
    with served.client("clerk") as one, served.client("reviewer") as other:
        [path] = upload(one, b"the same").json()
        assert other.get(f"/ui/gradio_api/file={path}").status_code == 404
        assert upload(other, b"the same").json() == [path]
        assert other.get(f"/ui/gradio_api/file={path}").content == b"the same"


@pytest.mark.parametrize("path", ["/etc/passwd", "pyproject.toml", "../../etc/passwd", "http://127.0.0.1:1/"])
def test_no_other_file_is_given_out(served_sqlite: Server, path: str) -> None:
    with served_sqlite.client("admin") as client:
        assert client.get(f"/ui/gradio_api/file={path}").status_code == 404
    home = served_sqlite.home
    with served_sqlite.client("admin") as client:
        assert client.get(f"/ui/gradio_api/file={home}/yingma.db").status_code == 404


@pytest.mark.parametrize("where", ["queue/join", "run/predict", "component_server"])
def test_an_event_names_only_files_of_ones_own(served_sqlite: Server, where: str) -> None:
    with served_sqlite.client("clerk") as mine, served_sqlite.client("reviewer") as other:
        [path] = upload(mine, b"mine alone").json()
        body: dict[str, Any] = {"data": [{"deep": [{"path": path}]}], "fn_index": 0, "session_hash": "x"}
        refused = other.post(f"/ui/gradio_api/{where}", json=body)
        assert refused.status_code == 403
        assert "not yours" in refused.json()["error"]["en"]
        stolen = {"data": [{"path": "/etc/passwd"}], "fn_index": 0, "session_hash": "x"}
        assert mine.post(f"/ui/gradio_api/{where}", json=stolen).status_code == 403
        assert mine.post(f"/ui/gradio_api/{where}", json=body).status_code != 403  # Gradio knows no such event


def test_who_may_not_work_may_not_upload(served_sqlite: Server) -> None:
    with served_sqlite.client("viewer") as client:
        assert upload(client).status_code == 403
