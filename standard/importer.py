"""Makes an edition of a publisher's workbook, and reports all in it that does not hold.

The item's code is what counts; the columns beside it are checked against it (import_check.py). With any fault nothing
is written. Else the edition is written into a folder beside its place, loaded, compared with the workbook, and only
then renamed: an edition is there whole or not at all.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from standard.catalogue import EDITIONS, EXCEPTIONS, edition_file, editions_home, load_edition, read_edition
from standard.diff import compare
from standard.edition import Edition, Element
from standard.errors import InputError
from standard.import_check import Checked, Finding, check_rows
from standard.import_write import write_edition
from standard.layout import FILE_NAME, EditionFile
from standard.tables import ExceptionRow, read_table
from standard.workbook import Workbook, read_workbook, workbook_spec


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import found and made. `folder` is None where nothing was written."""

    file: str
    edition: str
    items: int
    folder: Path | None
    findings: tuple[Finding, ...] = field(default=())

    @property
    def imported(self) -> bool:
        """Whether the edition was written."""
        return self.folder is not None

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that keep the edition from being written."""
        return tuple(each for each in self.findings if each.severity == "fault")

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "file": self.file,
            "edition": self.edition,
            "items": self.items,
            "imported": self.imported,
            "folder": str(self.folder) if self.folder else None,
            "findings": [asdict(each) for each in self.findings],
        }


def import_workbook(
    file: Path, target: Path | None = None, *, edition_id: str | None = None, new_elements: bool = False
) -> ImportReport:
    """Reads a publisher's workbook into the folder `target`/<edition id> and reports what does not hold.

    `target` is the folder of imported editions unless given; the id is the family and the newest version in the list
    unless given. An element that the shipped edition of the family does not have is a fault unless `new_elements`. With
    any fault nothing is written. Raises InputError for a file that is no such workbook, an id that does not hold, or an
    edition that is there already.
    """
    book = read_workbook(file)
    family = workbook_spec().families[book.family]
    template_spec, template_folders = edition_file(EDITIONS / family.template)
    template = load_edition(family.template)
    version = newest_version(row.cells[row.spec.version] for row in book.rows)
    chosen = edition_id or (f"{book.family}-{version.lstrip('Vv')}" if version else "")
    if not re.fullmatch(rf"{book.family}-[0-9A-Za-z.]*[0-9A-Za-z]", chosen):
        raise InputError(
            f"版本号 {chosen!r} 不成立；请给出以 {book.family}- 开头的版本号，如 {book.family}-4.0",
            f"The edition id {chosen!r} does not hold; give one that begins with {book.family}-, as {book.family}-4.0",
        )
    folder = (target if target is not None else editions_home()) / chosen
    if folder.exists():
        raise InputError(
            f"{folder} 已存在；请先移走它，或另给一个版本号",
            f"{folder} is there already; move it away or give another id",
        )
    checked = check_rows(book, template, template_spec.groups, new_elements)
    explained = {
        row.code: row for source in template_folders for _, row in read_table(source / EXCEPTIONS, ExceptionRow)
    }
    exceptions = _exceptions(checked, explained, book)
    findings = [*checked.findings, *_about_workbook(book, chosen)]
    if any(each.severity == "fault" for each in findings):
        return ImportReport(str(file), chosen, 0, None, tuple(findings))
    used = {item.modality for item in checked.items.values()}
    layouts = [layout for layout in template_spec.layouts if used & set(layout.modalities)]
    kept = {modality for layout in layouts for modality in layout.modalities}
    spec = template_spec.model_copy(
        update={
            "id": chosen,
            "version": version or chosen.removeprefix(f"{book.family}-"),
            "title_zh": f"{family.title_zh} {version}".strip(),
            "title_en": f"{family.title_en} {version}".strip(),
            "source": file.name,
            "extends": None,
            "layouts": layouts,
            "groups": {word: members for word, members in template_spec.groups.items() if kept & set(members)},
            "omitted": [],
        }
    )
    devices = [device for device in template.devices.values() if kept.issuperset(device.modalities)]
    others = [element for element in checked.elements.values() if element.slot != "device"]
    edition = _write(folder, spec, [*devices, *others], checked, exceptions)
    findings += _about_shipped(chosen, edition)
    return ImportReport(str(file), chosen, len(edition.items), folder, tuple(findings))


def newest_version(versions: Iterable[str]) -> str:
    """The greatest of version texts, by their numbers: V3.8.2 after V3.8; empty where none has a number."""
    numbered = {text: tuple(int(number) for number in re.findall(r"\d+", text)) for text in versions}
    return max((text for text in numbered if numbered[text]), key=numbered.__getitem__, default="")


def _write(
    folder: Path, spec: EditionFile, elements: Iterable[Element], checked: Checked, exceptions: list[ExceptionRow]
) -> Edition:
    """Writes beside the place, loads what was written, compares it with the workbook, renames."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        incoming = Path(tempfile.mkdtemp(prefix=".import-", dir=folder.parent))
    except OSError as error:
        raise InputError(
            f"不能写入 {folder.parent}（{error}）；请换一个文件夹或改权限",
            f"Cannot write into {folder.parent} ({error}); choose another folder or change its permissions",
        ) from error
    try:
        write_edition(incoming / spec.id, spec, elements, checked.items, exceptions)
        edition = read_edition(incoming / spec.id)
        read_back = {code: item.name for code, item in edition.items.items()}
        if read_back != {code: item.name for code, item in checked.items.items()}:
            raise AssertionError(f"{spec.id}: the edition as written is not the workbook; a fault of the importer")
        try:
            (incoming / spec.id).rename(folder)
        except OSError as error:  # somebody else made it since
            raise InputError(
                f"不能放到 {folder}（{error}）；请先移走已有的文件夹",
                f"Cannot put the edition at {folder} ({error}); move away what is there",
            ) from error
    finally:
        shutil.rmtree(incoming)
    return edition


def _exceptions(checked: Checked, explained: dict[str, ExceptionRow], book: Workbook) -> list[ExceptionRow]:
    """The rows of exceptions.tsv; a name that no shipped edition explains is a note for a person."""
    rows: list[ExceptionRow] = []
    where = {row.cells[row.spec.code]: row for row in book.rows}
    for code, composed in checked.names_to_explain.items():
        name = checked.items[code].name
        known = explained.get(code)
        if known is not None and known.name == name:
            rows.append(known)
            continue
        reason = f"命名规则得出“{composed}”，出版方印作此名"
        rows.append(ExceptionRow(code=code, name=name, kind="print", reason=reason))
        row = where[code]
        zh = f"名称 {name} 不是其元素的组合，按命名规则应为 {composed}；已照印本，请核对"
        en = f"The name {name} is not what the naming rules make of its elements, {composed}; kept as printed, check it"
        checked.findings.append(Finding("note", "name", row.sheet, row.number, row.spec.name, name, zh, en))
    return rows


def _about_workbook(book: Workbook, chosen: str) -> list[Finding]:
    """Notes on the workbook as a whole."""
    findings: list[Finding] = []
    if book.left_out:
        names = "、".join(book.left_out)
        zh = f"这些表不是项目清单，未读：{names}"
        en = f"These sheets are no lists of items and were left out: {names}"
        findings.append(Finding("note", "sheets", "", 0, "", names, zh, en))
    versions = sorted({row.cells[row.spec.version] for row in book.rows})
    if len(versions) > 1:
        told = "、".join(versions)
        zh = f"清单含有几个版本：{told}；已合为 {chosen}"
        en = f"The list holds several versions: {told}; they became {chosen}"
        findings.append(Finding("note", "versions", "", 0, "", told, zh, en))
    return findings


def _about_shipped(chosen: str, edition: Edition) -> list[Finding]:
    """Whether the program ships an edition of this id already, and how it differs."""
    if not (EDITIONS / chosen / FILE_NAME).is_file():
        return []
    counts = compare(load_edition(chosen), edition).counts
    differing = {kind: counts[kind] for kind in ("added", "removed", "renamed", "recoded") if counts[kind]}
    told = "、".join(f"{kind} {count}" for kind, count in differing.items())
    zh = (
        f"程序自带版本 {chosen}，"
        + (f"与此不同：{told}" if told else "项目完全相同")
        + "；按版本号使用的是自带的那一份"
    )
    en = f"The program ships an edition {chosen}, " + (f"which differs: {told}" if told else "with the very same items")
    en += "; by its id the shipped one is used, give another id to use this one"
    return [Finding("note", "shipped", "", 0, "", chosen, zh, en)]
