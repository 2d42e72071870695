"""Decided names as documents of the index: only what stands, in its modality context."""

from __future__ import annotations

from pathlib import Path

from agent.answer import Query
from agent.decided import similar
from retrieval.embeddings import E5
from tests.store.world import ANKLE, ANKLE_NOISY, CHEST, CONFLICT, SURE, World

EMBEDDER = E5()


def found(kept: World, home: Path, name: str, modality: str = "") -> list[tuple[str, tuple[str, ...]]]:
    return [(each.name, each.codes) for each in similar(kept.store, home, Query(name, modality), embedder=EMBEDDER)]


def test_what_stands_is_found_and_what_was_taken_back_is_not(kept: World, home: Path) -> None:
    kept.put(ANKLE, CONFLICT, SURE)
    assert found(kept, home, ANKLE_NOISY) == []
    assert not (home / "index").exists()
    li = kept.person("reviewer", "李")
    done = kept.decide(li, kept.cluster(ANKLE), codes=[CHEST])
    kept.decide(li, kept.cluster(CONFLICT), "reject")
    assert found(kept, home, ANKLE_NOISY) == [(ANKLE, (CHEST,)), (CONFLICT, ())]
    (first, _) = similar(kept.store, home, Query(ANKLE_NOISY), embedder=EMBEDDER)
    assert (first.by, first.action, first.decision_id) == ("李", "settle", done.decision_id)
    kept.undo(kept.person("lead"), done.decision_id)
    assert found(kept, home, ANKLE_NOISY) == [(CONFLICT, ())]
    kept.decide(kept.person("reviewer"), kept.cluster(ANKLE), codes=[CHEST])
    assert found(kept, home, ANKLE_NOISY)[0] == (ANKLE, (CHEST,))


def test_another_modality_and_what_is_in_question_are_left_out(kept: World, home: Path) -> None:
    kept.put(ANKLE, modality="CT")
    kept.decide(kept.person("reviewer"), kept.cluster(), codes=[CHEST])
    assert found(kept, home, ANKLE, "MR") == []
    assert found(kept, home, ANKLE, "CT") == [(ANKLE, (CHEST,))]
    kept.decide(kept.person("clerk"), kept.cluster(), "flag")
    assert found(kept, home, ANKLE, "CT") == []
