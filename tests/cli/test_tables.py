"""Files in and out: cells come out as they went in, and what does not hold is told in one sentence."""

from __future__ import annotations

import csv
import io
import os
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent import bulk
from agent.columns import OUTPUT, Columns, choose
from agent.sheet import MAX_CELL, column_letters
from agent.table_lines import open_lines
from agent.tables import check_output, open_tables, write_table
from standard.errors import InputError

NEW = ("accepted", "20010100110000", "CT颅脑(平扫)", "0.9876", "clear: 句子", "3.8.2")

HOSTILE = [
    "",
    " ",
    " 左膝 ",
    "00123",
    "=1+1",
    "=cmd|' /C calc'!A0",
    "@SUM(A1)",
    "+平扫",
    "-复查",
    '胸部"CT"平扫',
    '"',
    "a\tb",
    "a,b",
    "a\nb",
    "a\r\nb",
    "a\rb",
    "\x00",
    "a\x00b\x01\x1f\x7f",
    "_x0041_",
    "_x005F_x0041_",
    "_x0041_x0042_",
    "\u202e胸部CT",
    "\u2028\u2029\x0b\x0c\x85",
    "\ufeff头颅",
    "\ufffe\uffff",
    "𠮷野家𝟙",
    "<b>&amp;</b>]]>",
    "NULL",
    "None",
    "NaN",
    "1e5",
    "TRUE",
    "2026-01-02",
    "胸" * 10_000,
]

# A cell that spells `_xFFFE_` is, in a workbook, the character itself: what reads it cannot tell them apart.
CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(lambda cell: "_xFFF" not in cell)
ROWS = st.lists(st.tuples(CELLS, CELLS), max_size=6)


def written(rows: Sequence[Sequence[str]], header: Sequence[str], path: Path) -> Path:
    """A csv or tsv file by Python's own writer, which quotes a cell with either line end."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="\t" if path.suffix == ".tsv" else ",", quoting=csv.QUOTE_ALL)
    writer.writerows([header, *rows])
    path.write_bytes(buffer.getvalue().encode("utf-8"))
    return path


def cells(path: Path) -> list[list[str]]:
    """Header and rows as the product's reader sees them."""
    (table,) = open_tables([path])
    return [list(table.header), *map(list, table.rows())]


def read(path: Path) -> None:
    """All of a file."""
    for table in open_tables([path]):
        list(table.rows())


def through(source: Path, target: Path) -> list[list[str]]:
    """What stands in the target after the rows of the source went there with the new columns."""
    tables = open_tables([source])
    count = sum(1 for _ in tables[0].rows())
    assert write_table(target, tables, OUTPUT, [NEW] * count) == count
    return cells(target)


@pytest.mark.parametrize("first", [".csv", ".tsv"])
@pytest.mark.parametrize("second", [".csv", ".tsv", ".xlsx", ".parquet"])
def test_hostile_cells_come_out_as_they_went_in(first: str, second: str, tmp_path: Path) -> None:
    rows = [[f"{number:03d}", cell] for number, cell in enumerate(HOSTILE)]
    found = through(written(rows, ["序号", "name"], tmp_path / f"in{first}"), tmp_path / f"out{second}")
    assert found == [["序号", "name", *OUTPUT], *([*row, *NEW] for row in rows)]


@pytest.mark.parametrize("second", [".csv", ".tsv", ".xlsx", ".parquet"])
@given(rows=ROWS)
@example(rows=[("", ""), ("x", "")])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_cells_round_trip(second: str, rows: list[tuple[str, str]], tmp_path: Path) -> None:
    """in -> OUT -> read again -> csv: the same cells at each step, through every kind of file."""
    source = written(rows, ["a", "b"], tmp_path / "in.csv")
    wanted = [["a", "b", *OUTPUT], *([*row, *NEW] for row in rows)]
    assert through(source, tmp_path / f"out{second}") == wanted
    (again,) = open_tables([tmp_path / f"out{second}"])
    write_table(tmp_path / "again.csv", [again], ("z",), [("1",)] * len(rows))
    with open(tmp_path / "again.csv", encoding="utf-8-sig", newline="") as file:
        assert [row[:-1] for row in csv.reader(file)] == wanted


def test_xlsx_has_text_cells_and_no_formula(tmp_path: Path) -> None:
    source = written([["=1+1", "007"], ["2026-01-02", "1e5"]], ["name", "id"], tmp_path / "in.csv")
    through(source, tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx").active
    assert sheet is not None
    assert [[cell.value for cell in row[:2]] for row in sheet.iter_rows(min_row=2)] == [
        ["=1+1", "007"],
        ["2026-01-02", "1e5"],
    ]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} == {"s"}
    with zipfile.ZipFile(tmp_path / "out.xlsx") as archive:
        assert b"<f" not in archive.read("xl/worksheets/sheet1.xml")


def test_same_rows_give_same_workbook(tmp_path: Path) -> None:
    source = written([["胸部CT", "1"]], ["name", "id"], tmp_path / "in.csv")
    through(source, tmp_path / "one.xlsx")
    through(source, tmp_path / "two.xlsx")
    assert (tmp_path / "one.xlsx").read_bytes() == (tmp_path / "two.xlsx").read_bytes()


def test_column_letters() -> None:
    assert [column_letters(index) for index in (0, 25, 26, 51, 52, 701, 702)] == [
        "A",
        "Z",
        "AA",
        "AZ",
        "BA",
        "ZZ",
        "AAA",
    ]


# -- encodings ---------------------------------------------------------------------------------------------------------

TEXT = "编号,检查名称\r\n01,头颅CT平扫\r\n02,左膝关节MR平扫\r\n"


@pytest.mark.parametrize(
    ("data", "marked"),
    [
        (TEXT.encode("utf-8"), False),
        (TEXT.encode("utf-8-sig"), True),
        (TEXT.encode("gb18030"), True),
        (TEXT.replace("头", "𠮷").encode("gb18030"), True),
        (TEXT.replace("\r\n", "\n").encode("gbk"), True),
    ],
    ids=["utf-8", "utf-8-bom", "gb18030", "gb18030-four-bytes", "gbk"],
)
def test_encodings(data: bytes, marked: bool, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(data)
    found = cells(path)
    assert found[0] == ["编号", "检查名称"]
    assert [row[0] for row in found[1:]] == ["01", "02"]
    assert found[2][1] == "左膝关节MR平扫"
    through(path, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes().startswith(b"\xef\xbb\xbf") == marked


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (TEXT.encode() + b"03,\xff\xfe\r\n", ["line 4", "0xff", "UTF-8"]),
        (TEXT.encode()[:-5] + b"\xe5\r\n", ["line 3", "0xe5", "UTF-8"]),
        (TEXT.encode("utf-8-sig") + b"03,\x80\n", ["line 4", "0x80", "UTF-8"]),
        (TEXT.encode("gb18030") + b"03,\xff\n", ["line 4", "0xff", "GB18030"]),
        (TEXT.encode("gb18030") + b"03,\xcd", ["line 4", "0xcd", "GB18030"]),
        (TEXT.encode() * 40_000 + TEXT.encode("gb18030"), ["line 120001", "UTF-8"]),
        (TEXT.encode("utf-16"), ["UTF-16", "save it as UTF-8"]),
    ],
    ids=["utf-8-end", "utf-8-cut", "bom-then-not", "gb18030", "gb18030-cut", "two-exports-joined", "utf-16"],
)
def test_bytes_that_do_not_decode(data: bytes, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(data)
    with pytest.raises(InputError) as error:
        open_tables([path])
    assert [word for word in [str(path), *words] if word not in error.value.en] == []


# -- what does not hold ------------------------------------------------------------------------------------------------


def workbook(**sheets: list[list[object]]) -> bytes:
    """An xlsx file by openpyxl."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


FAULTS: dict[str, tuple[str, bytes, list[str]]] = {
    "empty": ("in.csv", b"", ["is empty"]),
    "only a mark": ("in.csv", b"\xef\xbb\xbf", ["is empty"]),
    "only blank lines": ("in.tsv", b"\n\n\r\n", ["is empty"]),
    "ragged, short": ("in.csv", b"a,b\n1,2\n3\n", ["row 3", "1 cells", "has 2"]),
    "ragged, long": ("in.tsv", b"a\tb\n1\t2\t3\n", ["row 2", "3 cells"]),
    "quote never closed": ("in.csv", b'a,b\n1,"2\n3,4\n5,6\n', ["row 2", "quotes do not pair"]),
    "quote closed early": ("in.csv", b'a,b\n1,2\n"3"x,4\n', ["row 3", "quotes do not pair"]),
    "twice the same column": ("in.csv", b"a,b,a\n1,2,3\n", ["columns 1 and 3", "the name a"]),
    "two columns without a name": ("in.csv", b"a,,\n1,2,3\n", ["columns 2 and 3", "an empty name"]),
    "tabs in a csv": ("in.csv", b"name\tmodality\n1\t2\n", ["tabs", ".csv", "commas"]),
    "semicolons in a csv": ("in.csv", b"name;modality\n1;2\n", ["semicolons"]),
    "commas in a tsv": ("in.tsv", b"name,modality\n1,2\n", ["commas", "tabs"]),
    "unknown ending": ("in.txt", b"name\n1\n", ["unknown kind of file .txt", ".parquet"]),
    "old Excel": ("in.xls", b"\xd0\xcf\x11\xe0", [".xls", "Save it as .xlsx"]),
    "no ending": ("in", b"name\n1\n", ["no ending"]),
    "xlsx that is text": ("in.xlsx", b"name\n1\n", ["not a readable xlsx"]),
    "xlsx cut short": ("in.xlsx", workbook(a=[["name"], ["x"]])[:-200], ["not a readable xlsx"]),
    "xlsx empty": ("in.xlsx", workbook(a=[]), ["is empty"]),
    "xlsx with two sheets": ("in.xlsx", workbook(a=[["name"]], b=[["name"]]), ["2 sheets", "a, b", "--sheet"]),
    "parquet that is text": ("in.parquet", b"name\n1\n", ["not a readable parquet"]),
}


@pytest.mark.parametrize(("name", "data", "words"), FAULTS.values(), ids=FAULTS)
def test_faulty_file_is_told_in_one_sentence(name: str, data: bytes, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError) as error:
        read(path)
    assert [word for word in [str(path), *words] if word not in error.value.en] == []
    assert str(path) in error.value.zh
    assert "\n" not in error.value.en + error.value.zh


def test_zip_that_is_no_workbook(tmp_path: Path) -> None:
    path = tmp_path / "in.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputError, match="not a readable xlsx") as error:
        open_tables([path])
    assert (
        "zip" not in (error.value.zh + error.value.en).replace(str(path), "").lower()
    )  # what a parser says is for nobody here


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        open_tables([tmp_path / "none.csv"])
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        open_tables([tmp_path / "folder.csv"])


def test_files_with_different_columns(tmp_path: Path) -> None:
    one = written([], ["name", "id"], tmp_path / "one.csv")
    two = written([], ["id", "name"], tmp_path / "two.csv")
    with pytest.raises(InputError, match="same columns in the same order"):
        open_tables([one, two])


def test_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    path = written([["1", "2"]], ["a", "b"], tmp_path / "in.csv")
    (table,) = open_tables([path])
    written([["1", "2"], ["3", "4"]], ["a", "b"], path)
    with pytest.raises(InputError, match="was changed while it was read"):
        list(table.rows())


# -- workbooks of others -----------------------------------------------------------------------------------------------


def test_workbook_of_others(tmp_path: Path) -> None:
    """Numbers and dates by their value; a formula by the value it has, else as text; the one filled sheet."""
    import datetime

    path = tmp_path / "in.xlsx"
    path.write_bytes(
        workbook(
            note=[],
            data=[
                ["name", "n", "d", "b", ""],
                ["胸部CT", 12, datetime.datetime(2026, 1, 31, 8, 30), True, None],
                ["=cmd|' /C calc'!A0", 0.5, datetime.datetime(2026, 1, 31), False, None],
                [None, 20040100110000, None, None, None],
                ["", "", "", "", ""],
            ],
        )
    )
    assert cells(path) == [
        ["name", "n", "d", "b"],
        ["胸部CT", "12", "2026-01-31 08:30:00", "TRUE"],
        ["=cmd|' /C calc'!A0", "0.5", "2026-01-31", "FALSE"],
        ["", "20040100110000", "", ""],
    ]
    (table,) = open_tables([path])
    assert "numbers or dates" in table.notes[0][1]


def test_sheet_by_name(tmp_path: Path) -> None:
    path = tmp_path / "in.xlsx"
    path.write_bytes(workbook(a=[["x"], ["1"]], b=[["name"], ["胸部CT"]]))
    (table,) = open_tables([path], sheet="b")
    assert (table.header, list(table.rows())) == (("name",), [("胸部CT",)])
    with pytest.raises(InputError, match="has no sheet c; it has a, b"):
        open_tables([path], sheet="c")


def test_cell_too_long_for_xlsx(tmp_path: Path) -> None:
    source = written([["x", "y"], ["𠮷" * (MAX_CELL // 2 + 1), "y"]], ["name", "id"], tmp_path / "in.csv")
    with pytest.raises(InputError, match=r"Row 3, column name: .* \.csv or \.parquet"):
        through(source, tmp_path / "out.xlsx")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.csv"]


# -- parquet -----------------------------------------------------------------------------------------------------------


def test_parquet_keeps_types(tmp_path: Path) -> None:
    frame = pl.DataFrame({"name": ["胸部CT", None], "n": [1, None], "tags": [["a"], []], "f": [0.5, 1.0]})
    frame.write_parquet(tmp_path / "in.parquet")
    tables = open_tables([tmp_path / "in.parquet"])
    assert list(tables[0].cells([0, 1])) == [("胸部CT", "1"), ("", "")]
    write_table(tmp_path / "out.parquet", tables, OUTPUT, [NEW, NEW])
    found = pl.read_parquet(tmp_path / "out.parquet")
    assert found.select(frame.columns).equals(frame)
    assert found.columns == [*frame.columns, *OUTPUT]
    assert found.row(0)[4:] == NEW
    with pytest.raises(InputError, match=r"the column tags \(type List.*cannot be written as text"):
        write_table(tmp_path / "out.csv", tables, OUTPUT, [NEW, NEW])
    assert not (tmp_path / "out.csv").exists()


def test_parquet_is_joined_by_columns(tmp_path: Path) -> None:
    """As by rows: the same cells in the same order, types kept, also over several files and with an empty cell."""
    one = pl.DataFrame(
        {"name": ["胸部CT", None, "胸部CT", "x"], "n": [1, None, 3, 4], "modality": ["CT", "", "CT", None]}
    )
    two = pl.DataFrame({"name": ["x", "头颅CT"], "n": [5, 6], "modality": [None, "CT"]})
    for number, frame in enumerate((one, two)):
        frame.write_parquet(tmp_path / f"{number}.parquet")
    opened = open_tables([tmp_path / "0.parquet", tmp_path / "1.parquet"])
    lines = open_lines(opened, tmp_path / "out.parquet", tmp_path)
    assert lines is not None
    columns = Columns(0, 2, None)
    found = lines.distinct(columns)
    assert found is not None
    work = bulk.distinct(opened, columns)
    assert found == work
    cells = {query: [f"{at}{name}" for name in OUTPUT] for at, query in enumerate(found.queries)}
    assert lines.write(tmp_path / "out.parquet", OUTPUT, found.queries, list(cells.values())) == 6
    by_rows = [cells[query] for table in opened for query in bulk.queries_of(table, columns)]
    write_table(tmp_path / "rows.parquet", opened, OUTPUT, by_rows)
    assert pl.read_parquet(tmp_path / "out.parquet").equals(pl.read_parquet(tmp_path / "rows.parquet"))
    assert lines.distinct(columns._replace(exams=1)) is None  # an empty cell is no count
    counted = open_lines(opened[1:], tmp_path / "out.parquet", tmp_path)
    assert counted is not None
    assert counted.distinct(columns._replace(exams=1)) == bulk.distinct(opened[1:], columns._replace(exams=1))
    mixed = [*opened, *open_tables([written([], ["name"], tmp_path / "c.csv")])]
    assert open_lines(mixed, tmp_path / "o.parquet", tmp_path) is None


# -- where it is written -----------------------------------------------------------------------------------------------


def test_output_that_cannot_be(tmp_path: Path) -> None:
    source = written([], ["name"], tmp_path / "in.csv")
    link = tmp_path / "link.csv"
    link.symlink_to(source)
    hard = tmp_path / "hard.csv"
    hard.hardlink_to(source)
    for same in (source, link, hard, tmp_path / "." / "in.csv"):
        with pytest.raises(InputError, match="is an input file"):
            check_output(same, [source])
    with pytest.raises(InputError, match="does not exist; make it first"):
        check_output(tmp_path / "none" / "out.csv", [source])
    (tmp_path / "dir.csv").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        check_output(tmp_path / "dir.csv", [source])
    with pytest.raises(InputError, match=r"unknown kind of file \.json"):
        check_output(tmp_path / "out.json", [source])


def test_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    source = written([["1"], ["2"]], ["name"], tmp_path / "in.csv")
    target = tmp_path / "out.csv"
    target.write_text("old")

    def cells_that_fail() -> Iterator[Sequence[str]]:
        yield NEW
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        write_table(target, open_tables([source]), OUTPUT, cells_that_fail())
    assert target.read_text() == "old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.csv", "out.csv"]


@pytest.mark.skipif(sys.platform != "linux", reason="files without a name are Linux's")
def test_nothing_is_seen_while_it_is_written(tmp_path: Path) -> None:
    """On Linux not even a killed process leaves a file behind: until it is whole it has no name."""
    source = written([["1"], ["2"]], ["name"], tmp_path / "in.csv")
    seen = []

    def cells_that_look() -> Iterator[Sequence[str]]:
        for _ in range(2):
            seen.append(sorted(each.name for each in tmp_path.iterdir()))
            yield NEW

    assert write_table(tmp_path / "out.csv", open_tables([source]), OUTPUT, cells_that_look()) == 2
    assert seen == [["in.csv"]] * 2


@pytest.mark.parametrize("ending", [".csv", ".xlsx", ".parquet"])
def test_a_file_system_without_nameless_files(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")
    source = written([["1"]], ["name"], tmp_path / "in.csv")
    target = tmp_path / f"out{ending}"
    target.write_text("old")
    assert through(source, target) == [["name", *OUTPUT], ["1", *NEW]]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.csv", target.name]


def test_new_file_has_ordinary_permissions_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    source = written([["1"]], ["name"], tmp_path / "in.csv")
    mask = os.umask(0o027)
    try:
        through(source, tmp_path / "new.csv")
        old = tmp_path / "old.csv"
        old.write_text("old")
        old.chmod(0o600)
        through(source, old)
    finally:
        os.umask(mask)
    assert (tmp_path / "new.csv").stat().st_mode & 0o777 == 0o640
    assert old.stat().st_mode & 0o777 == 0o600


# -- which column ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (["whatever"], (0, None, None)),
        (["id", "name"], (1, None, None)),
        (["序号", "检查类型", "检查项目名称", "医院"], (2, 1, 3)),
        (["modality", " Name ", "institution"], (1, 0, 2)),
        (["name", "modality", "检查类型"], (0, None, None)),
    ],
)
def test_columns_by_header(header: list[str], wanted: tuple[int, int | None, int | None]) -> None:
    assert choose(header, "f") == Columns(*wanted)  # a column of counts is only looked for where it is asked for


@pytest.mark.parametrize(
    ("header", "options", "words"),
    [
        (["a", "b"], {}, "which column is the exam's name? It has a, b; say which with --name-column"),
        (["name", "检查项目"], {}, "name, 检查项目 may each be the exam's name"),
        (["exam_nmae", "b"], {"name": "exam_name"}, "Did you mean exam_nmae?"),
        (["a", "b"], {"name": "zzzz"}, "it has a, b. Use one of them."),
        (["name", "b"], {"modality": "name"}, "one column is used for two things"),
        (["name", "b"], {"institution": "c"}, "no column c (--institution-column)"),
        (["name", "yingma_route"], {}, "already has the column yingma_route"),
    ],
)
def test_columns_that_do_not_hold(header: list[str], options: dict[str, str], words: str) -> None:
    with pytest.raises(InputError) as error:
        choose(header, "f", **options)
    assert words in error.value.en
