"""Checks the rows of a publisher's workbook and makes items and elements of them.

The code of an item is the truth; its columns must say the same. Where a column differs, the code's own element decides
if it is known and the printed name does not side with the column; else the row is a fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from standard.coder import split, validate
from standard.edition import Edition, Element, Item
from standard.layout import Layout, LayoutField
from standard.naming import compose_name
from standard.workbook import SheetRow, Workbook, workbook_spec

Severity = Literal["fault", "mended", "note"]
_NOTHING = ("", "-")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold.

    fault: cannot be mended here, nothing is written; mended: a slip that the code itself corrects; note: what a person
    should know. `row` is the row of the sheet, 0 for the workbook as a whole.
    """

    severity: Severity
    kind: str
    sheet: str
    row: int
    column: str
    value: str
    zh: str
    en: str


@dataclass
class Checked:
    """What the rows came to. `names_to_explain`: the items that the naming rules name otherwise, with that name."""

    items: dict[str, Item] = field(default_factory=dict)
    elements: dict[tuple[str, str, str], Element] = field(default_factory=dict)  # by slot, modality, code
    names_to_explain: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A row whose code could be taken apart."""

    row: SheetRow
    code: str
    name: str
    modality: str
    layout: Layout
    slots: Mapping[str, str]


def check_rows(book: Workbook, template: Edition, groups: Mapping[str, list[str]], new_elements: bool) -> Checked:
    """Checks all rows against each other and against the layouts and elements of `template`."""
    checked = Checked()
    parsed = _parse(book, template, checked)
    labels = _labels(parsed, groups, checked)
    for each in parsed:
        elements = _row_elements(each, template, groups, labels, new_elements, checked)
        _check_columns(each, template, elements, checked)
        for slot, element in elements.items():
            checked.elements.setdefault((slot, each.modality, element.code), element)
        composed = compose_name(each.layout.naming, elements)
        if composed != each.name and not _is_faulty(each.row, checked):  # else it is told already what is wrong
            checked.names_to_explain[each.code] = composed
        checked.items[each.code] = Item(
            code=each.code,
            name=each.name,
            modality=each.modality,
            edition="",
            slots=each.slots,
            elements={slot: element.name for slot, element in elements.items()},
        )
    return checked


def _parse(book: Workbook, template: Edition, checked: Checked) -> list[_Parsed]:
    """The rows whose code and name hold by themselves; codes and names that come twice are faults."""
    parsed: list[_Parsed] = []
    codes: dict[str, SheetRow] = {}
    names: dict[str, SheetRow] = {}
    for row in book.rows:
        code, printed = row.cells[row.spec.code], row.cells[row.spec.name]
        unprintable = [column for column, cell in row.cells.items() if not cell.isprintable()]
        for column in unprintable:
            zh, en = (
                "单元格含有换行、制表符等不可见字符；请删去",
                "The cell has line breaks, tabs or the like; remove them",
            )
            checked.findings.append(_finding("fault", "unprintable", row, column, row.cells[column], zh, en))
        blocking = [each for each in validate(template, code) if each.id not in ("element", "unlisted")]
        for problem in blocking:
            checked.findings.append(_finding("fault", problem.id, row, row.spec.code, code, problem.zh, problem.en))
        name = printed.removeprefix("*").strip()
        if not name:
            zh, en = "项目没有名称；请补上", "The item has no name; add it"
            checked.findings.append(_finding("fault", "name", row, row.spec.name, printed, zh, en))
        for kind, column, value, seen in (
            ("duplicate-code", row.spec.code, code, codes),
            ("duplicate-name", row.spec.name, name, names),
        ):
            if value and value in seen:
                first = seen[value]
                zh = f"与表 {first.sheet} 第 {first.number} 行重复；一项目一名一码，请删去或改正其一"
                en = f"Stands in row {first.number} of sheet {first.sheet} too; one item, one name, one code: mend one"
                checked.findings.append(_finding("fault", kind, row, column, value, zh, en))
            seen.setdefault(value, row)
        if blocking or unprintable or not name:
            continue
        if not printed.startswith("*"):
            zh, en = "名称前没有 *；已当作标准项目", "The name has no leading *; taken for a standard item all the same"
            checked.findings.append(_finding("note", "mark", row, row.spec.name, printed, zh, en))
        each = _parse_code(row, code, name, template, checked)
        if each is not None:
            parsed.append(each)
    return parsed


def _parse_code(row: SheetRow, code: str, name: str, template: Edition, checked: Checked) -> _Parsed | None:
    """A code of right length and characters, split; its modality must be the column's, its addition the standard's."""
    device = template.device_of(code)
    assert device is not None  # `validate` found it
    modality = device.modalities[0]
    layout = template.layout(modality)
    assert layout is not None  # an edition has a layout for each modality of a device
    slots = split(layout, code)
    for each in layout.fields:
        if each.kind == "addition" and slots[each.slot] != each.none:
            zh = f"附加码 {slots[each.slot]} 表示中心自有项目，不属于标准版本；请删去该行"
            en = f"The addition {slots[each.slot]} marks a centre's own item, which is no part of an edition; remove it"
            checked.findings.append(_finding("fault", "addition", row, row.spec.code, code, zh, en))
            return None
    told = row.cells[row.spec.modality]
    if workbook_spec().spellings.get(told, told) != modality:
        zh = f"检查类型 {told!r} 与编码 {code} 的设备 {device.code}（{modality}）不符；请改正其一"
        en = f"The modality {told!r} is not that of device {device.code} ({modality}) in {code}; correct one of them"
        checked.findings.append(_finding("fault", "modality", row, row.spec.modality, told, zh, en))
        return None
    return _Parsed(row, code, name, modality, layout, slots)


def _labels(
    parsed: Iterable[_Parsed], groups: Mapping[str, list[str]], checked: Checked
) -> dict[tuple[str, str, str], str]:
    """The names that the workbook gives to elements, by slot, group of modalities and code; two names are a fault."""
    labels: dict[tuple[str, str, str], str] = {}
    where: dict[tuple[str, str, str], SheetRow] = {}
    for each in parsed:
        for fld, code_column, name_column in _columns(each):
            full, label = each.slots[fld.slot], each.row.cells[name_column]
            if label in _NOTHING or _told(each, fld, code_column) == "other" or full == fld.none:
                continue
            key = (fld.slot, group_of(each.modality, groups), full)
            if labels.setdefault(key, label) != label:
                first = where[key]
                zh = f"{fld.zh} {full} 在表 {first.sheet} 第 {first.number} 行叫 {labels[key]!r}；一码一义，请改正其一"
                en = f"{fld.en} {full} is {labels[key]!r} in row {first.number} of {first.sheet}; one code, one meaning"
                checked.findings.append(_finding("fault", "two-names", each.row, name_column, label, zh, en))
            where.setdefault(key, each.row)
    return labels


def _row_elements(
    each: _Parsed,
    template: Edition,
    groups: Mapping[str, list[str]],
    labels: Mapping[tuple[str, str, str], str],
    new_elements: bool,
    checked: Checked,
) -> dict[str, Element]:
    """The elements of a row's code: those of the template under the workbook's names, and new ones."""
    elements: dict[str, Element] = {}
    code_columns = {fld.slot: code_column for fld, code_column, _ in _columns(each)}
    name_columns = {fld.slot: name_column for fld, _, name_column in _columns(each)}
    for fld in each.layout.fields:
        full = each.slots[fld.slot]
        if fld.kind != "element" or full == fld.none:
            continue
        known = template.element(fld.slot, each.modality, full)
        label = labels.get((fld.slot, group_of(each.modality, groups), full), "")
        done = checked.elements.get((fld.slot, each.modality, full))
        if done is not None:
            elements[fld.slot] = done
        elif known is not None and label in ("", known.name):
            elements[fld.slot] = replace(known, modalities=(each.modality,))
        elif known is not None:
            elements[fld.slot] = replace(known, name=label, printed=label, modalities=(each.modality,))
            zh = f"{fld.zh} {full} 在版本 {template.id} 叫 {known.name!r}，这里叫 {label!r}；已照工作簿"
            en = f"{fld.en} {full} is {known.name!r} in {template.id} and {label!r} here; the workbook is followed"
            checked.findings.append(
                _finding("note", "renamed-element", each.row, name_columns.get(fld.slot, ""), label, zh, en)
            )
        else:
            own = label or ("" if _mismatch(each, fld) else each.row.cells.get(name_columns.get(fld.slot, ""), ""))
            column = code_columns.get(fld.slot, each.row.spec.code)
            if own in _NOTHING or not new_elements:
                zh = f"{fld.zh} {full} 不在版本 {template.id} 的元素表中；请改正编码，确是新元素则允许新元素再导入"
                en = f"{fld.en} {full} is no element of {template.id}; correct the code, or allow new elements"
                checked.findings.append(_finding("fault", "unknown-element", each.row, column, full, zh, en))
                own = own or full
            else:
                zh = f"{fld.zh} {full} {own!r} 是版本 {template.id} 没有的新元素；已收入"
                en = f"{fld.en} {full} {own!r} is new, {template.id} does not have it; taken in"
                checked.findings.append(_finding("note", "new-element", each.row, column, full, zh, en))
            bracket = (
                fld.slot == "scan" and f"({own}" in each.name and any(p.bracket for p in template.elements("scan"))
            )
            elements[fld.slot] = Element(
                fld.slot, full, own, (each.modality,), own, bracket, _class(template, each, fld)
            )
    return elements


def _check_columns(each: _Parsed, template: Edition, elements: Mapping[str, Element], checked: Checked) -> None:
    """Columns that differ from the code: a dropped zero is mended, a contradiction with the name too is a fault."""
    others: dict[str, Element] = dict(elements)
    differing: list[tuple[LayoutField, str]] = []
    for fld, code_column, name_column in _columns(each):
        full, value = each.slots[fld.slot], each.row.cells[code_column]
        told = _told(each, fld, code_column)
        if told == "zero":
            zh = f"{fld.zh}编码 {value!r} 少了开头的 0；编码中是 {full}，已照编码"
            en = f"The code of {fld.en} {value!r} lacks a leading 0; the item's code has {full}, which is followed"
            checked.findings.append(_finding("mended", "missing-zero", each.row, code_column, value, zh, en))
        elif told == "other" and full != fld.none and template.element(fld.slot, each.modality, full) is None:
            continue  # told as an unknown or a new element
        elif told == "other":
            differing.append((fld, code_column))
            label = each.row.cells[name_column]
            if label in _NOTHING:
                others.pop(fld.slot, None)
            else:
                known = next((e for e in template.elements(fld.slot, each.modality) if e.name == label), None)
                others[fld.slot] = known or Element(fld.slot, value, label, (each.modality,), label)
    if not differing:
        return
    by_code = compose_name(each.layout.naming, elements)
    by_columns = compose_name(each.layout.naming, others)
    sides_with_columns = by_columns == each.name != by_code
    for fld, column in differing:
        full, value = each.slots[fld.slot], each.row.cells[column]
        if sides_with_columns:
            zh = f"{fld.zh}在编码 {each.code} 中是 {full}，该列和名称却是 {value!r}；请改正该行"
            en = f"{fld.en} is {full} in the code {each.code} but {value!r} here, and the name agrees; correct the row"
            checked.findings.append(_finding("fault", "contradiction", each.row, column, value, zh, en))
        else:
            zh = f"{fld.zh}在编码 {each.code} 中是 {full}，该列却是 {value!r}；已照编码"
            en = f"{fld.en} is {full} in the code {each.code} and {value!r} in this column; the code is followed"
            checked.findings.append(_finding("note", "column", each.row, column, value, zh, en))


def group_of(modality: str, groups: Mapping[str, list[str]]) -> str:
    """The word for all modalities that share element tables with this one: X线 for DR; itself where there is none."""
    return next((word for word, members in groups.items() if modality in members), modality)


def _columns(each: _Parsed) -> list[tuple[LayoutField, str, str]]:
    """The fields of the row's layout that the sheet has columns for: field, column of the code, of the name."""
    by_slot = each.layout.by_slot
    return [(by_slot[slot], pair[0], pair[1]) for slot, pair in each.row.spec.elements.items() if slot in by_slot]


def _told(each: _Parsed, fld: LayoutField, column: str) -> Literal["same", "zero", "other"]:
    """What a column of codes says beside the item's own code: the same, the same without a leading zero, other."""
    value, full = each.row.cells[column], each.slots[fld.slot]
    own = full[len(full) - fld.length :]
    if value in (own, full) or (full == fld.none and value in _NOTHING):
        return "same"
    if value and value.zfill(len(full)) == full:
        return "zero"
    return "zero" if value and value.zfill(len(own)) == own else "other"


def _is_faulty(row: SheetRow, checked: Checked) -> bool:
    """Whether a fault of this row is among the findings."""
    at = (row.sheet, row.number)
    return any(each.severity == "fault" and (each.sheet, each.row) == at for each in checked.findings)


def _mismatch(each: _Parsed, fld: LayoutField) -> bool:
    """Whether the column of this field says another code than the item's."""
    return any(other.slot == fld.slot and _told(each, other, column) == "other" for other, column, _ in _columns(each))


def _class(template: Edition, each: _Parsed, fld: LayoutField) -> str:
    """The standard's class of a new scan or post: that of the known ones with the same first character."""
    own = each.slots[fld.slot]
    alike = [element.group for element in template.elements(fld.slot, each.modality) if element.code[0] == own[0]]
    return next((group for group in alike if group), "未分类")


def _finding(severity: Severity, kind: str, row: SheetRow, column: str, value: str, zh: str, en: str) -> Finding:
    """A finding about one cell of a row."""
    return Finding(severity, kind, row.sheet, row.number, column, value, zh, en)
