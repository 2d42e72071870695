"""Undo over a slow network: one decision after another; what is pressed meanwhile is for the card that comes back."""

from __future__ import annotations

from typing import Any

from agent.store.schema_acts import Decision
from tests.review.screen import Screen, answer_questions, prepare, screen
from tests.review.test_keyboard import clusters, decisions
from tests.serving import Server, until_told
from tests.store.world import distinct

SLOW = """() => {
    const fetched = window.fetch;
    window.fetch = async (path, options) => {
        if (String(path).includes("/undo")) await new Promise((done) => setTimeout(done, 400));
        return fetched(path, options);
    };
}"""
# Whether the page has taken in what was asked for.
TOLD = """() => {
    const { progress } = Review;
    Review.progress = (given) => {
        window.told = true;
        progress(given);
    };
}"""


def decided(on: Screen, number: int) -> list[str]:
    """So many cards rejected, as the server has it; their names, in order."""
    done = []
    for _ in range(number):
        done.append(on.raw)
        with on.next():
            on.press("x")
    on.delivered()
    return done


def said(server: Server, place: str) -> dict[str, list[str]]:
    """What was done to each name, in order."""
    made: dict[str, list[Decision]] = decisions(server, clusters(server, place))
    return {name: [each.action for each in rows] for name, rows in made.items()}


def test_quick_undos_take_back_one_after_another(browser: Any, calm: Server) -> None:
    answer_questions(calm)
    prepare(calm, "连撤", "连撤医院", [(name, 50 - at) for at, name in enumerate(distinct(6))])
    with screen(browser, calm, "连撤") as on:
        first, second, third, fourth = decided(on, 4)
        on.page.evaluate(SLOW)
        on.press("u", "u", "u")
        on.until("(name) => Review.state.model?.card.names[0].raw === name", arg=second)
        coming = on.page.evaluate("Review.state.queue.map((each) => each.card.names[0].raw)")
        assert coming[:2] == [third, fourth]  # in the order in which they were decided
        assert on.alert == ""
    made = said(calm, "连撤医院")
    assert [made[each] for each in (first, second, third, fourth)] == [["reject"], *[["reject", "undo"]] * 3]


def test_what_is_pressed_while_an_undo_is_under_way_is_for_its_card(browser: Any, calm: Server) -> None:
    answer_questions(calm)
    prepare(calm, "撤后", "撤后医院", [(name, 50 - at) for at, name in enumerate(distinct(6))])
    with screen(browser, calm, "撤后") as on:
        first, second = decided(on, 2)
        there = on.raw
        on.page.evaluate(SLOW)
        on.press("u", "1", "Enter", "u", "u", "z", "s")  # settled instead, taken back, and so the one before it
        on.until("Review.state.skipped.length === 1")
        on.delivered()
        assert on.raw == there  # the second was skipped when the first had been decided anew
        assert on.alert == ""
    made = said(calm, "撤后医院")
    assert made[first] == ["reject", "undo", "not_in_standard"]
    assert made[second] == ["reject", "undo", "settle", "undo"]
    assert made[there] == []


def test_a_card_that_an_undo_brought_does_not_come_twice(browser: Any, calm_sqlite: Server) -> None:
    """More was asked for before the undo, and the answer, after it, holds the card that came back."""
    answer_questions(calm_sqlite)
    prepare(calm_sqlite, "两次", "不来两次医院", [(name, 50 - at) for at, name in enumerate(distinct(6))])
    with screen(browser, calm_sqlite, "两次") as on:
        (first,) = decided(on, 1)
        held: list[Any] = []
        on.page.route("**/api/review/next", lambda route: held.append(route))
        decided(on, 1)
        until_told(on.page, lambda: held)
        on.press("u", "u")
        on.until("(name) => Review.state.model?.card.names[0].raw === name", arg=first)
        on.page.evaluate(TOLD)
        on.page.route("**/api/review/next", lambda route: route.continue_())  # the last one given is asked first
        with on.page.expect_response("**/api/review/next") as answer:
            held[0].continue_()
        back = on.model("card.id")
        assert back in [each["id"] for each in answer.value.json()["rows"]]
        on.until("window.told")
        ids = on.page.evaluate("[Review.state.model, ...Review.state.queue].map((each) => each.card.id)")
        assert ids.count(back) == 1


def test_without_a_server_an_undo_says_so_and_keys_do_not_wait_for_it(browser: Any, calm_sqlite: Server) -> None:
    answer_questions(calm_sqlite)
    prepare(calm_sqlite, "离线撤", "离线撤销医院", [(name, 50 - at) for at, name in enumerate(distinct(6))])
    with screen(browser, calm_sqlite, "离线撤") as on:
        (first,) = decided(on, 1)
        on.until("Review.state.queue.length === 4")
        on.page.context.set_offline(True)
        second = on.raw
        with on.next():
            on.press("x")
        on.until("document.querySelector('.review .trouble').textContent.includes('服务器没有应答')")
        third = on.raw
        on.press("u")
        on.alerted("没有撤销")
        with on.next():
            on.press("z")
        on.page.context.set_offline(False)
        on.delivered()
    made = said(calm_sqlite, "离线撤销医院")
    assert [made[each] for each in (first, second, third)] == [["reject"], ["reject"], ["not_in_standard"]]


def test_what_is_pressed_behind_an_undo_that_brings_no_card_decides_nothing(browser: Any, calm_sqlite: Server) -> None:
    answer_questions(calm_sqlite)
    prepare(calm_sqlite, "无回", "撤销无回医院", [(name, 50 - at) for at, name in enumerate(distinct(6))])
    with screen(browser, calm_sqlite, "无回") as on:
        (first,) = decided(on, 1)
        there = on.raw
        on.page.route("**/api/review/undo", lambda route: route.fulfill(status=503, body="{}"))
        on.page.evaluate(SLOW)
        on.press("u", "x", "s")
        on.until("!Review.busy()")
        assert on.raw == there
        assert on.page.evaluate("Review.send.waiting() + Review.state.skipped.length") == 0
        on.page.unroute("**/api/review/undo")
        on.press("u", "z")  # and now it comes
        on.until("!Review.busy()")
        on.delivered()
        assert on.raw == there
    made = said(calm_sqlite, "撤销无回医院")
    assert (made[first], made[there]) == (["reject", "undo", "not_in_standard"], [])
