"""The tables of what people work on: institutions, names, clusters, suggestions, sightings, jobs, counters.

A name is distinct by canonical form, modality context and institution. A cluster holds the names of one institution and
one modality context with the same reading, which differ only in noise: one decision settles them all. Tables of
decisions and people: schema_acts.py. The schema itself is made by migrations/; a test holds the two equal.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, MetaData, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from agent.store.columns import Moment, Plain, Words

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
OPEN = text("status = 'open'")
NOT_OPEN = text("status <> 'open'")


class Base(SQLModel):
    """Base of all tables; their metadata are Yingma's own."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


class Institution(Base, table=True):
    """A hospital or centre, as the institution column says it; the one with an empty name stands for "not said"."""

    __tablename__ = "institution"
    __table_args__ = (UniqueConstraint("key"),)

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(max_length=64, description="Hash of the canonical form of the name.")
    name: str = Field(sa_type=Words, description="The name as it first came.")


class Cluster(Base, table=True):
    """Names with the same reading in one context: what a person decides on, once for all their exams."""

    __tablename__ = "cluster"
    __table_args__ = (
        UniqueConstraint("key"),
        # The queue, by priority, by age, and within an institution or a reason; only what is open is in them.
        Index("ix_cluster_queue", text("priority DESC"), "id", sqlite_where=OPEN, postgresql_where=OPEN),
        Index("ix_cluster_oldest", "id", sqlite_where=OPEN, postgresql_where=OPEN),
        Index(
            "ix_cluster_queue_institution",
            "institution_id",
            text("priority DESC"),
            "id",
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
        Index(
            "ix_cluster_queue_reason", "reason", text("priority DESC"), "id", sqlite_where=OPEN, postgresql_where=OPEN
        ),
        Index(
            "ix_cluster_queue_modality",
            "modality",
            text("priority DESC"),
            "id",
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
        Index(
            "ix_cluster_queue_institution_reason",
            "institution_id",
            "reason",
            text("priority DESC"),
            "id",
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
        Index("ix_cluster_oldest_institution", "institution_id", "id", sqlite_where=OPEN, postgresql_where=OPEN),
        Index("ix_cluster_oldest_reason", "reason", "id", sqlite_where=OPEN, postgresql_where=OPEN),
        # What waits for a second person is little, so one index serves all of it.
        Index(
            "ix_cluster_status",
            "status",
            text("priority DESC"),
            "id",
            sqlite_where=NOT_OPEN,
            postgresql_where=NOT_OPEN,
        ),
        Index("ix_cluster_reading_key", "reading_key"),
        Index("ix_cluster_borrowed_id", "borrowed_id"),
        # The id of a cluster that is gone is never given again: somebody may have it on the screen.
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(max_length=64, description="Hash of reading, modality context and institution.")
    reading_key: str = Field(max_length=64, description="Hash of reading and modality context.")
    institution_id: int = Field(foreign_key="institution.id", description="Whose names they are.")
    modality: str = Field(max_length=40, description="Families that the modality column allows; empty for all.")
    base: str = Field(max_length=20, description="Status before any decision: `accepted` or `open`.")
    status: str = Field(max_length=20, description="Status now; what follows it stands in states.tsv.")
    revision: int = Field(default=1, description="Counts the changes of status; a decision names the one it saw.")
    score: float = Field(description="Lowest score of its suggestions.")
    priority: float = Field(description="Exams times doubt (1 - score): what the queue is ordered by.")
    reason: str = Field(max_length=40, description="Reason of the suggestion that is shown.")
    names: int = Field(default=0, description="How many names it holds.")
    exams: int = Field(default=0, sa_type=BigInteger, description="How many exams they were counted on.")
    group_wide: bool = Field(default=False, description="Its decision answers in every institution.")
    suggestion_id: int | None = Field(default=None, description="The suggestion that is shown.")
    decision_id: int | None = Field(default=None, description="The decision that settles it; of another one: borrowed.")
    borrowed_id: int | None = Field(default=None, description="A group-wide decision that it was settled by.")
    created_at: datetime = Field(sa_type=Moment, description="When the first of its names came.")
    changed_at: datetime = Field(
        sa_type=Moment, description="When its status or the codes suggested for it last changed."
    )
    lease_by: str | None = Field(default=None, max_length=64, description="The browser tab that has it on screen.")
    lease_user_id: int | None = Field(default=None, description="Whose tab that is.")
    lease_until: datetime | None = Field(default=None, sa_type=Moment, description="Until when it is kept for the tab.")


class Suggestion(Base, table=True):
    """An answer of the pipeline to names of a cluster, with its whole evidence; each different answer once."""

    __tablename__ = "suggestion"
    __table_args__ = (
        UniqueConstraint("cluster_id", "digest"),
        Index("ix_suggestion_codes", "codes", postgresql_using="gin"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    cluster_id: int = Field(foreign_key="cluster.id", description="Whose answer it is.")
    digest: str = Field(max_length=64, description="Hash of route, codes, reason and versions.")
    route: str = Field(max_length=20, description="`accepted` or `review`.")
    reason: str = Field(max_length=40, description="Id of the reason.")
    score: float = Field(description="Score of the answer, 0..1.")
    codes: list[str] = Field(sa_type=Plain, description="Codes in the order of the name.")
    content: dict[str, Any] = Field(sa_type=Plain, description="Reading, evidence, model and classifier.")
    candidates: list[dict[str, Any]] = Field(sa_type=Plain, description="Candidates, the best first.")
    versions: dict[str, str] = Field(sa_type=Plain, description="What it was made with.")
    created_at: datetime = Field(sa_type=Moment, description="When it first came.")


class Name(Base, table=True):
    """A distinct exam name in its context."""

    __tablename__ = "name"
    __table_args__ = (
        UniqueConstraint("text_key", "institution_id"),
        Index("ix_name_cluster_id", "cluster_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    text_key: str = Field(max_length=64, description="Hash of canonical form and modality context.")
    institution_id: int = Field(foreign_key="institution.id", description="Where it is used.")
    cluster_id: int = Field(foreign_key="cluster.id", description="The cluster that it is decided with.")
    suggestion_id: int | None = Field(default=None, description="The answer to this very name.")
    raw: str = Field(sa_type=Words, description="The name as it first came.")
    canonical: str = Field(sa_type=Words, description="Its canonical form.")
    exams: int = Field(default=0, sa_type=BigInteger, description="How many exams it was counted on.")
    created_at: datetime = Field(sa_type=Moment, description="When it first came.")


class Job(Base, table=True):
    """A run over a file or a batch of names, with what it was made with."""

    __tablename__ = "job"
    __table_args__ = (UniqueConstraint("name"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=200, description="What people call it.")
    state: str = Field(default="running", max_length=20, description="`running`, `done`, `cancelled` or `failed`.")
    user_id: int | None = Field(default=None, foreign_key="users.id", description="Who started it.")
    settings: dict[str, Any] = Field(default_factory=dict, sa_type=Plain, description="Files, columns, options.")
    versions: dict[str, str] = Field(default_factory=dict, sa_type=Plain, description="What it is made with.")
    counts: dict[str, int] = Field(default_factory=dict, sa_type=Plain, description="Rows, names, accepted, review.")
    created_at: datetime = Field(sa_type=Moment, description="When it was started.")
    ended_at: datetime | None = Field(default=None, sa_type=Moment, description="When it ended.")


class Sighting(Base, table=True):
    """A name in a job, as it was spelled there: a job that is run again or resumed counts it once. Of jobs of the same
    file with the same columns, the newest that has the name counts it; one of a version that did not write down what it
    read is of no other's."""

    __tablename__ = "sighting"
    __table_args__ = (Index("ix_sighting_decision_id", "decision_id"), Index("ix_sighting_name_id", "name_id"))

    job_id: int = Field(primary_key=True, foreign_key="job.id", description="The job.")
    name_id: int = Field(primary_key=True, foreign_key="name.id", description="The name.")
    spelling: str = Field(primary_key=True, max_length=16, description="Hash of name and context as they came.")
    exams: int = Field(sa_type=BigInteger, description="On how many exams it stood there.")
    decision_id: int | None = Field(default=None, description="The decision that answered it, if memory did.")


class Counter(Base, table=True):
    """How many clusters, names and exams have a status, by institution; kept in the transaction that changes them."""

    __tablename__ = "counter"

    institution_id: int = Field(primary_key=True, foreign_key="institution.id", description="The institution.")
    status: str = Field(primary_key=True, max_length=20, description="The status.")
    clusters: int = Field(default=0, sa_type=BigInteger, description="Clusters with it.")
    names: int = Field(default=0, sa_type=BigInteger, description="Their names.")
    exams: int = Field(default=0, sa_type=BigInteger, description="Their exams.")
