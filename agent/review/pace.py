"""How fast a reviewer works, from his own decisions, and how long the rest will take him.

Time between two decisions counts as work up to a few minutes; a longer gap is a pause. Undone decisions and bulk
actions do not count: neither tells how long the next cluster will take.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store.progress import Count
from agent.store.replay import standing
from agent.store.schema import Cluster
from agent.store.schema_acts import Decision
from agent.store.states import ANSWERS

PAUSE = timedelta(minutes=5)
WINDOW = timedelta(days=14)
LAST = 300  # decisions that are looked at
LEAST = 5  # below this no pace is told


class Pace(NamedTuple):
    """Of one reviewer. `seconds`: time that he worked on them; hours to go at this pace, None where it is not known."""

    clusters: int = 0
    names: int = 0
    exams: int = 0
    seconds: float = 0.0
    names_an_hour: float | None = None
    exams_an_hour: float | None = None
    clusters_an_hour: float | None = None
    hours_left: float | None = None


def pace(session: Session, user_id: int, waiting: Count, at: datetime) -> Pace:
    """The pace of a person's last decisions, and the time that what is waiting takes at it (by clusters)."""
    rows = session.execute(
        select(Decision, col(Cluster.names), col(Cluster.exams))
        .join(Cluster, col(Cluster.id) == col(Decision.cluster_id))
        .where(col(Decision.user_id) == user_id, col(Decision.at) >= at - WINDOW)
        .order_by(col(Decision.at).desc(), col(Decision.id).desc())
        .limit(LAST)
    ).all()
    stand = {each.id for each in standing(decision for decision, _, _ in rows)}
    own = [
        (decision.at, int(names), int(exams))
        for decision, names, exams in rows
        if decision.id in stand and decision.batch is None and decision.action in ANSWERS
    ]
    if len(own) < LEAST:
        return Pace(len(own), sum(names for _, names, _ in own), sum(exams for _, _, exams in own))
    moments = [moment for moment, _, _ in reversed(own)]
    gaps = [later - earlier for earlier, later in pairwise(moments) if later - earlier <= PAUSE]
    worked = sum(gaps, timedelta()).total_seconds()
    counted = (len(own), sum(names for _, names, _ in own), sum(exams for _, _, exams in own))
    if worked <= 0 or not gaps:
        return Pace(*counted)
    each = worked / len(gaps)  # seconds a cluster
    hours = each * len(own) / 3600
    an_hour = [number / hours for number in counted]
    return Pace(*counted, worked, an_hour[1], an_hour[2], an_hour[0], waiting.clusters / an_hour[0])
