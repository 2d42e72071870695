"""The standing audit: key, what was accepted unseen, draws, stops."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

PLAIN = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
STANDS = sa.text("lifted_at IS NULL")


def upgrade() -> None:
    """Four tables, empty."""
    op.create_table(
        "audit_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_key"),
    )
    op.create_table(
        "audit_flow",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("institution_id", sa.Integer(), nullable=False),
        sa.Column("modality", sa.String(40), nullable=False),
        sa.Column("names", sa.Integer(), nullable=False),
        sa.Column("exams", sa.BigInteger(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "institution_id", "modality", name="pk_audit_flow"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_audit_flow_job_id"),
        sa.ForeignKeyConstraint(["institution_id"], ["institution.id"], name="fk_audit_flow_institution_id"),
    )
    op.create_index("ix_audit_flow_at", "audit_flow", ["at"])
    op.create_table(
        "audit_draw",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name_id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("institution_id", sa.Integer(), nullable=False),
        sa.Column("modality", sa.String(40), nullable=False),
        sa.Column("codes", PLAIN, nullable=False),
        sa.Column("exams", sa.BigInteger(), nullable=False),
        sa.Column("chance", sa.Float(), nullable=False),
        sa.Column("core", sa.Boolean(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_draw"),
        sa.UniqueConstraint("name_id", name="uq_audit_draw_name_id"),
        sa.ForeignKeyConstraint(["name_id"], ["name.id"], name="fk_audit_draw_name_id"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_audit_draw_job_id"),
        sa.ForeignKeyConstraint(["institution_id"], ["institution.id"], name="fk_audit_draw_institution_id"),
    )
    op.create_index("ix_audit_draw_at", "audit_draw", ["at"])
    op.create_table(
        "audit_stop",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(60), nullable=False),
        sa.Column("modality", sa.String(40), nullable=False),
        sa.Column("institution_id", sa.Integer()),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("since", MOMENT),
        sa.Column("evidence", PLAIN, nullable=False),
        sa.Column("lifted_at", MOMENT),
        sa.Column("lifted_by_id", sa.Integer()),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_stop"),
        sa.ForeignKeyConstraint(["institution_id"], ["institution.id"], name="fk_audit_stop_institution_id"),
        sa.ForeignKeyConstraint(["lifted_by_id"], ["users.id"], name="fk_audit_stop_lifted_by_id"),
    )
    op.create_index(
        "uq_audit_stop_place",
        "audit_stop",
        ["place"],
        unique=True,
        sqlite_where=STANDS,
        postgresql_where=STANDS,
    )


def downgrade() -> None:
    """A database is not taken back: restore the copy made before."""
    raise NotImplementedError
