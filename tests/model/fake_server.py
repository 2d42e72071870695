"""An HTTP server of our own that speaks the OpenAI protocol on 127.0.0.1, with the faults that real ones show.

Each POST takes the next action of the script; when one is left it stays in force. An action is a function of the
request's body that gives a `Response`. Everything received is kept for the tests to look at.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Response(NamedTuple):
    """What the server sends. `cut` closes the connection in mid-body; `hang` waits until the server stops."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False
    hang: bool = False


Action = Callable[[dict[str, Any]], Response]


def completion(
    content: str | None, finish_reason: str = "stop", tokens: tuple[int, int] = (100, 20), **message: Any
) -> Response:
    """A chat completion."""
    body = {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "fake",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "message": {"role": "assistant", "content": content, **message},
            }
        ],
        "usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)},
    }
    return Response(body=json.dumps(body, ensure_ascii=False).encode())


def says(content: str | None, finish_reason: str = "stop", **message: Any) -> Action:
    """Always this content."""
    return lambda _body: completion(content, finish_reason, **message)


def first_choice(body: dict[str, Any]) -> Response:
    """An honest model: the first value of every list of the schema that it was sent."""
    form = body["response_format"]
    schema = form["json_schema"]["schema"] if form["type"] == "json_schema" else form["schema"]
    lists = schema["properties"]["e"]["items"]["properties"]
    return completion(json.dumps({"e": [{key: lists[key]["enum"][0] for key in lists}]}, ensure_ascii=False))


def error(status: int, message: str = "no", **headers: str) -> Action:
    """An error in OpenAI's shape."""
    body = json.dumps({"error": {"message": message, "type": "error", "code": None}}).encode()
    return lambda _body: Response(status, body, tuple((key.replace("_", "-"), value) for key, value in headers.items()))


class FakeServer:
    """Runs in a thread; use as a context manager. `url` ends in /v1."""

    def __init__(self, *script: Action) -> None:
        self.script: list[Action] = list(script)
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.under_way = self.most_under_way = 0
        self._lock = threading.Lock()
        self.released = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with server._lock:
                    server.bodies.append(body)
                    server.keys.append(self.headers.get("authorization", ""))
                    action = server.script.pop(0) if len(server.script) > 1 else server.script[0]
                    server.under_way += 1
                    server.most_under_way = max(server.most_under_way, server.under_way)
                try:
                    self._send(action(body))
                finally:
                    with server._lock:
                        server.under_way -= 1

            def _send(self, response: Response) -> None:
                if response.hang:
                    server.released.wait()
                    self.close_connection = True
                    return
                self.send_response(response.status)
                headers = dict(response.headers)
                headers.setdefault("content-type", "application/json")
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("content-length", str(len(response.body)))
                self.end_headers()
                self.wfile.write(response.body[: len(response.body) // 2] if response.cut else response.body)
                if response.cut:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> FakeServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def contents(self) -> Sequence[str]:
        """All texts that were sent as messages, over all requests."""
        return [message["content"] for body in self.bodies for message in body["messages"]]
