"""What the screen asks for, on both databases: cards, samples, agreement, pace, assignments, export."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from sqlalchemy import select

from agent.defuse import defused
from agent.review import controls
from agent.review.agreement import agreement, kappa, pairs, wilson
from agent.review.assignment import assign, assignments, end, handed
from agent.review.export import as_concept_map, as_csv, as_xlsx, rows
from agent.review.pace import pace
from agent.review.view import Desk, Viewer
from agent.review.work import Wish, Work
from agent.store import Count, Entry, Order
from agent.store.schema import Name, Suggestion
from agent.store.schema_acts import Decision
from standard.errors import InputError
from tests.review.filling import HOSTILE
from tests.store.world import (
    ANKLE,
    ANKLE_NOISY,
    CHEST,
    CONFLICT,
    CONTRAST,
    HEAD,
    START,
    World,
    answer,
    distinct,
    dump,
    pipeline,
    sure,
)

SEVERAL = "颅脑磁共振平扫+DWI+MRA_颈椎磁共振平扫_股骨头磁共振平扫"
MR = "MR"


@cache
def desk() -> Desk:
    return Desk(pipeline())


def work(world: World, share: float = 0.0, found: Callable[..., Any] | None = None) -> Work:
    return Work(world.store, desk() if found is None else Desk(pipeline(), found), world.rules, share)


def viewer(world: World, role: str = "reviewer") -> Viewer:
    return Viewer(world.person(role), role)


def shown(world: World, name: str, who: Viewer | None = None) -> dict[str, Any]:
    (found,) = work(world).cards(who or viewer(world), [world.cluster(name).id or 0])
    json.dumps(found)  # plain
    return found


# -- cards -------------------------------------------------------------------------------------------------------------


def test_a_card_tells_all_of_a_cluster(world: World) -> None:
    world.put(ANKLE, ANKLE_NOISY, at="甲医院", exams=3)
    found = shown(world, ANKLE)
    assert (found["institution"], found["count"]) == ("甲医院", {"names": 2, "exams": 6})
    assert (found["reason"]["id"], found["reason"]["text"][:4]) == ("missing_side", "缺少左右")
    total = sum(weight for _, _, weight, _ in found["evidence"])
    assert 1 / (1 + math.exp(-total)) == pytest.approx(found["score"], abs=1e-4)
    (exam,) = found["exams"]
    assert (exam["code"], exam["listed"]) == ("", False)
    assert "分左右" in exam["problem"]["zh"]
    assert [each["name"] for each in exam["candidates"][:3]] == [f"CT{side}踝关节(平扫+三维重建)" for side in "左右双"]
    for each in exam["candidates"]:
        assert sum(row[2] for row in each["rows"]) == pytest.approx(each["total"])
        assert all(row[3] for row in each["rows"])
    assert [action for action, may in found["may"].items() if not may] == ["widen", "reopen"]
    clerk = shown(world, ANKLE, viewer(world, "clerk"))["may"]
    assert [action for action, may in clerk.items() if may] == ["flag"]


def test_spans_are_of_each_name_and_cover_it(world: World) -> None:
    world.put(ANKLE, ANKLE_NOISY)
    for name in shown(world, ANKLE)["names"]:
        pieces = [name["raw"][start:end] for start, end, _, _ in name["spans"]]
        assert "".join(pieces) == name["raw"]
        assert ["踝关节", "part"] in [[name["raw"][start:end], slot] for start, end, slot, _ in name["spans"]]


def test_several_exams_each_with_its_candidates(world: World) -> None:
    world.put(SEVERAL, modality=MR)
    exams = shown(world, SEVERAL)["exams"]
    assert [each["code"] for each in exams] == [
        "30010100110000",
        "30010100520000",
        "30080101310000",
        "30030202110000",
        "",
    ]
    for each in exams[:4]:
        assert each["candidates"][0]["code"] == each["code"]
        assert each["listed"]
    assert [each["name"] for each in exams[4]["candidates"][:3]] == [f"MR{side}髋关节(平扫)" for side in "左右双"]


def test_the_contradicting_part_is_a_candidate(world: World) -> None:
    world.put(CONFLICT)
    (exam,) = shown(world, CONFLICT)["exams"]
    names = [each["name"] for each in exam["candidates"]]
    assert names[0] == "CT胸部(平扫)"
    assert "CT颅脑(平扫)" in names


def test_retrieval_fills_what_a_suggestion_has_not_and_it_is_kept(world: World) -> None:
    world.put(ANKLE)
    asked: list[str] = []

    def retrieve(name: str, modality: str) -> list[dict[str, Any]]:
        asked.append(name)
        return [{"code": CHEST, "score": 0.5, "ranks": {"dense": 1, "lexical": 2}}]

    who, number = viewer(world), world.cluster(ANKLE).id or 0
    for _ in range(2):
        (found,) = work(world, found=retrieve).cards(who, [number])
        (chest,) = [each for each in found["exams"][0]["candidates"] if each["code"] == CHEST]
        assert [row[:3] for row in chest["rows"][-2:]] == [["dense", "1", 0.4], ["lexical", "2", 0.4]]
    assert asked == [ANKLE]
    with world.store.reading() as session:
        (stored,) = session.scalars(select(Suggestion)).all()
    assert stored.candidates[0]["code"] == CHEST


def test_hostile_names_are_only_text(world: World) -> None:
    world.put(*HOSTILE)
    who = viewer(world)
    for found in work(world).cards(who, [each.id or 0 for each in world.clusters()]):
        for name in found["names"]:
            assert len(name["raw"]) <= 600
            assert name["cut"] == max(0, len(next(each for each in HOSTILE if each.startswith(name["raw"]))) - 600)
            assert all(0 <= start < end for start, end, _, _ in name["spans"])


def test_names_are_paged(world: World) -> None:
    names = [ANKLE, *(f"{ANKLE}(医保){'*' * number}" for number in range(1, 131))]
    world.put(*names)
    cluster = world.cluster(ANKLE)
    found = shown(world, ANKLE)
    assert (len(found["names"]), found["more"]) == (20, True)
    seen, more = [each["id"] for each in found["names"]], True
    while more:
        page = work(world).names(cluster.id or 0, seen[-1])
        seen += [each["id"] for each in page["names"]]
        more = page["more"]
    assert len(set(seen)) == len(seen) == cluster.names
    with pytest.raises(InputError):
        work(world).names(999_999, 0)


def test_a_second_look_is_blind_and_not_for_who_decided(world: World) -> None:
    world.put(ANKLE)
    world.rules = world.rules._replace(second_share=1.0)
    first, second = viewer(world), viewer(world)
    world.decide(first.user_id, world.cluster(ANKLE))
    other = shown(world, ANKLE, second)
    assert (other["status"], other["decisions"], other["blind"]) == ("second_look", [], True)
    assert other["may"]["settle"]
    own = shown(world, ANKLE, first)
    assert (len(own["decisions"]), own["blind"], own["may"]["settle"]) == (1, False, False)
    assert [each["cluster"] for each in work(world).history(second, None, True)] == []
    assert len(work(world).history(first, None, False)) == 1


def test_what_a_fresh_reading_contests_says_so_to_who_looks_again_and_still_not_what_was_decided(world: World) -> None:
    world.put(ANKLE, CONFLICT)
    first, second = viewer(world), viewer(world)._replace(lang="en")
    world.decide(first.user_id, world.cluster(ANKLE), codes=[CHEST])
    assert world.put(sure(ANKLE, [HEAD]), job="later").contested == 1
    found = shown(world, ANKLE, second)
    assert (found["reason"]["id"], found["reason"]["detail"]) == ("memory_disagrees", "")
    assert "otherwise than what a person decided" in found["reason"]["text"]
    assert (found["status"], found["blind"], found["decisions"], found["codes"]) == ("flagged", True, [], [HEAD])
    assert CHEST not in json.dumps([found["reason"], found["evidence"], found["codes"]])
    assert found["may"]["settle"]
    own = shown(world, ANKLE, first)
    assert [each["action"] for each in own["decisions"]] == ["settle", "contest"]
    world.decide(second.user_id, world.cluster(ANKLE), codes=[HEAD])
    assert shown(world, ANKLE, second)["reason"]["id"] != "memory_disagrees"
    world.decide(world.person("clerk"), world.cluster(CONFLICT), "flag")  # put in question by a person
    assert shown(world, CONFLICT, second)["reason"]["id"] == world.cluster(CONFLICT).reason


# -- control samples ---------------------------------------------------------------------------------------------------


def settled_by_others(world: World) -> None:
    """A cluster that was settled as it was suggested."""
    world.put(sure("胸部CT平扫", [CHEST]))
    world.decide(world.person("lead"), world.cluster("胸部CT平扫"), codes=[CHEST])
    world.put(ANKLE)


def sampled(world: World, who: Viewer) -> dict[str, Any]:
    found = work(world, 1.0).next(who, Wish("tab"), world.at())
    assert len(found) == 2
    (sample,) = [each for each in found if each["codes"]]
    (other,) = [each for each in found if not each["codes"]]
    assert set(sample) == set(other)  # nothing tells it from others
    return sample


def test_a_sample_is_wrong_in_one_slot_and_looks_like_any_card(world: World) -> None:
    settled_by_others(world)
    sample = sampled(world, viewer(world))
    (wrong,) = sample["codes"]
    assert wrong != CHEST
    assert wrong in [code for _, code in desk().editor.neighbours(CHEST)]
    assert CHEST not in json.dumps([sample["evidence"], sample["exams"][0]["code"]])
    assert (sample["status"], sample["decisions"], sample["exams"][0]["code"]) == ("open", [], wrong)
    assert all(sample["may"][action] for action in ("settle", "reject", "flag", "ask"))


def test_the_code_of_a_sample_is_the_first_candidate_as_in_any_card(world: World) -> None:
    names = {"胸部CT平扫": [CHEST], "左膝关节CT平扫": [], "胸部CT平扫+增强": []}
    lead = world.person("lead")
    for name, codes in names.items():
        given = sure(name, codes or answer(name).codes)
        world.put(given)
        world.decide(lead, world.cluster(name), codes=list(given.codes))
    slots = set()

    def retrieve(name: str, modality: str) -> list[dict[str, Any]]:
        return [{"code": code, "score": 0.9, "ranks": {"dense": 1, "lexical": 1}} for code in answer(name).codes]

    with_found = work(world, found=retrieve).desk
    for number in range(24):
        who = viewer(world)
        with world.store.writing() as session:
            made = controls.make(session, desk().editor, who.user_id, "tab", f"turn {number}", world.at())
            assert made is not None
            for each in (desk(), with_found):
                card = controls.shown(session, each, made, who, 20)
                assert card is not None
                (exam,) = card["exams"]
                assert [exam["code"]] == card["codes"] == made.wrong_codes
                assert exam["candidates"][0]["code"] == exam["code"]
                assert exam["candidates"][0]["rows"][1][0] == "read"
            slots.add(made.slot)
    assert len(slots) > 2


@pytest.mark.parametrize(("right", "caught"), [(True, True), (False, False)])
def test_the_answer_to_a_sample_changes_nothing_but_the_rate(world: World, right: bool, caught: bool) -> None:
    settled_by_others(world)
    who = viewer(world)
    sample = sampled(world, who)
    before = dump(world.store)
    codes = (CHEST,) if right else tuple(sample["codes"])
    order = Order(sample["id"], sample["rev"], "settle", "key", codes)
    for wanted in ("ok", "again"):
        assert work(world).decide(who, order, sample["turn"], world.at()).result == wanted
    after = dump(world.store)
    assert {name for name in after if after[name] != before[name]} == {"control"}
    with world.store.reading() as session:
        rate = controls.rates(session)[who.user_id]
    assert (rate.shown, rate.answered, rate.caught, rate.share) == (1, 1, int(caught), float(caught))
    assert rate.low is not None
    assert 0 <= rate.low < 1
    outcome, cards = work(world).undo(who, "tab", "undo", world.at(), of="key")
    assert (outcome.result, cards[0]["codes"], cards[0]["turn"]) == ("ok", sample["codes"], sample["turn"])
    assert dump(world.store)["decision"] == before["decision"]


def test_a_sample_is_refused_what_any_card_is(world: World) -> None:
    settled_by_others(world)
    who = viewer(world)
    sample = sampled(world, who)
    orders = [("settle", ()), ("settle", ("20049999",)), ("reject", (CHEST,)), ("flag", ()), ("widen", ())]
    for number, (action, codes) in enumerate(orders):
        order = Order(sample["id"], sample["rev"], action, f"key-{number}", codes)  # type: ignore[arg-type]
        assert work(world).decide(who, order, sample["turn"], world.at()).result == "refused"


def test_no_sample_of_ones_own_decision_nor_for_who_may_not_settle(world: World) -> None:
    settled_by_others(world)
    lead = next(each for each in decided(world))
    assert len(work(world, 1.0).next(Viewer(lead.user_id or 0, "lead"), Wish("tab"), world.at())) == 1
    assert len(work(world, 1.0).next(viewer(world, "clerk"), Wish("two"), world.at() + timedelta(hours=1))) == 1


def decided(world: World) -> list[Decision]:
    with world.store.reading() as session:
        return list(session.scalars(select(Decision).order_by(Decision.id)))  # type: ignore[arg-type]


# -- agreement and pace ------------------------------------------------------------------------------------------------


def test_kappa_of_a_table_from_a_textbook() -> None:
    found = kappa([("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15)
    assert (found.n, found.agreed) == (50, 35)
    assert found.kappa == pytest.approx(0.4)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.4 < found.high


def test_kappa_is_undefined_where_chance_explains_everything() -> None:
    assert kappa([]) == (0, 0, None, None, None)
    assert kappa([("a", "a")] * 5) == (5, 5, None, None, None)
    perfect = kappa([("a", "a")] * 5 + [("b", "b")] * 5)
    assert perfect.kappa == 1.0
    assert perfect.low is not None
    assert perfect.low < 0.7  # ten pairs prove little
    with pytest.raises(ValueError, match="no trials"):
        wilson(0, 0)


def test_pairs_are_blind_second_looks_that_stand(world: World) -> None:
    world.rules = world.rules._replace(second_share=1.0)
    world.put(*distinct(3))
    one, two = world.person("reviewer"), world.person("reviewer")
    seconds = []
    for number, (first, second) in enumerate(((CHEST, CHEST), (CHEST, HEAD), (HEAD, CONTRAST))):
        world.decide(one, world.clusters()[number], codes=[first])
        seconds.append(world.decide(two, world.clusters()[number], codes=[second]).decision_id)
    world.undo(two, seconds[2])
    with world.store.reading() as session:
        found = pairs(session)
    assert [(each.first_by, each.second_by, each.first == each.second) for each in found] == [
        (one, two, True),
        (one, two, False),
    ]
    result = agreement(found)
    assert (result.overall.n, result.overall.agreed) == (2, 1)
    assert set(result.reviewers) == {one, two}
    assert sum(each.n for each in result.categories.values()) == 2


def test_pace_leaves_out_pauses_bulk_and_what_was_undone(world: World) -> None:
    world.put_entries([Entry(answer(name), 10) for name in distinct(8)])
    li = world.person("reviewer")
    clusters = world.clusters()
    for number, cluster in enumerate(clusters[:7]):
        order = Order(cluster.id or 0, cluster.revision, "settle", f"k{number}", (CHEST,))
        at = START + timedelta(days=1, seconds=30 * number, hours=5 * (number >= 4))
        assert work(world).decide(Viewer(li, "reviewer"), order, "", at).result == "ok"
    with world.store.reading() as session:
        found = pace(session, li, Count(60, 600, 6000), START + timedelta(days=2))
        assert pace(session, li, Count(), START + timedelta(days=99)).names_an_hour is None
    assert (found.clusters, found.names, found.exams) == (7, 7, 70)
    assert found.clusters_an_hour == pytest.approx(60 / (found.hours_left or 0))  # of the 60 clusters that wait
    assert found.names_an_hour == pytest.approx(120)
    assert found.exams_an_hour == pytest.approx(1200)
    assert found.hours_left == pytest.approx(0.5)


# -- assignments -------------------------------------------------------------------------------------------------------


def test_a_queue_begins_with_what_is_assigned(world: World) -> None:
    world.put(ANKLE, exams=9)
    world.put(CONFLICT, at="甲医院")
    world.put(ANKLE, at="乙医院", modality="CT")
    li, lead = world.person("reviewer"), world.person("lead")
    here = world.cluster(CONFLICT)

    def ask() -> list[int]:
        return world.store.write(lambda session: [each.id or 0 for each in handed(session, li, "tab", 5, world.at())])

    assert len(ask()) == 3
    given = world.store.write(lambda session: assign(session, li, lead, world.at(), here.institution_id).id)
    same = world.store.write(lambda session: assign(session, li, lead, world.at(), here.institution_id).id)
    assert same == given
    assert ask() == [here.id]
    world.store.write(lambda session: assign(session, li, lead, world.at(), modality="CT"))
    assert len(ask()) == 2
    with world.store.reading() as session:
        assert len(assignments(session)) == 2
    world.store.write(lambda session: end(session, given or 0, lead, world.at()))
    world.store.write(lambda session: end(session, given or 0, lead, world.at()))
    with world.store.reading() as session:
        assert [each.modality for each in assignments(session, li)] == ["CT"]


def test_what_waits_for_a_second_person_comes_first(world: World) -> None:
    world.put(ANKLE, CONFLICT)
    first, second = world.person("reviewer"), world.person("reviewer")
    world.decide(first, world.cluster(CONFLICT), "flag")
    got = world.store.write(lambda session: [each.id for each in handed(session, second, "tab", 5, world.at())])
    assert got == [world.cluster(CONFLICT).id, world.cluster(ANKLE).id]
    own = world.store.write(lambda session: [each.id for each in handed(session, first, "other", 5, world.at())])
    assert world.cluster(CONFLICT).id not in own


def test_an_assignment_says_something_to_somebody_who_can(world: World) -> None:
    li, clerk = world.person("reviewer"), world.person("clerk")
    for user, place, reason in ((li, None, None), (clerk, None, "missing_side"), (999, None, "x"), (li, 999, None)):
        with pytest.raises(InputError):
            world.store.write(lambda session, u=user, p=place, r=reason: assign(session, u, li, world.at(), p, None, r))  # type: ignore[misc]
    for wrong in (
        {"reason": "x"},
        {"reason": "complete"},
        {"modality": "x"},
        {"modality": "CT+CT"},
        {"modality": "DR"},
    ):
        with pytest.raises(InputError, match="There is no such"):
            world.store.write(lambda session, w=wrong: assign(session, li, li, world.at(), **w))  # type: ignore[misc]
    for right in ({"reason": "missing_side"}, {"modality": "CT+MR"}, {"modality": ""}):
        world.store.write(lambda session, r=right: assign(session, li, li, world.at(), **r))  # type: ignore[misc]
    with pytest.raises(InputError):
        world.store.write(lambda session: end(session, 999, li, world.at()))


# -- export ------------------------------------------------------------------------------------------------------------


def test_what_is_exported_for_people_runs_nothing(world: World) -> None:
    from openpyxl import load_workbook

    world.put(*HOSTILE, ANKLE, at="=1+1")
    lead = world.person("lead")
    for cluster in world.clusters():
        if cluster.status == "open":
            world.decide(lead, cluster, codes=[CHEST], why="@SUM(A1)")
    catalogue = pipeline().catalogue
    with world.store.reading() as session:
        found = list(rows(session))
        text = "".join(as_csv(found, catalogue, "zh"))
        book = load_workbook(io.BytesIO(as_xlsx(found, catalogue, "en")))
        concept_map = json.loads("".join(as_concept_map(found, catalogue)))
    table = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert len(table) == len(found) + 1
    for cells in table[1:]:
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
        assert (cells[0], cells[9]) == ("'=1+1", "'@SUM(A1)")
    assert all(cell.data_type == "s" for row in book.active.iter_rows(min_row=2) for cell in row if cell.value)
    names = [element["code"] for group in concept_map["group"] for element in group["element"]]
    with world.store.reading() as session:
        assert sorted(names) == sorted(each.raw for each in session.scalars(select(Name)))
    assert defused("胸部") == "胸部"
