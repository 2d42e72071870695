"""A folder as input: each table into a file of the same name, each name worked out once, the bytes of one run each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.jobs import find_job
from agent.table_lines import Lines
from tests.jobs.conftest import Told, rows_of, table
from tests.store.world import ANKLE, SURE, World

Yingma = Callable[..., Told]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    import polars as pl

    made = tmp_path / "in"
    (made / "within").mkdir(parents=True)
    table(made / "b.csv", ("name", "modality"), (ANKLE, "CT"), (SURE, "CT"), (ANKLE, "CT"))
    (made / "a.tsv").write_text(f"name\tmodality\n{SURE}\tCT\n", encoding="utf-8-sig")
    pl.DataFrame({"name": [ANKLE], "modality": ["CT"]}).write_parquet(made / "c.parquet")
    table(made / "within" / "d.csv", ("name",), (SURE,))
    for odd in ("liesmich.txt", ".hidden.csv", "~$b.xlsx"):
        (made / odd).write_text("x")
    return made


def test_each_into_a_file_of_its_name(yingma: Yingma, folder: Path, tmp_path: Path, home: Path, kept: World) -> None:
    out = tmp_path / "out"
    code, told, err = yingma("job", "run", folder, "-o", out, "--id", "f", "--json")
    assert code == 0, err
    assert "1 files of the folder are no tables and were left out: liesmich.txt." in err
    assert sorted(each.name for each in out.iterdir()) == ["a.tsv", "b.csv", "c.parquet"]
    counts = json.loads(told)["counts"]
    assert (counts["rows"], counts["names"]) == (5, 2)
    assert kept.cluster(ANKLE).exams == 3
    before = {each.name: each.read_bytes() for each in out.iterdir()}
    for name in before:
        assert yingma("normalize", folder / name, "-o", tmp_path / name)[0] == 0
        assert (tmp_path / name).read_bytes() == before[name]
    assert [row["yingma_route"] for row in rows_of(out / "b.csv")] == ["review", "accepted", "review"]
    (out / "b.csv").unlink()  # one is missing: it is not done
    assert yingma("job", "resume", "f")[0] == 0
    assert {each.name: each.read_bytes() for each in out.iterdir()} == before
    assert yingma("normalize", folder, "-o", tmp_path / "n")[0] == 0
    assert {each.name: each.read_bytes() for each in (tmp_path / "n").iterdir()} == before
    assert "take the files in it" in yingma("job", "export", "f")[2]


def test_large_files_go_the_quick_way_and_come_out_the_same(
    yingma: Yingma, tmp_path: Path, home: Path, kept: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where one output is missing and the job goes on."""
    source, out = tmp_path / "large", tmp_path / "out"
    source.mkdir()
    table(source / "a.csv", ("name", "modality"), (ANKLE, "CT"), (SURE, "CT"))
    table(source / "b.csv", ("name", "modality"), (SURE, "CT"), (SURE, "CT"))
    assert yingma("normalize", source, "-o", tmp_path / "slow")[0] == 0
    made: list[Path] = []
    write = Lines.write

    def noted(self: Lines, part: Path, **named: Any) -> int:
        made.append(part)
        return write(self, part, **named)

    monkeypatch.setattr("agent.table_ways.LARGE", 1)
    monkeypatch.setattr(Lines, "write", noted)
    assert yingma("job", "run", source, "-o", out, "--id", "large")[0] == 0
    assert len(made) == 2
    slow = {each.name: each.read_bytes() for each in (tmp_path / "slow").iterdir()}
    assert {each.name: each.read_bytes() for each in out.iterdir()} == slow
    (out / "b.csv").unlink()
    assert yingma("job", "resume", "large")[0] == 0
    assert {each.name: each.read_bytes() for each in out.iterdir()} == slow
    assert len(made) == 4


def test_what_does_not_hold(yingma: Yingma, folder: Path, tmp_path: Path, home: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, sentence in (
        ((empty, "-o", tmp_path / "o"), "There is no file .csv, .tsv, .xlsx, .parquet in the folder"),
        ((folder, "-o", folder), "is an input file"),
        ((folder, "-o", folder / "b.csv"), "is a file; name a folder"),
        ((folder, "-o", tmp_path / "no" / "o"), "does not exist; make it first"),
        ((folder, folder / "b.csv", "-o", tmp_path / "o"), "is a folder; a folder is run alone"),
        ((folder / "b.csv", "-o", empty), "unknown kind of file"),
    ):
        for command in (("normalize",), ("job", "run")):
            code, _, err = yingma(*command, *arguments)
            assert (code, sentence in err, "Traceback" in err) == (2, True, False), err
    table(folder / "d.csv", ("name", "other"), (SURE, "x"))
    code, _, err = yingma("job", "run", folder, "-o", tmp_path / "o", "--id", "d")
    assert (code, "differ from those of" in err) == (2, True)
    assert list((tmp_path / "o").iterdir()) == []


def test_an_input_that_is_put_in_later_is_not_of_the_job(
    yingma: Yingma, folder: Path, tmp_path: Path, home: Path
) -> None:
    out = tmp_path / "out"
    assert yingma("job", "run", folder, "-o", out, "--id", "f")[0] == 0
    table(folder / "later.csv", ("name", "modality"), (SURE, "CT"))
    (out / "b.csv").unlink()
    assert yingma("job", "resume", "f")[0] == 0
    assert not (out / "later.csv").exists()
    assert len(find_job(home, "f").spec().inputs) == 3
