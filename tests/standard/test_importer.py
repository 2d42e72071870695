"""The importer: the publisher's workbooks become the shipped editions, and a faulty one becomes a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from standard import encode, load_edition
from standard.catalogue import edition_ids
from standard.diff import compare
from standard.errors import InputError
from standard.importer import ImportReport, import_workbook, newest_version

HEADER = ["模态", "一级编码", "一级部位", "二级编码", "二级部位", "三级编码", "三级部位", "项目编码", "项目标准名"]
HEADER += ["扫描编码", "扫描方式", "后处理编码", "后处理", "版本号"]
HEAD = ["CT", "01", "头部", "0101", "颅脑", "010100", "颅脑"]
PLAIN = [*HEAD, "20010100110000", "* CT颅脑(平扫)", 11, "平扫", "00", "-", "V9.0"]
BOTH = [*HEAD, "20010100111100", "* CT颅脑(平扫+三维重建)", 11, "平扫", 11, "三维重建", "V9.0"]
NECK = [
    "DR",
    "03",
    "脊柱",
    "0302",
    "颈椎",
    "030202",
    "颈椎",
    "40030202000100",
    "* DR颈椎正位",
    "00",
    "-",
    "01",
    "正位",
    "V9.0",
]


def changed(row: list[Any], **cells: Any) -> list[Any]:
    """A row with some cells changed, by header."""
    return [cells.get(header, cell) for header, cell in zip(HEADER, row, strict=True)]


def workbook(path: Path, *rows: list[Any], header: list[str] | None = None) -> Path:
    """A workbook with these rows in a sheet as the publisher's."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "汇总"
    for row in [header or HEADER, *rows]:
        sheet.append(row)
    file = path / "list.xlsx"
    book.save(file)
    return file


def kinds(report: ImportReport) -> set[tuple[str, str]]:
    """Severity and kind of all findings."""
    return {(each.severity, each.kind) for each in report.findings}


@pytest.mark.parametrize(
    ("prefix", "edition_id", "shipped", "items"),
    [
        ("基础版本", "radiology-3.8.2", "radiology-3.8.2", 1367),
        ("超声标准", "ultrasound-1.1", "ultrasound-1.1", 443),
        ("核医学标准:", "nuclear-2.0", "nuclear-2.0", 72),
        ("核医学标准-", "nuclear-1.1", "nuclear-2.0", 24),
    ],
)
def test_the_publishers_workbooks(
    prefix: str, edition_id: str, shipped: str, items: int, shared: Path, tmp_path: Path
) -> None:
    (file,) = [each for each in (shared / "standard").glob("*.xlsx") if each.name.startswith(prefix)]
    report = import_workbook(file, tmp_path)
    assert report.imported
    assert report.faults == ()
    assert (report.edition, report.items) == (edition_id, items)
    edition = load_edition(tmp_path / edition_id)
    result = compare(edition, load_edition(shipped))
    assert result.counts["same"] == items
    assert result.counts["removed"] == result.counts["renamed"] == result.counts["recoded"] == 0
    assert result.counts["elements_removed"] == result.counts["elements_renamed"] == 0
    assert {code: item.elements for code, item in edition.items.items()} == {
        code: item.elements for code, item in load_edition(shipped).items.items() if code in edition.items
    }
    assert ("note", "name") not in kinds(report)
    assert [each.name for each in tmp_path.iterdir()] == [edition_id]


def test_what_differs_in_the_publishers_workbooks_is_told(shared: Path, tmp_path: Path) -> None:
    found = {}
    for file in (shared / "standard").glob("*.xlsx"):
        report = import_workbook(file, tmp_path / file.stem)
        found[report.edition] = [(each.row, each.value) for each in report.findings if each.kind == "column"]
    assert found == {
        "radiology-3.8.2": [(1364, "0731")],
        "ultrasound-1.1": [(row, "07") for row in (238, 239, 240, 241, 242, 310, 311, 312, 313)],
        "nuclear-2.0": [],
        "nuclear-1.1": [],
    }


def test_a_small_workbook(tmp_path: Path) -> None:
    report = import_workbook(workbook(tmp_path, PLAIN, BOTH, NECK), tmp_path / "home")
    assert report.findings == ()
    assert report.folder == tmp_path / "home" / "radiology-9.0"
    edition = load_edition(tmp_path / "home" / "radiology-9.0")
    assert {code: item.name for code, item in edition.items.items()} == {
        "20010100110000": "CT颅脑(平扫)",
        "20010100111100": "CT颅脑(平扫+三维重建)",
        "40030202000100": "DR颈椎正位",
    }
    assert (edition.version, edition.title_en.endswith("V9.0")) == ("V9.0", True)
    assert encode(edition, "CT", {"part3": "010100", "scan": "11", "device": "22"}) == "22010100110000"
    assert report.to_dict()["imported"] is True


def test_it_is_found_by_its_id_in_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINGMA_HOME", str(tmp_path / "home"))
    assert import_workbook(workbook(tmp_path, PLAIN)).imported
    assert "radiology-9.0" in edition_ids()
    assert len(load_edition("radiology-9.0").items) == 1


# What is wrong, the rows, the kind of the fault, its row and the column it names.
CODE, NAME, SCAN = "项目编码", "项目标准名", "扫描编码"
NEW_SCAN = changed(PLAIN, 项目编码="200101004z0000", 扫描编码="4z", 扫描方式="新法")
NEW_PART = changed(PLAIN, 项目编码="20017700110000", 二级编码="0177", 三级编码="017700")
FAULTS: list[tuple[str, list[list[Any]], str, int, str]] = [
    ("code twice", [PLAIN, changed(BOTH, 项目编码="20010100110000")], "duplicate-code", 3, CODE),
    ("row twice", [PLAIN, PLAIN], "duplicate-code", 3, CODE),
    ("name twice", [PLAIN, changed(BOTH, 项目标准名="* CT颅脑(平扫)")], "duplicate-name", 3, NAME),
    ("zero lost in the code", [changed(PLAIN, 项目编码="2001010011000")], "length", 2, CODE),
    ("zero lost in a number", [changed(PLAIN, 项目编码=2010100110000)], "length", 2, CODE),
    ("no code", [changed(PLAIN, 项目编码=None)], "empty", 2, CODE),
    ("no name", [changed(PLAIN, 项目标准名="* ")], "name", 2, NAME),
    ("letter l", [changed(PLAIN, 项目编码="2001010011l000")], "characters", 2, CODE),
    ("letter O", [changed(PLAIN, 项目编码="2001010011O000")], "characters", 2, CODE),
    ("unknown device", [changed(PLAIN, 项目编码="99010100110000")], "device", 2, CODE),
    ("other modality", [changed(PLAIN, 模态="MR")], "modality", 2, "模态"),
    ("line break", [changed(PLAIN, 三级部位="颅\n脑")], "unprintable", 2, "三级部位"),
    ("tab", [changed(PLAIN, 项目标准名="* CT颅脑\t(平扫)")], "unprintable", 2, NAME),
    ("own item", [changed(PLAIN, 项目编码="20010100110001")], "addition", 2, CODE),
    ("unknown scan", [changed(PLAIN, 项目编码="20010100990000", 扫描编码=99)], "unknown-element", 2, "扫描编码"),
    ("unknown scan in the code", [changed(PLAIN, 项目编码="20010100990000")], "unknown-element", 2, "扫描编码"),
    ("new scan", [NEW_SCAN], "unknown-element", 2, SCAN),
    ("unknown part", [NEW_PART], "unknown-element", 2, "二级编码"),
    ("code against columns and name", [changed(PLAIN, 项目编码="20010100210000")], "contradiction", 2, "扫描编码"),
    ("code without a post that column and name have", [changed(BOTH, 项目编码="20010100110000")], "contradiction", 2,
     "后处理编码"),
    ("one element, two names", [PLAIN, changed(BOTH, 扫描方式="平扫描")], "two-names", 3, "扫描方式"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "kind", "row", "column"), [each[1:] for each in FAULTS], ids=[e[0] for e in FAULTS])
def test_a_fault_is_reported_and_nothing_written(
    rows: list[list[Any]], kind: str, row: int, column: str, tmp_path: Path
) -> None:
    report = import_workbook(workbook(tmp_path, *rows), tmp_path / "home")
    assert not report.imported
    found = next(each for each in report.faults if each.kind == kind)
    assert (found.sheet, found.row, found.column) == ("汇总", row, column)
    assert found.zh
    assert found.en
    assert not (tmp_path / "home").exists()
    assert report.to_dict()["folder"] is None
    assert {each.row for each in report.findings} == {row}  # nothing else is said of other rows


def test_a_fault_is_told_once(tmp_path: Path) -> None:
    report = import_workbook(workbook(tmp_path, changed(PLAIN, 项目编码="20010100990000")), tmp_path / "home")
    assert kinds(report) == {("fault", "unknown-element")}


def test_faults_in_an_ultrasound_list(tmp_path: Path) -> None:
    header = [
        "序号",
        "一级编码",
        "一级系统",
        "二级编码",
        "二级部位",
        "项目编码",
        "项目标准名",
        "操作方式编码",
        "操作方式",
    ]
    header += ["细分项目编码", "细分项目", "扫描编码", "扫描方式", "模态编码", "模态", "项目入库版本", "当前版本"]
    good = ["1", "U1", "浅表小器官", "01", "甲状腺", "50U101000C0000", "*甲状腺常规超声检查", "0", "-", "00", "-"]
    good += ["C0", "常规", "50", "US", "V1.2", "V1.2"]
    zero: list[Any] = [*good]
    zero[3], zero[9] = 1, 0
    assert kinds(import_workbook(workbook(tmp_path, zero, header=header), tmp_path / "home")) == {
        ("mended", "missing-zero")
    }
    bad, own = [*good], [*good]
    bad[5], bad[6], bad[11], bad[12] = "50U101000C9000", "*甲状腺弹力超声检查", "C9", "弹力"
    own[5], own[6] = "50U101000C0001", "*甲状腺常规超声检查-甲"
    report = import_workbook(workbook(tmp_path, good, bad, own, header=header), tmp_path / "other")
    assert [(each.kind, each.row) for each in report.faults] == [("addition", 4), ("unknown-element", 3)]
    assert not (tmp_path / "other").exists()


def test_all_faults_are_reported_at_once(tmp_path: Path) -> None:
    rows = [
        PLAIN,
        PLAIN,
        changed(BOTH, 项目编码="2001010011110"),
        changed(NECK, 项目编码="40030202008800", 后处理编码="88"),
    ]
    report = import_workbook(workbook(tmp_path, *rows), tmp_path / "home")
    assert {each.kind for each in report.faults} == {"duplicate-code", "duplicate-name", "length", "unknown-element"}


def test_new_elements_are_taken_in_when_allowed(tmp_path: Path) -> None:
    new = changed(PLAIN, 项目编码="200101001z0000", 项目标准名="* CT颅脑(光子扫描)", 扫描编码="1z", 扫描方式="光子扫描")
    file = workbook(tmp_path, PLAIN, new)
    assert not import_workbook(file, tmp_path / "home").imported
    report = import_workbook(file, tmp_path / "home", new_elements=True)
    assert kinds(report) == {("note", "new-element")}
    edition = load_edition(tmp_path / "home" / "radiology-9.0")
    element = edition.element("scan", "CT", "1z")
    assert element is not None
    assert (element.name, element.bracket, element.group) == ("光子扫描", True, "平扫")
    assert edition.items["200101001z0000"].name == "CT颅脑(光子扫描)"


def test_an_element_without_a_name_is_never_new(tmp_path: Path) -> None:
    rows = [changed(PLAIN, 项目编码="20010100990000", 扫描编码=99, 扫描方式="-")]
    report = import_workbook(workbook(tmp_path, *rows), tmp_path / "home", new_elements=True)
    assert [each.kind for each in report.faults] == ["unknown-element"]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (changed(PLAIN, 一级编码=1), ("mended", "missing-zero")),
        (changed(PLAIN, 二级编码="101", 三级编码=10100), ("mended", "missing-zero")),
        (changed(PLAIN, 二级编码="0102"), ("note", "column")),
        (changed(PLAIN, 项目标准名="CT颅脑(平扫)"), ("note", "mark")),
        (changed(PLAIN, 项目标准名="* CT头颅平扫"), ("note", "name")),
        (changed(PLAIN, 扫描方式="普通扫描", 项目标准名="* CT颅脑(普通扫描)"), ("note", "renamed-element")),
    ],
)
def test_what_can_be_mended_is_imported_and_told(row: list[Any], kind: tuple[str, str], tmp_path: Path) -> None:
    report = import_workbook(workbook(tmp_path, row), tmp_path / "home")
    assert report.imported
    assert kinds(report) == {kind}
    item = load_edition(tmp_path / "home" / "radiology-9.0").items["20010100110000"]
    assert item.slots["part2"] == "0101"
    assert item.name == str(row[HEADER.index("项目标准名")]).removeprefix("* ")


def test_numbers_blank_rows_and_blanks_are_no_fault(tmp_path: Path) -> None:
    numbers = changed(PLAIN, 项目编码=20010100110000, 扫描编码=11.0, 后处理编码=None, 一级部位=" 头部 ")
    blank: list[Any] = [None] * len(HEADER)
    report = import_workbook(workbook(tmp_path, blank, numbers, blank), tmp_path / "home")
    assert (report.imported, report.items, report.findings) == (True, 1, ())


def test_another_id_and_an_edition_that_is_there(tmp_path: Path) -> None:
    file = workbook(tmp_path, PLAIN)
    assert import_workbook(file, tmp_path / "home", edition_id="radiology-own").edition == "radiology-own"
    before = sorted((tmp_path / "home").rglob("*"))
    with pytest.raises(InputError, match="there already"):
        import_workbook(file, tmp_path / "home", edition_id="radiology-own")
    assert sorted((tmp_path / "home").rglob("*")) == before


@pytest.mark.parametrize("edition_id", ["own", "radiology-", "nuclear-9", "radiology-../x", "radiology-9/0"])
def test_an_id_that_does_not_hold(edition_id: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not hold"):
        import_workbook(workbook(tmp_path, PLAIN), tmp_path / "home", edition_id=edition_id)
    assert not (tmp_path / "home").exists()


def test_files_that_are_no_such_workbook(tmp_path: Path) -> None:
    text = tmp_path / "text.xlsx"
    text.write_text("模态,项目编码\n", encoding="utf-8")
    (tmp_path / "short").mkdir()
    for file, word in (
        (tmp_path / "none.xlsx", "no file"),
        (text, "no workbook"),
        (workbook(tmp_path / "short", PLAIN[:9], header=HEADER[:9]), "has the columns"),
        (workbook(tmp_path), "no items"),
    ):
        with pytest.raises(InputError) as caught:
            import_workbook(file, tmp_path / "home")
        assert word in caught.value.en
        assert not (tmp_path / "home").exists()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file, no folder", encoding="utf-8")
    with pytest.raises(InputError, match="Cannot write"):
        import_workbook(workbook(tmp_path, PLAIN), tmp_path / "home")


def test_the_newest_version() -> None:
    assert newest_version(["V3.8", "V3.10", "V3.8.2", ""]) == "V3.10"
    assert newest_version(["", "draft"]) == ""
