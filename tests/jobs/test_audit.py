"""The standing audit from job to job: what is drawn, the stop that wrong answers bring, what it holds back, lifting."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from agent.memory import answered, open_memory
from agent.store import Order, decide, now
from agent.store.schema import Cluster, Name
from agent.store.schema_audit import AuditDraw, AuditFlow, AuditKey
from tests.jobs.conftest import Told, rows_of, table
from tests.store.world import ANKLE, CHEST, CONTRAST, World, answer, pipeline

Yingma = Callable[..., Told]
PLACE, OTHER = "甲医院", "乙医院"
OFTEN = ("胸部CT平扫", "胸部CT增强", "头颅CT平扫", "头颅CT增强", "上腹部CT平扫", "盆腔CT平扫", "盆腔CT增强")
TIMES = 400  # exams of each: at the highest rate, all are as good as certain to be drawn


@pytest.fixture(autouse=True)
def drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINGMA_AUDIT", "true")
    monkeypatch.setenv("YINGMA_SECOND_LOOK_SHARE", "0")


def source(path: Path, *rows: tuple[str, str, str, int]) -> Path:
    lines = [row[:3] for row in rows for _ in range(row[3])]
    return table(path, ("name", "modality", "institution"), *lines)


def often(place: str = PLACE) -> list[tuple[str, str, str, int]]:
    return [(name, "CT", place, TIMES) for name in OFTEN]


def drawn(kept: World) -> list[tuple[str, str, bool]]:
    """Name, status, whether it is of the sample of the bound."""
    with kept.store.reading() as session:
        rows = session.execute(
            select(col(Name.raw), col(Cluster.status), col(AuditDraw.core))
            .join(AuditDraw, col(AuditDraw.name_id) == col(Name.id))
            .join(Cluster, col(Cluster.id) == col(Name.cluster_id))
        ).all()
    return sorted(tuple(row) for row in rows)


def run(yingma: Yingma, folder: Path, name: str, rows: list[tuple[str, str, str, int]], *options: str) -> list[Any]:
    file = source(folder / f"{name}.csv", *rows)
    code, _, err = yingma("job", "run", file, "-o", folder / f"{name}-out.csv", "--id", name, *options)
    assert code == 0, err
    return rows_of(folder / f"{name}-out.csv")


def decide_wrong(kept: World, who: int) -> None:
    """Other codes than were accepted for all names but the first, now: after the job."""
    for name in OFTEN[1:]:
        right = answer(name, "CT", PLACE).codes
        cluster = kept.cluster(name, PLACE)
        codes = (CONTRAST if right == (CHEST,) else CHEST,)
        order = Order(cluster.id or 0, cluster.revision, "settle", kept.key(), codes)
        kept.store.write(lambda session, order=order: decide(session, kept.rules, who, order, now()))


def give_key(kept: World) -> None:
    """The same key as another database has."""
    with kept.store.writing() as session:
        session.add(AuditKey(id=1, key="of the test"))


def test_draws_go_into_the_queue_and_the_output_does_not_tell(yingma: Yingma, tmp_path: Path, kept: World) -> None:
    out = run(yingma, tmp_path, "one", [*often(), (ANKLE, "CT", PLACE, 2)])
    assert {row["yingma_route"] for row in out if row["name"] != ANKLE} == {"accepted"}
    assert [row[:2] for row in drawn(kept)] == sorted((name, "open") for name in OFTEN)
    with kept.store.reading() as session:
        (flow,) = session.scalars(select(AuditFlow)).all()
        assert (flow.modality, flow.names, flow.exams) == ("CT", len(OFTEN), TIMES * len(OFTEN))
        reasons = dict(session.execute(select(col(Name.raw), col(Cluster.reason)).join(Cluster)).all())
    assert reasons == {ANKLE: "missing_side", **dict.fromkeys(OFTEN, "to_confirm")}
    again = run(yingma, tmp_path, "two", often())  # nobody decided: accepted as before, and drawn once
    assert {row["yingma_route"] for row in again} == {"accepted"}
    assert len(drawn(kept)) == len(OFTEN)
    kept.check()


def test_the_sample_does_not_depend_on_order_workers_or_spelling(
    yingma: Yingma, tmp_path: Path, kept: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = ("胸部", "头颅", "上腹部", "盆腔", "颈椎", "腰椎", "左膝关节", "右膝关节", "左踝关节", "右踝关节")
    names = [f"{part}CT{scan}" for part in parts for scan in ("平扫", "增强", "平扫+增强")]
    rows = [(name, "CT", place, 1 + at % 3) for at, name in enumerate(names) for place in (PLACE, OTHER)]
    give_key(kept)
    run(yingma, tmp_path, "one", rows, "--workers", "1")
    first = drawn(kept)
    assert 0 < len(first) < len(rows)
    home = tmp_path / "other"
    monkeypatch.setenv("YINGMA_HOME", str(home))
    from sqlalchemy.engine import URL

    from agent.store import open_url

    home.mkdir()
    store = open_url(URL.create("sqlite", database=str(home / "yingma.db")))
    other = World(store)
    give_key(other)
    wide = [(name.replace("CT", "ＣＴ"), *rest) for name, *rest in rows[::-1]]
    run(yingma, tmp_path, "two", wide, "--workers", "2")  # type: ignore[arg-type]
    assert [(raw.replace("ＣＴ", "CT"), *rest) for raw, *rest in drawn(other)] == first
    store.close()


@pytest.mark.parametrize("feed", ["none", "all"])
def test_what_is_fed_decides_whether_there_is_an_audit(yingma: Yingma, tmp_path: Path, kept: World, feed: str) -> None:
    run(yingma, tmp_path, "one", often()[:2], "--feed", feed)
    assert len(drawn(kept)) == (0 if feed == "none" else 2)


def test_switched_off_nothing_is_drawn(
    yingma: Yingma, tmp_path: Path, kept: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YINGMA_AUDIT", "false")
    run(yingma, tmp_path, "one", often()[:2])
    assert drawn(kept) == []


def test_from_wrong_answers_to_a_stop_and_back(yingma: Yingma, tmp_path: Path, kept: World) -> None:
    run(yingma, tmp_path, "one", often())
    li, lead = kept.person("reviewer"), kept.person("lead", "组长")
    decide_wrong(kept, li)
    code, text, _ = yingma("audit", "status", "--json")
    told = json.loads(text)
    (stop,) = told["stops"]
    assert (code, stop["modality"], stop["institution"]) == (0, "CT", PLACE)
    assert (stop["names"], stop["exams"]) == (len(OFTEN), TIMES * len(OFTEN))
    assert (told["waiting"], told["all"]["holds"]) == (1, False)
    assert f"Stop {stop['id']}: {PLACE} · CT" in yingma("audit", "status")[1]

    # What nobody decided goes to people there; other places, and what is decided, go on.
    fresh = [("右膝关节CT平扫", "CT", PLACE, 1), ("右膝关节CT平扫", "CT", OTHER, 1), ("头颅MRI平扫", "MR", PLACE, 1)]
    rows = [*fresh, (OFTEN[1], "CT", PLACE, 1), (OFTEN[0], "CT", PLACE, 1)]
    out = run(yingma, tmp_path, "two", rows)
    assert [(row["yingma_route"], row["yingma_reason"].split(":")[0]) for row in out] == [
        ("review", "acceptance_stopped"),
        ("accepted", "complete"),
        ("accepted", "complete"),
        ("accepted", "memory"),
        ("review", "acceptance_stopped"),
    ]
    assert out[0]["yingma_codes"] == answer("右膝关节CT平扫", "CT", PLACE).codes[0]
    held = kept.cluster("右膝关节CT平扫", PLACE)
    assert (held.status, held.reason) == ("open", "acceptance_stopped")
    assert "stopped in 1 place" in json.loads(yingma("job", "show", "two", "--json")[1])["notes"][-1][1]
    no_memory = run(yingma, tmp_path, "three", rows, "--no-memory")
    assert no_memory[0]["yingma_reason"].startswith("acceptance_stopped")
    assert no_memory[3]["yingma_reason"].startswith("acceptance_stopped")
    fresh_one = answer("右膝关节CT平扫", "CT", PLACE)
    memory = open_memory([fresh_one.query])  # as normalize and explain read it
    assert memory is not None
    told_one = answered(memory, pipeline().catalogue, fresh_one)
    assert (told_one.route, told_one.reason) == ("review", "acceptance_stopped")
    assert abs(told_one.score - float(out[0]["yingma_score"])) < 3e-3  # a file's is worked out from four digits

    # What is in doubt: the names of the first job, which nobody looked at before they were accepted.
    listed = tmp_path / "doubt.csv"
    assert yingma("audit", "accepted", stop["id"], "-o", listed)[0] == 0
    with open(listed, encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file))
    assert [(row["job"], row["name"], row["exams"]) for row in found] == [("one", each, str(TIMES)) for each in OFTEN]

    code, _, err = yingma("audit", "lift", stop["id"], "--user", "nobody", "--why", "mended")
    assert (code, "no user nobody" in err) == (2, True)
    assert yingma("audit", "lift", stop["id"], "--user", "组长", "--why", "mended")[0] == 0
    assert json.loads(yingma("audit", "status", "--json")[1])["stops"] == []
    out = run(yingma, tmp_path, "four", fresh[:1])
    assert out[0]["yingma_route"] == "accepted"
    assert lead
    kept.check()


def test_a_job_that_was_planned_before_a_stop_ends_as_it_began(yingma: Yingma, tmp_path: Path, kept: World) -> None:
    run(yingma, tmp_path, "one", often())
    li = kept.person("reviewer")
    decide_wrong(kept, li)
    before = (tmp_path / "one-out.csv").read_bytes()
    (tmp_path / "one-out.csv").unlink()
    code, _, err = yingma("job", "resume", "one")
    assert code == 0, err
    assert (tmp_path / "one-out.csv").read_bytes() == before
