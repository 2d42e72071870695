"""Jobs: runs over files or batches of names, with what they were made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON, func, select, type_coerce
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store.columns import storable
from agent.store.ledger import insert_into, record
from agent.store.schema import Job
from standard.errors import InputError

LONGEST = 200
CONTENT = "content"  # of the settings: hash of the inputs and their columns, where it is known
End = Literal["done", "cancelled", "failed"]


def open_job(
    session: Session,
    name: str,
    at: datetime,
    user_id: int | None = None,
    settings: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
) -> Job:
    """The job of a name: a new one, or the one there is, which then goes on; its settings and versions stay its own."""
    name = storable(name.strip())
    if not 0 < len(name) <= LONGEST or not name.isprintable():
        raise InputError(
            f"任务名应为 1 到 {LONGEST} 个可见字符。", f"The name of a job has 1 to {LONGEST} visible characters."
        )
    values = {
        "name": name,
        "state": "running",
        "user_id": user_id,
        "settings": dict(settings or {}),
        "versions": dict(versions or {}),
        "counts": {},
        "created_at": at,
    }
    insert = insert_into(session, Job).values(values).on_conflict_do_nothing(index_elements=["name"])
    made = session.execute(insert.returning(col(Job.id))).scalar_one_or_none()
    job = session.scalars(select(Job).where(col(Job.name) == name).with_for_update()).one()
    assert job.id is not None
    if made is not None:
        record(session, at, user_id, "job", job.id, "start", {}, {"state": "running", "name": name})
    elif job.state != "running":
        before = {"state": job.state}
        job.state, job.ended_at = "running", None
        record(session, at, user_id, "job", job.id, "resume", before, {"state": "running"})
    return job


def end_job(session: Session, job: Job, state: End, counts: Mapping[str, int], at: datetime) -> None:
    """A job has ended."""
    assert job.id is not None
    job = session.get_one(Job, job.id, with_for_update=True)
    before = {"state": job.state}
    job.state, job.counts, job.ended_at = state, dict(counts), at
    record(session, at, job.user_id, "job", job.id or 0, "end", before, {"state": state, "counts": dict(counts)})


class SameInput:
    """The other jobs of the same inputs and columns as one, as far as that is known: jobs of versions before it was
    written down have nothing to tell it by. They are looked for anew only when there is a job more."""

    def __init__(self, job_id: int) -> None:
        self._job_id = job_id
        self._among = 0
        self._found: list[int] = []

    def ids(self, session: Session) -> list[int]:
        """Their ids."""
        there = session.scalar(select(func.count()).select_from(Job)) or 0
        if there != self._among:
            self._found = _same_input(session, self._job_id)
            self._among = there
        return self._found


def _same_input(session: Session, job_id: int) -> list[int]:
    content = session.get_one(Job, job_id).settings.get(CONTENT)
    if not content:
        return []
    settings: Any = type_coerce(col(Job.settings), JSON)
    found = select(col(Job.id)).where(settings[CONTENT].as_string() == content, col(Job.id) != job_id)
    return [number for number in session.scalars(found) if number is not None]


def jobs(session: Session, count: int = 50, before: int | None = None) -> Sequence[Job]:
    """The newest jobs, a page at a time: those with a smaller id."""
    found = select(Job).order_by(col(Job.id).desc()).limit(count)
    return session.scalars(found if before is None else found.where(col(Job.id) < before)).all()
