"""What the review screen keeps: assignments, control samples, bulk actions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PLAIN = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Three tables, empty."""
    op.create_table(
        "assignment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("institution_id", sa.Integer()),
        sa.Column("modality", sa.String(40)),
        sa.Column("reason", sa.String(40)),
        sa.Column("by_id", sa.Integer()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_assignment"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_assignment_user_id"),
        sa.ForeignKeyConstraint(["institution_id"], ["institution.id"], name="fk_assignment_institution_id"),
        sa.ForeignKeyConstraint(["by_id"], ["users.id"], name="fk_assignment_by_id"),
    )
    op.create_index("ix_assignment_user_id", "assignment", ["user_id", "id"])
    op.create_table(
        "control",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("cluster_id", sa.Integer(), nullable=False),
        sa.Column("turn", sa.String(64), nullable=False),
        sa.Column("tab", sa.String(64), nullable=False),
        sa.Column("slot", sa.String(20), nullable=False),
        sa.Column("right_codes", PLAIN, nullable=False),
        sa.Column("wrong_codes", PLAIN, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("codes", PLAIN, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("caught", sa.Boolean()),
        sa.Column("client_key", sa.String(64)),
        sa.Column("answered_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_control"),
        sa.UniqueConstraint("turn", name="uq_control_turn"),
        sa.UniqueConstraint("user_id", "client_key", name="uq_control_user_id_client_key"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_control_user_id"),
        sa.ForeignKeyConstraint(["cluster_id"], ["cluster.id"], name="fk_control_cluster_id"),
    )
    op.create_index("ix_control_user_id", "control", ["user_id", "id"])
    op.create_table(
        "bulk",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch", sa.String(64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("wanted", PLAIN, nullable=False),
        sa.Column("clusters", sa.Integer(), nullable=False),
        sa.Column("names", sa.BigInteger(), nullable=False),
        sa.Column("exams", sa.BigInteger(), nullable=False),
        sa.Column("after_id", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_bulk"),
        sa.UniqueConstraint("batch", name="uq_bulk_batch"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_bulk_user_id"),
    )
    op.create_index("ix_bulk_user_id", "bulk", ["user_id", "id"])


def downgrade() -> None:
    """A database is not taken back: restore the copy made before."""
    raise NotImplementedError
