"""Tables of databases as input: in a fixed order, cells as the database says them; a changed table is refused, and no
message holds a password."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.jobs import find_job
from tests.jobs.conftest import Told, rows_of, table
from tests.store.conftest import server  # noqa: F401
from tests.store.world import ANKLE, SURE

Yingma = Callable[..., Told]
KINDS = ("sqlite", "duckdb", "postgresql")
SECRET = "geheim%41"
COLUMNS = "id integer PRIMARY KEY, {name} text, modality text, price {number}, day date"
ROWS = (
    (3, ANKLE, "CT", 12.5, "2026-01-31"),
    (1, SURE, "CT", None, None),
    (2, "引号\" ,逗号\n换行 '", "", 0, "2025-12-01"),
)


class Database:
    """A database: its address, and what runs a statement in it."""

    def __init__(self, url: str, run: Callable[..., object]) -> None:
        self.url, self.run = url, run

    def fill(self, name: str, columns: str, mark: str) -> None:
        number = "numeric" if self.url.startswith("postgresql") else "double"
        self.run(f"CREATE TABLE {name} ({columns.format(name='name', number=number)})")
        for row in ROWS:
            self.run(f"INSERT INTO {name} VALUES ({', '.join([mark] * len(row))})", row)


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "postgresql":
        import psycopg

        where = request.getfixturevalue("server")
        url = where.create().set(drivername="postgresql", password="geheimA")
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
            text = url.render_as_string(hide_password=False).replace("geheimA", SECRET)
            found = Database(text, lambda sql, row=(): connection.execute(sql, row or None))
            found.fill("exams", COLUMNS, "%s")
            yield found
        where.drop(url.set(drivername="postgresql+psycopg", password=None))
        return
    file = tmp_path / f"ris.{request.param}"
    url = f"{request.param}:///{file}"

    def run(sql: str, row: tuple[Any, ...] = ()) -> None:
        if request.param == "sqlite":
            with closing(sqlite3.connect(file)) as connection, connection:
                connection.execute(sql, row)
        else:
            import duckdb

            with closing(duckdb.connect(str(file))) as connection:
                connection.execute(sql, row)

    found = Database(url, run)
    found.fill("exams", COLUMNS, "?")
    yield found


def test_rows_come_by_key_and_cells_as_they_are(database: Database, yingma: Yingma, tmp_path: Path, home: Path) -> None:
    out = tmp_path / "out.csv"
    code, _, err = yingma("normalize", database.url, "--table", "exams", "-o", out)
    assert code == 0, err
    rows = rows_of(out)
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert [row["name"] for row in rows] == [SURE, ROWS[2][1], ANKLE]
    assert [row["price"] for row in rows][::2] == ["", "12.5"]
    assert [row["day"] for row in rows] == ["", "2025-12-01", "2026-01-31"]
    assert [row["yingma_route"] for row in rows] == ["accepted", "review", "review"]
    code, _, err = yingma("job", "run", database.url, "--table", "EXAMS", "-o", tmp_path / "j.csv", "--id", "j")
    assert code == 0, err
    assert (tmp_path / "j.csv").read_bytes() == out.read_bytes()
    assert not (home / "jobs/j/secrets.json").exists()  # it is done
    kept = "".join(path.read_text() for path in (home / "jobs/j").glob("*.json"))
    shown = "".join(yingma("job", *words)[1] for words in (("show", "j"), ("list", "--json"), ("report", "j")))
    assert "geheim" not in kept + shown + err


def test_without_a_key_the_order_is_fixed_too(database: Database, yingma: Yingma, tmp_path: Path) -> None:
    database.fill("bare", COLUMNS.replace(" PRIMARY KEY", ""), "%s" if "postgres" in database.url else "?")
    database.run("CREATE VIEW seen AS SELECT name, modality FROM exams")
    assert yingma("normalize", database.url, "--table", "bare", "-o", tmp_path / "o.csv")[0] == 0
    ids = [row["id"] for row in rows_of(tmp_path / "o.csv")]
    assert ids == (["1", "2", "3"] if "postgres" in database.url else ["3", "1", "2"])
    assert yingma("normalize", database.url, "--table", "seen", "-o", tmp_path / "v.csv")[0] == 0
    names = [row["name"] for row in rows_of(tmp_path / "v.csv")]
    assert names == sorted(names)


def test_a_changed_table_is_refused(database: Database, yingma: Yingma, tmp_path: Path, home: Path) -> None:
    out = tmp_path / "out.csv"
    assert yingma("job", "run", database.url, "--table", "exams", "-o", out, "--id", "j")[0] == 0
    before = out.read_bytes()
    out.unlink()
    assert yingma("job", "resume", "j")[0] == 0
    assert out.read_bytes() == before
    out.unlink()
    database.run("UPDATE exams SET price = 13 WHERE id = 3")
    code, _, err = yingma("job", "resume", "j")
    assert (code, "#exams was changed after the job began" in err, "geheim" in err) == (2, True, False), err
    assert not out.exists()


def test_what_does_not_hold_is_one_sentence(database: Database, yingma: Yingma, tmp_path: Path, home: Path) -> None:
    out = tmp_path / "out.csv"
    for arguments, sentence in (
        ((database.url,), "say which table with --table"),
        ((database.url, "--table", "exam"), "has no table exam (--table); it has "),
        ((database.url, "--table", 'x"; DROP TABLE exams; --'), "has no table"),
        ((database.url, "--table", "exams", "--name-column", "nam"), "exams has no column nam"),
        ((database.url, "--table", "exams", "--count-column", "price"), "#exams, row"),
    ):
        for command in ("normalize", "job run"):
            if "--count-column" in arguments and command == "normalize":
                continue
            code, told, err = yingma(*command.split(), *arguments, "-o", out)
            assert (code, sentence in err, "Traceback" in err, "geheim" in told + err) == (2, True, False, False), err
            assert str(home) not in err
    assert not out.exists()
    assert yingma("normalize", database.url, "--table", "exams", "-o", out)[0] == 0  # nothing was dropped


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://reader:geheim@127.0.0.1:1/ris", "postgresql://reader@127.0.0.1:1/ris#t cannot be read"),
        ("postgresql://127.0.0.1:1/ris?user=reader&password=geheim", "cannot be read"),
        ("sqlite:///no.db", "There is no database"),
        ("duckdb:///no.db", "There is no database"),
        ("mysql://reader:geheim@host/ris", "no address of a database (mysql://...)"),
        ("postgresql://reader:geheim@host:x/ris", "no address of a database"),
    ],
)
def test_a_database_that_is_not_there(url: str, sentence: str, yingma: Yingma, tmp_path: Path, home: Path) -> None:
    code, told, err = yingma("job", "run", url, "--table", "t", "-o", tmp_path / "o.csv", "--id", "n")
    assert (code, sentence in err, "geheim" in told + err, "Traceback" in err) == (2, True, False, False), err
    assert not (home / "jobs/n").exists()


def test_a_password_is_for_the_owners_eyes_until_the_job_is_done(
    yingma: Yingma, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away when the job has been planned."""
    from agent.jobs import run as running

    def stop(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(running, "fetch", stop)
    url = "postgresql://reader:geheim@127.0.0.1:1/ris"
    assert yingma("job", "run", url, "--table", "t", "-o", tmp_path / "o.csv", "--id", "s")[0] == 1
    folder = find_job(home, "s")
    secret = folder.path / "secrets.json"
    assert json.loads(secret.read_text()) == {"postgresql://reader@127.0.0.1:1/ris": "geheim"}
    assert secret.stat().st_mode & 0o777 == 0o600
    others = [path for path in folder.path.rglob("*") if path.is_file() and path != secret]
    assert not any("geheim" in path.read_text() for path in others)


def test_a_table_option_without_a_database(yingma: Yingma, tmp_path: Path) -> None:
    source = table(tmp_path / "in.csv", ("name",), (SURE,))
    code, _, err = yingma("normalize", source, "--table", "t", "-o", tmp_path / "o.csv")
    assert (code, "--table t is for addresses of databases" in err) == (2, True)
