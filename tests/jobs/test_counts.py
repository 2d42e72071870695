"""A column of counts: report and queue count exams by it, in small and in large files; what is no number is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from agent.jobs import find_job
from agent.store.schema import Job
from tests.jobs.conftest import Told, rows_of, table
from tests.jobs.test_jobs_served import started, until
from tests.serving import Server
from tests.store.world import ANKLE, CONFLICT, SURE, World

Yingma = Callable[..., Told]
ROWS = [
    ("检查名称", "检查类型", "例数"),
    (SURE, "CT", "12"),
    (ANKLE, "CT", " 300 "),
    (ANKLE, "CT", "4"),
    (SURE, "", "0"),
]


@pytest.mark.parametrize("large", [False, True])
def test_exams_are_counted_by_it(
    large: bool, yingma: Yingma, tmp_path: Path, home: Path, kept: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr("agent.table_ways.LARGE", 0)  # small files the way of large ones
    source, out = table(tmp_path / "in.csv", *ROWS), tmp_path / "out.csv"
    code, told, err = yingma("job", "run", source, "-o", out, "--id", "c", "--json")
    assert code == 0, err
    counts = json.loads(told)["counts"]
    assert (counts["rows"], counts["names"], counts["exams"]) == (4, 3, 316)
    assert (counts["accepted_exams"], counts["review_exams"]) == (12, 304)
    assert find_job(home, "c").read("plan.json")["lines"] is large
    report = json.loads(yingma("job", "report", "c", "--json")[1])
    assert {each["route"]: each["exams"] for each in report["routes"]} == {"accepted": 12, "review": 304}
    assert "Exams are counted by the column 例数: 4 rows, 316 exams." in yingma("job", "report", "c")[1]
    assert kept.cluster(ANKLE).exams == 304
    assert [row["例数"] for row in rows_of(out)] == ["12", " 300 ", "4", "0"]


def test_the_same_file_as_two_jobs_counts_once_in_the_queue(
    yingma: Yingma, tmp_path: Path, home: Path, kept: World
) -> None:
    source, out = table(tmp_path / "in.csv", *ROWS), tmp_path / "out.csv"
    copy = tmp_path / "same.csv"
    copy.write_bytes(source.read_bytes())
    other = table(tmp_path / "june.csv", *ROWS[:1], (ANKLE, "CT", "1"))
    for name, given, exams in (
        ("a", source, 304),
        ("b", copy, 304),
        ("c", other, 305),
        ("d", source, 305),
    ):
        assert yingma("job", "run", given, "-o", out, "--id", name)[0] == 0
        assert kept.cluster(ANKLE).exams == exams, name
        kept.check()
    assert yingma("job", "run", source, "-o", out, "--id", "e", "--count-column", "")[0] == 0
    assert (
        kept.cluster(ANKLE).exams == 3
    )  # two rows of it, since this run was told that there is no such column; and june
    code, told, err = yingma("job", "show", "e", "--json")
    assert (code, json.loads(told)["counts"]["review_exams"]) == (0, 2), err


@pytest.mark.slow
def test_the_same_file_with_other_columns_is_another_input(
    yingma: Yingma, tmp_path: Path, home: Path, kept: World
) -> None:
    rows = (("a", "b", "place"), (ANKLE, CONFLICT, "甲医院"), (ANKLE, CONFLICT, "甲医院"))
    source, out = table(tmp_path / "in.csv", *rows), tmp_path / "out.csv"
    for name, options, exams in (
        ("a", ["--name-column", "a"], {(ANKLE, ""): 2}),
        ("b", ["--name-column", "b"], {(ANKLE, ""): 2, (CONFLICT, ""): 2}),
        ("c", ["--name-column", "a"], {(ANKLE, ""): 2, (CONFLICT, ""): 2}),
        (
            "d",
            ["--name-column", "a", "--institution-column", "place"],
            {(ANKLE, ""): 2, (CONFLICT, ""): 2, (ANKLE, "甲医院"): 2},
        ),
    ):
        assert yingma("job", "run", source, "-o", out, "--id", name, *options)[0] == 0
        assert {each: kept.cluster(*each).exams for each in exams} == exams, name
        assert sum(each.exams for each in kept.clusters()) == sum(exams.values()), name
        kept.check()
    with kept.store.reading() as session:
        known = {each.name: each.settings["content"] for each in session.scalars(select(Job))}
    assert known["a"] == known["c"]
    assert len(set(known.values())) == 3


def test_said_or_not(yingma: Yingma, tmp_path: Path, home: Path) -> None:
    source = table(tmp_path / "in.csv", ("name", "count", "n"), (ANKLE, "7", "2"), (ANKLE, "8", "3"))
    for name, option, exams in (("a", [], 15), ("b", ["--count-column", "n"], 5), ("c", ["--count-column", ""], 2)):
        assert yingma("job", "run", source, "-o", tmp_path / "o.csv", "--id", name, *option)[0] == 0
        assert find_job(home, name).status()["counts"]["review_exams"] == exams
    code, _, err = yingma("job", "run", source, "-o", tmp_path / "o.csv", "--count-column", "name")
    assert (code, "one column is used for two things" in err) == (2, True)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("cell", ["", "-1", "2.5", "1,200", "很多", "1e3", "１２", "9" * 16])
def test_no_number_is_refused_with_its_row(
    cell: str, large: bool, yingma: Yingma, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr("agent.table_ways.LARGE", 0)  # small files the way of large ones
    source, out = tmp_path / "in.tsv", tmp_path / "out.tsv"
    source.write_text(f"name\t数量\n{SURE}\t1\n{ANKLE}\t{cell}\n", encoding="utf-8")
    code, _, err = yingma("job", "run", source, "-o", out, "--id", "x", "--count-column", "数量")
    assert (code, f"{source}, row 3:" in err, "--count-column" in err) == (2, True, True), err
    assert not out.exists()


def test_a_column_that_only_looks_like_counts_is_left_alone(yingma: Yingma, tmp_path: Path) -> None:
    source, out = table(tmp_path / "in.csv", ("name", "数量"), (SURE, "1"), (ANKLE, "")), tmp_path / "out.csv"
    code, told, err = yingma("job", "run", source, "-o", out, "--id", "x", "--json")
    assert (code, json.loads(told)["counts"]["exams"]) == (0, 2), err
    assert "not used: each row is an exam" in yingma("job", "report", "x")[1]


@pytest.mark.slow
def test_over_http_it_is_chosen(served_sqlite: Server) -> None:
    with served_sqlite.client("clerk") as clerk:
        name = started(clerk, ROWS, institution=None, count=2)
        told = until(clerk, name, "done")
        assert (told["columns"], told["counts"]["exams"]) == (["检查名称", "检查类型", None, "例数"], 316)
        name = started(clerk, [*ROWS, (SURE, "CT", "?")], institution=None, count=2)
        told = until(clerk, name, "failed")
        assert "检查.csv 第 6 行" in told["sentence"]["zh"]
