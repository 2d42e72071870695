"""`yingma serve` as a process: what it says when it cannot start, an empty home, single-user mode, its end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.serving import ROOT, Server, serving


def run(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to fail."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "YINGMA_HOME": str(home), "YINGMA_LANG": "en", **settings}
    return subprocess.run(
        [sys.executable, "-m", "agent", "serve", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_an_empty_home(tmp_path: Path) -> None:
    with serving(tmp_path / "home", users=False) as server, server.client(None) as client:
        assert client.get("/healthz").json()["status"] == "ok"
        page = client.get("/login")
        assert "./yingma user add NAME --role admin" in page.text
        for path in (
            "/ui/",
            "/ui/config",
            "/ui/gradio_api/info",
            "/metrics",
            "/docs",
            "/openapi.json",
        ):
            assert client.get(path).status_code == 401
        assert client.post("/ui/gradio_api/queue/join", json={}).status_code == 401
        assert "There is no user yet" in server.log.read_text(encoding="utf-8") or "还没有用户" in server.log.read_text(
            encoding="utf-8"
        )
        spec = client.get("/api/openapi.json").json()  # says what there is, and is all that anybody gets of it
        for path in spec["paths"]:
            if path != "/healthz":
                assert client.get(path.replace("{", "").replace("}", "")).status_code == 401
        server.add_user("first", "admin")
        assert "user add" not in client.get("/login").text
        assert server.login("first").status_code == 303
        assert server.stop() == 0


def test_the_application_is_made_without_reading_the_sources_of_gradio(home: Path) -> None:
    """No stub could be made here; whoever asks for the file of a component afterwards is told it."""
    code = (
        "import ast, inspect; ast.get_source_segment = None\n"
        "from agent.api.context import Context\n"
        "from agent.settings import load_settings\n"
        "from ui.app import make_app\n"
        "make_app(Context(load_settings()))\n"
        "import gradio\n"
        "print(inspect.getfile(gradio.Textbox))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "YINGMA_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip().endswith("textbox.py"), done.stderr


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(tmp_path, "--port", str(port))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"Port {port} is in use; take another one with --port, or stop the other program."
    ]


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.1"])
def test_an_address_that_is_not_here(tmp_path: Path, host: str) -> None:
    done = run(tmp_path, "--host", host, "--port", "0")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert host in done.stderr


def test_a_database_that_is_away(tmp_path: Path) -> None:
    done = run(tmp_path, "--port", "0", YINGMA_DATABASE_URL="postgresql://u:secret@127.0.0.1:1/none")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "cannot be used" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_single_user_mode_is_for_loopback_only(tmp_path: Path, host: str) -> None:
    done = run(tmp_path, "--local", "--host", host, "--port", "0")
    assert done.returncode == 2
    assert "loopback only" in done.stderr


def test_single_user_mode(tmp_path: Path) -> None:
    server = Server(tmp_path / "home", None, users=False)
    try:
        server.start("--local")
        assert "loopback" in server.log.read_text(encoding="utf-8") or "单用户" in server.log.read_text(
            encoding="utf-8"
        )
        with server.client(None) as client:
            found = client.get("/api/me").json()
            assert (found["name"], found["role"], found["local"]) == ("local", "lead", True)
            assert client.get("/ui/").status_code == 200
            assert client.get("/login").status_code == 303
            # a page elsewhere whose name was pointed at this machine
            assert client.get("/api/me", headers={"host": "evil.example"}).status_code == 403
            assert client.get("/api/me", headers={"host": f"localhost:{server.port}"}).status_code == 200
            evil = client.post("/language", json={"lang": "en"}, headers={"origin": "https://evil.example"})
            assert evil.status_code == 403
            assert client.post("/language", json={"lang": "en"}).status_code == 204
        # the account has a password that nobody knows
        server.kill()
        server.start()
        assert httpx.get(f"{server.url}/api/me", timeout=30).status_code == 401
        assert server.login("local", "").status_code == 401
    finally:
        server.close()


@pytest.mark.slow
def test_it_stops_with_a_stream_open(tmp_path: Path) -> None:
    with (
        serving(tmp_path / "home") as server,
        server.client("viewer") as client,
        client.stream("GET", "/ui/gradio_api/heartbeat/abc") as stream,
    ):
        assert stream.status_code == 200
        assert server.stop() == 0
