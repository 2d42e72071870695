"""A job run again: what would change is told before it counts, the most harmful first; adopted, it counts once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from agent.jobs import find_job, job_ids
from agent.jobs.rerun import KINDS, Change, because, kind_of
from agent.store.schema import Job
from standard import load_catalogue
from tests.jobs.conftest import Told, rows_of, table
from tests.jobs.test_jobs import command, fed, finished
from tests.jobs.test_jobs_served import started, until
from tests.serving import Server
from tests.store.world import ANKLE, CHEST, CONTRAST, SURE, World

Yingma = Callable[..., Told]


def published(edition: str) -> dict[str, str]:
    """Names of the items of an edition, and their codes."""
    return {item.name: item.code for item in load_catalogue(edition).items.values() if item.modality in ("CT", "MR")}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Names that one edition has and the other has not, and names that both have, twice; one for review."""
    old, new = published("3.8"), published("3.8.2")
    gone = [name for name in old if name not in new][:15]
    added = [name for name in new if name not in old][:15]
    same = [name for name in old if old[name] == new.get(name)][:20]
    return table(tmp_path / "in.csv", ("name",), *((name,) for name in (*gone, *added, *same, ANKLE, *same)))


def told(yingma: Yingma, *arguments: object) -> dict[str, Any]:
    code, out, err = yingma(*arguments, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def by_name(path: Path) -> dict[str, dict[str, str]]:
    return {row["name"]: row for row in rows_of(path)}


def test_another_edition_is_told_before_it_counts(
    yingma: Yingma, source: Path, tmp_path: Path, home: Path, kept: World
) -> None:
    out = tmp_path / "out.csv"
    assert yingma("job", "run", source, "-o", out, "--id", "j", "--edition", "3.8")[0] == 0
    before, store, old = out.read_bytes(), fed(kept), by_name(out)
    found = told(yingma, "job", "rerun", "j", "--edition", "3.8.2")
    assert (out.read_bytes(), fed(kept)) == (before, store)
    assert find_job(home, "j-r1").status()["state"] == "to_adopt"
    assert yingma("job", "resume", "j-r1")[0] == 0  # nothing goes on before it is adopted
    assert (out.read_bytes(), fed(kept)) == (before, store)
    assert (found["of"], found["differ"], found["adopted"]) == ("j", ["edition"], False)
    order = [KINDS.index(each["kind"]) for each in found["changes"]]
    assert order == sorted(order)
    assert found["counts"]["now_accepted"]["names"] > 5
    for each in found["changes"]:
        row = old[each["name"]]
        assert (each["before"]["route"], each["before"]["codes"]) == (row["yingma_route"], row["yingma_codes"])
        assert (each["because"], each["exams"]) == (["edition"], 1)
    code, html, _ = yingma("job", "changes", "j-r1")
    assert (code, "<h2>For review, now accepted</h2>" in html, "Not adopted" in html) == (0, True, True)

    assert yingma("job", "adopt", "j-r1")[0] == 0
    assert yingma("normalize", source, "-o", tmp_path / "n.csv", "--edition", "3.8.2")[0] == 0
    assert out.read_bytes() == (tmp_path / "n.csv").read_bytes()
    new = by_name(out)
    changed = {each["name"]: each["after"]["codes"] for each in found["changes"]}
    assert {name: row["yingma_codes"] for name, row in new.items()} == {
        name: changed.get(name, row["yingma_codes"]) for name, row in old.items()
    }
    review = [row for row in rows_of(out) if "review" in (row["yingma_route"], old[row["name"]]["yingma_route"])]
    assert fed(kept)[2] == len(review)  # no exam counts twice
    with kept.store.reading() as session:
        job = session.scalars(select(Job)).one()
        assert (job.name, job.state, job.versions["catalogue"]) == ("j", "done", "3.8.2")
    for words, sentence in (
        (("adopt", "j-r1"), "no answers that wait to be adopted"),
        (("rerun", "j"), "run that one again: job rerun j-r1"),
        (("changes", "j"), "has no list of changes"),
    ):
        code, _, err = yingma("job", *words)
        assert (code, sentence in err) == (2, True), err
    assert told(yingma, "job", "rerun", "j-r1")["changes"] == []


def test_what_people_decided_since_is_told_as_that(yingma: Yingma, tmp_path: Path, kept: World) -> None:
    source, out = table(tmp_path / "in.csv", ("name",), (ANKLE,), (SURE,)), tmp_path / "out.csv"
    assert yingma("job", "run", source, "-o", out, "--id", "j")[0] == 0
    kept.decide(kept.person("reviewer"), kept.cluster(ANKLE), codes=[CHEST])
    other = tmp_path / "other.csv"
    found = told(yingma, "job", "rerun", "j", "--id", "again", "-o", other)
    assert [(each["kind"], each["name"], each["because"]) for each in found["changes"]] == [
        ("now_accepted", ANKLE, ["memory"])
    ]
    assert yingma("job", "adopt", "again")[0] == 0
    assert by_name(other)[ANKLE]["yingma_codes"] == CHEST
    assert by_name(out)[ANKLE]["yingma_codes"] != CHEST


def test_adopted_at_once_by_option(yingma: Yingma, tmp_path: Path) -> None:
    source, out = table(tmp_path / "in.csv", ("name",), ("16排CT胸部平扫",)), tmp_path / "out.csv"
    assert yingma("job", "run", source, "-o", out, "--id", "j")[0] == 0
    assert told(yingma, "job", "rerun", "j", "--device-codes", "--yes")["state"] == "done"
    assert rows_of(out)[0]["yingma_codes"].startswith("22")
    (change,) = told(yingma, "job", "changes", "j-r1")["changes"]
    assert (change["kind"], change["because"], change["before"]["codes"]) == ("other_codes", ["device_codes"], CHEST)


def test_only_what_was_looked_at_can_be_adopted(
    yingma: Yingma, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = table(tmp_path / "in.csv", ("name",), (ANKLE,)), tmp_path / "out.csv"
    assert yingma("job", "run", source, "-o", out, "--id", "j")[0] == 0
    told(yingma, "job", "rerun", "j", "--edition", "3.8")
    before = out.read_bytes()
    monkeypatch.setattr("agent.versions.version", lambda name: "9.9")
    code, _, err = yingma("job", "adopt", "j-r1")
    assert (code, "no longer those that were looked at" in err, out.read_bytes()) == (2, True, before)
    assert find_job(home, "j-r1").status()["state"] == "failed"


def test_what_cannot_be_compared_is_one_sentence(yingma: Yingma, tmp_path: Path, home: Path) -> None:
    source, out = table(tmp_path / "in.csv", ("name",), (SURE,)), tmp_path / "out.csv"
    assert yingma("job", "run", source, "-o", out, "--id", "j")[0] == 0
    for arguments, sentence in (
        (("nobody",), "There is no job nobody"),
        (("j", "--edition", "9"), "9"),
        (("j", "--model", "gpt"), "There is no model gpt"),
        (("j", "-o", source), "is an input file"),
        (("j", "--id", "j"), "There is a job j"),
    ):
        code, _, err = yingma("job", "rerun", *arguments)
        assert (code, sentence in err) == (2, True), err
    assert job_ids(home) == ["j"]  # nothing is left of what never began
    (home / "jobs/j/answers/000000000.json").unlink()
    assert "are not whole" in yingma("job", "rerun", "j")[2]
    table(source, ("name",), (ANKLE,))
    assert "was changed after the job began" in yingma("job", "rerun", "j")[2]


def answer(route: str, codes: str = "", names: str = "", reason: str = "complete") -> tuple[str, ...]:
    return route, codes, names, "0.9900", reason, "radiology-3.8.2", ""


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (answer("accepted", CHEST), answer("accepted", CHEST), ""),
        (answer("accepted", CHEST), answer("accepted", CONTRAST), "other_codes"),
        (answer("accepted", f"{CHEST}+{CONTRAST}"), answer("accepted", f"{CONTRAST}+{CHEST}"), "other_codes"),
        (answer("accepted", CHEST, "CT胸部"), answer("accepted", CHEST, "CT胸腔"), "other_names"),
        (answer("review", CHEST), answer("accepted", CHEST), "now_accepted"),
        (answer("accepted", CHEST), answer("review", CONTRAST), "now_review"),
        (answer("review"), answer("review", CHEST), "other_suggestion"),
        (answer("review", CHEST, "a"), answer("review", CHEST, "b"), "other_words"),
        (answer("accepted", CHEST), answer("accepted", CHEST, reason="voices_agree"), "other_words"),
    ],
)
def test_kinds_of_change(before: tuple[str, ...], after: tuple[str, ...], kind: str) -> None:
    assert kind_of(before, after) == kind


def test_memory_is_the_cause_only_where_it_answered() -> None:
    plain = Change("other_codes", 0, answer("accepted", CHEST), answer("accepted", CONTRAST))
    decided = plain._replace(after=answer("accepted", CONTRAST, reason="memory"))
    assert because(plain, ["edition", "memory"]) == ["edition"]
    assert because(decided, ["edition", "memory"]) == ["memory"]
    assert because(decided, ["edition"]) == ["edition"]


@pytest.mark.slow
def test_over_http_its_owner_looks_and_adopts(served_sqlite: Server) -> None:
    with served_sqlite.client("clerk") as clerk, served_sqlite.client("reviewer") as other:
        name = started(clerk, [("名称", "类型", "院"), (ANKLE, "CT", "甲"), (SURE, "CT", "甲")])
        until(clerk, name, "done")
        finished(command("job", "rerun", name, "--edition", "3.8", home=served_sqlite.home))
        again = f"{name}-r1"
        assert clerk.get(f"/api/jobs/{again}").json()["state"] == "to_adopt"
        page = clerk.get(f"/api/jobs/{again}/changes")
        assert page.headers["content-type"].startswith("text/html")
        assert clerk.get(f"/api/jobs/{again}/changes", params={"plain": True}).json()["of"] == name
        for path, ask in ((f"/api/jobs/{again}/changes", other.get), (f"/api/jobs/{again}/adopt", other.post)):
            assert ask(path).status_code in (403, 404)
        assert clerk.post(f"/api/jobs/{again}/adopt").status_code == 200
        until(clerk, again, "done")
