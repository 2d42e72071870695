"""Leases: which browser tab has a cluster on screen, and until when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is leased in what there is."""
    op.add_column("cluster", sa.Column("lease_by", sa.String(64)))
    op.add_column("cluster", sa.Column("lease_user_id", sa.Integer()))
    op.add_column("cluster", sa.Column("lease_until", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """A database is not taken back: restore the copy made before."""
    raise NotImplementedError
