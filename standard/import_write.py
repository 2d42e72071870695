"""Writes an edition as a folder of tables: the inverse of loading one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from standard.edition import Element, Item
from standard.import_check import group_of
from standard.layout import FILE_NAME, EditionFile, Layout
from standard.tables import COMBINATION_TABLES, ELEMENT_TABLES, ExceptionRow


def write_edition(
    folder: Path,
    spec: EditionFile,
    elements: Iterable[Element],
    items: Mapping[str, Item],
    exceptions: Sequence[ExceptionRow],
) -> None:
    """Writes edition.toml and all tables into `folder`, which must not exist.

    Elements of one code and name that differ only in modality become one row, under the word of their group.
    """
    folder.mkdir(parents=True)
    (folder / FILE_NAME).write_text(edition_toml(spec), encoding="utf-8")
    by_table: dict[str, list[Element]] = {}
    fields = {each.slot: each for layout in spec.layouts for each in layout.fields}
    for element in elements:
        by_table.setdefault(str(fields[element.slot].table), []).append(element)
    for table in {str(each.table) for each in fields.values() if each.table}:
        _write_elements(folder / f"{table}.tsv", table, spec, by_table.get(table, []))
    _write_combinations(folder / "combinations.tsv", spec, items)
    rows = [[row.code, row.name, row.kind, row.reason] for row in sorted(exceptions, key=lambda row: row.code)]
    _write_table(folder / "exceptions.tsv", ["code", "name", "kind", "reason"], rows)


def edition_toml(spec: EditionFile) -> str:
    """edition.toml of an edition that extends none."""
    raw = spec.model_dump(exclude={"layouts", "groups", "omitted", "extends"})
    lines = ["# Made by `editions import`.", *(f"{key} = {_toml(value)}" for key, value in raw.items())]
    if spec.groups:
        lines += ["", "[groups]", *(f"{_toml(word)} = {_toml(members)}" for word, members in spec.groups.items())]
    for layout in spec.layouts:
        lines += ["", "[[layouts]]"]
        dumped = layout.model_dump(exclude={"fields"}, exclude_defaults=True)
        lines += [f"{key} = {_toml(value)}" for key, value in dumped.items()]
        inside = [f"  {_toml(each.model_dump(exclude_defaults=True))}," for each in layout.fields]
        lines += ["fields = [", *inside, "]"]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A value of TOML on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)  # strings, numbers and truth values are written alike


def _write_elements(path: Path, table: str, spec: EditionFile, elements: Iterable[Element]) -> None:
    """One element table, sorted by modality where elements are numbered per modality, then by code."""
    merged: dict[tuple[str, str, str, bool, str, str], set[str]] = {}
    for each in elements:
        key = (each.code, each.name, each.printed, each.bracket, each.group, each.use)
        merged.setdefault(key, set()).update(each.modalities)
    order = [modality for layout in spec.layouts for modality in layout.modalities]
    columns = list(ELEMENT_TABLES[table].model_fields)
    rows: list[tuple[int, str, list[str]]] = []
    for (code, name, printed, bracket, group, use), modalities in merged.items():
        groups = {} if table == "devices" else spec.groups  # a device is of one modality, which it tells
        words = dict.fromkeys(group_of(modality, groups) for modality in order if modality in modalities)
        cells = {
            "code": code,
            "name": name,
            "printed": "-" if not printed else "" if printed == name else printed,
            "modalities": " ".join(words),
            "style": "bracket" if bracket else "plain",
            "group": group,
            "use": use,
        }
        first = min(order.index(modality) for modality in modalities) if "group" in columns else 0
        rows.append((first, code, [cells[column] for column in columns]))
    _write_table(path, columns, [cells for _, _, cells in sorted(rows)])


def _write_combinations(path: Path, spec: EditionFile, items: Mapping[str, Item]) -> None:
    """Which elements go together, one row a key."""
    layouts = {modality: layout for layout in spec.layouts for modality in layout.modalities}
    found: dict[tuple[str, ...], list[str]] = {}
    keys: list[str] = []
    for item in sorted(items.values(), key=lambda item: item.code):
        layout = layouts[item.modality]
        keys = layout.per
        part = next(slot for slot in layout.per if slot.startswith("part"))
        key = (*(_code(layout, item, slot) for slot in layout.per), item.elements[part])
        codes = "+".join(_code(layout, item, slot) for slot in layout.of).rstrip("+")
        found.setdefault(key, []).append(codes or "-")
    rows = [[*key, " ".join(combinations)] for key, combinations in found.items()]
    header = [*keys, "name", "combinations"]
    assert set(header) == set(COMBINATION_TABLES[spec.family].model_fields)
    _write_table(path, header, rows)


def _code(layout: Layout, item: Item, slot: str) -> str:
    """The code of a slot, empty where it means nothing."""
    code = item.slots[slot]
    return "" if code == layout.by_slot[slot].none else code


def _write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A TSV table."""
    lines = ["\t".join(header), *("\t".join(cells) for cells in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
