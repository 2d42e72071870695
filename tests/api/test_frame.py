"""The frame of the pages in a browser: tabs, language, log-out; also where somebody else has logged in since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.serving import PASSWORD, Server, logged_in


def test_the_tabs_are_there_in_the_language_chosen(as_role: Callable[..., Any], served_sqlite: Server) -> None:
    page = as_role("lead")
    page.goto(f"{served_sqlite.url}/ui/")
    for word in ("审核", "对话", "批量", "标准", "概览"):
        page.get_by_role("tab", name=word).wait_for()
    page.locator("#language").click()
    for word in ("Review", "Chat", "Bulk", "Standard", "Overview"):
        page.get_by_role("tab", name=word).wait_for()
    assert page.evaluate("navigator.language") == "en"


def test_our_scripts_run_before_those_that_build_the_tabs(as_role: Callable[..., Any], served_sqlite: Server) -> None:
    page = as_role("lead")
    held: list[Any] = []
    page.route("**/static/all.js*", lambda route: held.append(route))
    page.goto(f"{served_sqlite.url}/ui/", wait_until="commit")
    page.wait_for_function("document.scripts.length >= 2")
    assert page.evaluate("[document.readyState, document.querySelectorAll('script[type=module]').length]") == [
        "loading",
        0,
    ]
    page.route("**/static/all.js*", lambda route: route.continue_())  # the last one given is asked first
    for route in held:
        route.continue_()
    page.get_by_role("tab", name="标准").click()
    page.locator(".standard .bar input").wait_for()


def test_in_a_tab_of_who_is_no_longer_logged_in_nothing_is_done_to_who_is(browser: Any, served: Server) -> None:
    number = served.add_user("换下的", "lead")  # of this test's own: his session ends here
    context = logged_in(browser, served, "换下的")
    page = context.new_page()
    page.goto(f"{served.url}/ui/")
    page.get_by_role("tab", name="审核", selected=True).wait_for()
    page.keyboard.press("q")
    export = page.get_by_role("link", name="CSV")
    export.wait_for()

    form = {"name": "reviewer", "password": PASSWORD}
    context.request.post(f"{served.url}/login", form=form, headers={"origin": served.url})
    link = export.get_attribute("href") or ""
    assert link.endswith(f"person={number}")
    assert context.request.get(served.url + link).status == 409
    page.keyboard.press("Escape")
    page.locator("#language").click()
    page.locator("#bar .problem").get_by_text("另一个人").wait_for()
    assert page.evaluate("document.documentElement.lang") == "zh-CN"

    page.locator("#logout").click()
    page.get_by_role("alert").get_by_text("他没有被退出").wait_for()
    assert context.request.get(f"{served.url}/api/me").json()["name"] == "reviewer"
    assert context.strayed == []
    context.close()
