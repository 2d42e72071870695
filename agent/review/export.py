"""Decisions that stand, name by name, for people (CSV, XLSX) and for programs (FHIR R4 ConceptMap).

For people every cell that a spreadsheet would run as a formula is defused with an apostrophe; for programs the name is
as it came. CSV is written piece by piece, so that a long export needs little memory.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.defuse import defused
from agent.store.schema import Cluster, Institution, Name
from agent.store.schema_acts import Decision, User
from agent.store.states import FINAL, word
from standard import Catalogue, decode
from standard.errors import CodeError, Lang

PIECE = 1000
HEADER: dict[Lang, list[str]] = {
    "zh": [
        *("机构", "设备类型", "名称", "检查数", "结果", "编码", "标准名称"),
        *("决定人", "决定时间", "说明", "组", "决定", "全集团"),
    ],
    "en": [
        *("institution", "modality", "name", "exams", "outcome", "codes", "items"),
        *("decided_by", "decided_at", "comment", "cluster", "decision", "group_wide"),
    ],
}
SYSTEM = "urn:yingma:standard"


class Row(NamedTuple):
    """A name and the decision that answers it."""

    institution: str
    modality: str
    name: str
    exams: int
    outcome: str
    codes: tuple[str, ...]
    by: str
    at: str
    why: str
    cluster: int
    decision: int
    group_wide: bool


def rows(session: Session, institution_id: int | None = None) -> Iterator[Row]:
    """All names that a decision answers, in the order they came."""
    statement = (
        select(Name.raw, Name.exams, Name.id, Institution.name, Cluster, Decision, User.name)  # type: ignore[call-overload]
        .join(Cluster, col(Cluster.id) == col(Name.cluster_id))
        .join(Institution, col(Institution.id) == col(Name.institution_id))
        .join(Decision, col(Decision.id) == col(Cluster.decision_id))
        .outerjoin(User, col(User.id) == col(Decision.user_id))
        .where(col(Cluster.status).in_(sorted(FINAL)))
        .order_by(col(Name.id))
        .limit(PIECE)
    )
    if institution_id is not None:
        statement = statement.where(col(Name.institution_id) == institution_id)
    last = 0
    while page := session.execute(statement.where(col(Name.id) > last)).all():
        for raw, exams, number, institution, cluster, decision, by in page:
            last = number
            yield Row(
                institution,
                cluster.modality,
                raw,
                int(exams),
                decision.action,
                tuple(decision.codes),
                by or "",
                decision.at.isoformat(timespec="seconds"),
                decision.why,
                cluster.id,
                decision.id,
                cluster.group_wide,
            )
        session.expunge_all()


def as_csv(found: Iterable[Row], catalogue: Catalogue, lang: Lang) -> Iterator[str]:
    """CSV with a byte order mark, so that spreadsheets take it for UTF-8."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow(HEADER[lang])
    for at, row in enumerate(found, 1):
        writer.writerow([defused(cell) for cell in cells(row, catalogue, lang)])
        if at % PIECE == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def as_xlsx(found: Iterable[Row], catalogue: Catalogue, lang: Lang) -> bytes:
    """A workbook of one sheet, every cell a text."""
    from openpyxl import Workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook(write_only=True)
    sheet = book.create_sheet("decisions")
    sheet.append(HEADER[lang])
    for row in found:
        sheet.append(
            [defused(ILLEGAL_CHARACTERS_RE.sub("\ufffd", cell)[:32_000]) for cell in cells(row, catalogue, lang)]
        )
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def as_concept_map(found: Iterable[Row], catalogue: Catalogue) -> Iterator[str]:
    """A ConceptMap: one group for each institution and modality that follow each other, an element for each name."""
    head = {
        "resourceType": "ConceptMap",
        "status": "active",
        "name": "YingmaDecisions",
        "title": catalogue.id,
        "targetUri": f"{SYSTEM}/{catalogue.id}",
    }
    yield json.dumps(head, ensure_ascii=False)[:-1] + ', "group": ['
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in found:
        groups.setdefault((row.institution, row.modality), []).append(_element(row, catalogue))
    for at, ((institution, modality), elements) in enumerate(sorted(groups.items())):
        group = {
            "source": "urn:yingma:names:" + json.dumps([institution, modality], ensure_ascii=False),
            "target": f"{SYSTEM}/{catalogue.id}",
            "element": elements,
        }
        yield ("," if at else "") + json.dumps(group, ensure_ascii=False)
    yield "]}"


def cells(row: Row, catalogue: Catalogue, lang: Lang) -> list[str]:
    """A row as texts."""
    return [
        row.institution,
        row.modality,
        row.name,
        str(row.exams),
        word("action", row.outcome, lang),
        "+".join(row.codes),
        " + ".join(_name(catalogue, code) for code in row.codes),
        row.by,
        row.at,
        row.why,
        str(row.cluster),
        str(row.decision),
        "1" if row.group_wide else "0",
    ]


def _element(row: Row, catalogue: Catalogue) -> dict[str, Any]:
    if row.outcome != "settle":
        return {"code": row.name, "target": [{"equivalence": "unmatched", "comment": row.outcome}]}
    how = "equivalent" if len(row.codes) == 1 else "narrower"
    return {
        "code": row.name,
        "target": [
            {"code": code, "display": _name(catalogue, code), "equivalence": how, "comment": f"decision {row.decision}"}
            for code in row.codes
        ],
    }


def _name(catalogue: Catalogue, code: str) -> str:
    item = catalogue.get(code)
    if item is not None:
        return item.name
    try:
        return decode(catalogue, code).name
    except CodeError:  # of an edition that is no longer in the catalogue
        return ""
