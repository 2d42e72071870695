"""Large plain files go through DuckDB: byte for byte what the csv module makes of them, in the input's order; every
file in which the two could differ goes the way of the csv module."""

from __future__ import annotations

import errno
import resource
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from agent import table_lines, table_ways
from agent.answer import Query
from agent.columns import Columns
from agent.command_normalize import Options, normalize
from agent.inputs import groups_of
from agent.table_write import write_whole
from agent.tables import open_tables, write_table
from standard.errors import InputError

ROWS = [
    "no,name,modality,institution",
    *(f"{n},{('胸部', '头颅', '左膝关节')[n % 3]}CT平扫(编号{n % 700}),CT,院{n % 5}" for n in range(3_000)),
    "3000, 胸部CT平扫 ,,",
    "3001,=cmd|' /C calc'!A0,CT,'院",
    "3002,,CT,院",
    "3003,胸部CT平扫\t\x0b\x7f\u200b\u2028,CT,院",
    "3004,#胸部CT平扫,NULL,#",
]
ANY = st.lists(st.text('"", a胸\r\n\t', max_size=6), max_size=5)
BARE, INNER = st.text(" a胸\t", max_size=3), st.text('",, a胸', max_size=4)
CELL = st.one_of(BARE, INNER.map(lambda text: '"' + text.replace('"', '""') + '"'))
WELL = st.lists(st.tuples(CELL, CELL).map(",".join), max_size=5)
QUOTED = [
    '9,"a,b",CT,x',
    '9,"胸部CT平扫",CT,""',
    '"9","胸部""CT""平扫, ""","""","="',
    '"","\'","CT",院',
    '9,"🫁,胸部CT平扫 ",CT,"x"',
]


@contextmanager
def noting(patch: pytest.MonkeyPatch) -> Iterator[tuple[pytest.MonkeyPatch, list[bool]]]:
    """Patches that hold inside, and an entry for each file that DuckDB makes there."""
    used: list[bool] = []
    write = table_lines.Lines.write

    def noted(*arguments: Any, **named: Any) -> int:
        used.append(True)
        return write(*arguments, **named)

    with patch.context() as now:
        now.setattr(table_lines.Lines, "write", noted)
        yield now, used


def made(folder: Path, sources: Sequence[Path], least: int, patch: pytest.MonkeyPatch, ending: str = ".csv") -> Any:
    """The bytes of the output, and whether DuckDB made them."""
    with noting(patch) as (now, used):
        now.setattr(table_ways, "LARGE", least)
        outcome = normalize(Options(sources, folder / f"out-{least}{ending}", "name"))
    return (folder / f"out-{least}{ending}").read_bytes(), outcome._replace(output=Path(), seconds=0), bool(used)


PLAIN = {
    "utf-8": ("\n".join(ROWS) + "\n").encode(),
    "no newline at the end": "\n".join(ROWS).encode(),
    "byte order mark": ("\ufeff" + "\n".join(ROWS)).encode(),
    "lines of DOS": ("\r\n".join(ROWS) + "\r\n").encode(),
    "gb18030": ("\r\n".join(ROWS) + "\r\n").encode("gb18030"),
    "header only": (ROWS[0] + "\n").encode(),
    "quotes": ("\n".join([*ROWS, *QUOTED])).encode(),
    "all is quoted": (
        "\ufeff" + "\r\n".join(",".join(f'"{cell}"' for cell in row.split(",")) for row in ROWS)
    ).encode(),
    "quotes in the header": ("\n".join([ROWS[0] + ',"a ""b"", c"', *(f"{row},x" for row in ROWS[1:])])).encode(),
    "quotes in gb18030": ("\r\n".join([*ROWS, *QUOTED]) + "\r\n").encode("gb18030"),
}
ODD = {
    "a quote in a cell": ("\n".join([*ROWS, '9,a"b,CT,x'])).encode(),
    "a blank before a quote": ("\n".join([*ROWS, '9, "a",CT,x'])).encode(),
    "a line break in a cell": ("\n".join([*ROWS, '9,"a\nb",CT,x'])).encode(),
    "blank line": ("\n".join([*ROWS[:9], "", *ROWS[9:]])).encode(),
    "blank lines at the end": ("\n".join(ROWS) + "\n\n").encode(),
    "mixed ends": ("\n".join(ROWS[:5]) + "\r\n" + "\n".join(ROWS[5:])).encode(),
    "lone carriage return": ("\n".join(ROWS) + "\r9,x,CT,y\n").encode(),
    "carriage return at the end": ("\r\n".join([*ROWS, *QUOTED]) + "\r").encode(),
    "control": ("\n".join([*ROWS, "9,a\x01b,CT,\x02"])).encode(),
}


@pytest.mark.parametrize("kind", [*PLAIN, *ODD])
def test_the_same_bytes_either_way(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes({**PLAIN, **ODD}[kind])
    slow = made(tmp_path, [source], 1 << 40, monkeypatch)
    fast = made(tmp_path, [source], 0, monkeypatch)
    assert fast[0] == slow[0]
    assert fast[1] == slow[1]._replace(reasons=fast[1].reasons)
    assert sorted(fast[1].reasons.items()) == sorted(slow[1].reasons.items())
    assert (slow[2], fast[2]) == (False, kind in PLAIN)


@settings(max_examples=40, deadline=None)
@given(st.one_of(WELL, WELL, ANY), st.sampled_from(["\n", "\r\n"]))
@example(['"a"",b"', '"""",""'], "\n")
@example(['"a","b",c"'], "\n")
@example(['"a",b\r'], "\r\n")
def test_what_is_read_as_lines_is_what_the_csv_module_reads(lines: list[str], end: str) -> None:
    """Of texts that are made of quotes, delimiters and line ends: the same cells, and the same bytes."""
    with TemporaryDirectory() as name:
        source, folder = Path(name) / "in.csv", Path(name)
        source.write_bytes(end.join(["a,b", *lines, ""]).encode())
        opened = open_tables([source])
        found = table_lines.open_lines(opened, folder / "out.csv", folder, 0)
        work = None if found is None else found.distinct(Columns(0, 1, None))
        event(f"as lines: {work is not None}")
        if found is None or work is None:
            return
        rows = [tuple(row) for row in opened[0].rows()]
        counted = Counter(Query(*row) for row in rows)
        assert dict(zip(work.queries, work.counts, strict=True)) == counted
        answers = [(f"{query.name}|{query.modality}",) for query in work.queries]
        assert found.write(folder / "fast.csv", ["new"], work.queries, answers) == len(rows)
        write_table(folder / "slow.csv", opened, ["new"], [(f"{first}|{second}",) for first, second in rows])
        assert (folder / "fast.csv").read_bytes() == (folder / "slow.csv").read_bytes()


def test_several_files_and_tabs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = tmp_path / "it's one.tsv", tmp_path / "二.tsv"
    one.write_text("\n".join(row.replace("\t", "").replace(",", "\t") for row in ROWS), encoding="utf-8")
    two.write_bytes("\r\n".join(row.replace("\t", "").replace(",", "\t") for row in ROWS[:50]).encode("gb18030"))
    slow = made(tmp_path, [one, two], 1 << 40, monkeypatch, ".tsv")
    fast = made(tmp_path, [one, two], 0, monkeypatch, ".tsv")
    assert (fast[0], fast[1].rows, fast[2]) == (slow[0], slow[1].rows, True)
    assert made(tmp_path, [one], 0, monkeypatch, ".csv")[2] is False  # other delimiters


def test_each_file_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes either way, in a file for each; a folder in which one file is not plain goes the other way."""
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.csv").write_bytes(PLAIN["quotes"])
    (source / "b.csv").write_bytes(PLAIN["gb18030"])
    (source / "c.csv").write_bytes(PLAIN["header only"])

    def made_of(least: int) -> tuple[dict[str, bytes], int]:
        with noting(monkeypatch) as (now, used):
            now.setattr(table_ways, "LARGE", least)
            outcome = normalize(Options([source], tmp_path / f"out-{least}", "name"))
        assert outcome.rows == 2 * len(ROWS) + len(QUOTED) - 2
        return {each.name: each.read_bytes() for each in sorted(outcome.output.iterdir())}, len(used)

    (slow, none), (quick, all_of_them) = made_of(1 << 40), made_of(1)
    assert quick == slow
    assert [*quick] == ["a.csv", "b.csv", "c.csv"]
    assert (none, all_of_them) == (0, 3)
    (source / "b.csv").write_bytes(ODD["a quote in a cell"])
    (source / "c.csv").unlink()
    (source / "a.csv").write_bytes(PLAIN["quotes"])
    monkeypatch.setattr(table_ways, "LARGE", 1)
    targets = [tmp_path / "a.csv", tmp_path / "b.csv"]
    opened = groups_of(open_tables(sorted(source.iterdir()), None), True)
    assert table_ways.open_ways(opened, targets, tmp_path) is None


def test_a_row_of_another_width_is_told_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "in.csv"
    source.write_text("\n".join([*ROWS[:9], "9,x,CT", *ROWS[9:]]), encoding="utf-8")
    with pytest.raises(InputError, match="row 10: 3 cells"):
        made(tmp_path, [source], 0, monkeypatch)
    assert [each.name for each in tmp_path.iterdir()] == ["in.csv"]


def test_a_disk_that_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(PLAIN["utf-8"])

    def full(*arguments: Any, **named: Any) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(table_lines.Lines, "write", full)
    monkeypatch.setattr(table_ways, "LARGE", 0)
    with pytest.raises(InputError, match="the disk is full"):
        normalize(Options([source], tmp_path / "o.csv", "name"))
    assert not (tmp_path / "o.csv").exists()


def test_more_rows_than_the_memory_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are sorted on disk. With a tenth of the memory, a tenth of the ten million rows of a hospital group."""
    monkeypatch.setattr(table_lines, "MEMORY", "200MB")
    names, rows = 50, 1_000_000
    queries = [Query(f"胸部CT平扫({number})") for number in range(names)]
    source = tmp_path / "in.csv"
    with open(source, "w", encoding="utf-8", newline="") as file:
        file.write("name,no,much\n")
        file.writelines(f"{queries[at % names].name},{at},{'x' * 150}\n" for at in range(rows))
    lines = table_lines.open_lines(open_tables([source], None), tmp_path / "out.csv", tmp_path)
    assert isinstance(lines, table_lines.Lines)
    lines.choose(Columns(0, None, None))
    assert lines.write(tmp_path / "part", ("code",), queries, [(str(at),) for at in range(names)]) == rows
    with open(tmp_path / "part", encoding="utf-8", newline="") as file:
        assert next(file) == "name,no,much,code\n"
        for at, line in enumerate(file):
            assert line == f"{queries[at % names].name},{at},{'x' * 150},{at % names}\n"
    assert at == rows - 1


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file grows beyond `size` bytes."""
    found, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (found, most))


def test_a_full_disk_on_the_way_is_not_told_of_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are sorted in a folder of their own, and a file in GB18030 is there as UTF-8."""
    monkeypatch.setattr(table_lines, "MEMORY", "60MB")
    source, scratch, target = tmp_path / "in.csv", tmp_path / "scratch", tmp_path / "out.csv"
    scratch.mkdir()
    source.write_text("name,much\n" + f"胸部CT平扫,{'x' * 150}\n" * 500_000, encoding="utf-8")
    lines = table_lines.open_lines(open_tables([source], None), target, scratch)
    assert isinstance(lines, table_lines.Lines)
    lines.choose(Columns(0, None, None))
    fill = partial(lines.write, new_header=("code",), queries=[Query("胸部CT平扫")], cells=[("1",)])
    words = f"cannot be written to {scratch}: the disk is full; make room there"
    with full_disk(8_000_000), pytest.raises(InputError, match=words):
        write_whole(target, fill)
    opened = table_lines.Lines._open

    def little_room(each: table_lines.Lines) -> Any:
        database = opened(each)
        database.execute("SET max_temp_directory_size = '5MB'")  # by default what is free on the disk
        return database

    monkeypatch.setattr(table_lines.Lines, "_open", little_room)
    with pytest.raises(InputError, match=words):
        write_whole(target, fill)
    source.write_bytes(PLAIN["gb18030"])
    with full_disk(50_000), pytest.raises(InputError, match=words):
        table_lines.open_lines(open_tables([source], None), target, scratch, 0)
    assert not target.exists()


def test_a_file_that_grows_meanwhile_is_told(tmp_path: Path) -> None:
    """A name that came later has no answer, and its rows would be left out."""
    source = tmp_path / "in.csv"
    source.write_text("\n".join(ROWS), encoding="utf-8")
    lines = table_lines.open_lines(open_tables([source], None), tmp_path / "out.csv", tmp_path, 0)
    assert isinstance(lines, table_lines.Lines)
    work = lines.distinct(Columns(1, None, None))
    assert work is not None
    with open(source, "a", encoding="utf-8") as file:
        file.write("\n9,肘关节CT平扫,CT,院")
    with pytest.raises(InputError, match="was changed while it was read"):
        lines.write(tmp_path / "part", ("code",), work.queries, [("",)] * len(work.queries))
