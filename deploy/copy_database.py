"""The database, copied into a folder: `yingma.dump` (PostgreSQL) or `yingma.db` (SQLite). Called by backup.sh.

    PYTHONPATH=/opt/yingma python deploy/copy_database.py FOLDER

It is the one that the server opens: that of YINGMA_DATABASE_URL, else of settings.toml, else the file in YINGMA_HOME. A
password is given to pg_dump in its environment, since arguments can be seen by everybody who is on the machine.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL

from agent.console import say
from agent.settings import load_settings
from agent.store.engine import database_url
from standard.errors import InputError, StoreError, YingmaError


def copy_database(target: Path) -> None:
    """A copy in the folder `target`. InputError where there is no database; StoreError where the copy fails."""
    url = database_url(load_settings())
    if url.drivername == "sqlite":
        _copy_sqlite(Path(url.database or ""), target / "yingma.db")
    else:
        _copy_postgresql(url, target / "yingma.dump")


def _copy_sqlite(source: Path, target: Path) -> None:
    """Copied while the server writes to it, and looked at."""
    if not source.is_file():
        raise InputError(
            f"没有数据库可备份：没有设置 YINGMA_DATABASE_URL，也没有 {source}；请设置服务所用的 YINGMA_HOME 和 "
            "YINGMA_DATABASE_URL。",
            f"There is no database to copy: YINGMA_DATABASE_URL is not set, and there is no {source}; set YINGMA_HOME "
            "and YINGMA_DATABASE_URL as the server has them.",
        )
    with closing(sqlite3.connect(source)) as database, closing(sqlite3.connect(target)) as copy:
        with copy:
            database.backup(copy)
        if copy.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise StoreError(
                f"{source} 的副本不完整；请用 PRAGMA integrity_check 检查数据库。",
                f"The copy of {source} does not hold; look at the database with PRAGMA integrity_check.",
            )


def _copy_postgresql(url: URL, target: Path) -> None:
    """By pg_dump, which reaches the server as Yingma does."""
    _, options = url.get_dialect()().create_connect_args(url)
    password = options.pop("password", None)
    secret = {} if password is None else {"PGPASSWORD": str(password)}
    command = ["pg_dump", "--format=custom", f"--file={target}", f"--dbname={make_conninfo(**options)}"]
    try:
        subprocess.run(command, env={**os.environ, **secret}, check=True)
    except FileNotFoundError as error:
        raise StoreError(
            "没有找到 pg_dump；请安装 PostgreSQL 客户端（postgresql-client）。",
            "There is no pg_dump; install PostgreSQL's client (postgresql-client).",
        ) from error
    except subprocess.CalledProcessError as error:
        raise StoreError(
            "pg_dump 失败（原因见上），没有备份；请改正后重试。",
            "pg_dump failed (reason above), so there is no copy; mend that and try again.",
        ) from error


if __name__ == "__main__":
    try:
        copy_database(Path(sys.argv[1]))
    except YingmaError as problem:
        sys.exit(say(problem.zh, problem.en))
