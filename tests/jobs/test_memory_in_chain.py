"""normalize and explain answer from memory: in the context of the decision, with who and when, and only what stands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent import command_explain
from agent.answer import Query
from agent.memory import Memory, open_memory, read_memory, remembered
from agent.opening import open_pipeline
from tests.jobs.conftest import Told, rows_of, table
from tests.store.world import ANKLE, ANKLE_NOISY, CHEST, CONTRAST, HEAD, SURE, World, sure

Yingma = Callable[..., Told]


def answers(yingma: Yingma, tmp_path: Path, *names: tuple[str, str, str], options: tuple[str, ...] = ()) -> list[Any]:
    source = table(tmp_path / "in.csv", ("name", "modality", "institution"), *names)
    code, _, err = yingma("normalize", source, "-o", tmp_path / "out.csv", *options)
    assert code == 0, err
    return [
        (row["yingma_route"], row["yingma_codes"], row["yingma_reason"].split(":")[0])
        for row in rows_of(tmp_path / "out.csv")
    ]


def test_nothing_is_opened_where_there_is_no_database(yingma: Yingma, tmp_path: Path, home: Path) -> None:
    answers(yingma, tmp_path, (ANKLE, "CT", ""))
    assert list(home.iterdir()) == []
    assert open_memory([Query(ANKLE)]) is None


def test_a_store_without_decisions_is_no_memory(kept: World) -> None:
    kept.put(ANKLE)
    assert open_memory([Query(ANKLE)]) is None


def test_a_decision_answers_its_cluster_in_its_context(yingma: Yingma, tmp_path: Path, kept: World) -> None:
    kept.put(ANKLE, at="甲医院", modality="CT")
    kept.decide(kept.person("reviewer", "李"), kept.cluster(), codes=[CHEST])
    names = [
        (ANKLE, "CT", "甲医院"),
        (ANKLE_NOISY, "CT", "甲医院"),  # never seen; the same but for noise
        (ANKLE, "MR", "甲医院"),
        (ANKLE, "CT", "乙医院"),
        (ANKLE, "CT", ""),
        (SURE, "CT", "甲医院"),
    ]
    fresh = answers(yingma, tmp_path, *names, options=("--no-memory",))
    found = answers(yingma, tmp_path, *names)
    assert found[:2] == [("accepted", CHEST, "memory")] * 2
    assert found[2:] == fresh[2:]
    assert fresh[0][0] == "review"
    assert answers(yingma, tmp_path, *names[::-1]) == found[::-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YINGMA_MEMORY", "false")
        assert answers(yingma, tmp_path, *names) == fresh


def test_group_wide_answers_everywhere(yingma: Yingma, tmp_path: Path, kept: World) -> None:
    kept.put(ANKLE, at="甲医院")
    kept.decide(kept.person("reviewer"), kept.cluster(), codes=[CHEST])
    lead = kept.person("lead")
    kept.decide(lead, kept.cluster(), "widen")
    assert answers(yingma, tmp_path, (ANKLE_NOISY, "", "乙医院")) == [("accepted", CHEST, "memory")]


def test_undone_is_forgotten_and_in_question_is_for_review(yingma: Yingma, tmp_path: Path, kept: World) -> None:
    kept.put(SURE)
    fresh = answers(yingma, tmp_path, (SURE, "", ""))
    li = kept.person("reviewer")
    done = kept.decide(li, kept.cluster(SURE), codes=[CONTRAST])
    assert answers(yingma, tmp_path, (SURE, "", "")) == [("accepted", CONTRAST, "memory")]
    kept.decide(kept.person("clerk"), kept.cluster(SURE), "flag")
    assert answers(yingma, tmp_path, (SURE, "", "")) == [("review", CHEST, "memory_in_question")]
    assert done.decision_id is not None
    kept.undo(kept.person("lead"), done.decision_id)
    assert answers(yingma, tmp_path, (SURE, "", "")) == [("review", CHEST, "memory_in_question")]
    kept.decide(kept.person("reviewer"), kept.cluster(SURE), codes=[CHEST])
    assert answers(yingma, tmp_path, (SURE, "", "")) == [("accepted", CHEST, "memory")]
    assert fresh == [("accepted", CHEST, "complete")]


def test_undone_alone_the_fresh_answer_is_back(yingma: Yingma, tmp_path: Path, kept: World) -> None:
    kept.put(ANKLE)
    fresh = answers(yingma, tmp_path, (ANKLE, "", ""))
    li = kept.person("reviewer")
    done = kept.decide(li, kept.cluster(), codes=[CHEST])
    kept.undo(li, done.decision_id)
    assert answers(yingma, tmp_path, (ANKLE, "", "")) == fresh


def test_no_exam_and_not_in_standard_are_answers_without_codes(yingma: Yingma, tmp_path: Path, kept: World) -> None:
    kept.put(ANKLE, at="甲")
    kept.put(ANKLE, at="乙")
    li = kept.person("reviewer")
    kept.decide(li, kept.cluster(institution="甲"), "reject")
    kept.decide(li, kept.cluster(institution="乙"), "not_in_standard")
    found = answers(yingma, tmp_path, (ANKLE, "", "甲"), (ANKLE, "", "乙"))
    assert found == [("accepted", "", "memory_no_exam"), ("accepted", "", "memory_not_in_standard")]


def test_a_sure_reading_that_nobody_saw_goes_to_review(kept: World) -> None:
    """What was on the screen when somebody decided contests nothing; what another version says, does."""
    kept.put(SURE)
    kept.decide(kept.person("reviewer", "李"), kept.cluster(SURE), codes=[CONTRAST])
    catalogue = open_pipeline().catalogue
    with kept.store.reading() as session:
        known, new = remembered(session, catalogue, [sure(SURE, [CHEST]), sure(SURE, [HEAD])])
    assert (known.route, known.codes, known.reason) == ("accepted", (CONTRAST,), "memory")
    assert (new.route, new.codes, new.reason) == ("review", (HEAD,), "memory_disagrees")
    assert "李" in new.detail
    assert CONTRAST in new.detail
    assert sum(row.weight for row in new.evidence) < 0
    kept.put(sure(SURE, [HEAD]))  # the store says the same
    assert kept.cluster(SURE).status == "flagged"


def test_a_code_of_another_edition_answers_nothing(kept: World) -> None:
    kept.put(ANKLE)
    kept.decide(kept.person("reviewer"), kept.cluster(), codes=[CHEST])
    ultrasound = open_pipeline("ultrasound-1.1")
    with kept.store.reading() as session:
        (found,) = remembered(session, ultrasound.catalogue, ultrasound.fresh([Query(ANKLE)]))
    assert (found.route, found.reason) == ("review", "memory_not_in_edition")


def test_explain_says_who_and_when(yingma: Yingma, kept: World) -> None:
    kept.put(ANKLE)
    kept.decide(kept.person("reviewer", "李"), kept.cluster(), codes=[CHEST])
    code, out, _ = yingma("explain", ANKLE_NOISY, "--no-candidates", "--json")
    told = json.loads(out)
    assert (code, told["route"], told["codes"], told["reason"]["id"]) == (0, "accepted", [CHEST], "memory")
    assert told["reason"]["detail"] == "李 2026-01-01"
    assert any("李 2026-01-01T" in row["value"] for row in told["evidence"] if row["signal"] == "memory")
    _, out, _ = yingma("explain", ANKLE_NOISY, "--no-candidates", "--json", "--no-memory")
    assert json.loads(out)["route"] == "review"


def test_explain_shows_decided_names_like_it(kept: World, capsys: pytest.CaptureFixture[str]) -> None:
    query = Query(ANKLE_NOISY, "", "乙医院")
    assert command_explain.decided_like(query) == []
    kept.put(ANKLE, at="甲医院")
    kept.decide(kept.person("reviewer", "李"), kept.cluster(), codes=[CHEST])
    found = command_explain.decided_like(query)
    assert [(each.name, each.institution, each.codes, each.by) for each in found] == [(ANKLE, "甲医院", (CHEST,), "李")]
    command_explain.tell_decided(found)
    assert ANKLE in capsys.readouterr().out.split("names like it that people decided")[1]


def test_bulk_and_single_say_the_same_and_memory_travels(kept: World) -> None:
    kept.put(ANKLE, SURE, at="甲")
    li = kept.person("reviewer")
    kept.decide(li, kept.cluster(ANKLE), codes=[CHEST])
    kept.decide(li, kept.cluster(SURE), "reject")
    queries = [Query(ANKLE_NOISY, "", "甲"), Query(SURE, "", "甲"), Query(SURE), Query("胸部CT增强", "", "甲")]
    pipeline = open_pipeline()
    memory = read_memory(kept.store, queries)
    assert memory is not None
    pipeline.memory = Memory.from_plain(json.loads(json.dumps(memory.to_plain())))
    compact = pipeline.answer_compact(queries)
    whole = [pipeline._as_text(each) for each in pipeline.answer(queries)]
    assert compact == whole
    assert [each[4] for each in compact] == ["memory", "memory_no_exam", "complete", "complete"]
