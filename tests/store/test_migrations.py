"""From the first schema, with rows in it, to the newest, on both databases."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from agent.answer import Query
from agent.store import Order, Rules, Store, decide, open_url, pieces, progress, recall, undo
from agent.store.engine import _engine
from agent.store.migrate import FOLDER, current, head, upgrade
from agent.store.page import TABLES
from agent.store.schema import Base, Cluster
from agent.store.schema_acts import Decision
from tests.store.world import ANKLE, CHEST, HEAD, START, World, valid

WHEN = "2026-01-01 00:00:00.000000"
STATE = {"status": "open", "decision": None, "group_wide": False, "revision": 1}
ROWS: dict[str, list[dict[str, Any]]] = {
    "users": [
        {"id": 1, "key": "LI", "name": "李", "role": "lead", "password": "x", "active": True, "created_at": WHEN}
    ],
    "institution": [{"id": 1, "key": "k1", "name": "县医院"}, {"id": 2, "key": "k2", "name": ""}],
    "cluster": [
        {
            "id": number,
            "key": f"c{number}",
            "reading_key": f"r{number}",
            "institution_id": place,
            "modality": "CT",
            "base": "open",
            "status": status,
            "revision": 2,
            "score": 0.25,
            "priority": 7.5,
            "reason": "missing_side",
            "names": 1,
            "exams": 10,
            "group_wide": False,
            "suggestion_id": 1,
            "decision_id": decision,
            "created_at": WHEN,
            "changed_at": WHEN,
        }
        for number, place, status, decision in ((1, 1, "open", None), (2, 1, "open", None), (3, 2, "settled", 1))
    ],
    "suggestion": [
        {
            "id": 1,
            "cluster_id": 3,
            "digest": "d",
            "route": "review",
            "reason": "missing_side",
            "score": 0.25,
            "codes": [HEAD],
            "content": {"detail": "左右"},
            "candidates": [],
            "versions": {"lexicon": "1"},
            "created_at": WHEN,
        }
    ],
    "name": [
        {
            "id": number,
            "text_key": f"t{number}",
            "institution_id": 1 if number < 3 else 2,
            "cluster_id": number,
            "suggestion_id": 1,
            "raw": "头颅CT",
            "canonical": "头颅CT",
            "exams": 10,
            "created_at": WHEN,
        }
        for number in (1, 2, 3)
    ],
    "job": [
        {
            "id": 1,
            "name": "j",
            "state": "done",
            "settings": {},
            "versions": {},
            "counts": {"rows": 3},
            "created_at": WHEN,
        }
    ],
    "sighting": [{"job_id": 1, "name_id": 3, "spelling": "s", "exams": 10}],
    "decision": [
        {
            "id": 1,
            "cluster_id": 3,
            "user_id": 1,
            "role": "lead",
            "action": "settle",
            "circumstance": "",
            "codes": [CHEST],
            "why": "",
            "before": STATE,
            "after": STATE | {"status": "settled", "decision": 1, "revision": 2},
            "client_key": "k",
            "at": WHEN,
        }
    ],
    "trail": [
        {"id": 1, "at": WHEN, "user_id": 1, "subject": "user", "subject_id": 1, "action": "add"}
        | {"before": {}, "after": {"name": "李"}, "why": ""}
    ],
}


def fill(store: Store) -> None:
    """Rows as the first version wrote them, without any model of today."""
    with store.writing() as session:
        postgresql = session.get_bind().dialect.name == "postgresql"
        for table, rows in ROWS.items():
            for row in rows:
                values = {
                    key: json.dumps(value) if isinstance(value, dict | list) else value for key, value in row.items()
                }
                names = ", ".join(values)
                marks = ", ".join(f":{key}" for key in values)
                session.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)
            if postgresql and "id" in rows[0]:
                session.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"))


def at_first(url: URL) -> None:
    store = Store(_engine(url), "")
    upgrade(store.writer, "0001")
    assert "counter" not in inspect(store.engine).get_table_names()
    assert "lease_by" not in {column["name"] for column in inspect(store.engine).get_columns("cluster")}
    fill(store)
    store.close()


def test_rows_of_the_first_schema_come_through(empty: URL) -> None:
    at_first(empty)
    store = open_url(empty)
    with store.reading() as session:
        assert current(session.connection()) == head()
        for table, rows in ROWS.items():
            assert session.scalar(text(f"SELECT count(*) FROM {table}")) == len(rows)
        decision = session.scalars(select(Decision)).one()
        assert (decision.codes, decision.at, decision.after["status"]) == ([CHEST], START, "settled")
        assert all(cluster.lease_by is None for cluster in session.scalars(select(Cluster)))
        counts = progress(session).by_status
        assert (counts["open"], counts["settled"]) == ((2, 2, 20), (1, 1, 10))
    World(store).check_counts()
    with store.writing() as session:  # and the work goes on
        outcome = decide(session, Rules(valid), 1, Order(1, 2, "settle", "key", (CHEST,)), START)
        assert (outcome.result, outcome.decision_id) == ("ok", 2)
        assert undo(session, 1, 1, "other", START).status == "open"
        pieces.open_pieces(session, 1, "m", {}, None, [(0, 1)], [Query("头颅CT")], "job")
        assert pieces.claim(session, 1, "m", "worker", 60) == (0, 1, [["头颅CT", "", ""]])
    World(store).check_counts()
    store.close()


def test_what_a_database_has_is_what_the_models_say(empty: URL) -> None:
    store = open_url(empty)
    with store.reading() as session:
        options = {"compare_type": True, "include_object": lambda *what: what[2] != "index"}
        context = MigrationContext.configure(session.connection(), opts=options)
        assert compare_metadata(context, Base.metadata) == []
        assert {each.__tablename__ for each in TABLES} == set(Base.metadata.tables)  # and docs/store.md shows it
        indexes = index_definitions(session)
    store.close()
    with store.writer.begin() as connection:  # made anew from the models
        for table in (*reversed(Base.metadata.sorted_tables), "alembic_version"):
            connection.execute(
                text(f"DROP TABLE {table} CASCADE" if "postgres" in empty.drivername else f"DROP TABLE {table}")
            )
        Base.metadata.create_all(connection)
    with store.reading() as session:
        assert index_definitions(session) == indexes
        assert len(indexes) > 15
    store.close()


def index_definitions(session: Session) -> set[str]:
    """The statements that would make the indexes, and on SQLite the tables, blanks apart."""
    postgresql = session.get_bind().dialect.name == "postgresql"
    source = "indexdef FROM pg_indexes WHERE schemaname = 'public'" if postgresql else "sql FROM sqlite_master"
    rows = session.scalars(text(f"SELECT {source}")).all()
    found = {" ".join(row.split()) for row in rows if row and "alembic" not in row}
    return {row for row in found if " INDEX " in row}


def test_steps_are_one_line_and_none_leads_back() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    steps = list(ScriptDirectory.from_config(config).walk_revisions())
    numbers = [step.revision for step in steps]
    assert numbers == [f"{number:04}" for number in range(len(steps), 0, -1)]
    assert numbers[0] == head()
    assert len(list(Path(FOLDER, "versions").glob("v*.py"))) == len(steps) >= 2


def test_two_that_open_an_empty_database_at_once(empty: URL) -> None:
    met = threading.Barrier(3, timeout=60)
    stores: list[Store] = []

    def open_it() -> None:
        met.wait()
        stores.append(open_url(empty))

    threads = [threading.Thread(target=open_it) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores) == 3
    for store in stores:
        with store.reading() as session:
            assert current(session.connection()) == head()
            assert recall(session, []) == []
        store.close()


@pytest.mark.parametrize("table", ["decision", "trail"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET why = 'x'", "DELETE FROM {}"])
def test_decisions_and_trail_are_only_added_to(world: World, table: str, statement: str) -> None:
    world.put(ANKLE)
    world.decide(world.person("lead"), world.cluster())
    with pytest.raises(DBAPIError, match="append-only"), world.store.writing() as session:
        session.execute(text(statement.format(table)))
    world.check()
