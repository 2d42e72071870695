"""`yingma user` and `yingma token` as a person uses them."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.store import check_password, check_token, now, open_url
from agent.store.engine import FILE_NAME, URL
from tests.serving import ROOT

PASSWORD = "长长的密码 123456"


class Done(NamedTuple):
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(yingma: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command with a home, and with what it is given on standard input."""

    def call(home: Path, *words: str, given: str = "") -> Done:
        monkeypatch.setenv("YINGMA_HOME", str(home))
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        return Done(*yingma(*words))

    return call


def add(run: Run, home: Path, name: str, role: str) -> None:
    done = run(home, "user", "add", name, "--role", role, given=PASSWORD + "\n")
    assert (done.returncode, done.stdout) == (0, "")


def test_an_account_from_its_first_day_to_its_last(run: Run, tmp_path: Path) -> None:
    add(run, tmp_path, "李医生", "admin")
    add(run, tmp_path, "王", "clerk")
    store = open_url(URL.create("sqlite", database=str(tmp_path / FILE_NAME)))
    with store.reading() as session:
        assert check_password(session, "李医生", PASSWORD) is not None
    listed = json.loads(run(tmp_path, "user", "list", "--json").stdout)
    assert [(each["name"], each["role"], each["active"]) for each in listed] == [
        ("李医生", "admin", True),
        ("王", "clerk", True),
    ]
    assert "password" not in listed[0]
    assert run(tmp_path, "user", "role", "王", "reviewer").returncode == 0
    token = json.loads(run(tmp_path, "token", "add", "王", "--label", "hospital", "--days", "30", "--json").stdout)
    with store.reading() as session:
        found = check_token(session, token["token"], now())
        assert found is not None
        assert (found.name, found.role) == ("王", "reviewer")
    rows = run(tmp_path, "token", "list").stdout
    assert "hospital" in rows
    assert token["token"] not in rows
    assert run(tmp_path, "token", "revoke", str(token["id"])).returncode == 0
    assert run(tmp_path, "user", "password", "王", given=PASSWORD + "!\n").returncode == 0
    assert run(tmp_path, "user", "disable", "王").returncode == 0
    with store.reading() as session:
        assert check_token(session, token["token"], now()) is None
        assert check_password(session, "王", PASSWORD + "!") is None
    assert run(tmp_path, "user", "enable", "王").returncode == 0
    with store.reading() as session:
        assert check_password(session, "王", PASSWORD + "!") is not None
    store.close()


@pytest.mark.parametrize(
    ("words", "given", "told"),
    [
        (("user", "add", "李医生", "--role", "clerk"), "x", "There is a user"),
        (("user", "add", "new", "--role", "boss"), PASSWORD, "There is no role boss"),
        (("user", "add", "new", "--role", "clerk"), "short\n", "A password has 10"),
        (("user", "add", "new", "--role", "clerk"), "", "Standard input holds no password"),
        (("user", "role", "nobody", "clerk"), "", "There is no user nobody"),
        (("user", "disable", "李医生"), "", "is the last admin"),
        (("token", "add", "nobody"), "", "There is no user nobody"),
        (("token", "revoke", "99"), "", "There is no token 99"),
    ],
)
def test_what_does_not_hold_is_said_in_a_sentence(
    run: Run, tmp_path: Path, words: tuple[str, ...], given: str, told: str
) -> None:
    add(run, tmp_path, "李医生", "admin")
    done = run(tmp_path, *words, given=given)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("second", "code"), [(PASSWORD, 0), (PASSWORD + "x", 2)])
def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(tmp_path: Path, second: str, code: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "YINGMA_HOME": str(tmp_path), "YINGMA_LANG": "en"}
    main, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", "user", "add", "李", "--role", "admin"],
        cwd=ROOT,
        env=environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    seen = b""
    for prompt, answer in ((b"Password: ", PASSWORD), (b"Once more: ", second)):
        while prompt not in seen:
            seen += os.read(main, 1000)
        os.write(main, answer.encode() + b"\n")
    try:
        while more := os.read(main, 1000):
            seen += more
    except OSError:
        pass  # the process has gone, and the terminal with it
    os.close(main)
    assert process.wait(60) == code
    assert "123456" not in seen.decode("utf-8", "replace")
