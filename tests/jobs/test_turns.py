"""Jobs that run at once: further ones wait in order, are shown so, begin by themselves however the one before ends,
also after the server was down, and can be cancelled while they wait."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agent.jobs import find_job
from agent.jobs.turns import turn
from tests.jobs.conftest import Told, rows_of, table
from tests.jobs.test_jobs import command, finished, wait_for
from tests.jobs.test_jobs_served import started, stop_all, until
from tests.serving import serving
from tests.store.world import SURE

Yingma = Callable[..., Told]


def never(before: int) -> None:
    raise AssertionError(f"{before} are before it")


class GaveUpError(Exception):
    """Would wait."""


def give_up(before: int) -> None:
    raise GaveUpError(before)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return table(tmp_path / "in.csv", ("name",), (SURE,))


@pytest.fixture
def busy(home: Path) -> Iterator[ExitStack]:
    """All places are taken, until it is closed."""
    with ExitStack() as stack:
        stack.enter_context(turn(home, 1, never))
        yield stack


def test_so_many_at_once(home: Path) -> None:
    with turn(home, 2, never), turn(home, 2, never), pytest.raises(GaveUpError, match="2"), turn(home, 2, give_up):
        raise AssertionError("a third one runs")
    with turn(home, 1, never):
        pass
    assert not list((home / "jobs/.turns").glob("wait-*"))


def test_they_wait_in_order_are_shown_and_can_be_cancelled(
    yingma: Yingma, source: Path, home: Path, tmp_path: Path, busy: ExitStack
) -> None:
    processes: dict[str, Any] = {}
    for place, name in enumerate("abc"):
        processes[name] = command("job", "run", source, "-o", tmp_path / f"{name}.csv", "--id", name, home=home)
        wait_for(processes[name], lambda name=name: state_of(home, name).get("ahead") is not None)
        assert state_of(home, name)["ahead"] == place + 1
    _, out, _ = yingma("job", "list", "--json")
    assert {each["id"]: each["state"] for each in json.loads(out)} == dict.fromkeys("abc", "queued")
    assert "waits" in yingma("job", "show", "b")[1]
    assert "is running or waits for its turn" in yingma("job", "resume", "b")[2]
    assert json.loads(yingma("job", "cancel", "b", "--json")[1])["state"] == "cancelled"
    assert "Stopped" in finished(processes["b"], 130)
    os.kill(processes["a"].pid, signal.SIGKILL)  # who waits behind it does not wait for it
    processes["a"].communicate()
    assert find_job(home, "a").status()["state"] == "interrupted"
    busy.close()
    assert "waits: 3 jobs are before it" in finished(processes["c"])
    assert state_of(home, "c")["state"] == "done"
    assert len(rows_of(tmp_path / "c.csv")) == 1
    assert not (tmp_path / "b.csv").exists()
    assert yingma("job", "resume", "a")[0] == 0


def state_of(home: Path, name: str) -> dict[str, Any]:
    """What its file says; nothing while there is none."""
    try:
        found: dict[str, Any] = json.loads((home / "jobs" / name / "status.json").read_bytes())
    except FileNotFoundError:
        return {}
    return found


@pytest.mark.slow
def test_over_http_and_after_the_server_was_down(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as server:
        try:
            with ExitStack() as busy:
                busy.enter_context(turn(home, 1, never))
                with server.client("clerk") as clerk:
                    jobs = []
                    for number in (1, 2, 3):
                        jobs.append(started(clerk))
                        wait_until_ahead(clerk, jobs[-1], number)
                    first, second, third = jobs
                    assert clerk.post(f"/api/jobs/{third}/stop").json()["state"] == "cancelled"
                server.kill()
                for name in (first, second):  # as if the machine had been switched off
                    os.kill(state_of(home, name)["waiter"], signal.SIGKILL)
            server.start()
            with server.client("clerk") as clerk:
                for name in (first, second):
                    assert until(clerk, name, "done")["counts"]["names"] == 6
                assert clerk.get(f"/api/jobs/{third}").json()["state"] == "cancelled"
        finally:
            stop_all(home)


def wait_until_ahead(clerk: Any, name: str, number: int) -> None:
    """Until so many are before a job that waits."""
    limit = time.monotonic() + 60
    while (told := clerk.get(f"/api/jobs/{name}").json())["ahead"] != number:
        assert told["state"] == "queued"
        assert time.monotonic() < limit, told
        time.sleep(0.05)
