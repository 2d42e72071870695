"""A real server for tests: a process of its own on a free port, with a home of its own and a user of each role.

    with serving(home) as server:            SQLite; serving(home, url) for PostgreSQL
        server.client("reviewer")            an httpx client that is logged in
        server.client(None)                  nobody's
        server.store                         the same database, opened here
        server.kill(); server.start()        kill -9, and up again on the same port

Browser: the fixtures of tests/serving_fixtures.py, or `logged_in(browser, server, "reviewer")`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.engine import URL

from agent.store import Store, add_token, add_user, find_user, now, open_url
from agent.store.engine import FILE_NAME
from agent.store.states import PERSONS

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "a long password 长密码"
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SECONDS = 300  # that a start may take on a busy machine, the index of candidates built for the first time
PATIENCE = 120_000  # milliseconds that a browser waits for what must come


class Server:
    """A running server and its database."""

    def __init__(
        self, home: Path, url: URL | None, users: bool = True, program: str = "agent", **settings: str
    ) -> None:
        self.home = home
        self.program = program
        home.mkdir(parents=True, exist_ok=True)
        self.store: Store = open_url(url or URL.create("sqlite", database=str(home / FILE_NAME)))
        # All tests come from one address; nothing is drawn by lot.
        settings = {"login_tries_address": "100000", "audit": "false", **settings}
        self.settings = {f"YINGMA_{name.upper()}": value for name, value in settings.items()}
        if url is not None:
            self.settings["YINGMA_DATABASE_URL"] = url.set(drivername="postgresql").render_as_string(False)
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = home / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._tokens: dict[str, str] = {}
        self._cookies: dict[str, str] = {}
        self.ids: dict[str, int] = {}
        if users:
            for role in PERSONS:
                self.ids[role] = self.add_user(role, role)

    def add_user(self, name: str, role: str) -> int:
        """An account with PASSWORD."""
        with self.store.writing() as session:
            return add_user(session, name, role, PASSWORD, now()).id or 0

    def start(self, *arguments: str) -> None:
        """Start, and wait until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.program, "serve", "--port", str(self.port), *arguments],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), "YINGMA_HOME": str(self.home), **self.settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        limit = time.monotonic() + SECONDS
        while time.monotonic() < limit:
            if self._process.poll() is not None:
                raise RuntimeError(f"the server ended: {self.log.read_text(encoding='utf-8')}")
            try:
                if httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"the server does not answer: {self.log.read_text(encoding='utf-8')}")

    def kill(self) -> None:
        """kill -9, it and what it started."""
        self._end(signal.SIGKILL)

    def revive(self) -> None:
        """Start it where a test has killed it and not come to its end."""
        if self._process is None:
            self.start()

    def stop(self) -> int:
        """Stop it as a service manager does; its exit code."""
        return self._end(signal.SIGTERM)

    def close(self) -> None:
        """At the end of a test."""
        self.kill()
        self.store.close()

    def login(self, name: str, password: str = PASSWORD) -> httpx.Response:
        """The answer to the form of the log-in page."""
        form = {"name": name, "password": password, "next": "/ui/"}
        return httpx.post(f"{self.url}/login", data=form, headers={"origin": self.url}, timeout=30)

    def cookie(self, name: str) -> str:
        """The cookie of a user, logged in once."""
        if name not in self._cookies:
            self._cookies[name] = self.login(name).cookies["yingma_session"]
        return self._cookies[name]

    def token(self, name: str) -> str:
        """An API token of a user."""
        if name not in self._tokens:
            with self.store.writing() as session:
                user = find_user(session, name)
                assert user is not None
                self._tokens[name] = add_token(session, user.id or 0, "test", now())[1]
        return self._tokens[name]

    def client(self, name: str | None, token: bool = False) -> httpx.Client:
        """A client that is logged in as a user, and sends the Origin of our own pages; or with a token, or nobody's."""
        headers = {"origin": self.url, "accept-language": "zh-CN"}
        cookies = {}
        if name is not None and token:
            headers = {"authorization": f"Bearer {self.token(name)}"}
        elif name is not None:
            cookies = {"yingma_session": self.cookie(name)}
        return httpx.Client(base_url=self.url, headers=headers, cookies=cookies, timeout=60, follow_redirects=False)

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.poll() is None:
            os.killpg(process.pid, number)
        return process.wait(30)


@contextmanager
def serving(
    home: Path, url: URL | None = None, *arguments: str, users: bool = True, program: str = "agent", **settings: str
) -> Iterator[Server]:
    """A server that runs. `settings`: by their names in settings.toml. `program`: the module that is run."""
    server = Server(home, url, users, program, **settings)
    try:
        server.start(*arguments)
        yield server
    finally:
        server.close()


def logged_in(browser: Any, server: Server, name: str, lang: str = "zh", width: int = 1280, height: int = 800) -> Any:
    """A browser context of a user; requests to any other server are stopped and kept in `context.strayed`."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="zh-CN" if lang == "zh" else "en-US"
    )
    context.set_default_timeout(PATIENCE)
    context.strayed = strayed = []

    def guard(route: Any) -> None:
        if route.request.url.startswith((server.url, "data:", "blob:")):
            route.continue_()
        else:
            strayed.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    context.add_cookies([{"name": "yingma_session", "value": server.cookie(name), "url": server.url}])
    return context


def until_told(page: Any, condition: Callable[[], object]) -> None:
    """Wait for what the browser tells this process (a request, a route), which hears it only while it waits for it."""
    limit = time.monotonic() + PATIENCE / 1000
    while not condition():
        assert time.monotonic() < limit
        page.wait_for_timeout(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
