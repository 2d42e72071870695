"""Jobs at the command line: the same output as normalize, whatever was killed; names that fail are alone; what does not
hold is one sentence, and the job goes on when it is mended."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from agent.jobs import find_job
from agent.store import influence
from agent.store.schema import Cluster, Job, Name, Sighting
from evals.bench.machine import children
from tests.jobs.conftest import Told, rows_of, table
from tests.store.world import ANKLE, CHEST, CONTRAST, SURE, World

Yingma = Callable[..., Told]
ROOT = Path(__file__).resolve().parent.parent.parent
MANY = 24_000


def names(count: int) -> list[tuple[str, str, str]]:
    """Names, each twice; a third for review."""
    parts, scans = ("胸部", "头颅", "上腹部", "腰椎", "左膝关节"), ("平扫", "增强", "平扫+增强")
    made = [
        (
            f"{parts[n % 5]}{('CT', 'MR')[n % 2]}{scans[n % 3]}" + (f"(编号{n})" if n % 3 else f"  {n % 7}号机"),
            "",
            f"院{n % 7}",
        )
        for n in range(count // 2)
    ]
    return [each for each in made for _ in (0, 1)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table(tmp_path_factory.mktemp("in") / "in.csv", ("name", "modality", "institution"), *names(MANY))


@pytest.fixture(scope="module")
def wanted(source: Path) -> bytes:
    """What normalize makes of it, in a home of its own."""
    home, out = source.parent / "home", source.parent / "out.csv"
    finished(command("normalize", source, "-o", out, home=home))
    return out.read_bytes()


def command(*arguments: object, home: Path, program: tuple[str, ...] = ("-m", "agent"), **more: Any) -> Any:
    """A process of its own, the leader of a group."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    return subprocess.Popen(
        [sys.executable, *program, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "YINGMA_HOME": str(home), "YINGMA_LANG": "en"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        **more,
    )


def finished(process: Any, code: int = 0) -> str:
    out, _ = process.communicate(timeout=180)
    assert process.returncode == code, out
    return str(out)


def fed(kept: World) -> tuple[int, int, int]:
    """Names, sightings and exams of the store."""
    kept.check()
    with kept.store.reading() as session:
        sightings = session.execute(select(func.count(), func.sum(col(Sighting.exams)))).one()
        return session.scalar(select(func.count()).select_from(Name)) or 0, sightings[0], int(sightings[1] or 0)


# -- a job is normalize, kept ------------------------------------------------------------------------------------------


def test_a_job_gives_what_normalize_gives_and_feeds_the_queue(
    yingma: Yingma, tmp_path: Path, home: Path, kept: World
) -> None:
    source = table(
        tmp_path / "in.csv",
        ("no", "name", "modality"),
        ("1", ANKLE, "CT"),
        ("2", SURE, "CT"),
        ("3", ANKLE, "CT"),
        ("4", "=cmd|' /C calc'!A0", ""),
    )
    assert yingma("normalize", source, "-o", tmp_path / "n.csv")[0] == 0
    code, out, _ = yingma("job", "run", source, "-o", tmp_path / "j.csv", "--id", "任务-1", "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["state"], told["counts"]["rows"], told["counts"]["names"]) == ("done", 4, 3)
    assert (told["counts"]["accepted"], told["counts"]["review"], told["counts"]["review_exams"]) == (1, 2, 3)
    assert (tmp_path / "j.csv").read_bytes() == (tmp_path / "n.csv").read_bytes()
    cluster = kept.cluster(ANKLE)
    assert (cluster.status, cluster.names, cluster.exams) == ("open", 1, 2)
    with kept.store.reading() as session:
        job = session.scalars(select(Job)).one()
        assert (job.name, job.state, job.counts["names"]) == ("任务-1", "done", 3)
        assert job.versions["catalogue"] == "3.8.2"
    before = fed(kept)
    assert yingma("job", "resume", "任务-1")[0] == 0  # done already
    assert fed(kept) == before
    _, out, _ = yingma("job", "list", "--json")
    assert [(each["id"], each["state"]) for each in json.loads(out)] == [("任务-1", "done")]
    assert "2 for review" in yingma("job", "show", "任务-1")[1]
    code, out, _ = yingma("job", "export", "任务-1", "-o", tmp_path / "people.csv")
    assert code == 0
    assert rows_of(tmp_path / "people.csv")[3]["name"] == "'=cmd|' /C calc'!A0"
    assert rows_of(tmp_path / "j.csv")[3]["name"] == "=cmd|' /C calc'!A0"


def test_accepted_ones_too_or_nothing_by_option(yingma: Yingma, tmp_path: Path, kept: World) -> None:
    source = table(tmp_path / "in.csv", ("name",), (ANKLE,), (SURE,))
    for feed, count in (("none", 0), ("review", 1), ("all", 2)):
        assert yingma("job", "run", source, "-o", tmp_path / "o.csv", "--id", feed, "--feed", feed)[0] == 0
        assert fed(kept)[0] == count


def test_memory_answers_a_job_and_what_it_answered_is_known(yingma: Yingma, tmp_path: Path, kept: World) -> None:
    kept.put(ANKLE, job="before")
    kept.decide(kept.person("reviewer"), kept.cluster(), codes=[CHEST])
    source = table(tmp_path / "in.csv", ("name",), (ANKLE,))
    code, out, _ = yingma("job", "run", source, "-o", tmp_path / "o.csv", "--id", "j", "--json")
    assert (code, json.loads(out)["counts"]["memory"]) == (0, 1)
    assert rows_of(tmp_path / "o.csv")[0]["yingma_codes"] == CHEST
    with kept.store.reading() as session:
        rows = session.execute(
            select(col(Job.name), col(Sighting.decision_id)).join(Job, col(Job.id) == Sighting.job_id)
        )
        assert dict(rows.all())["j"] is not None  # a retraction tells that this output holds its answer


def test_a_decision_of_another_institution_that_answered_a_job_is_known(
    yingma: Yingma, tmp_path: Path, kept: World
) -> None:
    """The cluster there was accepted, and is not settled by the decision; its name in the output is."""
    kept.put(SURE, at="甲医院")
    kept.put(SURE, at="乙医院")
    lead = kept.person("lead")
    done = kept.decide(lead, kept.cluster(SURE, "甲医院"), codes=[CONTRAST])
    kept.decide(lead, kept.cluster(SURE, "甲医院"), "widen")
    source = table(tmp_path / "in.csv", ("name", "institution"), (SURE, "乙医院"), (SURE, "乙医院"))
    assert yingma("job", "run", source, "-o", tmp_path / "o.csv", "--id", "j")[0] == 0
    assert [row["yingma_codes"] for row in rows_of(tmp_path / "o.csv")] == [CONTRAST] * 2
    assert kept.cluster(SURE, "乙医院").status == "accepted"
    with kept.store.reading() as session:
        assert [tuple(each) for each in influence(session, done.decision_id or 0).jobs] == [("j", 1, 2)]
    fed(kept)


# -- kill -9 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_killed_at_random_moments_the_output_is_the_same(
    seed: int, source: Path, wanted: bytes, tmp_path: Path, home: Path, kept: World
) -> None:
    """The whole group, or the main process alone, or a worker alone, after a random number of pieces."""
    draw = random.Random(seed)
    out = tmp_path / "out.csv"
    process = command("job", "run", source, "-o", out, "--id", "k", "--workers", "2", home=home)
    folder = home / "jobs" / "k"
    for _ in range(4):
        wait_for(process, lambda: (folder / "spec.json").exists())
        pieces = len(list((folder / "answers").glob("*.json"))) + draw.randrange(3)
        phase = draw.choice(("pieces", "pieces", "output", "fed"))
        moments: dict[str, Callable[[], bool]] = {
            "pieces": lambda many=pieces: len(list((folder / "answers").glob("*.json"))) >= many,
            "output": out.exists,
            "fed": (folder / "fed.json").exists,
        }
        wait_for(process, moments[phase])
        time.sleep(draw.random() * 0.05)  # somewhere between two writes
        if process.poll() is not None:
            break
        victim = draw.choice(("group", "main", "worker"))
        if victim == "worker":
            for child in children(process.pid)[:1]:
                os.kill(child, signal.SIGKILL)
            continue
        os.kill(process.pid, signal.SIGKILL) if victim == "main" else os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        process = command("job", "resume", "k", home=home)
    finished(process)
    assert out.read_bytes() == wanted
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out.csv"]
    review = [(row["name"], row["institution"]) for row in rows_of(out) if row["yingma_route"] == "review"]
    assert fed(kept)[1:] == (len(set(review)), len(review))
    with kept.store.reading() as session:
        queued = session.scalar(select(func.count()).select_from(Cluster))
    assert find_job(home, "k").status()["counts"]["queued"] == queued  # of all its runs, each once


def test_what_a_killed_process_left_goes_before_another_takes_its_place(
    yingma: Yingma, tmp_path: Path, home: Path
) -> None:
    """Else nobody would know it any more, were that one killed, too."""
    source, out = table(tmp_path / "in.csv", ("name",), (SURE,)), tmp_path / "out" / "out.csv"
    out.parent.mkdir()
    assert yingma("job", "run", source, "-o", out, "--id", "p")[0] == 0
    before = out.read_bytes()
    out.unlink()
    folder = find_job(home, "p")
    dead = command("decode", CHEST, home=home)
    finished(dead)
    left = [
        *(out.parent / f".yingma-{dead.pid}{more}.part" for more in ("", "-x1y2")),
        *(path / f".{name}.json.{dead.pid}" for path, name in ((folder.path, "names"), (folder.answers, "000000000"))),
    ]
    for each in left:
        each.touch()
    folder.write("status.json", {"state": "running", "phase": "writing", "pid": dead.pid})
    dying = ("-m", "evals.bench.dying", "18", str(tmp_path / "writes"))
    process = command("job", "resume", "p", home=home, program=dying)
    finished(process, -signal.SIGKILL)
    assert folder.read("status.json")["pid"] == process.pid
    assert not out.exists()
    assert [each for each in left if each.exists()] == []
    assert yingma("job", "resume", "p")[0] == 0
    assert out.read_bytes() == before


def wait_for(process: Any, holds: Callable[[], bool]) -> None:
    """Until it holds, or the process has ended."""
    limit = time.monotonic() + 120
    while not holds() and process.poll() is None:
        assert time.monotonic() < limit
        time.sleep(0.005)


# -- names that fail ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "said"), [("raise", "ZeroDivisionError: this name"), ("kill", "killed")])
def test_a_name_that_fails_is_alone_and_can_be_tried_again(
    kind: str, said: str, tmp_path: Path, home: Path, kept: World
) -> None:
    rows = [*names(400), ("坏名称", "CT", ""), *names(400)]
    source = table(tmp_path / "in.csv", ("name", "modality", "institution"), *rows)
    out = tmp_path / "out.csv"
    program = (str(ROOT / "tests/jobs/dying.py"), kind, "坏")
    told = finished(command("job", "run", source, "-o", out, "--id", "j", home=home, program=program))
    assert "1 failed" in told
    bad = [row for row in rows_of(out) if row["yingma_reason"].startswith("failed")]
    assert [(row["name"], row["yingma_route"], row["yingma_codes"]) for row in bad] == [("坏名称", "review", "")]
    folder = find_job(home, "j")
    assert folder.read("failed.json") == [["坏名称", "CT", "", said]]
    assert len(rows_of(out)) == len(rows)
    finished(command("job", "retry-failed", "j", home=home))
    assert folder.read("failed.json") == []
    assert finished(command("normalize", source, "-o", tmp_path / "n.csv", home=home))
    assert out.read_bytes() == (tmp_path / "n.csv").read_bytes()
    assert "No name of the job j failed" in finished(command("job", "retry-failed", "j", home=home))


def test_a_step_that_fails_at_everything_is_no_matter_of_the_names(tmp_path: Path, home: Path) -> None:
    source = table(tmp_path / "in.csv", ("name", "modality", "institution"), *names(400))
    for kind, said in (("raise", "A step failed at every name"), ("kill", "killed by the system again and again")):
        program = (str(ROOT / "tests/jobs/dying.py"), kind, "")
        told = finished(
            command("job", "run", source, "-o", tmp_path / "o.csv", "--id", kind, home=home, program=program), 1
        )
        assert (said in told, "Traceback" in told) == (True, False)
        assert find_job(home, kind).status()["state"] == "failed"


# -- stopping ----------------------------------------------------------------------------------------------------------


def test_stopped_and_resumed(yingma: Yingma, source: Path, wanted: bytes, tmp_path: Path, home: Path) -> None:
    out = tmp_path / "out.csv"
    process = command("job", "run", source, "-o", out, "--id", "s", home=home)
    wait_for(process, lambda: any((home / "jobs/s/answers").glob("*.json")))
    os.killpg(process.pid, signal.SIGSTOP)  # so that it hears of it before it is done, however fast this machine is
    cancelling = command("job", "cancel", "s", "--json", home=home)
    wait_for(cancelling, lambda: (home / "jobs/s/stop").exists())
    os.killpg(process.pid, signal.SIGCONT)
    finished(cancelling)
    assert "Stopped" in finished(process, 130)
    assert find_job(home, "s").status()["state"] == "cancelled"
    assert not out.exists()
    assert yingma("job", "resume", "s")[0] == 0
    assert out.read_bytes() == wanted


def test_one_process_at_a_time(yingma: Yingma, tmp_path: Path, home: Path) -> None:
    source = table(tmp_path / "in.csv", ("name",), (SURE,))
    assert yingma("job", "run", source, "-o", tmp_path / "o.csv", "--id", "one")[0] == 0
    folder = find_job(home, "one")
    with folder.held() as mine:
        assert mine
        folder.write("status.json", {"state": "running", "pid": os.getpid()})
        assert folder.status()["state"] == "running"
        for words in (("resume", "one"), ("retry-failed", "one")):
            code, _, err = yingma("job", *words)
            assert (code, "is running" in err) == (2, True)
    assert folder.status()["state"] == "interrupted"
    assert yingma("job", "resume", "one")[0] == 0


# -- what does not hold ------------------------------------------------------------------------------------------------


def test_one_sentence_each(yingma: Yingma, tmp_path: Path, home: Path) -> None:
    source = table(tmp_path / "in.csv", ("name", "note"), (SURE, "x"))
    out = tmp_path / "out.csv"
    for arguments, sentence in (
        (("run", source, "-o", out, "--engine", "spark"), "reads and writes parquet only"),
        (("run", tmp_path / "no.csv", "-o", out), "There is no file"),
        (("run", source, "-o", out, "--id", "../x"), "is no name of a job"),
        (("run", source, "-o", source), "is an input file"),
        (("run", source, "-o", out, "--id", "c", "--name-column", "names"), "has no column names"),
        (("resume", "nobody"), "There is no job nobody"),
        (("show", ".."), "There is no job"),
    ):
        code, _, err = yingma("job", *arguments)
        assert (code, sentence in err, err.count("\n")) == (2, True, 2 if "Job c" in err else 1), err
    assert yingma("job", "list", "--json")[1].strip() == "[]"  # nothing is left of what never began
    assert yingma("job", "run", source, "-o", out, "--id", "c")[0] == 0
    assert "There is a job c" in yingma("job", "run", source, "-o", out, "--id", "c")[2]


def test_a_changed_input_is_refused(yingma: Yingma, tmp_path: Path, home: Path) -> None:
    source = table(tmp_path / "in.csv", ("name",), (SURE,))
    folder = tmp_path / "out"
    folder.mkdir()
    assert yingma("job", "run", source, "-o", folder / "o.csv", "--id", "c")[0] == 0
    (folder / "o.csv").unlink()
    os.utime(source, (1, 1))  # touched, not changed
    assert yingma("job", "resume", "c")[0] == 0
    (folder / "o.csv").unlink()
    table(source, ("name",), (ANKLE,))
    code, _, err = yingma("job", "resume", "c")
    assert (code, "was changed after the job began" in err) == (2, True)
    source.unlink()
    assert "is gone" in yingma("job", "resume", "c")[2] or "no file" in yingma("job", "resume", "c")[2]


def test_other_versions_work_all_of_it_out_anew(
    yingma: Yingma, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = table(tmp_path / "in.csv", ("name",), (SURE,))
    assert yingma("job", "run", source, "-o", tmp_path / "o.csv", "--id", "v")[0] == 0
    piece = home / "jobs/v/answers/000000000.json"
    before = json.loads(piece.read_bytes())
    (tmp_path / "o.csv").unlink()
    assert yingma("job", "resume", "v")[0] == 0
    assert json.loads(piece.read_bytes()) == before
    monkeypatch.setattr("agent.versions.version", lambda name: "9.9")
    (tmp_path / "o.csv").unlink()
    assert yingma("job", "resume", "v")[0] == 0
    assert json.loads(piece.read_bytes())[0] != before[0]
    piece.write_bytes(piece.read_bytes()[:-7])  # torn
    (tmp_path / "o.csv").unlink()
    assert yingma("job", "resume", "v")[0] == 0
    assert len(rows_of(tmp_path / "o.csv")) == 1


@pytest.mark.parametrize(("limit", "code"), [(200_000, 1), pytest.param(1_500_000, 2, marks=pytest.mark.slow)])
def test_a_full_disk_is_one_sentence_and_the_job_goes_on(
    limit: int, code: int, source: Path, wanted: bytes, tmp_path: Path, home: Path
) -> None:
    """No file may grow beyond a size: what the job keeps, or its output, is cut off."""
    out = tmp_path / "out.csv"

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    said = finished(command("job", "run", source, "-o", out, "--id", "d", home=home, preexec_fn=small), code)
    assert "the disk is full" in said
    assert "Traceback" not in said
    assert find_job(home, "d").status()["state"] == "failed"
    assert not out.exists()
    finished(command("job", "resume", "d", home=home))
    assert out.read_bytes() == wanted


def test_an_output_that_cannot_be_written(yingma: Yingma, tmp_path: Path, home: Path) -> None:
    source = table(tmp_path / "in.csv", ("name",), (SURE,))
    folder = tmp_path / "gone"
    folder.mkdir()
    assert yingma("job", "run", source, "-o", folder / "o.csv", "--id", "o")[0] == 0
    (folder / "o.csv").unlink()
    folder.rmdir()
    code, _, err = yingma("job", "resume", "o")
    assert (code, "does not exist; make it first" in err) == (2, True)
    folder.mkdir()
    assert yingma("job", "resume", "o")[0] == 0
    assert (folder / "o.csv").exists()


def test_a_database_that_is_gone(yingma: Yingma, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = table(tmp_path / "in.csv", ("name",), (ANKLE,))
    monkeypatch.setenv("YINGMA_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    code, _, err = yingma("job", "run", source, "-o", tmp_path / "o.csv", "--id", "g")
    assert (code, "cannot be used" in err, "Traceback" in err) == (1, True, False)
    assert find_job(home, "g").status()["state"] == "failed"
    monkeypatch.delenv("YINGMA_DATABASE_URL")
    assert yingma("job", "resume", "g")[0] == 0
    assert (tmp_path / "o.csv").exists()


def test_another_job_of_the_same_name_in_the_database(yingma: Yingma, tmp_path: Path, home: Path, kept: World) -> None:
    kept.put(ANKLE, job="same")
    source = table(tmp_path / "in.csv", ("name",), (ANKLE,))
    code, _, err = yingma("job", "run", source, "-o", tmp_path / "o.csv", "--id", "same")
    assert (code, "The database has another job named same" in err) == (2, True)
    with kept.store.reading() as session:
        assert session.scalars(select(col(Cluster.exams))).one() == 1
