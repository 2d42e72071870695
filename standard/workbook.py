"""Reads a publisher's workbook: which sheets hold items, and each row as text by the meaning of its column.

What columns mean is data (data/workbooks.toml). Cells become text: spreadsheets store codes partly as numbers, so 11.0
is `11`; whether a zero was lost on the way is judged later, against the item's own code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from standard.errors import InputError
from standard.layout import Family

SPECIFICATION = Path(__file__).parent / "data" / "workbooks.toml"


class SheetSpec(BaseModel):
    """What the columns of one kind of sheet mean."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    id: str = Field(description="Name of the kind.")
    family: Family = Field(description="Family of the editions that its items belong to.")
    code: str = Field(description="Header of the column with the item's code.")
    name: str = Field(description="Header of the column with the item's standard name.")
    modality: str = Field(description="Header of the column with the modality.")
    version: str = Field(description="Header of the column with the version of the edition.")
    elements: dict[str, list[str]] = Field(description="By slot: headers of the element's code and of its name.")

    @property
    def columns(self) -> set[str]:
        """All headers that the sheet must have."""
        named = {header for pair in self.elements.values() for header in pair}
        return named | {self.code, self.name, self.modality, self.version}


class FamilySpec(BaseModel):
    """What a new edition of a family takes from the program."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    template: str = Field(description="The shipped edition that a new one is laid out like.")
    title_zh: str = Field(description="Title in Chinese, without the version.")
    title_en: str = Field(description="Title in English, without the version.")


class WorkbookSpec(BaseModel):
    """data/workbooks.toml."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    families: dict[Family, FamilySpec] = Field(description="What a new edition takes from the program, by family.")
    spellings: dict[str, str] = Field(description="Other spellings of modalities.")
    sheets: list[SheetSpec] = Field(description="The kinds of sheets.")


@cache
def workbook_spec() -> WorkbookSpec:
    """What the columns of publishers' workbooks mean."""
    return WorkbookSpec.model_validate(tomllib.loads(SPECIFICATION.read_text(encoding="utf-8")))


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row: where it stands, and its cells as text by header."""

    sheet: str
    number: int
    spec: SheetSpec
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Workbook:
    """The rows of all sheets that hold items, and the names of the sheets that do not."""

    file: Path
    family: Family
    rows: tuple[SheetRow, ...]
    left_out: tuple[str, ...]


def read_workbook(file: Path) -> Workbook:
    """Reads an XLSX, XLS, XLSB or ODS workbook.

    Raises InputError when there is no such file, it is no workbook, no sheet has the columns of a publisher's list, the
    list is empty, or the sheets belong to several families.
    """
    import python_calamine  # only here: what is shipped needs no workbook

    if not file.is_file():
        raise InputError(f"没有文件 {file}；请检查路径", f"There is no file {file}; check the path")
    try:
        book = python_calamine.load_workbook(str(file))
        grids = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise InputError(
            f"{file} 不是可读的工作簿（{error}）；请另存为 .xlsx 再试",
            f"{file} is no workbook that can be read ({error}); save it as .xlsx and try again",
        ) from error
    rows: list[SheetRow] = []
    left_out: list[str] = []
    families: dict[Family, str] = {}
    for name, grid in grids.items():
        header = [as_text(cell) for cell in grid[0]] if grid else []
        spec = next((each for each in workbook_spec().sheets if each.columns <= set(header)), None)
        if spec is None:
            left_out.append(name)
            continue
        families.setdefault(spec.family, name)
        rows += _rows(name, spec, header, grid)
    if not families:
        wanted = "；".join(f"{each.id}：{'、'.join(sorted(each.columns))}" for each in workbook_spec().sheets)
        raise InputError(
            f"{file} 没有一张表含有标准项目清单的列；应为下列之一的全部列。{wanted}",
            f"No sheet of {file} has the columns of a list of standard items; it must have all of one of: {wanted}",
        )
    if len(families) > 1:
        where = "、".join(f"{family}（{name}）" for family, name in families.items())
        raise InputError(
            f"{file} 含有几个系列的标准：{where}；请按系列分成几个文件",
            f"{file} holds several families of the standard: {where}; make one file of each",
        )
    if not rows:
        raise InputError(f"{file} 的清单没有任何项目；请检查文件", f"The list in {file} has no items; check the file")
    return Workbook(file, next(iter(families)), tuple(rows), tuple(left_out))


def as_text(cell: Any) -> str:
    """A cell as text: whole numbers without a point, blanks at both ends dropped."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell).strip()


def _rows(sheet: str, spec: SheetSpec, header: Sequence[str], grid: Sequence[Sequence[Any]]) -> list[SheetRow]:
    """The rows of a sheet that hold anything."""
    found: list[SheetRow] = []
    for number, cells in enumerate(grid[1:], start=2):
        texts = [as_text(cell) for cell in cells]
        if any(texts):
            by_header = dict(zip(header, texts, strict=False))
            wanted = {column: by_header.get(column, "") for column in spec.columns}
            found.append(SheetRow(sheet, number, spec, wanted))
    return found
