"""Bulk actions, on both databases: shown first, done in chunks, taken back alone."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from agent.store import Entry, Outcome, bulk, undo
from agent.store.bulk import Applied, Preview, Scope, apply, batches, preview, undo_bulk
from agent.store.people import set_role
from standard.errors import InputError
from tests.review.screen import prepare
from tests.review.test_keyboard import clusters
from tests.serving import Server
from tests.store.world import CHEST, CONTRAST, HEAD, World, answer, distinct, dump


def several(world: World, number: int = 7) -> list[int]:
    """Clusters that are open and have a suggested code, but the last."""
    for at, name in enumerate(distinct(number)):
        given = answer(name)
        given.codes = () if at == number - 1 else (CHEST if at % 2 else HEAD,)
        world.put_entries([Entry(given, at + 1)])
    return [each.id or 0 for each in world.clusters()]


def look(world: World, user: int, scope: Scope = Scope(), action: Any = "settle") -> Preview:  # noqa: B008
    return world.store.write(lambda session: preview(session, user, scope, action, world.key(), world.at()))


def back(world: World, user: int, batch: str, why: str = "") -> Applied:
    done: Applied = world.store.write(lambda session: undo_bulk(session, user, batch, world.at(), why))
    return done


@pytest.fixture(autouse=True)
def fresh() -> Any:
    """Answers that a test changed are made anew."""
    yield
    answer.cache_clear()


def test_a_filter_is_shown_first_then_settled_in_chunks_and_undone_alone(world: World) -> None:
    ids = several(world)
    li = world.person("reviewer")
    before = dump(world.store)
    found = look(world, li)
    assert (found.clusters, found.names, found.exams, found.codes, found.without) == (6, 6, 21, 2, 1)
    assert [(each.codes, each.clusters, each.exams) for each in found.by_code] == [((CHEST,), 3, 12), ((HEAD,), 3, 9)]
    changed = {name for name, rows in dump(world.store).items() if rows != before[name]}
    assert changed == {"bulk"}  # nothing is decided
    steps = []
    while not steps or steps[-1].left:
        steps.append(world.store.write(lambda session: apply(session, world.rules, li, found.batch, world.at(), 2)))
    assert [each.done for each in steps] == [2, 4, 6, 6]
    assert [each.status for each in world.clusters()] == ["settled"] * 6 + ["open"]
    assert world.store.write(lambda session: apply(session, world.rules, li, found.batch, world.at())).done == 6
    world.check()
    other = world.person("lead")
    world.decide(other, world.cluster(distinct(7)[6]), codes=[CONTRAST])
    steps = []
    while not steps or steps[-1].left:
        steps.append(world.store.write(lambda session: undo_bulk(session, li, found.batch, world.at(), "", 4)))
    assert (steps[-1].done, steps[-1].left_out) == (6, 0)
    assert [each.status for each in world.clusters()] == ["open"] * 6 + ["settled"]
    world.check()
    assert len(ids) == 7
    with world.store.reading() as session:
        assert [(each.state, each.clusters) for each in batches(session, li)] == [("undone", 6)]


def test_a_selection_and_what_changed_since_or_is_on_a_screen_is_left_out(world: World) -> None:
    ids = several(world)
    li, wang = world.person("reviewer"), world.person("reviewer")
    found = look(world, li, Scope(ids=tuple(ids[:4])))
    assert found.clusters == 4
    decision = world.decide(wang, world.clusters()[0]).decision_id
    world.undo(wang, decision)  # open again, but not as it was shown
    (leased,) = world.next(wang, "other", 1, skip=[each for each in ids if each != ids[1]])
    assert leased == ids[1]
    done = world.store.write(lambda session: apply(session, world.rules, li, found.batch, world.at()))
    assert (done.done, done.left_out) == (2, 2)
    assert [each.status for each in world.clusters()[:5]] == ["open", "open", "settled", "settled", "open"]


def test_bulk_actions_are_for_who_may_and_ones_own(world: World) -> None:
    several(world)
    li = world.person("reviewer")
    for role in ("viewer", "clerk"):
        with pytest.raises(InputError):
            look(world, world.person(role))
    with pytest.raises(InputError):
        look(world, li, action="flag")
    with pytest.raises(InputError):
        look(world, li, Scope(ids=tuple(range(5000))))
    batch = look(world, li, action="reject").batch
    with pytest.raises(InputError):
        world.store.write(lambda session: undo_bulk(session, world.person("reviewer"), batch, world.at()))
    with pytest.raises(InputError):
        world.store.write(lambda session: apply(session, world.rules, world.person("lead"), batch, world.at()))
    assert world.store.write(lambda session: apply(session, world.rules, li, batch, world.at())).done == 7
    assert {each.status for each in world.clusters()} == {"rejected"}


def test_a_bulk_action_that_nobody_may_take_back_like_that_is_not_said_to_be_taken_back(world: World) -> None:
    several(world)
    li, lead = world.person("reviewer"), world.person("lead")
    batch = look(world, li).batch
    world.store.write(lambda session: apply(session, world.rules, li, batch, world.at()))
    with world.store.writing() as session:
        set_role(session, li, "viewer", world.at())
    before = dump(world.store)
    for who, word in ((lead, "理由"), (li, "角色")):
        with pytest.raises(InputError) as told:
            back(world, who, batch, " ")
        assert word in told.value.zh
    assert dump(world.store) == before
    assert back(world, lead, batch, "整批有误") == Applied(batch, 6, 0, False)


def test_any_bulk_action_is_found_however_many_came_after_it(world: World) -> None:
    several(world, 2)
    li, wang = world.person("reviewer"), world.person("reviewer")
    made = []
    for number in range(bulk.LISTED + 3):
        batch = look(world, wang if number == 1 else li).batch
        world.store.write(
            lambda session, b=batch, u=wang if number == 1 else li: apply(session, world.rules, u, b, world.at())
        )  # type: ignore[misc]
        made.append(batch)
    look(world, li)  # shown, and not begun
    seen: list[str] = []
    last: int | None = None
    with world.store.reading() as session:
        while page := batches(session, None, before=last):
            assert len(page) <= bulk.LISTED
            seen += [each.batch for each in page]
            last = page[-1].id
        assert [each.batch for each in batches(session, li, before=last)] == []
        assert len([*batches(session, li), *batches(session, li, before=batches(session, li)[-1].id)]) == len(made) - 1
    assert seen == made[::-1]
    assert back(world, li, seen[-1]) == Applied(seen[-1], 1, 0, False)  # the first of all, which decided something


def test_what_was_left_out_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    several(world)
    li = world.person("reviewer")
    batch = look(world, li).batch
    world.store.write(lambda session: apply(session, world.rules, li, batch, world.at()))
    held = world.clusters()[0].decision_id

    def but_one(session: Session, user: int, decision: int, *other: Any) -> Outcome:
        return Outcome("refused", 0) if decision == held else undo(session, user, decision, *other)

    monkeypatch.setattr(bulk, "undo", but_one)
    assert back(world, li, batch) == Applied(batch, 5, 1, False)
    assert back(world, li, batch) == Applied(batch, 5, 1, False)
    monkeypatch.undo()
    assert back(world, li, batch) == Applied(batch, 6, 0, False)
    assert back(world, li, batch) == Applied(batch, 6, 0, False)  # sent again, it is as it was
    assert {each.status for each in world.clusters()} == {"open"}
    world.check()


def test_a_lead_who_gives_no_comment_is_told_and_nothing_changes(calm_sqlite: Server) -> None:
    prepare(calm_sqlite, "批", "批量撤回医院", distinct(3))
    ids = [each.id for each in clusters(calm_sqlite, "批量撤回医院").values()]
    with calm_sqlite.client("批") as own, calm_sqlite.client("lead") as lead:

        def ask(client: Any, path: str, **body: Any) -> Any:
            return client.post(f"/api/review/{path}", json=body)

        batch = ask(own, "preview", key="b1", action="reject", ids=ids).json()["batch"]
        assert ask(own, "apply", batch=batch).json()["done"] == 3
        told = ask(lead, "unapply", batch=batch)
        assert (told.status_code, "理由" in told.json()["error"]["zh"]) == (400, True)
        (row,) = [each for each in lead.get("/api/review/batches").json()["rows"] if each["batch"] == batch]
        assert (row["state"], row["done"], row["left_out"]) == ("done", 3, 0)
        assert {each.status for each in clusters(calm_sqlite, "批量撤回医院").values()} == {"rejected"}
        assert ask(lead, "unapply", batch=batch, why="整批有误").json()["done"] == 3
    assert {each.status for each in clusters(calm_sqlite, "批量撤回医院").values()} == {"open"}
