"""The state machine: the table holds together, and every cell of it is what the store does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from sqlalchemy.orm import Session

from agent.store import Order, Outcome, Rules, decide, undo
from agent.store.schema import Cluster
from agent.store.schema_acts import User
from agent.store.states import ACTIONS, ANSWERS, FINAL, PERSONS, ROLES, STATUSES, Step, cell, table, word, words
from tests.store.world import ANKLE, CHEST, CONTRAST, HEAD, START, SURE, World, sure, valid


class Scene(NamedTuple):
    """A cluster in a status. `codes`: such that the circumstance holds; `author`: whose decision can be undone;
    `before`: the status that the cluster goes back to then."""

    cluster: Cluster
    author: int | None
    decision: int | None
    codes: tuple[str, ...] = (CHEST,)
    share: float = 0.0
    before: str = "open"


def waiting(world: World) -> Scene:
    """open, with a decision on it that can be undone."""
    world.put(SURE)
    author = world.person("lead")
    done = world.decide(author, world.cluster(SURE), "reopen")
    return Scene(world.cluster(SURE), author, done.decision_id, before="accepted")


def drawn(world: World) -> Scene:
    world.put(ANKLE)
    return Scene(world.cluster(), None, None, share=1.0)


def accepted(world: World) -> Scene:
    """accepted, with a widening on it that has no place any more since its decision was taken back."""
    world.put(SURE)
    author = world.person("lead")
    first = world.decide(author, world.cluster(SURE))
    widened = world.decide(author, world.cluster(SURE), "widen")
    world.undo(author, first.decision_id)
    return Scene(world.cluster(SURE), author, widened.decision_id, before="accepted")


def accepted_drawn(world: World) -> Scene:
    return accepted(world)._replace(share=1.0)


def after(action: str, *codes: str, share: float = 0.0, then: tuple[str, ...] = (CHEST,)) -> Callable[[World], Scene]:
    """One decision on an open cluster, and the codes that come next."""

    def make(world: World) -> Scene:
        world.put(ANKLE)
        author = world.person("lead")
        world.rules = Rules(valid, share)
        done = world.decide(author, world.cluster(), action, codes or None)
        assert done.result == "ok"
        return Scene(world.cluster(), author, done.decision_id, then, share)

    return make


def adjudication(world: World) -> Scene:
    first = after("settle", CHEST, share=1.0)(world)
    author = world.person("lead")
    done = world.decide(author, first.cluster, "settle", [HEAD])
    return Scene(world.cluster(), author, done.decision_id, (CONTRAST,), before="second_look")


# status, circumstance of an answer there -> how a cluster comes there
SCENES: dict[tuple[str, str], Callable[[World], Scene]] = {
    ("open", ""): waiting,
    ("open", "sampled"): drawn,
    ("accepted", ""): accepted,
    ("accepted", "sampled"): accepted_drawn,
    ("settled", ""): after("settle"),
    ("rejected", ""): after("reject"),
    ("not_in_standard", ""): after("not_in_standard"),
    ("flagged", ""): after("flag"),
    ("second_look", ""): after("ask"),
    ("second_look", "agrees"): after("settle", CHEST, share=1.0),
    ("second_look", "differs"): after("settle", CHEST, share=1.0, then=(HEAD,)),
    ("adjudication", ""): adjudication,
}


def test_every_line_has_its_scene() -> None:
    assert {(step.status, step.circumstance) for step in table()} == set(SCENES)
    assert {step.status for step in table()} == set(STATUSES)


@pytest.mark.parametrize(("status", "holds"), SCENES)
def test_cell_by_cell(world: World, status: str, holds: str) -> None:
    scene = SCENES[status, holds](world)
    assert scene.cluster.status == status
    other = world.person("viewer")
    seen = 0
    for step in table():
        if step.status != status or (step.circumstance != holds and step.action in ANSWERS):
            continue
        if step.circumstance != holds and holds and step.action not in ANSWERS:
            continue
        for role in PERSONS:
            actor = scene.author if step.action == "undo" else other
            codes = scene.codes if step.action == "settle" else ()
            if holds in ("agrees", "differs") and step.action != "settle":
                continue  # what agrees with a code is a code; the others have scenes of their own below
            assert actor is not None
            outcome = tried(world, scene, actor, role, step, codes)
            wanted = cell(step, role)
            assert outcome.result == ("refused" if wanted == "-" else "ok"), (step, role, outcome)
            if wanted == "-":
                assert outcome.refusal == "not_allowed"
                assert outcome.status == status
            elif wanted == "back":  # of what is retracted a person looks again, also where Yingma had accepted it
                again = step.action == "retract" and scene.before == "accepted"
                assert outcome.status == ("open" if again else scene.before), (step, role)
            else:
                assert outcome.status == wanted
            seen += 1
    assert seen >= 6 if holds in ("agrees", "differs") else seen >= 6 * 3
    world.check()


def tried(world: World, scene: Scene, actor: int, role: str, step: Step, codes: tuple[str, ...]) -> Outcome:
    """What comes of it; nothing stays."""

    class Back(Exception):  # noqa: N818
        pass

    outcome: Outcome | None = None

    def operation(session: Session) -> None:
        nonlocal outcome
        session.get_one(User, actor).role = role
        session.flush()
        if step.action in ("undo", "retract"):
            assert scene.decision is not None
            outcome = undo(session, actor, scene.decision, "key", START, "错了")
        else:
            action: Any = step.action
            why = "看不懂" if action == "flag" else ""
            order = Order(scene.cluster.id or 0, scene.cluster.revision, action, "key", codes, why)
            outcome = decide(session, Rules(valid, scene.share), actor, order, START)
        raise Back

    with pytest.raises(Back):
        world.store.write(operation)
    assert outcome is not None
    return outcome


@pytest.mark.parametrize("action", ["reject", "not_in_standard"])
@pytest.mark.parametrize("holds", ["agrees", "differs"])
def test_cell_by_cell_of_answers_without_codes(world: World, action: str, holds: str) -> None:
    first = action if holds == "agrees" else {"reject": "not_in_standard", "not_in_standard": "reject"}[action]
    scene = after(first, share=1.0)(world)
    other = world.person("viewer")
    for role in PERSONS:
        step = Step("second_look", action, holds)
        outcome = tried(world, scene, other, role, step, ())
        wanted = cell(step, role)
        assert (outcome.result, outcome.status) == (("refused", "second_look") if wanted == "-" else ("ok", wanted))


def test_yingma_itself_only_contests(world: World) -> None:
    assert {(step.status, step.action) for step in table() if cell(step, "system") != "-"} == {
        (status, "contest") for status in FINAL
    }
    for status in sorted(FINAL):
        name = {"settled": ANKLE, "rejected": "肘关节三维重建术", "not_in_standard": "腕关节三维重建术"}[status]
        action = {"settled": "settle", "rejected": "reject", "not_in_standard": "not_in_standard"}[status]
        world.put(name)
        world.decide(world.person("lead"), world.cluster(name), action)
        world.put(sure(name, [HEAD]), job="next")
        assert world.cluster(name).status == cell(Step(status, "contest"), "system") == "flagged"
    world.check()


def test_what_no_role_may() -> None:
    """Read off the data, whatever its lines say in detail."""
    for step, row in table().items():
        assert row.viewer == "-"
        if step.action in ANSWERS:
            assert row.clerk == "-"
            assert row.system == "-"
        if step.status == "adjudication" and step.action in ANSWERS:
            assert row.reviewer == "-"
        if step.action == "retract":
            assert (row.clerk, row.reviewer, row.adjudicator) == ("-", "-", "-")
        if step.status in FINAL:
            assert step.action not in ANSWERS or {cell(step, role) for role in ROLES} == {"-"}
        ranks = [cell(step, role) for role in ("reviewer", "adjudicator", "lead", "admin")]
        firsts = [rank for rank in ranks if rank != "-"]
        assert len(set(firsts)) <= 1  # a higher role comes to the same status
        assert ranks == ["-"] * (4 - len(firsts)) + firsts  # and may all that a lower one may
    assert cell(Step("open", "settle"), "nobody") == cell(Step("nowhere", "settle"), "lead") == "-"


def test_every_id_has_its_words() -> None:
    ids = {
        "status": set(STATUSES),
        "action": set(ACTIONS),
        "role": set(ROLES),
        "circumstance": {step.circumstance for step in table()} - {""},
    }
    for kind, wanted in ids.items():
        assert {name for each, name in words() if each == kind} == wanted
    for kind, name in words():
        assert word(kind, name, "zh")  # type: ignore[arg-type]
        assert word(kind, name, "en").isascii()  # type: ignore[arg-type]
