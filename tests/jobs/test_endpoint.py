"""A job whose endpoint goes down: it pauses in one sentence, keeps what it has, and goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.jobs import find_job
from tests.jobs.conftest import Told, rows_of, table
from tests.jobs.test_jobs import ROOT, command, finished
from tests.model.fake_server import FakeServer, Response, error, first_choice

Yingma = Callable[..., Told]
PROGRAM = (str(ROOT / "tests/jobs/hosted.py"),)


@pytest.mark.slow
def test_it_pauses_and_goes_on(yingma: Yingma, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"胸部CT平扫甲{number}乙" for number in range(90)]
    source = table(tmp_path / "in.csv", ("name", "modality"), *((name, "CT") for name in names))
    monkeypatch.setenv("YINGMA_MODEL_NAME", "fake")
    monkeypatch.setenv("YINGMA_MODEL_CACHE", "false")  # so that every question can be counted
    monkeypatch.setenv("YINGMA_MODEL_RETRIES", "0")
    monkeypatch.setenv("YINGMA_MODEL_WAIT_MINUTES", "0")
    both = threading.Barrier(2, timeout=60)

    def meets(body: dict[str, Any]) -> Response:
        """Answered when another question is under way, too."""
        both.wait()
        return first_choice(body)

    with FakeServer(meets, meets, *[first_choice] * 68, error(503)) as server:
        monkeypatch.setenv("YINGMA_MODEL", server.url)
        out = tmp_path / "out.csv"
        told = finished(command("job", "run", source, "-o", out, "--id", "p", home=home, program=PROGRAM), 1)
        assert "Paused: The endpoint kept failing inside; run again later; what is done is kept" in told
        assert "Traceback" not in told
        folder = find_job(home, "p")
        assert folder.status()["state"] == "paused"
        assert len(list(folder.answers.glob("*.json"))) == 1  # the first 64 names
        assert not out.exists()
        assert "paused" in yingma("job", "show", "p")[1]
        server.bodies.clear()
        server.script[:] = [first_choice]
        finished(command("job", "resume", "p", home=home, program=PROGRAM))
        rows = rows_of(out)
        assert [row["name"] for row in rows] == names
        assert {row["yingma_reason"].partition(":")[0] for row in rows} == {"unexplained"}
        assert folder.status()["spent"]["calls"] == 90  # each has the model's answer
        assert len(server.bodies) == 90 - 64
