"""Opening a database: where it is, what is set, and one sentence where it cannot be used."""

from __future__ import annotations

import socket
import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.settings import load_settings
from agent.store import Store, engine, open_store, open_url
from agent.store.migrate import head
from agent.store.schema import Institution
from evals.bench.postgres import OWNER
from standard.errors import InputError, StoreError
from tests.store.postgres import SETTINGS, binaries, running


def test_sqlite_lies_in_the_home_folder_and_syncs_each_commit(home: Path) -> None:
    store = open_store(load_settings(home=home / "new"))
    with store.reading() as session:
        found = [session.scalar(text(f"PRAGMA {each}")) for each in ("journal_mode", "synchronous", "foreign_keys")]
    store.close()
    assert found == ["wal", 2, 1]
    path = home / "new" / "yingma.db"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert store.place == str(path)


def test_the_url_of_the_settings_wins(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ("postgresql://u:p@h/d", "postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"):
        monkeypatch.setenv("YINGMA_DATABASE_URL", given)
        url = engine.database_url(load_settings())
        assert url.render_as_string(hide_password=False) == "postgresql+psycopg://u:p@h/d"


def test_both_sides_of_a_connection_look_whether_the_other_is_there() -> None:
    """Over TCP; else a machine that vanished would hold its locks for two hours."""
    folder = binaries()
    if folder is None:
        pytest.skip("PostgreSQL (initdb, pg_ctl) is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running(folder, (*SETTINGS, "listen_addresses=127.0.0.1", f"port={port}")):
        address = f"postgresql+psycopg://{OWNER}@127.0.0.1:{port}/postgres"
        store = open_url(make_url(f"{address}?keepalives_idle=7"))
        with store.reading() as session:
            names = ("keepalives_idle", "keepalives_interval", "keepalives_count", "user_timeout")
            theirs = [session.scalar(text(f"SHOW tcp_{name}")) for name in names]
            mine = session.connection().connection.dbapi_connection
            assert mine is not None
            ours = mine.info.get_parameters()
        store.close()
    assert theirs == ["30", "10", "3", "60000"]
    assert [ours[name] for name in ("keepalives_idle", "keepalives_interval", "tcp_user_timeout")] == [
        "7",
        "10",
        "60000",
    ]


def test_another_database_is_refused_without_telling_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINGMA_DATABASE_URL", "mysql://user:geheim@host/db")
    with pytest.raises(InputError) as caught:
        load_settings()
    assert "YINGMA_DATABASE_URL=***" in caught.value.en
    assert "geheim" not in caught.value.en + caught.value.zh


def test_an_address_that_is_none_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINGMA_DATABASE_URL", "postgresql://user:geheim@host:port/db")
    with pytest.raises(StoreError, match="YINGMA_DATABASE_URL is no valid URL") as caught:
        engine.database_url(load_settings())
    assert "geheim" not in caught.value.en + caught.value.zh


def no_database(folder: Path) -> URL:
    path = folder / "no.db"
    path.write_bytes(b"this is no database, but long enough to look like one" * 50)
    return URL.create("sqlite", database=str(path))


def a_folder(folder: Path) -> URL:
    return URL.create("sqlite", database=str(folder))


def below_a_file(folder: Path) -> URL:
    (folder / "file").write_text("")
    return URL.create("sqlite", database=str(folder / "file" / "yingma.db"))


def nobody_listens(folder: Path) -> URL:
    return URL.create("postgresql+psycopg", "u", "geheim", database="d", query={"host": str(folder)})


@pytest.mark.parametrize("make", [no_database, a_folder, below_a_file, nobody_listens])
def test_what_cannot_be_opened_is_told_in_a_sentence(make: object, tmp_path: Path) -> None:
    assert callable(make)
    with pytest.raises(StoreError) as caught:
        open_url(make(tmp_path))
    assert caught.value.zh.startswith("打不开数据库")
    assert "cannot be used" in caught.value.en
    assert str(tmp_path) in caught.value.en.replace("%2F", "/")
    assert "geheim" not in caught.value.en + caught.value.zh
    assert "\n" not in caught.value.en


def test_a_newer_database_is_left_alone(empty: URL) -> None:
    store = open_url(empty)
    with store.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StoreError) as caught:
        open_url(empty)
    assert "9999" in caught.value.en
    assert head() in caught.value.zh
    assert "更新版本" in caught.value.zh


def test_a_writer_that_waits_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0)
    store = open_url(URL.create("sqlite", database=str(tmp_path / "yingma.db")))
    other = sqlite3.connect(tmp_path / "yingma.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with store.reading() as session:  # readers do not wait
        assert session.scalars(select(Institution)).all() == []
    with pytest.raises(StoreError) as caught, store.writing() as session:
        session.add(Institution(key="k", name="n"))
    assert "locked" in caught.value.en
    other.execute("COMMIT")
    other.close()
    with store.writing() as session:
        session.add(Institution(key="k", name="n"))
    store.close()


def test_an_error_rolls_everything_back(store: Store) -> None:
    def broken(session: Session) -> None:
        session.add(Institution(key="k", name="n"))
        session.flush()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write(broken)
    with store.reading() as session:
        assert session.scalars(select(Institution)).all() == []


def test_two_that_wait_for_each_other_both_come_through(store: Store) -> None:
    """On PostgreSQL one of them is broken off, and runs anew; on SQLite they queue from the start."""
    with store.writing() as session:
        session.add_all([Institution(key=key, name="") for key in "ab"])
    met = threading.Barrier(2, timeout=60)
    runs: list[str] = []

    def change(first: str, second: str) -> None:
        def operation(session: Session) -> None:
            runs.append(first)
            for key in (first, second):
                row = session.scalars(select(Institution).where(col(Institution.key) == key).with_for_update()).one()
                row.name += first
                session.flush()
                if key == first and runs.count(first) == 1 and store.engine.dialect.name == "postgresql":
                    met.wait()

        store.write(operation)

    threads = [threading.Thread(target=change, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as session:
        assert {"".join(sorted(row.name)) for row in session.scalars(select(Institution))} == {"ab"}
    assert len(runs) == (3 if store.engine.dialect.name == "postgresql" else 2)
