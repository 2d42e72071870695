"""The first schema: institutions, names, clusters, suggestions, decisions, trail, jobs, users, tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PLAIN = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
OPEN = sa.text("status = 'open'")
NOT_OPEN = sa.text("status <> 'open'")
APPEND_ONLY = ("decision", "trail")


def upgrade() -> None:
    """Make the tables and their indexes, and forbid to change what is only added to."""
    _people()
    _work()
    _acts()
    for table in APPEND_ONLY:
        _forbid_changes(table)


def downgrade() -> None:
    """A database is not taken back: restore the copy made before."""
    raise NotImplementedError


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("password", sa.String(200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("key", name="uq_users_key"),
    )
    op.create_table(
        "token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_token"),
        sa.UniqueConstraint("digest", name="uq_token_digest"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_token_user_id"),
    )
    op.create_index("ix_token_user_id", "token", ["user_id"])


def _work() -> None:
    op.create_table(
        "institution",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_institution"),
        sa.UniqueConstraint("key", name="uq_institution_key"),
    )
    op.create_table(
        "cluster",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("reading_key", sa.String(64), nullable=False),
        sa.Column("institution_id", sa.Integer(), nullable=False),
        sa.Column("modality", sa.String(40), nullable=False),
        sa.Column("base", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("priority", sa.Float(), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("names", sa.Integer(), nullable=False),
        sa.Column("exams", sa.BigInteger(), nullable=False),
        sa.Column("group_wide", sa.Boolean(), nullable=False),
        sa.Column("suggestion_id", sa.Integer()),
        sa.Column("decision_id", sa.Integer()),
        sa.Column("borrowed_id", sa.Integer()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_cluster"),
        sa.UniqueConstraint("key", name="uq_cluster_key"),
        sa.ForeignKeyConstraint(["institution_id"], ["institution.id"], name="fk_cluster_institution_id"),
        sqlite_autoincrement=True,
    )
    first = sa.text("priority DESC")
    _queue_index("queue", first, "id")
    _queue_index("oldest", "id")
    _queue_index("queue_institution", "institution_id", first, "id")
    _queue_index("queue_reason", "reason", first, "id")
    op.create_index(
        "ix_cluster_status", "cluster", ["status", first, "id"], sqlite_where=NOT_OPEN, postgresql_where=NOT_OPEN
    )
    op.create_index("ix_cluster_reading_key", "cluster", ["reading_key"])
    op.create_index("ix_cluster_borrowed_id", "cluster", ["borrowed_id"])
    op.create_table(
        "suggestion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cluster_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("route", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("codes", PLAIN, nullable=False),
        sa.Column("content", PLAIN, nullable=False),
        sa.Column("candidates", PLAIN, nullable=False),
        sa.Column("versions", PLAIN, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_suggestion"),
        sa.UniqueConstraint("cluster_id", "digest", name="uq_suggestion_cluster_id_digest"),
        sa.ForeignKeyConstraint(["cluster_id"], ["cluster.id"], name="fk_suggestion_cluster_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "name",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("text_key", sa.String(64), nullable=False),
        sa.Column("institution_id", sa.Integer(), nullable=False),
        sa.Column("cluster_id", sa.Integer(), nullable=False),
        sa.Column("suggestion_id", sa.Integer()),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("canonical", sa.Text(), nullable=False),
        sa.Column("exams", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_name"),
        sa.UniqueConstraint("text_key", "institution_id", name="uq_name_text_key_institution_id"),
        sa.ForeignKeyConstraint(["institution_id"], ["institution.id"], name="fk_name_institution_id"),
        sa.ForeignKeyConstraint(["cluster_id"], ["cluster.id"], name="fk_name_cluster_id"),
    )
    op.create_index("ix_name_cluster_id", "name", ["cluster_id", "id"])
    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("settings", PLAIN, nullable=False),
        sa.Column("versions", PLAIN, nullable=False),
        sa.Column("counts", PLAIN, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sa.UniqueConstraint("name", name="uq_job_name"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_job_user_id"),
    )
    op.create_table(
        "sighting",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("name_id", sa.Integer(), nullable=False),
        sa.Column("spelling", sa.String(16), nullable=False),
        sa.Column("exams", sa.BigInteger(), nullable=False),
        sa.Column("decision_id", sa.Integer()),
        sa.PrimaryKeyConstraint("job_id", "name_id", "spelling", name="pk_sighting"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_sighting_job_id"),
        sa.ForeignKeyConstraint(["name_id"], ["name.id"], name="fk_sighting_name_id"),
    )
    op.create_index("ix_sighting_decision_id", "sighting", ["decision_id"])
    op.create_index("ix_sighting_name_id", "sighting", ["name_id"])


def _queue_index(name: str, *columns: str | sa.TextClause) -> None:
    op.create_index(f"ix_cluster_{name}", "cluster", columns, sqlite_where=OPEN, postgresql_where=OPEN)


def _acts() -> None:
    op.create_table(
        "decision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cluster_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("circumstance", sa.String(20), nullable=False),
        sa.Column("codes", PLAIN, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("before", PLAIN, nullable=False),
        sa.Column("after", PLAIN, nullable=False),
        sa.Column("suggestion_id", sa.Integer()),
        sa.Column("undoes_id", sa.Integer()),
        sa.Column("batch", sa.String(64)),
        sa.Column("client_key", sa.String(64)),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_decision"),
        sa.UniqueConstraint("user_id", "client_key", name="uq_decision_user_id_client_key"),
        sa.UniqueConstraint("undoes_id", name="uq_decision_undoes_id"),
        sa.ForeignKeyConstraint(["cluster_id"], ["cluster.id"], name="fk_decision_cluster_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_decision_user_id"),
        sa.ForeignKeyConstraint(["undoes_id"], ["decision.id"], name="fk_decision_undoes_id"),
    )
    op.create_index("ix_decision_cluster_id", "decision", ["cluster_id", "id"])
    op.create_index("ix_decision_user_id", "decision", ["user_id", "at"])
    op.create_index("ix_decision_batch", "decision", ["batch"])
    op.create_table(
        "trail",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("subject", sa.String(20), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("before", PLAIN, nullable=False),
        sa.Column("after", PLAIN, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name="pk_trail"),
    )
    op.create_index("ix_trail_subject", "trail", ["subject", "subject_id", "id"])
    op.create_index("ix_trail_user_id", "trail", ["user_id", "id"])


def _forbid_changes(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
    )
