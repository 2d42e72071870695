"""The tables of a job that several processes work at: what it is made with, and its pieces.

Texts here are JSON in ASCII and not `Plain`: a name goes to a worker as it stands in the file, with what no database
can hold escaped, else its answer could differ from that of a job on one machine.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field

from agent.store.columns import Moment, Plain, Words
from agent.store.schema import Base


class JobShare(Base, table=True):
    """A job whose pieces are open to workers; gone when all its answers are in the job's folder."""

    __tablename__ = "job_share"

    job_id: int = Field(primary_key=True, foreign_key="job.id", description="The job.")
    make: str = Field(max_length=64, description="Key of inputs and versions; a piece of another one is not worked at.")
    versions: dict[str, str] = Field(sa_type=Plain, description="What a worker has to be made of.")
    memory: str = Field(sa_type=Words, description="What people had decided when the job began, as JSON.")


class JobPiece(Base, table=True):
    """Some of the distinct names of a job, for one worker; gone when their answers are in the job's folder."""

    __tablename__ = "job_piece"

    job_id: int = Field(primary_key=True, foreign_key="job.id", description="The job.")
    start: int = Field(primary_key=True, description="Place of its first name among the job's.")
    until: int = Field(description="Place behind its last name.")
    make: str = Field(max_length=64, description="As in job_share.")
    names: str = Field(sa_type=Words, description="Name, modality and institution of each, as JSON.")
    answers: str | None = Field(default=None, sa_type=Words, description="Their answers, as the job's folder has them.")
    lease_by: str | None = Field(default=None, max_length=64, description="The process that works at it.")
    lease_until: datetime | None = Field(
        default=None,
        sa_type=Moment,
        description="Until when it is that one's, or when the answers were handed in; by the database's clock.",
    )
