"""What two stores must have in common that were fed by the same job, whatever happened to it: rows without numbers.

Numbers (ids) and times depend on the order of arrival, so a row names others by their keys. It comes with how often it
stands there, so that one that is lost and one that is doubled both show.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from agent.store import Store
from agent.store.schema import Cluster, Institution, Job, Name, Sighting, Suggestion
from agent.store.schema import Counter as CounterRow
from agent.store.schema_audit import AuditDraw, AuditFlow

Rows = dict[str, Counter[str]]
SHOWN = 3  # rows of a difference that are told
LONGEST = 200  # characters of a row that are told


def kept_rows(store: Store) -> Rows:
    """The rows of names, clusters, suggestions, sightings, counters, audit and jobs, as text, by table.

    StoreError where the database does not answer.
    """
    with store.reading() as session:
        return {
            table: Counter(json.dumps(list(row), ensure_ascii=False, sort_keys=True) for row in session.execute(query))
            for table, query in _queries().items()
        }


def differences(wanted: Rows, found: Rows) -> list[str]:
    """What is lost and what is too much, a line for each table, with some of the rows."""
    told = []
    for table, rows in wanted.items():
        for what, more in (("lost", rows - found[table]), ("too much", found[table] - rows)):
            if more:
                some = "; ".join(each[:LONGEST] for each in sorted(more)[:SHOWN])
                told.append(f"{table}: {more.total()} {what}: {some}")
    return told


def _queries() -> dict[str, Select[*tuple[Any, ...]]]:
    answer, whose = aliased(Suggestion), aliased(Cluster)  # what is shown, and the cluster that it belongs to
    place = col(Institution.id)
    name = (Name.text_key, Institution.key)
    return {
        "name": _cells(*name, Name.raw, Name.canonical, Name.exams, Cluster.key, answer.digest, whose.key)
        .join(Institution, place == Name.institution_id)
        .join(Cluster, col(Cluster.id) == Name.cluster_id)
        .outerjoin(answer, col(answer.id) == Name.suggestion_id)
        .outerjoin(whose, col(whose.id) == answer.cluster_id),
        "cluster": _cells(
            *(Cluster.key, Cluster.reading_key, Institution.key, Cluster.modality, Cluster.base, Cluster.status),
            *(Cluster.revision, Cluster.score, Cluster.priority, Cluster.reason, Cluster.names, Cluster.exams),
            *(Cluster.group_wide, answer.digest),
        )
        .join(Institution, place == Cluster.institution_id)
        .outerjoin(answer, col(answer.id) == Cluster.suggestion_id),
        "suggestion": _cells(
            *(Cluster.key, Suggestion.digest, Suggestion.route, Suggestion.reason, Suggestion.score),
            *(Suggestion.codes, Suggestion.content, Suggestion.candidates, Suggestion.versions),
        ).outerjoin(Cluster, col(Cluster.id) == Suggestion.cluster_id),
        "sighting": _cells(Job.name, *name, Sighting.spelling, Sighting.exams)
        .join(Job, col(Job.id) == Sighting.job_id)
        .join(Name, col(Name.id) == Sighting.name_id)
        .join(Institution, place == Name.institution_id),
        "counter": _cells(
            Institution.key, CounterRow.status, CounterRow.clusters, CounterRow.names, CounterRow.exams
        ).join(Institution, place == CounterRow.institution_id),
        "audit_draw": _cells(
            *(Job.name, *name, AuditDraw.modality, AuditDraw.codes, AuditDraw.exams, AuditDraw.chance, AuditDraw.core)
        )
        .join(Job, col(Job.id) == AuditDraw.job_id)
        .join(Name, col(Name.id) == AuditDraw.name_id)
        .join(Institution, place == AuditDraw.institution_id),
        "audit_flow": _cells(Job.name, Institution.key, AuditFlow.modality, AuditFlow.names, AuditFlow.exams)
        .join(Job, col(Job.id) == AuditFlow.job_id)
        .join(Institution, place == AuditFlow.institution_id),
        "job": _cells(Job.name, Job.state, Job.counts, Job.versions),
    }


def _cells(*columns: Any) -> Select[*tuple[Any, ...]]:
    return select(*columns)
