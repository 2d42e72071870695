"""The first card does not wait for Gradio, whose scripts a browser fetches by the hundred when it comes for the first
time: the page works before they are there, and nothing is lost when they have built its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.review.screen import Screen, answer_questions, prepare
from tests.review.test_keyboard import clusters, decisions
from tests.serving import Server, logged_in
from tests.store.world import distinct

GRADIO = "**/ui/assets/**.js"
# What is asked first, by who wants to load the page anew: whether the review page is seen.
COUNTED = """() => {
    const { get } = Object.getOwnPropertyDescriptor(HTMLElement.prototype, "offsetParent");
    Object.defineProperty(Review.state.root, "offsetParent", { get() { window.looks += 1; return get.call(this); } });
}"""


@contextmanager
def without_gradio(browser: Any, server: Server, user: str) -> Iterator[tuple[Screen, Callable[[], None]]]:
    """The page of a user for whom Gradio's scripts do not come until the second value is called."""
    context = logged_in(browser, server, user)
    try:
        on, held = opened(context, server)

        def come() -> None:
            let(on, held)
            on.page.get_by_role("tab", name="审核").wait_for()
            on.built()

        yield on, come
        assert not on.errors, on.errors
        assert not context.strayed, context.strayed
    finally:
        context.close()


def opened(context: Any, server: Server) -> tuple[Screen, list[Any]]:
    """The page with its first card, and Gradio's scripts, which are held back."""
    answer_questions(server)  # of other tests, which would come first
    held: list[Any] = []
    on = Screen(context.new_page())
    on.page.route(GRADIO, lambda route: held.append(route))
    on.page.goto(f"{server.url}/ui/", wait_until="commit")
    on.card()
    return on, held


def let(on: Screen, held: list[Any]) -> None:
    """Gradio's scripts are asked for."""
    on.page.route(GRADIO, lambda route: route.continue_())  # the last one given is asked first
    for route in held:
        route.continue_()


def test_the_queue_is_worked_on_before_gradio_is_there_and_goes_on_after(browser: Any, calm: Server) -> None:
    me = prepare(calm, "早", "早到医院", [(name, 50 - at) for at, name in enumerate(distinct(4))])
    with without_gradio(browser, calm, "早") as (on, let):
        with on.next():
            on.press("1", "Enter")
        on.delivered()
        assert on.page.get_by_role("tab", name="审核").count() == 0  # Gradio is not there
        before, seen = on.model("card.id"), on.raw
        let()
        assert (on.model("card.id"), on.raw) == (before, seen)
        assert on.page.locator(".review").count() == 1
        assert on.page.locator("#tab-review .review .card .names").inner_text() != ""
        with on.next():
            on.press("1", "Enter")  # the keys are the page's still
        on.delivered()
    made = decisions(calm, clusters(calm, "早到医院"))
    assert sorted(len(rows) for rows in made.values()) == [0, 0, 1, 1]
    assert {each.user_id for rows in made.values() for each in rows} == {me}


def test_what_is_typed_meanwhile_stays(browser: Any, calm: Server) -> None:
    prepare(calm, "写", "写到一半医院", distinct(1))
    with without_gradio(browser, calm, "写") as (on, let):
        on.press("f")
        comment = on.page.get_by_role("textbox")
        comment.wait_for()
        on.type("左右不清")
        let()
        assert comment.input_value() == "左右不清"
        on.type("，请放射科看")  # and is typed on
        assert comment.input_value() == "左右不清，请放射科看"


def looked_twice(on: Screen) -> None:
    """Wait until the page has looked twice more whether it may be loaded anew."""
    on.page.evaluate("window.looks = 0")
    on.until("window.looks >= 2")


@pytest.mark.parametrize("what", ["session", "server"])
def test_the_session_or_the_server_goes_in_the_first_second(browser: Any, calm: Server, what: str) -> None:
    user, place = f"首秒{what}", f"首秒医院{what}"
    me = prepare(calm, user, place, [(name, 50 - at) for at, name in enumerate(distinct(5))])
    context = logged_in(browser, calm, user)
    try:
        on, held = opened(context, calm)
        on.until("Review.state.queue.length === 4")
        cookies = context.cookies()
        if what == "session":
            context.clear_cookies()
        else:
            context.set_offline(True)
        on.page.evaluate("window.same = true")
        let(on, held)  # and none of Gradio's scripts comes
        for _ in range(2):
            with on.next():
                on.press("1", "Enter")
        trouble = on.page.locator(".review .trouble", has_text="2 个决定已保留")
        trouble.wait_for()
        if what == "session":
            on.page.get_by_role("link", name="登录").click(trial=True)  # nothing lies over it
        on.page.evaluate(COUNTED)
        looked_twice(on)
        assert on.page.evaluate("window.same")  # nothing is taken away from who still works
        on.press("f")
        comment = on.page.get_by_role("textbox")
        comment.wait_for()
        if what == "session":
            context.add_cookies(cookies)  # in another tab
        else:
            context.set_offline(False)
        on.delivered()
        on.type("左右不清")
        looked_twice(on)
        assert comment.input_value() == "左右不清"
        on.press("Escape")
        on.built()
        on.page.get_by_role("tab", name="审核").wait_for()
        assert on.page.evaluate("window.same") is None
        on.page.evaluate("window.same = true")
        on.card()
        with on.next():
            on.press("1", "Enter")
        on.delivered()
        on.page.wait_for_timeout(2500)
        assert on.page.evaluate("window.same")  # once
        assert not on.errors, on.errors
    finally:
        context.close()
    made = decisions(calm, clusters(calm, place))
    assert sorted(len(rows) for rows in made.values()) == [0, 0, 1, 1, 1]
    assert {each.user_id for rows in made.values() for each in rows} == {me}


def test_another_page_has_no_early_desk(browser: Any, calm: Server) -> None:
    prepare(calm, "标", "看标准医院", distinct(1))
    context = logged_in(browser, calm, "标")
    try:
        page = context.new_page()
        page.goto(f"{calm.url}/ui/?tab=standard")
        page.locator(".standard .bar input").wait_for()
        assert page.locator("#early").count() == 0
        page.get_by_role("tab", name="审核").click()
        page.locator(".review .card[data-turn]").wait_for()
    finally:
        context.close()
