"""Where Chroma's collections lie: in a folder of this machine, or on a server that several machines share.

Telemetry is off, and no embedding function is ever Chroma's own (it would download a model). A server that is away or
does not answer in time is one sentence that says what to do; Chroma's own client would wait for ever.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from standard.errors import IndexError_, YingmaError

SECONDS = 15.0  # that a server may take for one answer; 1,400 vectors take it less than one


@dataclass(frozen=True)
class ChromaServer:
    """The address of a server, as http://chroma:8000, and the bearer token that a proxy before it asks for."""

    url: str
    token: str = field(default="", repr=False)


Where = Path | ChromaServer


def open_client(where: Where) -> Any:
    """A client, for `close_client`. IndexError_ where a server does not answer."""
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    import chromadb
    from chromadb.config import Settings

    settings = Settings(anonymized_telemetry=False)
    if isinstance(where, Path):
        return chromadb.PersistentClient(path=str(where), settings=settings)
    import httpx

    headers = {"Authorization": f"Bearer {where.token}"} if where.token else {}
    with asking(where):
        httpx.get(f"{where.url}/api/v2/heartbeat", headers=headers, timeout=SECONDS).raise_for_status()
        client = chromadb.HttpClient(  # a whole address as host: the port is then not looked at
            host=where.url, ssl=where.url.startswith("https://"), headers=headers, settings=settings
        )
    for session in _sessions(client):
        session.timeout = SECONDS  # the client has no setting for it, and would wait for ever
    return client


def _sessions(client: Any) -> list[Any]:
    """The HTTP clients in a client (chromadb 1.5.9, api/fastapi.py), which it neither limits nor closes; a client of a
    folder has none."""
    parts = (client, getattr(client, "_admin_client", None))
    found = [getattr(getattr(part, "_server", None), "_session", None) for part in parts]
    return [each for each in found if each is not None]


def close_client(client: Any) -> None:
    """Let go of the files, or of the connections, which Chroma's own client leaves open. Twice does no harm."""
    sessions = _sessions(client)
    client.close()
    for session in sessions:
        session.close()


@contextmanager
def asking(where: Where) -> Iterator[None]:
    """What a server does not do, within the block, is an IndexError_; but a collection that is not there is Chroma's
    NotFoundError. Errors of Yingma's own, and those of a folder, stay what they are."""
    if isinstance(where, Path):
        yield
        return
    from chromadb.errors import NotFoundError

    try:
        yield
    except (YingmaError, NotFoundError):
        raise
    except Exception as error:  # httpx's, Chroma's, and a plain Exception where a proxy answers in its stead
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise IndexError_(
            f"Chroma 服务器 {where.url} 用不了（{said}）；请启动它，或检查 YINGMA_CHROMA_URL 与 YINGMA_CHROMA_TOKEN "
            "后重试。",
            f"The Chroma server {where.url} cannot be used ({said}); start it, or check YINGMA_CHROMA_URL and "
            "YINGMA_CHROMA_TOKEN, and try again.",
        ) from error
