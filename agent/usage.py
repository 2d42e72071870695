"""Which names of the data a code stands for: decided by people, accepted by Yingma, or only suggested so far."""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple, get_args

from sqlalchemy import ColumnElement, Text, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store.schema import Cluster, Institution, Name, Suggestion
from agent.store.schema_acts import Decision
from agent.store.states import WAITING

Kind = Literal["settled", "accepted", "waiting"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PAGE = 50


class Used(NamedTuple):
    """A name that goes with a code."""

    name: str
    institution: str
    modality: str
    exams: int
    cluster_id: int
    codes: tuple[str, ...]


class Total(NamedTuple):
    """So many clusters, names and exams."""

    clusters: int
    names: int
    exams: int


def totals(session: Session, code: str) -> dict[Kind, Total]:
    """How much goes with a code, by kind."""
    sums = (func.count(), func.sum(col(Cluster.names)), func.sum(col(Cluster.exams)))
    return {
        kind: Total(
            *(int(each or 0) for each in session.execute(select(*sums).where(_with(session, code, kind))).one())
        )
        for kind in KINDS
    }


def names_with(session: Session, code: str, kind: Kind, page: int = 0) -> list[Used]:
    """The names of one kind, the most frequent first, a page at a time."""
    source = Decision if kind == "settled" else Suggestion
    link = col(Cluster.decision_id) if kind == "settled" else col(Cluster.suggestion_id)
    statement = (
        select(
            col(Name.raw),
            col(Institution.name),
            col(Cluster.modality),
            col(Name.exams),
            col(Cluster.id),
            col(source.codes),
        )
        .join(Cluster, col(Cluster.id) == col(Name.cluster_id))
        .join(Institution, col(Institution.id) == col(Cluster.institution_id))
        .join(source, col(source.id) == link)
        .where(_with(session, code, kind))
        .order_by(col(Name.exams).desc(), col(Name.id))
        .offset(page * PAGE)
        .limit(PAGE)
    )
    return [
        Used(raw, institution, modality, exams, cluster_id or 0, tuple(codes))
        for raw, institution, modality, exams, cluster_id, codes in session.execute(statement)
    ]


def _with(session: Session, code: str, kind: Kind) -> ColumnElement[bool]:
    """Whether a cluster goes with a code in this way."""
    if kind == "settled":
        found = select(col(Decision.id)).where(_holds(session, col(Decision.codes), code))
        return (col(Cluster.status) == "settled") & col(Cluster.decision_id).in_(found)
    found = select(col(Suggestion.id)).where(_holds(session, col(Suggestion.codes), code))
    statuses = ["accepted"] if kind == "accepted" else sorted(WAITING)
    return col(Cluster.status).in_(statuses) & col(Cluster.suggestion_id).in_(found)


def _holds(session: Session, codes: Any, code: str) -> ColumnElement[bool]:
    """Whether a column of codes holds one; both databases look it up in an index of that column."""
    if session.get_bind().dialect.name == "postgresql":
        return cast(codes, JSONB).contains([code])
    return cast(codes, Text).like(f"%{json.dumps(code)}%".replace("_", r"\_"), escape="\\")
