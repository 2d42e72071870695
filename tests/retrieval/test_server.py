"""The vectors on a Chroma server: the same answers as from a folder, machines that share it, and one that fails."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

import agent.api.desk
import retrieval.chroma
from agent.api.desk import Finder
from agent.settings import load_settings
from retrieval import Retriever
from retrieval.chroma import ChromaServer, close_client, open_client
from retrieval.decisions import DecidedNames
from retrieval.dense import DRAFT, write_collection
from retrieval.embeddings import E5
from retrieval.index import ensure_index
from standard.edition import Catalogue
from standard.errors import IndexError_, InputError, StoreError
from standard.lexicon import Lexicon
from tests.retrieval.conftest import slice_of
from tests.retrieval.test_index import Counting
from tests.review.test_retrieval import Small

NAMES = [("头颅CT平扫", "CT"), ("左膝MRI", ""), ("胸部正位", "DR"), ("甲状腺彩超", "US"), ("CT颅脑(平扫)", "")]
RUN = "import sys; from chromadb.cli.cli import app; sys.argv = ['chroma', *sys.argv[1:]]; app()"


class Chroma:
    """`chroma run`, the server of the installed package."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        self.folder = folder
        self.server = ChromaServer(f"http://127.0.0.1:{self.port}")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--path", str(self.folder), "--host", "127.0.0.1", "--port", str(self.port)]
        with open(self.folder.with_suffix(".log"), "ab") as log:
            self.process = subprocess.Popen([sys.executable, "-c", RUN, "run", *options], stdout=log, stderr=log)
        limit = time.monotonic() + 60
        while True:
            assert self.process.poll() is None
            assert time.monotonic() < limit
            try:
                httpx.get(f"{self.server.url}/api/v2/heartbeat", timeout=5).raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """As a machine that loses its power."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)

    def collections(self) -> list[str]:
        client = open_client(self.server)
        try:
            return sorted(each.name for each in client.list_collections())
        finally:
            close_client(client)

    def empty(self) -> None:
        client = open_client(self.server)
        try:
            for each in client.list_collections():
                client.delete_collection(each.name)
        finally:
            close_client(client)


@pytest.fixture(scope="module")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chroma]:
    opened = Chroma(tmp_path_factory.mktemp("server") / "data")
    try:
        opened.start()
        yield opened
    finally:
        opened.stop()


@pytest.fixture
def server(chroma: Chroma) -> ChromaServer:
    chroma.empty()
    return chroma.server


def test_answers_are_those_of_a_folder(
    tmp_path: Path,
    chroma: Chroma,
    server: ChromaServer,
    retriever: Retriever,
    small: Catalogue,
    lexicon: Lexicon,
    e5: E5,
) -> None:
    names = [*NAMES, *((item.name, "") for item in list(small.items.values())[::3])]
    with Retriever.open(small, tmp_path, lexicon, e5, server=server) as opened:
        assert opened.search(names, 20) == retriever.search(names, 20)
        assert opened.version == retriever.version
        assert chroma.collections() == [f"yingma-items-{opened.version}"]
    assert not list(tmp_path.glob("index/*/chroma")), "no vectors on this machine"


@pytest.mark.slow
def test_machines_of_the_same_make_share_a_collection_and_others_do_not_meet(
    tmp_path: Path, chroma: Chroma, server: ChromaServer, whole: Catalogue, small: Catalogue, lexicon: Lexicon, e5: E5
) -> None:
    first, second = Counting(e5), Counting(e5)
    ensure_index(small, tmp_path / "a", lexicon, first, server=server)
    ensure_index(small, tmp_path / "b", lexicon, second, server=server)
    assert (first.embedded, second.embedded) == (len(small.items), 0)
    assert len(chroma.collections()) == 1
    fewer = slice_of(whole, drop="20010100110000")
    ensure_index(fewer, tmp_path / "d", lexicon, e5, server=server)
    assert len(chroma.collections()) == 2
    with Retriever.open(small, tmp_path / "a", lexicon, e5, server=server) as opened:
        assert opened.search([("头颅CT平扫", "CT")], 1)[0][0].code == "20010100110000"
    with Retriever.open(fewer, tmp_path / "a", lexicon, e5, server=server) as opened:
        assert opened.search([("头颅CT平扫", "CT")], 1)[0][0].code != "20010100110000"


@pytest.mark.slow
def test_machines_that_build_at_once_leave_one_whole_collection(
    tmp_path: Path,
    chroma: Chroma,
    server: ChromaServer,
    small: Catalogue,
    lexicon: Lexicon,
    e5: E5,
    retriever: Retriever,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both have looked and found none before either of them writes."""
    both = threading.Barrier(2)

    def together(*arguments: Any) -> None:
        both.wait(60)
        write_collection(*arguments)

    monkeypatch.setattr("retrieval.index.write_collection", together)

    def build(home: str) -> list[Any]:
        with Retriever.open(small, tmp_path / home, lexicon, e5, server=server) as opened:
            return opened.search(NAMES, 20)

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(build, ("a", "b")))
    assert found == [retriever.search(NAMES, 20)] * 2
    assert chroma.collections() == [f"yingma-items-{retriever.version}"]


@pytest.mark.slow
def test_what_a_killed_build_left_is_no_index_and_goes_in_time(
    tmp_path: Path, chroma: Chroma, server: ChromaServer, small: Catalogue, lexicon: Lexicon, e5: E5
) -> None:
    client = open_client(server)
    client.create_collection(f"{DRAFT}old", embedding_function=None, metadata={"began": time.time() - 2 * 86400})
    client.create_collection(f"{DRAFT}new", embedding_function=None, metadata={"began": time.time()})
    close_client(client)
    ensure_index(small, tmp_path, lexicon, e5, server=server)
    assert [each for each in chroma.collections() if each.startswith(DRAFT)] == [f"{DRAFT}new"]


@pytest.mark.slow
def test_an_emptied_server_is_said_and_filled_again(
    tmp_path: Path, chroma: Chroma, server: ChromaServer, small: Catalogue, lexicon: Lexicon, e5: E5
) -> None:
    with Retriever.open(small, tmp_path / "a", lexicon, e5, server=server) as opened:
        before = opened.search(NAMES)
        chroma.empty()
        with pytest.raises(IndexError_, match=r"is gone from the Chroma server .*run it again"):
            opened.search(NAMES)
        with Retriever.open(small, tmp_path / "b", lexicon, e5, server=server) as other:
            assert other.search(NAMES) == before
        assert opened.search(NAMES) == before, "the collection of this name is there again"


def test_a_server_that_is_killed_or_hangs_is_one_sentence(
    tmp_path: Path,
    chroma: Chroma,
    server: ChromaServer,
    small: Catalogue,
    lexicon: Lexicon,
    e5: E5,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Retriever.open(small, tmp_path, lexicon, e5, server=server) as opened:
        before = opened.search(NAMES)
        chroma.stop()
        try:
            with pytest.raises(IndexError_, match="start it, or check YINGMA_CHROMA_URL"):
                opened.search(NAMES)
            with pytest.raises(IndexError_, match="start it, or check YINGMA_CHROMA_URL"):
                ensure_index(small, tmp_path / "new", lexicon, Counting(e5, "never-asked"), server=server)
        finally:
            chroma.start()
        assert opened.search(NAMES) == before, "it kept what it had been given"
    monkeypatch.setattr(retrieval.chroma, "SECONDS", 0.5)
    with Retriever.open(small, tmp_path, lexicon, e5, server=server) as opened:
        assert chroma.process is not None
        chroma.process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(IndexError_, match="timed out"):
                opened.search(NAMES)
        finally:
            chroma.process.send_signal(signal.SIGCONT)


def until(found: Callable[[], Any]) -> Any:
    """What is found in the end."""
    limit = time.monotonic() + 120
    while not (value := found()):
        assert time.monotonic() < limit
        time.sleep(0.02)
    return value


def test_the_review_page_finds_no_candidates_while_the_server_is_away(
    home: Path, chroma: Chroma, server: ChromaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent.api.desk, "AGAIN", 0.0)
    context = Small(load_settings(home=home, chroma_url=server.url))
    finder = Finder(context)
    try:
        before = until(lambda: finder("双膝关节CT平扫甫", "CT"))
        chroma.stop()
        try:
            assert [finder("双膝关节CT平扫甫", "CT") for _ in range(3)] == [[], [], []]
        finally:
            chroma.start()
        assert until(lambda: finder("双膝关节CT平扫甫", "CT")) == before
    finally:
        finder.close()
        context.close()


def gone() -> dict[str, str]:
    raise StoreError("数据库没有了", "the database is gone")


def test_decided_names_of_each_home_are_its_own(tmp_path: Path, chroma: Chroma, server: ChromaServer, e5: E5) -> None:
    one, two = (DecidedNames(tmp_path / home, e5, server) for home in "ab")
    folder = DecidedNames(tmp_path / "c", e5)
    names = {"1": "胸部CT平扫", "2": "头颅MR", "3": "左膝关节正侧位"}
    assert one.search("胸CT", 3, "m1", lambda: names) == folder.search("胸CT", 3, "m1", lambda: names)
    assert two.search("胸CT", 3, "m1", lambda: {"9": "骨盆"})[0][0] == "9"
    fewer = {"2": "头颅MR", "4": "胸部CT"}
    assert one.search("胸CT", 3, "m2", lambda: fewer) == folder.search("胸CT", 3, "m2", lambda: fewer)
    again = DecidedNames(tmp_path / "a", e5, server).search("胸CT", 3, "m2", lambda: pytest.fail("it is there"))
    assert {number for number, _ in again} == {"2", "4"}
    with pytest.raises(StoreError, match="the database is gone"):  # not the server's fault, and said as it is
        one.search("胸CT", 3, "m3", gone)
    chroma.empty()
    assert len(one.search("胸CT", 3, "m2", lambda: fewer)) == 2, "made anew"


def test_a_token_is_sent_and_a_refusal_is_one_sentence() -> None:
    heard: list[str | None] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers["Authorization"])
            self.send_response(401)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            """Not on the tests' output."""

    with HTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.handle_request, daemon=True).start()
        wanted = ChromaServer(f"http://127.0.0.1:{proxy.server_port}", "s3cret")
        with pytest.raises(IndexError_, match=r"401.*YINGMA_CHROMA_TOKEN") as told:
            open_client(wanted)
    assert heard == ["Bearer s3cret"]
    assert "s3cret" not in f"{told.value}{wanted!r}"


@pytest.mark.parametrize("url", ["chroma:8000", "http://", "http://a:b@chroma:8000", "http://chroma:port", "ftp://x"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="YINGMA_CHROMA_URL"):
        load_settings(chroma_url=url)


def test_explain_says_that_the_server_is_away(yingma: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("YINGMA_CHROMA_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        monkeypatch.setenv("YINGMA_LANG", "en")
        code, _, err = yingma("explain", "胸部CT平扫")
    assert code == 1
    assert "Chroma server" in err
    assert len(err.strip().splitlines()) == 1
