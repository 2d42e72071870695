"""The lexicon: what people call the elements, what is noise, and which rules of reading hold, as tables.

`data/lexicon/*.tsv` holds surface forms, one fact a row: a form, the slot and element it stands for, the modalities it
holds for, its source, and an example name that a test reads. `data/rules/*.tsv` holds what follows from elements:
groups, containment, vessels, fallbacks. An expert changes these files; no Python knows a form.

Words of a row: `surface` is written as `canonical` text (half-width, simplified, upper case, no blanks beside Chinese).
"""

from __future__ import annotations

import csv
import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from standard.errors import DataError
from standard.lexicon_rows import (
    MODALITIES,
    AngiographyRow,
    ChildRow,
    ContainmentRow,
    DetailRow,
    DeviceRow,
    EnclosedRow,
    ExclusiveRow,
    FallbackRow,
    FormRow,
    GenericRow,
    GroupRow,
    HeadingRow,
    IdiomRow,
    InherentRow,
    OnePartRow,
    PairRow,
    PatternRow,
    PositionAtomsRow,
    PositionDefaultRow,
    PositionFallbackRow,
    PositionHomeRow,
    Row,
    TouchingRow,
    UnsidedRow,
    VesselGroupRow,
    VesselRow,
)
from standard.patterns import compile_pattern

DATA = Path(__file__).parent / "data"
# Behind the opening of a bracket, or a side that stands there; from there to its end there is no list but one of such
# words alone. A comma may part exams, 彩超(甲状腺,乳腺结节), and so opens nothing.
ENCLOSED = r"(?:(?<=[(\[])|(?<=[(\[][左右双])|(?<=[(\[][左右双]侧))伴?(?:{})(?:[,;、]伴?(?:{}))*(?=[^()\[\]、+/]*[)\]])"
FORM_TABLES = ("modality", "part", "side", "scan", "post", "position", "way", "subitem", "vessel", "noise", "separator")


class Form(NamedTuple):
    """A surface form of one slot, compiled: `modality` empty = all."""

    surface: str
    slot: str
    element: str
    modality: tuple[str, ...]
    certainty: str
    source: str
    example: str
    file: str
    row: int


R = TypeVar("R", bound=Row)
T = TypeVar("T", bound=BaseModel)


def read_rows(path: Path, model: type[R]) -> Iterator[tuple[int, R]]:
    """The rows of a table as (row number, model); the header is row 1.

    Raises DataError: header other than the model's fields, a row of another length, a value the model refuses.
    """
    expected = list(model.model_fields)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_MINIMAL)
        header = next(reader, [])
        if header != expected:
            problem = (f"表头应为 {' '.join(expected)}", f"the header must be: {' '.join(expected)}")
            raise DataError(path.name, 1, None, " ".join(header), problem)
        for number, cells in enumerate(reader, 2):
            if len(cells) != len(expected):
                problem = (f"应有 {len(expected)} 列", f"must have {len(expected)} columns")
                raise DataError(path.name, number, None, "\t".join(cells), problem)
            try:
                yield number, model.model_validate(dict(zip(expected, cells, strict=True)))
            except ValidationError as error:
                first = error.errors()[0]
                column = str(first["loc"][0]) if first["loc"] else None
                value = first.get("input")
                raise DataError(path.name, number, column, value, (first["msg"], first["msg"])) from error


def read_toml(path: Path, model: type[T]) -> T:
    """A TOML file as a model. Raises DataError: what is no TOML, a value the model refuses."""
    try:
        return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        problem = (f"不是合法的 TOML：{error}", f"is not valid TOML: {error}")
        raise DataError(path.name, None, None, "", problem) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise DataError(path.name, None, where, first.get("input"), (first["msg"], first["msg"])) from error


def split(modality: str) -> tuple[str, ...]:
    """`CT/MR` as a tuple; empty = every modality."""
    return tuple(modality.split("/")) if modality else MODALITIES


@dataclass(frozen=True)
class Lexicon:
    """All tables, read and checked. `version` is the hash of every file."""

    forms: tuple[Form, ...]
    idioms: tuple[IdiomRow, ...]
    patterns: tuple[PatternRow, ...]  # with those that `enclosed` comes to
    enclosed: tuple[EnclosedRow, ...]
    vessels: tuple[VesselRow, ...]
    vessel_groups: tuple[VesselGroupRow, ...]
    groups: tuple[GroupRow, ...]
    containments: tuple[ContainmentRow, ...]
    headings: tuple[HeadingRow, ...]
    fallbacks: tuple[FallbackRow, ...]
    position_fallbacks: tuple[PositionFallbackRow, ...]
    position_defaults: tuple[PositionDefaultRow, ...]
    position_homes: tuple[PositionHomeRow, ...]
    generics: tuple[GenericRow, ...]
    angiographies: tuple[AngiographyRow, ...]
    pairs: tuple[PairRow, ...]
    devices: tuple[DeviceRow, ...]
    inherent: tuple[InherentRow, ...]
    one_parts: tuple[OnePartRow, ...]
    unsided: tuple[UnsidedRow, ...]
    children: tuple[ChildRow, ...]
    touching: tuple[TouchingRow, ...]
    exclusives: tuple[ExclusiveRow, ...]
    details: tuple[DetailRow, ...]
    position_atoms: tuple[PositionAtomsRow, ...]
    version: str

    def of(self, slot: str) -> tuple[Form, ...]:
        """The forms of one slot."""
        return tuple(form for form in self.forms if form.slot == slot)


def _read_forms(folder: Path) -> Iterator[Form]:
    for slot in FORM_TABLES:
        seen: dict[tuple[str, str], tuple[str, int]] = {}
        for number, row in read_rows(folder / f"{slot}.tsv", FormRow):
            _holds_for_all(f"{slot}.tsv", number, slot, row.modality)
            for modality in split(row.modality):
                before = seen.setdefault((row.surface, modality), (row.element, number))
                if before[0] != row.element and slot not in ("separator",):
                    problem = (
                        f"在第 {before[1]} 行已是 {before[0]}（{modality}）；保留其一",
                        f"is {before[0]} for {modality} in row {before[1]} already; keep one",
                    )
                    raise DataError(f"{slot}.tsv", number, "surface", row.surface, problem)
            modalities = tuple(row.modality.split("/")) if row.modality else ()
            yield Form(
                row.surface,
                slot,
                row.element,
                modalities,
                row.certainty,
                row.source,
                row.example,
                f"{slot}.tsv",
                number,
            )


def _holds_for_all(file: str, number: int, slot: str, modality: str) -> None:
    """Noise and separators are dropped before the modality is known."""
    if modality and slot in ("noise", "separator"):
        problem = ("对所有设备类型都有效，应为空", "holds for every modality; leave it empty")
        raise DataError(file, number, "modality", modality, problem)


def _read_patterns(path: Path) -> Iterator[PatternRow]:
    for number, row in read_rows(path, PatternRow):
        _holds_for_all(path.name, number, row.slot, row.modality)
        try:
            compile_pattern(row.pattern)
        except re.error as error:
            problem = (f"不是正则表达式：{error}", f"is no regular expression: {error}")
            raise DataError(path.name, number, "pattern", row.pattern, problem) from error
        yield row


def _read_enclosed(path: Path) -> tuple[EnclosedRow, ...]:
    rows: dict[str, tuple[int, EnclosedRow]] = {}
    for number, row in read_rows(path, EnclosedRow):
        before, _ = rows.setdefault(row.surface, (number, row))
        if before != number:
            problem = (f"第 {before} 行已有；保留其一", f"is in row {before} already; keep one")
            raise DataError(path.name, number, "surface", row.surface, problem)
    return tuple(row for _, row in rows.values())


def _as_patterns(rows: Iterable[EnclosedRow]) -> Iterator[PatternRow]:
    """One pattern for all forms of a kind; behind one of them, others of any kind belong to it."""
    kinds: dict[str, list[EnclosedRow]] = {}
    for row in rows:
        kinds.setdefault(row.element, []).append(row)
    every = _alternatives(row.surface for of_kind in kinds.values() for row in of_kind)
    for element, of_kind in kinds.items():
        pattern = ENCLOSED.format(_alternatives(row.surface for row in of_kind), every)
        yield PatternRow(
            pattern=pattern, slot="noise", element=element, modality="", source="usage", example=of_kind[0].example
        )


def _alternatives(words: Iterable[str]) -> str:
    """Any of some words, the longest first; one that ends in a letter ends there: COA is not in COATS."""
    ordered = sorted(words, key=lambda word: (-len(word), word))
    return "|".join(re.escape(word) + ("(?![A-Z])" if "A" <= word[-1] <= "Z" else "") for word in ordered)


def _rows(path: Path, model: type[R]) -> tuple[R, ...]:
    return tuple(row for _, row in read_rows(path, model))


def read_lexicon(folder: Path = DATA) -> Lexicon:
    """Read every table under `folder` (`lexicon/` and `rules/`). Raises DataError for the first fault."""
    lexicon, rules = folder / "lexicon", folder / "rules"
    enclosed = _read_enclosed(lexicon / "enclosed.tsv")
    digest = hashlib.sha256()
    for path in sorted([*lexicon.glob("*.tsv"), *rules.glob("*.tsv")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return Lexicon(
        forms=tuple(_read_forms(lexicon)),
        idioms=_rows(rules / "idiom.tsv", IdiomRow),
        patterns=(*_read_patterns(lexicon / "pattern.tsv"), *_as_patterns(enclosed)),
        enclosed=enclosed,
        vessels=_rows(rules / "vessel.tsv", VesselRow),
        vessel_groups=_rows(rules / "vessel_group.tsv", VesselGroupRow),
        groups=_rows(rules / "group.tsv", GroupRow),
        containments=_rows(rules / "containment.tsv", ContainmentRow),
        headings=_rows(rules / "heading.tsv", HeadingRow),
        fallbacks=_rows(rules / "fallback.tsv", FallbackRow),
        position_fallbacks=_rows(rules / "position_fallback.tsv", PositionFallbackRow),
        position_defaults=_rows(rules / "position_default.tsv", PositionDefaultRow),
        position_homes=_rows(rules / "position_home.tsv", PositionHomeRow),
        generics=_rows(rules / "generic.tsv", GenericRow),
        angiographies=_rows(rules / "angiography.tsv", AngiographyRow),
        pairs=_rows(rules / "pair.tsv", PairRow),
        devices=_rows(rules / "device.tsv", DeviceRow),
        inherent=_rows(rules / "inherent.tsv", InherentRow),
        one_parts=_rows(rules / "one_part.tsv", OnePartRow),
        unsided=_rows(rules / "unsided.tsv", UnsidedRow),
        children=_rows(rules / "child.tsv", ChildRow),
        touching=_rows(rules / "touching.tsv", TouchingRow),
        exclusives=_rows(rules / "exclusive.tsv", ExclusiveRow),
        details=_rows(rules / "detail.tsv", DetailRow),
        position_atoms=_rows(rules / "position_atoms.tsv", PositionAtomsRow),
        version=digest.hexdigest()[:12],
    )


@cache
def load_lexicon() -> Lexicon:
    """The lexicon that ships with Yingma, read once."""
    return read_lexicon()
