"""What the file `edition.toml` of an edition may say: its title, its layouts, and how names are put together.

A layout says which characters of a code mean what, for some modalities of the edition:

    characters   1-2      3-4      5-6      7-8      9-10   11-12                13-14
    slot         device   part1    part2    part3    scan   post | position      addition
    table        devices  parts    parts    parts    scans  posts | positions    -

The code of an element is written as the standard writes it: a level-3 part is `010701` and not `01`, so the code of an
element inside another one begins with the code of that one (`within`), and its own characters are the last ones.
"""

from __future__ import annotations

import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from standard.errors import DataError

FILE_NAME = "edition.toml"

Family = Literal["radiology", "ultrasound", "nuclear"]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class LayoutField(_Strict):
    """One field of a code."""

    slot: str = Field(pattern=r"^[a-z][a-z0-9]*$", description="Name of the slot; unique in the layout.")
    start: int = Field(ge=1, description="First character of the field, counted from 1.")
    length: int = Field(ge=1, description="Number of its own characters.")
    kind: Literal["element", "constant", "addition"] = Field(
        default="element",
        description="element: in a table; constant: always `none`; addition: `none`, or a centre's own number.",
    )
    table: str | None = Field(default=None, description="The table that holds its elements; only for kind element.")
    within: str | None = Field(default=None, description="The slot whose code the element's code begins with.")
    none: str | None = Field(default=None, description="The characters that mean: nothing here. Absent: must be given.")
    zh: str = Field(min_length=1, description="Label in Chinese.")
    en: str = Field(min_length=1, description="Label in English.")
    none_zh: str = Field(default="", description="What `none` means, in Chinese.")
    none_en: str = Field(default="", description="What `none` means, in English.")


class Naming(_Strict):
    """How the standard name of an item follows from its elements (rules 1 to 3 and 8 to 13 of the publications)."""

    head: list[str] = Field(min_length=1, description="Slots whose words are written one after another.")
    tail: list[str] = Field(default=[], description="Slots whose words follow, with `+` between them.")
    brackets: bool = Field(
        default=False,
        description="Whether the tail stands in brackets where its scan is marked `bracket` and a part is printed.",
    )
    doubled: list[str] = Field(
        default=[], description="Words written once where the tail begins with what the head ends with."
    )
    suffix: str = Field(default="", description="What every name ends with.")


class Layout(_Strict):
    """Which characters of a code mean what, for some modalities."""

    modalities: list[str] = Field(min_length=1, description="The modalities whose codes are laid out so.")
    length: int = Field(ge=1, description="Characters of a whole code.")
    per: list[str] = Field(min_length=1, description="The slots that key a row of combinations.tsv.")
    of: list[str] = Field(min_length=1, description="The slots that its column `combinations` fills, in this order.")
    fields: list[LayoutField] = Field(min_length=1, description="The fields, in the order of the characters.")
    naming: Naming = Field(description="How names are put together.")

    @model_validator(mode="after")
    def _holds_together(self) -> Layout:
        """The fields cover the code without gap, begin with the device, and refer only to each other."""
        at = 1
        seen: list[str] = []
        for field in self.fields:
            if field.start != at:
                raise ValueError(f"field {field.slot} starts at {field.start}, the one before it ends at {at - 1}")
            if field.slot in seen:
                raise ValueError(f"slot {field.slot} stands twice")
            if field.within is not None and field.within not in seen:
                raise ValueError(f"field {field.slot} lies within {field.within}, which is no earlier field")
            if (field.table is not None) != (field.kind == "element"):
                raise ValueError(f"field {field.slot}: a table is for kind element, and only for it")
            if field.kind != "element" and (field.none is None or len(field.none) != field.length):
                raise ValueError(f"field {field.slot}: kind {field.kind} needs `none` of {field.length} characters")
            if field.none is not None and len(field.none) != field.length:
                raise ValueError(f"field {field.slot}: `none` must have {field.length} characters")
            seen.append(field.slot)
            at += field.length
        if at - 1 != self.length:
            raise ValueError(f"the fields have {at - 1} characters, length says {self.length}")
        if self.fields[0].slot != "device":
            raise ValueError("the first field must be the device, which tells the layout of a code")
        for slot in (*self.per, *self.of, *self.naming.head, *self.naming.tail):
            if slot not in seen:
                raise ValueError(f"slot {slot} is no field of the layout")
        return self

    @cached_property
    def by_slot(self) -> dict[str, LayoutField]:
        """The fields by slot."""
        return {field.slot: field for field in self.fields}

    @cached_property
    def code_lengths(self) -> dict[str, int]:
        """Characters of an element's whole code, by slot: 2, 4, 6 for the three levels of parts."""
        lengths: dict[str, int] = {}
        for field in self.fields:
            lengths[field.slot] = field.length + (lengths[field.within] if field.within else 0)
        return lengths


class EditionFile(_Strict):
    """edition.toml: what the edition is called, where it comes from, how its codes and names are built."""

    id: str = Field(pattern=r"^[a-z]+-[0-9A-Za-z.]+$", description="Family and version, as `radiology-3.8.2`.")
    version: str = Field(min_length=1, description="The version as the publisher writes it.")
    title_zh: str = Field(min_length=1, description="Title in Chinese.")
    title_en: str = Field(min_length=1, description="Title in English.")
    family: Family = Field(description="Which of the publisher's families of standards.")
    source: str = Field(min_length=1, description="The publication that the tables restate.")
    extends: str | None = Field(
        default=None, description="An edition whose layouts, tables and items this one has too; own rows come on top."
    )
    mark: str = Field(description="What the publisher prints in front of the name of a standard item.")
    groups: dict[str, list[str]] = Field(default={}, description="Words that stand for several modalities.")
    layouts: list[Layout] = Field(min_length=1, description="The layouts of its codes.")
    omitted: list[Omitted] = Field(default=[], description="Printed elements that the edition leaves out, and why.")


class Omitted(_Strict):
    """An element that the publication prints and the edition cannot or should not hold."""

    table: str = Field(description="The table it would stand in.")
    code: str = Field(description="Its code as printed.")
    name: str = Field(description="Its name as printed.")
    reason: str = Field(min_length=1, description="Why it is left out.")


EditionFile.model_rebuild()


def read_edition_file(folder: Path) -> dict[str, Any]:
    """The raw content of `folder`/edition.toml.

    Raises DataError when there is none or it is no TOML.
    """
    path = folder / FILE_NAME
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(str(path), None, None, folder.name, ("缺少该文件，请补上", "is missing; add it")) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problem = (f"不是有效的 TOML：{error}；请改正", f"is no valid TOML: {error}; correct it")
        raise DataError(str(path), None, None, folder.name, problem) from error


def parse_edition_file(raw: dict[str, Any], path: Path) -> EditionFile:
    """Checks `raw` (base already merged in) against the model; DataError names the key that does not hold."""
    try:
        return EditionFile.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(step) for step in first["loc"]) or "(file)"
        value = first["input"] if not isinstance(first["input"], dict) else first["loc"][-1:]
        problem = (f"不成立：{first['msg']}；请改正该键", f"does not hold: {first['msg']}; correct the key")
        raise DataError(str(path), None, key, value, problem) from error
