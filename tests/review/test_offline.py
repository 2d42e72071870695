"""The server is away while nothing waits to be delivered: whatever is pressed, the page says so, and no more when it
answers again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.review.screen import answer_questions, prepare, screen
from tests.serving import Server
from tests.store.world import distinct

AWAY = "服务器没有应答"


@pytest.mark.parametrize("key", ["u", "h", "b", "q", "r", "l"])
def test_whatever_is_pressed_the_page_says_that_the_server_is_away(browser: Any, calm_sqlite: Server, key: str) -> None:
    answer_questions(calm_sqlite)
    place = f"离线医院{key}"
    prepare(calm_sqlite, f"离线{key}", place, [(name, 50 - at) for at, name in enumerate(distinct(4))])
    user = "lead" if key == "q" else f"离线{key}"
    with screen(browser, calm_sqlite, user) as on:
        if key == "q":
            on.only(place)
        on.until("Review.state.queue.length >= 2")
        if key == "u":
            with on.next():
                on.press("x")
            on.delivered()
        if key == "r":
            with on.next():
                on.press("s")
        on.quiet()  # what is under way would tell it too
        trouble = on.page.locator(".review .trouble")
        assert trouble.inner_text() == ""
        on.page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true })")  # leases are not renewed,
        on.page.context.set_offline(True)  # which would tell it too
        on.press(key)
        trouble.get_by_text(AWAY).wait_for()
        dialog = on.page.get_by_role("dialog")
        if key in ("h", "b"):
            dialog.get_by_text(AWAY).first.wait_for()
            on.close()
        assert dialog.count() == 0
        on.page.context.set_offline(False)
        on.untroubled()
        if key == "h":
            on.press("h")
            dialog.get_by_text("选择").wait_for()
            on.close()
        if key == "u":
            before = on.model("card.id")
            on.press("u")
            on.until("(before) => Review.state.model.card.id !== before", arg=before)


HANGING = """
const timeout = AbortSignal.timeout.bind(AbortSignal);
AbortSignal.timeout = (milliseconds) => timeout(Math.min(milliseconds, 500));
"""


def test_an_answer_that_never_comes_is_a_server_that_is_away(browser: Any, calm_sqlite: Server) -> None:
    """What waits for it is told, and goes on: here the freeing of a skipped card hangs, then the bringing back."""
    answer_questions(calm_sqlite)
    prepare(calm_sqlite, "无回音", "无回音医院", [(name, 50 - at) for at, name in enumerate(distinct(4))])
    with screen(browser, calm_sqlite, "无回音") as on:
        on.page.evaluate(HANGING)
        on.until("Review.state.queue.length >= 2")
        on.quiet()
        hang = lambda route: None  # noqa: E731 - neither answered nor refused
        on.page.route("**/api/review/leases", hang)
        on.page.route("**/api/review/next", hang)
        with on.next():
            on.press("s")
        before = on.model("card.id")
        on.press("r")
        on.page.locator(".review .trouble").get_by_text(AWAY).wait_for()
        on.page.unroute("**/api/review/leases")
        on.page.unroute("**/api/review/next")
        on.untroubled()
        on.press("r")
        on.until("(before) => Review.state.model.card.id !== before", arg=before)


def test_bulk_offers_nothing_before_it_is_known_what_is_assigned(browser: Any, calm_sqlite: Server) -> None:
    place = "离线分配医院"
    prepare(calm_sqlite, "离线分配", place, list(distinct(2)))
    with screen(browser, calm_sqlite, "离线分配") as on:
        fails = ["as the page opens", "on the first key"]
        on.page.route(
            "**/api/review/assignments", lambda route: route.abort() if fails and fails.pop() else route.continue_()
        )
        on.page.reload()
        on.built()
        on.card()
        dialog = on.page.get_by_role("dialog")
        on.press("b")
        dialog.get_by_text(AWAY).wait_for()
        scope = dialog.get_by_label("范围")
        assert (scope.is_hidden(), scope.locator("option").count()) == (True, 0)
        assert dialog.get_by_role("button", name="预览").count() == 0
        on.close()
        on.press("b")
        dialog.get_by_text(f"没有勾选：对整个范围（{place}）").wait_for()
        assert scope.locator("option").all_inner_texts() == [place, "全部待审"]


def test_a_history_that_is_open_when_the_server_goes_says_so_too(browser: Any, calm_sqlite: Server) -> None:
    answer_questions(calm_sqlite)
    prepare(calm_sqlite, "史", "离线历史医院", [(name, 50 - at) for at, name in enumerate(distinct(4))])
    with screen(browser, calm_sqlite, "史") as on:
        with on.next():
            on.press("x")
        on.delivered()
        on.press("h")
        dialog = on.page.get_by_role("dialog")
        note = dialog.get_by_role("status")
        dialog.get_by_role("row").nth(1).wait_for()
        for key in ("Enter", "u"):
            on.page.context.set_offline(True)
            on.press(key)
            note.get_by_text(AWAY).wait_for()
            on.page.context.set_offline(False)
            dialog.get_by_role("button", name="更早").click()
            note.get_by_text("选择").wait_for()
            dialog.locator(".scroll").focus()
        on.press("u")
        dialog.wait_for(state="detached")
        assert on.model("card.decisions[0].undone") is True
