"""Jobs that several processes work at: what they are made with, and their pieces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

PLAIN = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Two tables, empty."""
    op.create_table(
        "job_share",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("make", sa.String(64), nullable=False),
        sa.Column("versions", PLAIN, nullable=False),
        sa.Column("memory", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_job_share"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_share_job_id"),
    )
    op.create_table(
        "job_piece",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("until", sa.Integer(), nullable=False),
        sa.Column("make", sa.String(64), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("answers", sa.Text()),
        sa.Column("lease_by", sa.String(64)),
        sa.Column("lease_until", MOMENT),
        sa.PrimaryKeyConstraint("job_id", "start", name="pk_job_piece"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_piece_job_id"),
    )


def downgrade() -> None:
    """A database is not taken back: restore the copy made before."""
    raise NotImplementedError
