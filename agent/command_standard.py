"""`yingma decode`, `search`, `editions` and `editions diff`: looking at the standard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.console import emit_json, language, out, say
from agent.opening import open_catalogue
from standard import catalogue_ids, decode, edition_ids, load_catalogue, load_edition, search
from standard.edition import Catalogue, Edition, Item
from standard.errors import InputError


def run_decode(code: str, edition: str | None, as_json: bool) -> None:
    """A code taken apart. CodeError where the edition does not have it."""
    found = decode(open_catalogue(edition), code.strip())
    if as_json:
        emit_json(found.to_dict())
        return
    print(f"{found.code}  {found.name}")
    print(found.drawing(language()))
    if found.item is not None:
        print(say(f"版本 {found.edition} 的项目", f"an item of edition {found.edition}"))
    elif found.base is not None:
        print(
            say(
                f"由版本 {found.edition} 的项目 {found.base.code} {found.base.name} 派生",
                f"derived from {found.base.code} {found.base.name} of edition {found.edition}",
            )
        )
    else:
        print(
            say(
                f"各段都成立，但版本 {found.edition} 没有这一项目",
                f"each field holds, but edition {found.edition} has no such item",
            )
        )


def run_search(
    words: str,
    code: str | None,
    modality: str | None,
    part: str | None,
    scan: str | None,
    limit: int,
    edition: str | None,
    as_json: bool,
) -> None:
    """The items that fit; exit code 0 also where there are none. InputError for an empty query or unknown modality."""
    catalogue = open_catalogue(edition)
    if not any((words.strip(), code, modality, part, scan)):
        raise InputError(
            "请给出要查的词、编码、检查类型、部位或扫描方式。",
            "Say what to search for: words, --code, --modality, --part or --scan.",
        )
    if modality and modality.upper() not in {each.upper() for each in catalogue.modalities}:
        known = ", ".join(catalogue.modalities)
        raise InputError(
            f"没有检查类型 {modality}（--modality）；可用：{known}。",
            f"There is no modality {modality} (--modality); use one of {known}.",
        )
    found = search(catalogue, words, code=code, modality=modality, part=part, scan=scan, limit=limit)
    if as_json:
        emit_json([item_object(item) for item in found])
        return
    if not found:
        print(
            say(
                "没有找到；请减少词，或用编码的开头查找。",
                "Nothing found; use fewer words, or the beginning of a code.",
            )
        )
        return
    headings = say("编码|名称|类型|版本", "code|name|modality|edition").split("|")
    show_table(headings, [(item.code, item.name, item.modality, item.edition) for item in found])
    if limit and len(found) == limit:
        print(say(f"只列出 {limit} 项；--limit 0 列出全部。", f"The first {limit}; --limit 0 lists all."))


def item_object(item: Item) -> dict[str, Any]:
    """An item as plain values."""
    return {
        "code": item.code,
        "name": item.name,
        "modality": item.modality,
        "edition": item.edition,
        "slots": dict(item.slots),
        "elements": dict(item.elements),
    }


def run_editions(as_json: bool) -> None:
    """The editions, and which are used together."""
    told = editions_object()
    if as_json:
        emit_json(told)
        return
    headings = say("版本|名称|项目数|类型", "edition|title|items|modalities").split("|")
    title = f"title_{language()}"
    show_table(
        headings,
        [(each["id"], each[title], str(each["items"]), " ".join(each["modalities"])) for each in told["editions"]],
    )
    print()
    show_table(
        say("--edition|合用的版本", "--edition|editions used together").split("|"),
        [
            (name + (" *" if name == told["default"] else ""), " + ".join(ids))
            for name, ids in told["catalogues"].items()
        ],
    )
    print(say("* 为默认", "* is the default"))


def editions_object() -> dict[str, Any]:
    """The editions, the names under which some are used together, and the default, as plain values."""
    return {
        "editions": [
            {
                "id": each.id,
                "title_zh": each.title_zh,
                "title_en": each.title_en,
                "family": each.family,
                "items": len(each.items),
                "modalities": list(each.modalities),
            }
            for each in map(load_edition, edition_ids())
        ],
        "catalogues": {name: [edition.id for edition in load_catalogue(name).editions] for name in catalogue_ids()},
        "default": load_catalogue().id,
    }


def run_diff(old: str, new: str, as_json: bool) -> None:
    """What differs between two editions, or catalogues."""
    from standard.diff import compare

    found = compare(either(old), either(new))
    if as_json:
        emit_json(found.to_dict())
        return
    words = {
        "same": say("相同", "same"),
        "added": say("新增", "added"),
        "removed": say("删除", "removed"),
        "renamed": say("改名", "renamed"),
        "recoded": say("改码", "recoded"),
    }
    print(f"{found.old} -> {found.new}")
    rows = []
    for kind, word in words.items():
        by_modality = " ".join(f"{modality} {count}" for modality, count in found.by_modality(kind).items())
        rows.append((word, str(found.counts[kind]), by_modality))
    show_table(say("变化|项目数|按类型", "change|items|by modality").split("|"), rows)
    details = [
        *((words["added"], each.code, each.name, _new_elements(each.new_elements)) for each in found.added),
        *((words["removed"], each.code, each.name, "") for each in found.removed),
        *((words["renamed"], each.code, each.new_name, f"<- {each.old_name}") for each in found.renamed),
        *((words["recoded"], each.new_code, each.name, f"<- {each.old_code}") for each in found.recoded),
    ]
    if details:
        print()
        show_table(say("变化|编码|名称|说明", "change|code|name|note").split("|"), details)
    elements = [
        *((words["added"], each.slot, each.code, each.new_name) for each in found.elements_added),
        *((words["removed"], each.slot, each.code, each.old_name) for each in found.elements_removed),
        *(
            (words["renamed"], each.slot, each.code, f"{each.new_name} <- {each.old_name}")
            for each in found.elements_renamed
        ),
    ]
    if elements:
        print()
        show_table(say("元素|段|编码|名称", "element|slot|code|name").split("|"), elements)


def _new_elements(elements: Sequence[Any]) -> str:
    """The elements that only the new edition has."""
    if not elements:
        return ""
    told = ", ".join(f"{each.slot} {each.code} {each.name}" for each in elements)
    return say(f"新元素：{told}", f"new element: {told}")


def either(name: str) -> Catalogue | Edition:
    """An edition by its id, or by the version of radiology (3.8); with + between, a catalogue."""
    if "+" in name:
        return load_catalogue(name)
    short = f"radiology-{name.lstrip('Vv')}"
    return load_edition(short if short in edition_ids() else name)


def show_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout: drawn for a person, tab-separated into a pipe."""
    import sys

    if not sys.stdout.isatty():
        print("\t".join(headings))
        for row in rows:
            print("\t".join(row))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    out().print(table)
