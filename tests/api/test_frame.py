"""The frame of the pages in a browser: tabs, language, log-out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.serving import Server


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
