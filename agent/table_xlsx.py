"""Reading xlsx: one sheet, each cell as text.

Text cells come as they are, also with the characters that XML cannot hold, which workbooks write as `_x0001_`. Numbers
and dates have no text of their own in a workbook; they are written plainly (12, 0.5, 2026-01-31 08:30:00). A cell with
a formula gives the value the workbook holds for it, and where it holds none, the formula as text.
"""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import python_calamine as calamine

from agent.tables import empty, pick
from standard.errors import InputError


@dataclass(frozen=True)
class SheetTable:
    """One sheet of a workbook."""

    path: Path
    header: tuple[str, ...]
    body: list[tuple[str, ...]]
    notes: tuple[tuple[str, str], ...]
    byte_order_mark: bool = True

    @classmethod
    def open(cls, path: Path, sheet: str | None) -> SheetTable:
        """The sheet named, else the only one that holds anything. InputError where there is none, or several."""
        try:
            with calamine.CalamineWorkbook.from_path(str(path)) as book:
                found = _choose(path, book, sheet)
                values = found.to_python(skip_empty_area=False)
                name = found.name
        except calamine.PasswordError as error:
            raise InputError(
                f"{path} 有密码；请去掉密码后另存。", f"{path} has a password; save a copy without it."
            ) from error
        except (calamine.CalamineError, OSError, ValueError) as error:
            raise _broken(path) from error
        rows, plain = _texts(values)
        _fill_formulas(path, name, rows)
        rows = _trimmed(rows)
        if not rows:
            raise empty(path)
        notes = []
        if plain:
            notes.append(
                (
                    f"{path} 有 {plain} 个数字或日期单元格，按其值写为文本。",
                    f"{path}: {plain} cells are numbers or dates, written as text by their value.",
                )
            )
        return cls(path, rows[0], rows[1:], tuple(notes))

    def rows(self) -> Iterator[Sequence[str]]:
        """The rows after the header."""
        return iter(self.body)

    def cells(self, indices: Sequence[int]) -> Iterator[tuple[str, ...]]:
        """Some cells of each row."""
        return pick(self.rows(), indices)


def _broken(path: Path) -> InputError:
    """Without what the parser said of it, which is about archives and in one language."""
    return InputError(
        f"{path} 不是可读的 xlsx 文件：是别的格式，或已损坏、不完整；请在表格软件中打开并另存为 .xlsx。",
        f"{path} is not a readable xlsx file: it has another format, or is damaged or cut short; open it in a "
        "spreadsheet program and save it as .xlsx.",
    )


def _choose(path: Path, book: calamine.CalamineWorkbook, wanted: str | None) -> calamine.CalamineSheet:
    """The sheet asked for, or the only visible one with cells."""
    if wanted is not None:
        if wanted not in book.sheet_names:
            raise InputError(
                f"{path} 没有工作表 {wanted}；有：{'、'.join(book.sheet_names)}。",
                f"{path} has no sheet {wanted}; it has {', '.join(book.sheet_names)}.",
            )
        return book.get_sheet_by_name(wanted)
    visible = [
        each.name
        for each in book.sheets_metadata
        if each.visible == calamine.SheetVisibleEnum.Visible and each.typ == calamine.SheetTypeEnum.WorkSheet
    ]
    filled = [sheet for sheet in map(book.get_sheet_by_name, visible) if sheet.height]
    if not filled:
        raise empty(path)
    if len(filled) > 1:
        names = [sheet.name for sheet in filled]
        raise InputError(
            f"{path} 有 {len(names)} 个有内容的工作表（{'、'.join(names)}）；请用 --sheet 指定一个，以免漏读。",
            f"{path} has {len(names)} sheets with content ({', '.join(names)}); say which with --sheet, "
            "so that none is left out unseen.",
        )
    return filled[0]


def _texts(values: list[list[Any]]) -> tuple[list[tuple[str, ...]], int]:
    """The cells as text, and how many were no text."""
    plain = 0
    rows = []
    for row in values:
        cells = []
        for value in row:
            if isinstance(value, str):
                cells.append(_noncharacters(value) if "_xFFF" in value else value)
            else:
                plain += 1
                cells.append(_plain(value))
        rows.append(tuple(cells))
    return rows, plain


def _noncharacters(text: str) -> str:
    """Text with the two non-characters that XML cannot hold and calamine, which decodes up to `_x00FF_`, leaves.
    A cell that spells them (`_xFFFE_`) becomes the character, too: calamine gives both alike."""
    return text.replace("_xFFFE_", "\ufffe").replace("_xFFFF_", "\uffff")


def _plain(value: Any) -> str:
    """A value that is no text, written plainly."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def _fill_formulas(path: Path, sheet: str, rows: list[tuple[str, ...]]) -> None:
    """Put the formula, as text, where a formula has no stored value."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
            if not any(b"<f>" in data or b"<f " in data for data in map(archive.read, parts)):
                return
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _broken(path) from error
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True)
    try:
        for number, row in enumerate(book[sheet].iter_rows()):
            for cell in row:
                if cell.data_type != "f" or cell.value is None:
                    continue
                column = cell.column - 1
                if number < len(rows) and column < len(rows[number]) and rows[number][column] == "":
                    formula = str(getattr(cell.value, "text", cell.value))
                    rows[number] = (*rows[number][:column], formula, *rows[number][column + 1 :])
    finally:
        book.close()


def _trimmed(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Without the empty rows at the end and the columns at the right that are empty throughout."""
    while rows and not any(rows[-1]):
        rows.pop()
    width = max((index + 1 for row in rows for index, cell in enumerate(row) if cell), default=0)
    return [row[:width] for row in rows] if rows and len(rows[0]) != width else rows
