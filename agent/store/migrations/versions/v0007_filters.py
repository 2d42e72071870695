"""Indexes for a filtered queue: without them its cost grew with the queue, a tenth of a second at 100,000 clusters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OPEN = sa.text("status = 'open'")
FIRST = sa.text("priority DESC")


def upgrade() -> None:
    """Make the indexes."""
    indexes: tuple[tuple[str, list[str | sa.TextClause]], ...] = (
        ("ix_cluster_queue_modality", ["modality", FIRST, "id"]),
        ("ix_cluster_queue_institution_reason", ["institution_id", "reason", FIRST, "id"]),
        ("ix_cluster_oldest_institution", ["institution_id", "id"]),
        ("ix_cluster_oldest_reason", ["reason", "id"]),
    )
    for name, columns in indexes:
        op.create_index(name, "cluster", columns, sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    """A database is not taken back: restore the copy made before."""
    raise NotImplementedError
