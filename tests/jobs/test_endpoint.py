"""A job whose endpoint goes down: it pauses in one sentence, keeps what it has, and goes on to the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.jobs import find_job
from tests.jobs.conftest import table
from tests.jobs.test_jobs import ROOT, command, finished
from tests.model.fake_server import FakeServer, error, first_choice

PROGRAM = (str(ROOT / "tests/jobs/hosted.py"),)


def test_it_pauses_and_goes_on(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"胸部CT平扫甲{number}乙" for number in range(90)]
    source = table(tmp_path / "in.csv", ("name", "modality"), *((name, "CT") for name in names))
    monkeypatch.setenv("YINGMA_MODEL_NAME", "fake")
    monkeypatch.setenv("YINGMA_MODEL_RETRIES", "0")
    monkeypatch.setenv("YINGMA_MODEL_WAIT_MINUTES", "0")
    with FakeServer(first_choice) as server:
        monkeypatch.setenv("YINGMA_MODEL", server.url)
        finished(command("normalize", source, "-o", tmp_path / "wanted.csv", home=home, program=PROGRAM))
        assert server.most_under_way > 1  # several questions at once
        server.bodies.clear()
        server.script[:] = [*[first_choice] * 70, error(503)]
        out = tmp_path / "out.csv"
        told = finished(command("job", "run", source, "-o", out, "--id", "p", home=home, program=PROGRAM), 1)
        assert "Paused: The endpoint kept failing inside; run again later; what is done is kept" in told
        assert "Traceback" not in told
        folder = find_job(home, "p")
        assert folder.status()["state"] == "paused"
        assert len(list(folder.answers.glob("*.json"))) == 1  # the first 64 names
        assert not out.exists()
        shown = json.loads(finished(command("job", "list", "--json", home=home)))
        assert shown[0]["state"] == "paused"
        server.bodies.clear()
        server.script[:] = [first_choice]
        finished(command("job", "resume", "p", home=home, program=PROGRAM))
        assert out.read_bytes() == (tmp_path / "wanted.csv").read_bytes()
        assert len(server.bodies) == 90 - 64
