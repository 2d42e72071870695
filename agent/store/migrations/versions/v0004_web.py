"""Who is logged in, who tried to, whose the uploaded files are; which names a code stands for, by index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "web_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_web_session"),
        sa.UniqueConstraint("digest", name="uq_web_session_digest"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_web_session_user_id"),
    )
    op.create_index("ix_web_session_user_id", "web_session", ["user_id"])
    op.create_table(
        "login_attempt",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_login_attempt"),
    )
    op.create_index("ix_login_attempt_since", "login_attempt", ["since"])
    op.create_table(
        "upload",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", "user_id", name="pk_upload"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_upload_user_id"),
    )
    op.create_index("ix_upload_at", "upload", ["at"])
    op.create_index("ix_suggestion_codes", "suggestion", ["codes"], postgresql_using="gin")
    op.create_index("ix_decision_codes", "decision", ["codes"], postgresql_using="gin")


def downgrade() -> None:
    """A database is not taken back: restore the copy made before."""
    raise NotImplementedError
