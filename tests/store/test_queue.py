"""The queue: in order, leased to one tab at a time, served by its indexes."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from agent.store import Entry, Filter, card, names_of, peek, release, renew
from agent.store.queue import LEASE, cards, filtered, waiting_in
from agent.store.schema import Cluster
from tests.store.world import ANKLE, CONFLICT, SURE, World, answer, distinct


def filled(world: World, number: int = 6) -> list[int]:
    """Clusters with 1, 2, 3, … exams; their ids, the most exams first."""
    world.put_entries([Entry(answer(name), exams) for exams, name in enumerate(distinct(number), 1)])
    found = sorted((each for each in world.clusters() if each.status == "open"), key=lambda each: -each.priority)
    assert len(found) == number
    return [each.id or 0 for each in found]


def test_the_most_exams_in_doubt_come_first(world: World) -> None:
    ids = filled(world)
    li = world.person("reviewer")
    assert world.next(li, count=4) == ids[:4]
    assert world.next(li, count=9, skip=ids[:2]) == ids[2:]


def test_the_oldest_come_first(world: World) -> None:
    ids = filled(world)
    assert world.next(world.person("reviewer"), count=9, order="oldest") == sorted(ids)


def test_a_lease_is_of_a_tab(world: World) -> None:
    ids = filled(world)
    li, wang = world.person("reviewer"), world.person("reviewer")
    assert world.next(li, "one", 2) == ids[:2]
    assert world.next(li, "one", 2) == ids[:2]  # the page was loaded anew
    assert world.next(li, "two", 2) == ids[2:4]
    assert world.next(wang, "three", 9) == ids[4:]
    with world.store.writing() as session:
        assert release(session, "two", ids) == 2
    assert world.next(wang, "four", 9) == ids[2:4]


def test_a_lease_runs_out_unless_it_is_renewed(world: World) -> None:
    ids = filled(world)
    li, wang, at = world.person("reviewer"), world.person("reviewer"), world.at()
    world.next(li, "one", 2, at=at)
    with world.store.writing() as session:
        assert renew(session, "one", [ids[1]], at + timedelta(seconds=60)) == 1
        assert renew(session, "other", [ids[1]], at + timedelta(seconds=60)) == 0
    assert world.next(wang, "two", 9, at=at + LEASE) == ids[2:]
    assert world.next(wang, "two", 9, at=at + LEASE + timedelta(seconds=1)) == [ids[0], *ids[2:]]


def test_a_lease_does_not_keep_another_from_deciding(world: World) -> None:
    filled(world, 1)
    world.next(world.person("reviewer"))
    (cluster,) = world.clusters()
    assert world.decide(world.person("reviewer"), cluster).result == "ok"
    assert world.clusters()[0].lease_by is None


def test_eight_tabs_at_once_get_no_cluster_twice(world: World) -> None:
    ids = filled(world, 10)
    people = [world.person("reviewer") for _ in range(8)]
    met = threading.Barrier(8, timeout=60)
    got: list[int] = []

    def work(user: int) -> None:
        met.wait()
        at = world.at()
        for _ in range(3):
            got.extend(world.next(user, f"tab-{user}", 1, at=at, skip=list(got)))

    threads = [threading.Thread(target=work, args=(user,)) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == sorted(ids)


def test_filters(world: World) -> None:
    filled(world, 3)
    world.put(ANKLE, at="甲医院", modality="CT", exams=2)
    world.put(CONFLICT, at="甲医院")
    li = world.person("reviewer")
    here = world.cluster(ANKLE, institution="甲医院")
    assert len(world.next(li, count=9, institution_id=here.institution_id)) == 2
    assert world.next(li, count=9, institution_id=here.institution_id, reason=here.reason) == [here.id]
    assert world.next(li, count=9, modality="CT") == [here.id]
    assert world.next(li, count=9, reason="no such reason") == []
    assert world.next(li, count=9, status="settled") == world.next(li, status="accepted") == []
    assert world.next(world.person("reviewer", active=False)) == []


@pytest.mark.parametrize("order", ["institution", "reason"])
def test_by_institution_or_reason_and_within_it_the_most_exams_in_doubt(world: World, order: str) -> None:
    for exams, (name, place) in enumerate(((ANKLE, "乙"), (CONFLICT, "甲"), (CONFLICT, "乙"), (ANKLE, "甲"))):
        world.put(name, at=place, exams=exams + 1)
    world.put("膝关节三维重建术", at="乙", exams=9)  # for the reason of the first one
    found = world.clusters()
    key = {"institution": lambda each: each.institution_id, "reason": lambda each: each.reason}[order]
    wanted = [each.id for each in sorted(found, key=lambda each: (key(each), -each.priority, each.id or 0))]
    assert len({key(each) for each in found}) == 2
    assert wanted != sorted(each.id or 0 for each in found)
    with world.store.reading() as session:
        seen: list[int | None] = []
        last: Cluster | None = None
        while page := peek(session, Filter(order=order), last, 2):  # type: ignore[arg-type]
            seen += [each.id for each in page]
            last = page[-1]
    assert seen == wanted
    assert world.next(world.person("reviewer"), count=9, order=order) == wanted


def test_pages_for_looking_lease_nothing(world: World) -> None:
    ids = filled(world)
    with world.store.reading() as session:
        for order, wanted in (("priority", ids), ("oldest", sorted(ids))):
            seen: list[int] = []
            last: Cluster | None = None
            while page := peek(session, Filter(order=order), last, 4):  # type: ignore[arg-type]
                seen += [each.id or 0 for each in page]
                last = page[-1]
            assert seen == wanted
    assert all(each.lease_by is None for each in world.clusters())


def test_a_card_shows_its_names_a_page_at_a_time(world: World) -> None:
    names = [ANKLE, *(f"{ANKLE}(医保){'*' * number}" for number in range(1, 31))]
    world.put(*names, at="甲医院")
    number = world.cluster(ANKLE).id or 0
    with world.store.reading() as session:
        found = card(session, world.person("viewer"), number, names=3)
        assert found is not None
        assert (found.institution, len(found.names)) == ("甲医院", min(3, found.cluster.names))
        assert found.suggestion is not None
        following = names_of(session, number, after=found.names[-1].id or 0)
        assert len(following) == found.cluster.names - len(found.names)
        assert card(session, 1, 999) is None


def test_several_cards_come_in_the_order_they_were_asked_for(world: World) -> None:
    ids = filled(world, 4)
    li = world.person("reviewer")
    world.decide(li, world.clusters()[0])
    wanted = [ids[2], 999, ids[0], ids[3], ids[1]]
    with world.store.reading() as session:
        found = cards(session, li, wanted)
        assert found == [card(session, li, number) for number in wanted if number != 999]
        assert [each.cluster.id for each in found] == [ids[2], ids[0], ids[3], ids[1]]
        assert sum(len(each.decisions) for each in found) == 1
        assert cards(session, li, []) == []


def test_which_second_looks_wait(world: World) -> None:
    ids = filled(world, 2)
    second = ["adjudication", "flagged", "second_look"]
    with world.store.reading() as session:
        assert waiting_in(session, second) == waiting_in(session, []) == []
    (cluster,) = [each for each in world.clusters() if each.id == ids[0]]
    world.decide(world.person("reviewer"), cluster, "flag", (), why="?")
    with world.store.reading() as session:
        assert waiting_in(session, second) == ["flagged"]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Filter(), "ix_cluster_queue"),
        (Filter(order="oldest"), "ix_cluster_oldest"),
        (Filter(institution_id=1), "ix_cluster_queue_institution"),
        (Filter(reason="missing_side"), "ix_cluster_queue_reason"),
        (Filter(modality="CT"), "ix_cluster_queue_modality"),
        (Filter(institution_id=1, reason="missing_side"), "ix_cluster_queue_institution_reason"),
        (Filter(order="reason", institution_id=1), "ix_cluster_queue_institution_reason"),
        (Filter(order="oldest", institution_id=1), "ix_cluster_oldest_institution"),
        (Filter(order="oldest", reason="missing_side"), "ix_cluster_oldest_reason"),
        (Filter(status="second_look"), "ix_cluster_status"),
    ],
)
def test_the_queue_is_read_from_an_index_in_its_order(world: World, wanted: Filter, index: str) -> None:
    filled(world)
    with world.store.writing() as session:
        postgresql = session.get_bind().dialect.name == "postgresql"
        statement = filtered(select(Cluster.id), wanted).limit(5)  # type: ignore[call-overload]
        compiled = statement.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        if postgresql:
            for each in ("seqscan", "bitmapscan", "sort"):
                session.execute(text(f"SET LOCAL enable_{each} = off"))
        explain = "EXPLAIN " if postgresql else "EXPLAIN QUERY PLAN "
        plan = " ".join(str(row) for row in session.execute(text(explain + str(compiled))))
    assert f"{index} " in plan.replace("'", " ").replace(")", " ")
    assert "SORT" not in plan.upper().replace("_SORT", "")
    assert "TEMP B-TREE" not in plan


def test_what_was_decided_leaves_the_queue(world: World) -> None:
    ids = filled(world)
    li = world.person("reviewer")
    for _ in ids:
        (number,) = world.next(li)
        (cluster,) = [each for each in world.clusters() if each.id == number]
        world.decide(li, cluster)
    assert world.next(li) == []
    world.put(SURE)
    assert world.next(li) == []
    world.check()
