"""GET /metrics: counters of this server and the state of the work, as Prometheus reads it."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, Gauge
from sqlalchemy import func, select
from sqlmodel import col

from agent.api.context import CurrentContext
from agent.store import progress
from agent.store.schema import Job
from agent.store.schema_acts import Decision
from agent.store.states import ACTIONS, STATUSES

router = APIRouter(include_in_schema=False)
JOB_STATES = ("running", "done", "cancelled", "failed")


@router.get("/metrics")
def metrics(context: CurrentContext) -> Response:
    """The text."""
    meters = context.meters
    with context.store.reading() as session:
        counts = progress(session).by_status
        decisions = session.execute(select(col(Decision.action), func.count()).group_by(col(Decision.action))).all()
        jobs = session.execute(select(col(Job.state), func.count()).group_by(col(Job.state))).all()
    for status in STATUSES:
        count = counts.get(status)
        meters.clusters.labels(status).set(count.clusters if count else 0)
        meters.cluster_names.labels(status).set(count.names if count else 0)
        meters.cluster_exams.labels(status).set(count.exams if count else 0)
    _put(meters.decisions, ACTIONS, {row[0]: row[1] for row in decisions})
    _put(meters.jobs, JOB_STATES, {row[0]: row[1] for row in jobs})
    return Response(meters.text(), media_type=CONTENT_TYPE_LATEST)


def _put(gauge: Gauge, known: tuple[str, ...], found: dict[str, int]) -> None:
    for key in dict.fromkeys((*known, *found)):
        gauge.labels(key).set(found.get(key, 0))
