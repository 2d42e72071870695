"""Brings a database to the schema of this version, in one transaction, once, whoever comes first.

no table ──▶ 0001 ──▶ 0002 ──▶ … ──▶ head        a database that is at the head is only looked at
"""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection, Engine

from standard.errors import StoreError

FOLDER = Path(__file__).parent / "migrations"
TABLE = "alembic_version"
LOCK = 0x79696E67  # of PostgreSQL's advisory locks: two servers that start at once migrate one after the other
_STEP = re.compile(r"v(\d{4})_\w+\.py")


def head() -> str:
    """The newest revision that this program knows."""
    return max(
        found[1] for found in map(_STEP.fullmatch, (path.name for path in FOLDER.glob("versions/v*.py"))) if found
    )


def current(connection: Connection) -> str | None:
    """The revision of a database; None where there is none yet."""
    if not inspect(connection).has_table(TABLE):
        return None
    row = connection.execute(text(f"SELECT version_num FROM {TABLE}")).first()
    return None if row is None else str(row[0])


def upgrade(writer: Engine, to: str | None = None) -> None:
    """Bring the database of an engine, whose transactions lock for writing, to a revision: the newest if not said.

    Raises StoreError where the database was made by a newer version; nothing is changed then.
    """
    wanted = to or head()
    with writer.execution_options(yingma_write=False).connect() as connection:
        if current(connection) == wanted:
            return
    with writer.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        found = current(connection)
        if found == wanted:
            return
        if found is not None and found > head():
            raise StoreError(
                f"这个数据库由更新版本的影码建立（结构 {found}，本程序到 {head()}）；没有改动内容，请先升级影码。",
                f"This database was made by a newer Yingma (schema {found}, this program knows {head()}); "
                "nothing was changed, upgrade Yingma to open it.",
            )
        _run(connection, wanted)


def _run(connection: Connection, to: str) -> None:
    """The steps up to a revision, in the transaction of the connection."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
