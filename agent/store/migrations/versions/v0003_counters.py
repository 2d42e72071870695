"""Counters of progress, filled from the clusters there are: counting a long queue takes a tenth of a second."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and fill it."""
    op.create_table(
        "counter",
        sa.Column("institution_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("clusters", sa.BigInteger(), nullable=False),
        sa.Column("names", sa.BigInteger(), nullable=False),
        sa.Column("exams", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("institution_id", "status", name="pk_counter"),
        sa.ForeignKeyConstraint(["institution_id"], ["institution.id"], name="fk_counter_institution_id"),
    )
    op.execute(
        "INSERT INTO counter (institution_id, status, clusters, names, exams) "
        "SELECT institution_id, status, count(*), sum(names), sum(exams) FROM cluster GROUP BY institution_id, status"
    )


def downgrade() -> None:
    """A database is not taken back: restore the copy made before."""
    raise NotImplementedError
