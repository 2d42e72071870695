"""Writing an xlsx workbook of text cells, row by row.

Every cell is an inline string (`t="inlineStr"`), so a program shows `=1+1`, `00123` or a date as it was written. What
XML cannot hold goes as `_xHHHH_`, as ECMA-376 part 1, 22.9.2.19 (ST_Xstring) says; text that itself looks so has its
underscore escaped. The same rows give the same bytes.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from standard.errors import InputError

# Excel's specifications and limits.
MAX_ROWS, MAX_COLUMNS, MAX_CELL = 1_048_576, 16_384, 32_767

_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_ESCAPE_LIKE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"

_PARTS = {
    "[Content_Types].xml": f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="yingma" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


def write_workbook(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """The workbook; gives the number of rows after the header. InputError for more than a sheet holds."""
    if len(header) > MAX_COLUMNS:
        raise InputError(
            f"结果有 {len(header)} 列，xlsx 最多 {MAX_COLUMNS} 列；请把输出改为 .csv 或 .parquet。",
            f"The result has {len(header)} columns, xlsx holds {MAX_COLUMNS}; let the output be .csv or .parquet.",
        )
    letters = [column_letters(index) for index in range(len(header))]
    number = 1
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in _PARTS.items():
            archive.writestr(_entry(name), text)
        with archive.open(_entry("xl/worksheets/sheet1.xml"), "w", force_zip64=True) as sheet:
            sheet.write(f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
            sheet.write(_row(1, header, letters, header))
            for number, row in enumerate(rows, 2):
                if number > MAX_ROWS:
                    raise InputError(
                        f"结果超过 {MAX_ROWS} 行，xlsx 放不下；请把输出改为 .csv 或 .parquet。",
                        f"The result has more than the {MAX_ROWS} rows that xlsx holds; let the output be .csv or "
                        ".parquet.",
                    )
                sheet.write(_row(number, row, letters, header))
            sheet.write(b"</sheetData></worksheet>")
    return number - 1


def column_letters(index: int) -> str:
    """A, B, … Z, AA, …"""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _entry(name: str) -> zipfile.ZipInfo:
    """An entry without the time of day."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _row(number: int, cells: Sequence[str], letters: Sequence[str], header: Sequence[str]) -> bytes:
    """One row as XML."""
    written = []
    for letter, cell, column in zip(letters, cells, header, strict=True):
        if not cell:
            continue
        if len(cell) > MAX_CELL // 2 and len(cell.encode("utf-16-le")) // 2 > MAX_CELL:
            raise InputError(
                f"第 {number} 行列 {column} 有 {len(cell)} 个字符，xlsx 的单元格最多 {MAX_CELL} 个；"
                "请把输出改为 .csv 或 .parquet。",
                f"Row {number}, column {column}: {len(cell)} characters, a cell of xlsx holds {MAX_CELL}; let the "
                "output be .csv or .parquet.",
            )
        text = escape(_safe(cell))
        written.append(f'<c r="{letter}{number}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>')
    return f'<row r="{number}">{"".join(written)}</row>'.encode()


def _safe(text: str) -> str:
    """Text that XML can hold and from which a reader makes the same text again."""
    if "_x" in text:
        text = _ESCAPE_LIKE.sub("_x005F_", text)
    return _HIDDEN.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
