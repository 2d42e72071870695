"""The tables of an edition: one strict model a table, its docstring and descriptions say what each column means.

A table is a TSV file in UTF-8: a header, then one fact a row, without quotes. A cell may be empty only where its column
says so. The first fault stops the load as a DataError that names file, row, column, value and remedy.

    devices.tsv       every family               parts.tsv        every family
    scans.tsv         every family               combinations.tsv every family, its own columns
    posts.tsv         radiology (CT, MR)         positions.tsv    radiology (X-ray)
    ways.tsv          ultrasound                 subitems.tsv     ultrasound
    processes.tsv     nuclear (SPECT)            exceptions.tsv   every family
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from standard.errors import DataError

# Rule 16 of the publications: the letters i, o and l are not used.
CODE = r"^[0-9A-HJKMNP-Za-hjkmnp-z]+$"
CODE_OR_EMPTY = r"^[0-9A-HJKMNP-Za-hjkmnp-z]*$"
# No blank at either end; the second form may be empty.
TEXT = r"^\S(.*\S)?$"
TEXT_OR_EMPTY = r"^(\S(.*\S)?)?$"

_CODE = Field(pattern=CODE, description="Code of the element as the standard writes it, in full.")
_NAME = Field(pattern=TEXT, description="Name of the element as the standard prints it.")
_PRINTED = Field(
    pattern=TEXT_OR_EMPTY, description="What an item's name says for it: empty for the name itself, `-` for nothing."
)
_MODALITIES = Field(pattern=TEXT, description="Modalities it holds for, or a group of edition.toml, blanks between.")
_CLASS = Field(pattern=TEXT, description="The standard's class of the element.")


class Row(BaseModel):
    """A row of any table."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ElementRow(Row):
    """A row of an element table; the subclasses say which columns the table has."""

    code: str = _CODE
    name: str = _NAME


class DeviceRow(ElementRow):
    """devices.tsv: the device types."""

    printed: str = _PRINTED
    modalities: str = _MODALITIES
    use: Literal["default", "items", "site"] = Field(
        description="default: stands where no device is asked for; items: has items of its own; site: only on request."
    )


class PartRow(ElementRow):
    """parts.tsv: the body parts of every level; the length of the code tells the level."""

    printed: str = _PRINTED
    modalities: str = _MODALITIES


class ScanRow(ElementRow):
    """scans.tsv: the ways of scanning; numbered per modality."""

    modalities: str = _MODALITIES
    printed: str = _PRINTED
    style: Literal["bracket", "plain"] = Field(
        description="bracket: after a named part it stands in brackets, as 颅脑(平扫); plain: it follows as it is."
    )
    group: str = _CLASS


class PostRow(ElementRow):
    """posts.tsv: post-processing."""

    modalities: str = _MODALITIES
    printed: str = _PRINTED
    group: str = _CLASS


class PositionRow(ElementRow):
    """positions.tsv: projections of plain film; several positions at once are one position of their own."""

    modalities: str = _MODALITIES
    printed: str = _PRINTED


class WayRow(ElementRow):
    """ways.tsv: how the ultrasound probe goes in."""

    modalities: str = _MODALITIES
    printed: str = _PRINTED


class SubitemRow(ElementRow):
    """subitems.tsv: what is looked at more closely in an ultrasound part."""

    modalities: str = _MODALITIES
    printed: str = _PRINTED


class ProcessRow(ElementRow):
    """processes.tsv: what is measured beside a SPECT image."""

    modalities: str = _MODALITIES
    printed: str = _PRINTED


class CombinationRow(Row):
    """A row of combinations.tsv; the subclasses add the key columns of the family.

    The column `combinations` lists what exists for the key, blanks between; each is the codes of the layout's `of`
    slots with `+` between, an empty code for none: `11`, `22+11`, `+37`. `-` alone is none of them.
    """

    name: str = Field(pattern=TEXT, description="Name of the part, for the reader of the table; checked against it.")
    combinations: str = Field(pattern=TEXT, description="What exists for the key.")


class RadiologyCombinationRow(CombinationRow):
    """combinations.tsv of radiology: which scans, posts and positions exist for a part on a device."""

    device: str = Field(pattern=CODE, description="Device of devices.tsv.")
    part3: str = Field(pattern=CODE, description="Level-3 part of parts.tsv.")


class UltrasoundCombinationRow(CombinationRow):
    """combinations.tsv of ultrasound: which scans exist for a part, a way and a sub-item."""

    part: str = Field(pattern=CODE, description="Part of parts.tsv.")
    way: str = Field(pattern=CODE_OR_EMPTY, description="Way of ways.tsv; empty for none.")
    subitem: str = Field(pattern=CODE_OR_EMPTY, description="Sub-item of subitems.tsv; empty for none.")


class NuclearCombinationRow(CombinationRow):
    """combinations.tsv of nuclear medicine: which scans and processes exist for a part on a device."""

    device: str = Field(pattern=CODE, description="Device of devices.tsv.")
    part2: str = Field(pattern=CODE, description="Level-2 part of parts.tsv.")


class ExceptionRow(Row):
    """exceptions.tsv: items whose printed name is not what the naming rules make of their elements."""

    code: str = Field(pattern=CODE, description="Code of an item.")
    name: str = Field(pattern=TEXT, description="The printed name, without the leading mark.")
    kind: Literal["part", "scan", "doubled", "short", "remark", "whole", "print"] = Field(
        description=(
            "part: the part goes by another word; scan: the scan, post or position does; doubled: a word of both is "
            "printed once; short: an element is not printed; remark: something is added; whole: a name of its own; "
            "print: the publication's print differs, nobody said why."
        )
    )
    reason: str = Field(pattern=TEXT, description="The difference in one Chinese sentence, for the reader.")


ELEMENT_TABLES: dict[str, type[ElementRow]] = {
    "devices": DeviceRow,
    "parts": PartRow,
    "scans": ScanRow,
    "posts": PostRow,
    "positions": PositionRow,
    "ways": WayRow,
    "subitems": SubitemRow,
    "processes": ProcessRow,
}
COMBINATION_TABLES: dict[str, type[CombinationRow]] = {
    "radiology": RadiologyCombinationRow,
    "ultrasound": UltrasoundCombinationRow,
    "nuclear": NuclearCombinationRow,
}

R = TypeVar("R", bound=Row)


def read_table(path: Path, model: type[R]) -> list[tuple[int, R]]:
    """The rows of a table with their line numbers (the header is line 1).

    Raises DataError for a missing file, another header, a short or long row, a cell that does not fit its column.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(str(path), None, None, path.name, ("缺少该表，请补上", "is missing; add the table")) from None
    except UnicodeDecodeError as error:
        problem = ("不是 UTF-8；请另存为 UTF-8", "is not UTF-8; save it as UTF-8")
        raise DataError(str(path), None, None, path.name, problem) from error
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    wanted = set(model.model_fields)
    header = lines[0].split("\t") if lines else []
    if set(header) != wanted or len(header) != len(wanted):
        columns = " ".join(model.model_fields)
        problem = (f"不是该表的表头；应为这些列：{columns}", f"is not the header of this table; its columns: {columns}")
        raise DataError(str(path), 1, None, " ".join(header), problem)
    width = len(header)
    rows: list[tuple[int, R]] = []
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        if len(cells) != width:
            problem = (
                f"有 {len(cells)} 格，应为 {width} 格；请补齐或删去多余的制表符",
                f"has {len(cells)} cells instead of {width}; add or remove tabs",
            )
            raise DataError(str(path), number, None, line, problem)
        try:
            rows.append((number, model.model_validate(dict(zip(header, cells, strict=True)))))
        except ValidationError as error:
            raise _cell_fault(path, number, model, error) from error
    return rows


def _cell_fault(path: Path, number: int, model: type[Row], error: ValidationError) -> DataError:
    """The first fault of a row, told with the meaning of its column."""
    first = error.errors()[0]
    column = str(first["loc"][0])
    meaning = model.model_fields[column].description or ""
    problem = (
        f"不合该列的写法（{first['msg']}）；请按列的说明改正：{meaning}",
        f"does not fit the column ({first['msg']}); correct the cell. The column: {meaning}",
    )
    return DataError(str(path), number, column, first["input"], problem)
