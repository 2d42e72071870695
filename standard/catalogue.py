"""Loads editions from their folders, generates their items, and puts editions together into catalogues.

An edition's items are not stored: combinations.tsv says which elements go together, `encode` makes the code, the naming
rules the name, and exceptions.tsv holds the names that the rules do not make. A fault in any of these stops the load.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from standard.coder import encode, split
from standard.edition import Catalogue, Edition, Element, Item
from standard.errors import CodeError, DataError, InputError
from standard.layout import FILE_NAME, EditionFile, Layout, parse_edition_file, read_edition_file
from standard.naming import compose_name
from standard.tables import (
    COMBINATION_TABLES,
    ELEMENT_TABLES,
    CombinationRow,
    DeviceRow,
    ElementRow,
    ExceptionRow,
    PostRow,
    ScanRow,
    read_table,
)

EDITIONS = Path(__file__).parent / "data" / "editions"
CATALOGUES = EDITIONS / "catalogues.toml"
COMBINATIONS = "combinations.tsv"
EXCEPTIONS = "exceptions.tsv"


def editions_home() -> Path:
    """The folder of imported editions: `editions` in YINGMA_HOME, else in the platform's folder for user data."""
    given = os.environ.get("YINGMA_HOME", "").strip()
    if given:
        return Path(given).expanduser() / "editions"
    import platformdirs  # only here: an edition that is shipped needs no home

    return platformdirs.user_data_path("yingma", appauthor=False) / "editions"


def edition_ids(home: Path | None = None) -> list[str]:
    """The ids of the shipped editions, then of the imported ones."""
    shipped = sorted(path.parent.name for path in EDITIONS.glob(f"*/{FILE_NAME}"))
    own = sorted(path.parent.name for path in (home or editions_home()).glob(f"*/{FILE_NAME}"))
    return shipped + [each for each in own if each not in shipped]


def catalogue_ids() -> list[str]:
    """The names that `load_catalogue` knows."""
    return list(_named_catalogues()["catalogues"])


def load_edition(edition: str | Path) -> Edition:
    """An edition by its id (shipped, else imported) or from a folder; loaded once.

    Raises InputError when there is none of this id, DataError when its data do not hold.
    """
    if isinstance(edition, Path):
        return _load_folder(edition.resolve())
    for folder in (EDITIONS / edition, editions_home() / edition):
        if edition and Path(edition).name == edition and (folder / FILE_NAME).is_file():
            return _load_folder(folder.resolve())
    known = edition_ids()
    raise InputError(
        f"没有版本 {edition!r}；可用：{'、'.join(known)}，或先用 editions import 导入",
        f"There is no edition {edition!r}; known: {', '.join(known)}; or import one with: editions import",
    )


def load_catalogue(name: str = "") -> Catalogue:
    """A catalogue by name (`3.8.2`, also `V3.8.2`), or of edition ids with `+` between; no name means the default.

    The same name gives the same object. Raises InputError for an unknown name, DataError when the data of an edition do
    not hold.
    """
    named = _named_catalogues()
    wanted = name or str(named["default"])
    wanted = wanted.lstrip("Vv") if wanted.lstrip("Vv") in named["catalogues"] else wanted
    return _load_catalogue(wanted)


@cache
def _load_catalogue(name: str) -> Catalogue:
    """The catalogue of a name as catalogues.toml or its ids spell it."""
    named = _named_catalogues()["catalogues"]
    ids = named.get(name) or (name.split("+") if "-" in name else None)
    if ids is None:
        example = "+".join(next(iter(named.values())))
        raise InputError(
            f"没有标准 {name!r}；可用：{'、'.join(named)}，或用 + 连接的版本，如 {example}",
            f"There is no catalogue {name!r}; known: {', '.join(named)}, or edition ids joined with +, as {example}",
        )
    return catalogue_of(name, [load_edition(each) for each in ids])


def catalogue_of(name: str, editions: Sequence[Edition]) -> Catalogue:
    """A catalogue of these editions; InputError when two of them claim the same device code or modality."""
    owner: dict[str, str] = {}
    for edition in editions:
        for key in (*edition.devices, *edition.modalities):
            if key in owner:
                raise InputError(
                    f"版本 {owner[key]} 与 {edition.id} 都有 {key}，不能放在同一目录；请只选其一",
                    f"Editions {owner[key]} and {edition.id} both have {key}; choose one of them",
                )
            owner[key] = edition.id
    return Catalogue(name, tuple(editions))


@cache
def _named_catalogues() -> dict[str, Any]:
    """catalogues.toml: the default and the ids of each named catalogue."""
    return tomllib.loads(CATALOGUES.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class _Source:
    """One row of a table with where it stands, for messages."""

    path: Path
    number: int

    def fault(self, column: str | None, value: object, zh: str, en: str) -> DataError:
        return DataError(str(self.path), self.number, column, value, (zh, en))


@cache
def _load_folder(folder: Path) -> Edition:
    """The edition in a folder with its items."""
    return read_edition(folder)


def edition_file(folder: Path) -> tuple[EditionFile, list[Path]]:
    """edition.toml of a folder with what it takes from the edition that it extends, and the folders of their tables.

    Raises DataError.
    """
    raw = read_edition_file(folder)
    folders = [folder]
    base = raw.get("extends")
    if base is not None:
        base_folder = next((f for f in (folder.parent / str(base), EDITIONS / str(base)) if f.is_dir()), None)
        if base_folder is None or base_folder == folder:
            problem = ("没有这一版本；请改 extends", "is no edition; correct `extends`")
            raise DataError(str(folder / FILE_NAME), None, "extends", base, problem)
        base_raw = read_edition_file(base_folder)
        if base_raw.get("extends") is not None:
            problem = ("自己又扩展别的版本；只能扩展一个完整版本", "extends another edition itself; extend a whole one")
            raise DataError(str(folder / FILE_NAME), None, "extends", base, problem)
        raw = {**base_raw, **raw}
        folders.insert(0, base_folder)
    spec = parse_edition_file(raw, folder / FILE_NAME)
    if spec.id != folder.name:
        problem = (f"应与文件夹同名：{folder.name}", f"must be the name of the folder: {folder.name}")
        raise DataError(str(folder / FILE_NAME), None, "id", spec.id, problem)
    return spec, folders


def read_edition(folder: Path) -> Edition:
    """The edition in a folder, read anew. Raises DataError when its data do not hold."""
    spec, folders = edition_file(folder)
    bare = Edition(
        id=spec.id,
        version=spec.version,
        title_zh=spec.title_zh,
        title_en=spec.title_en,
        family=spec.family,
        source=spec.source,
        mark=spec.mark,
        layouts=tuple(spec.layouts),
        all_elements=_elements(spec, folders),
    )
    return bare.with_items(_items(bare, folders))


def _elements(spec: EditionFile, folders: Sequence[Path]) -> tuple[Element, ...]:
    """The elements of all tables; those of the extended edition come first."""
    tables = sorted(
        {each.table for layout in spec.layouts for each in layout.fields if each.table}, key=list(ELEMENT_TABLES).index
    )
    found: list[Element] = []
    seen: dict[tuple[str, str, str], _Source] = {}
    for table in tables:
        for folder in folders:
            path = folder / f"{table}.tsv"
            if folder is not folders[0] and not path.exists():
                continue  # an edition that extends another one need not add to each table
            for number, row in read_table(path, ELEMENT_TABLES[table]):
                source = _Source(path, number)
                element = _element(spec, table, row, source)
                for modality in element.modalities:
                    key = (element.slot, modality, element.code)
                    if key in seen:
                        raise source.fault(
                            "code",
                            element.code,
                            f"与 {seen[key].path.name} 第 {seen[key].number} 行重复；一个编码只能有一个含义",
                            f"stands in row {seen[key].number} too; a code has one meaning, remove one",
                        )
                    seen[key] = source
                found.append(element)
    index = {(element.slot, modality, element.code) for element in found for modality in element.modalities}
    _check_levels(spec, found, index, seen)
    _check_devices(spec, found, folders[0] / "devices.tsv")
    return tuple(found)


def _element(spec: EditionFile, table: str, row: ElementRow, source: _Source) -> Element:
    """One row as an element: which slot its length means, which modalities its groups mean."""
    modalities: list[str] = []
    known = [modality for layout in spec.layouts for modality in layout.modalities]
    for word in str(getattr(row, "modalities", "")).split(" "):
        for modality in spec.groups.get(word, [word]):
            if modality not in known:
                raise source.fault(
                    "modalities",
                    word,
                    f"不是检查类型；可用：{' '.join(known)}",
                    f"is no modality; use {' '.join(known)}",
                )
            modalities.append(modality)
    slots = {
        each.slot
        for layout in spec.layouts
        if set(layout.modalities) & set(modalities)
        for each in layout.fields
        if each.table == table and layout.code_lengths[each.slot] == len(row.code)
    }
    if len(slots) != 1:
        raise source.fault(
            "code",
            row.code,
            "的位数不合该表的任何一段；请改正编码",
            "has the length of no field of this table; correct it",
        )
    printed = str(getattr(row, "printed", ""))
    return Element(
        slot=slots.pop(),
        code=row.code,
        name=row.name,
        modalities=tuple(modalities),
        printed="" if printed == "-" else printed or row.name,
        bracket=isinstance(row, ScanRow) and row.style == "bracket",
        group=row.group if isinstance(row, ScanRow | PostRow) else "",
        use=row.use if isinstance(row, DeviceRow) else "items",
    )


def _check_devices(spec: EditionFile, elements: Sequence[Element], path: Path) -> None:
    """Every device is of one modality, which it tells, and every modality has one device that is the default."""
    devices = [element for element in elements if element.slot == "device"]
    for device in devices:
        if len(device.modalities) > 1:
            problem = ("有几个检查类型；设备只能属于一个", "has several modalities; a device is of one")
            raise DataError(str(path), None, "modalities", device.code, problem)
    for modality in (modality for layout in spec.layouts for modality in layout.modalities):
        defaults = [each.code for each in devices if modality in each.modalities and each.use == "default"]
        if len(defaults) != 1:
            problem = (
                f"应恰有一个 default 设备，现有：{' '.join(defaults) or '无'}",
                f"must have one device of use default, and has: {' '.join(defaults) or 'none'}",
            )
            raise DataError(str(path), None, "use", modality, problem)


def _check_levels(
    spec: EditionFile,
    elements: Sequence[Element],
    index: set[tuple[str, str, str]],
    seen: Mapping[tuple[str, str, str], _Source],
) -> None:
    """Every part stands under a part of the level above, for each of its modalities."""
    for element in elements:
        for layout in spec.layouts:
            each = layout.by_slot.get(element.slot)
            if each is None or each.within is None:
                continue
            above = element.code[: layout.code_lengths[each.within]]
            for modality in set(layout.modalities).intersection(element.modalities):
                if (each.within, modality, above) not in index:
                    raise seen[(element.slot, modality, element.code)].fault(
                        "code",
                        element.code,
                        f"之上的 {above} 不在 {modality} 的表中；请补上该级",
                        f"lies within {above}, which the table does not have for {modality}; add it",
                    )


def _items(edition: Edition, folders: Sequence[Path]) -> Mapping[str, Item]:
    """All items: each combination encoded and named, sorted by modality and code."""
    exceptions: dict[str, tuple[ExceptionRow, _Source]] = {}
    for folder in folders:
        path = folder / EXCEPTIONS
        for number, row in read_table(path, ExceptionRow):
            source = _Source(path, number)
            if row.code in exceptions:
                raise source.fault("code", row.code, "重复；请删去一行", "stands twice; remove one row")
            exceptions[row.code] = (row, source)
    items: dict[str, Item] = {}
    names: dict[str, str] = {}
    for folder in folders:
        path = folder / COMBINATIONS
        for number, combination in read_table(path, COMBINATION_TABLES[edition.family]):
            for item in _items_of_row(edition, combination, _Source(path, number), exceptions):
                if item.code in items or item.name in names:
                    raise _Source(path, number).fault(
                        "combinations",
                        item.code,
                        f"的编码或名称 {item.name} 已有；一项目一名一码，请删去",
                        f"or its name {item.name} is there already; one item, one name, one code: remove it",
                    )
                items[item.code] = item
                names[item.name] = item.code
    for code, (_, source) in exceptions.items():
        if code not in items:
            raise source.fault(
                "code", code, "不是任何项目；请删去或补上组合", "is no item; remove it or add its combination"
            )
    order = {modality: at for at, modality in enumerate(edition.modalities)}
    return {item.code: item for item in sorted(items.values(), key=lambda item: (order[item.modality], item.code))}


def _items_of_row(
    edition: Edition,
    row: CombinationRow,
    source: _Source,
    exceptions: Mapping[str, tuple[ExceptionRow, _Source]],
) -> list[Item]:
    """The items that one row of combinations.tsv makes."""
    key = row.model_dump(exclude={"name", "combinations"})
    device = edition.devices.get(key["device"]) if "device" in key else None
    if "device" in key and device is None:
        raise source.fault(
            "device", key["device"], "不在 devices.tsv；请补上或改正", "is not in devices.tsv; correct it"
        )
    modality = device.modalities[0] if device else edition.modalities[0]
    layout = edition.layout(modality)
    assert layout is not None  # _element checked the modalities
    part = next(slot for slot in layout.per if slot.startswith("part"))
    known = edition.element(part, modality, key[part])
    if known is None or known.name != row.name:
        should = known.name if known else "-"
        raise source.fault(
            "name",
            row.name,
            f"与 parts.tsv 中 {modality} 的 {key[part]}（{should}）不符；请改正其一",
            f"is not what parts.tsv has for {key[part]} in {modality} ({should}); correct one of them",
        )
    made: list[Item] = []
    for word in row.combinations.split(" "):
        codes = [] if word == "-" else word.split("+")
        if len(codes) > len(layout.of) or (word != "-" and not any(codes)):
            raise source.fault(
                "combinations",
                word,
                f"应为 {'+'.join(layout.of)} 的编码，以 + 相连；没有任何一项时写 -",
                f"must be codes of {'+'.join(layout.of)} with + between; - for none of them",
            )
        slots = {slot: code for slot, code in (*key.items(), *zip(layout.of, codes, strict=False)) if code}
        try:
            code = encode(edition, modality, slots, listed=False)
        except CodeError as error:
            raise source.fault("combinations", word, f"不成立：{error.zh}", f"does not hold: {error.en}") from error
        made.append(_item(edition, layout, modality, code, exceptions))
    return made


def _item(
    edition: Edition,
    layout: Layout,
    modality: str,
    code: str,
    exceptions: Mapping[str, tuple[ExceptionRow, _Source]],
) -> Item:
    """The item of a code, named by the rules or by exceptions.tsv."""
    slots = split(layout, code)
    found = ((slot, edition.element(slot, modality, full)) for slot, full in slots.items())
    elements = {slot: element for slot, element in found if element is not None}
    name = compose_name(layout.naming, elements)
    if code in exceptions:
        exception, source = exceptions[code]
        if exception.name == name:
            raise source.fault(
                "name", name, "正是规则得出的名称；请删去这一行", "is what the rules make; remove the row"
            )
        name = exception.name
    return Item(
        code=code,
        name=name,
        modality=modality,
        edition=edition.id,
        slots=slots,
        elements={slot: element.name for slot, element in elements.items()},
    )
