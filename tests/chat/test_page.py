"""The page chat in a browser: names settled by buttons and keys, stop, history, hostile text, both languages."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.model.fake_server import FakeServer, Response, completion
from tests.serving import PASSWORD, Server, logged_in, serving, until_told

CONFLICT = "[头部]16排以上螺旋X线计算机体层(CT)胸部平扫(医保)"
SEVERAL = "颅脑磁共振平扫+DWI+MRA_颈椎磁共振平扫_股骨头磁共振平扫"
HOSTILE = "=cmd|' /C calc'!A0 <img src=x onerror=\"window.hit=1\"> [点](javascript:alert(1)) **粗** $$x$$ \u202eabc"


def open_chat(page: Any, server: Server, tab: str = "对话") -> Any:
    """The page, and the line to type in."""
    page.goto(f"{server.url}/ui/")
    page.get_by_role("tab", name=tab).click()
    box = page.locator("#chat-box textarea")
    box.wait_for()
    return box


def say(page: Any, text: str, expect: str) -> None:
    """Type, and wait for what the answer to it holds."""
    before = page.locator("#chat-said .user-row").count()  # each has an answer of its own
    box = page.locator("#chat-box textarea")
    box.fill(text)
    box.press("Enter")
    page.locator("#chat-said .bot-row").nth(before).get_by_text(expect).filter(visible=True).first.wait_for()


def options(page: Any) -> list[str]:
    """The buttons under the last answer."""
    return [str(each) for each in page.locator("#chat-said .option").all_inner_texts()]


def test_three_names(browser: Any, served: Server) -> None:
    context = logged_in(browser, served, "reviewer")
    page = context.new_page()
    open_chat(page, served)
    say(page, "踝关节三维重建术", "「踝关节」是左、右还是双侧？")
    page.locator("#chat-said .option", has_text="右侧").click()
    page.get_by_text("20072502111100").filter(visible=True).first.wait_for()
    page.get_by_role("cell", name="02 右踝关节").first.wait_for()
    page.locator("#chat-said .option", has_text="保存决定").wait_for()  # the answer is kept whole by then
    say(page, CONFLICT, "互相矛盾")
    page.locator("#chat-said .option", has_text="都做").wait_for()
    assert options(page)[:3] == ["1 颅脑", "2 胸部", "3 都做"]
    say(page, "2", "您答：胸部")
    page.locator("#chat-said .option", has_text="保存决定").wait_for()
    say(page, SEVERAL, "「股骨头」是左、右还是双侧？")
    page.locator("#chat-said .option", has_text="双侧").wait_for()
    say(page, "双侧", "30072003110000")
    page.locator("#chat-said .option", has_text="保存决定").wait_for()
    last = page.locator("#chat-said .bot").last.inner_text()
    places = [last.index(code) for code in ("30010100110000", "30010100520000", "30080101310000", "30030202110000")]
    assert places == sorted(places)
    page.locator("#chat-said .option", has_text="保存决定").click()
    page.locator("#chat-said").get_by_text(re.compile("已保存|复看")).first.wait_for()
    context.close()
    assert context.strayed == []


def test_keyboard_alone(as_role: Callable[..., Any], served_sqlite: Server) -> None:
    page = as_role("clerk")
    box = open_chat(page, served_sqlite)
    box.focus()
    page.keyboard.type("踝关节三维重建术")
    page.keyboard.press("Enter")
    page.locator("#chat-said .option", has_text="左侧").wait_for()
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    page.get_by_text("您答：双侧").wait_for()
    page.keyboard.type("胸部CT平扫")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("胶片费")
    page.keyboard.press("Enter")
    page.get_by_text("2 个名称：采用 1，待定 1").wait_for()
    link = page.get_by_role("link", name="下载表格")
    with page.expect_download() as download:
        link.click()
    assert download.value.suggested_filename.endswith(".csv")
    with served_sqlite.client("viewer") as client:  # who logged in since, in another tab
        answer = client.get(str(link.get_attribute("href")))
    assert (answer.status_code, "另一个" in answer.text) == (409, True), answer.text


def test_history_is_at_the_side_and_ones_own(as_role: Callable[..., Any], served_sqlite: Server) -> None:
    page = as_role("lead")
    open_chat(page, served_sqlite)
    say(page, "左肩关节CT平扫", "CT左肩关节")
    page.locator("#chat-history label", has_text="左肩关节CT平扫").wait_for()
    page.get_by_role("button", name="新对话").click()
    page.locator("#chat-said .bot").wait_for(state="detached")
    say(page, "颅脑MR平扫", "MR颅脑")
    page.reload()
    page.get_by_role("tab", name="对话").click()
    page.locator("#chat-history label", has_text="左肩关节CT平扫").click()
    page.locator("#chat-said .bot", has_text="CT左肩关节").first.wait_for()
    say(page, "为什么", "先验")
    page.get_by_role("button", name="删除这个对话").click()
    sure = page.get_by_role("button", name="确定删除？再按一次")
    sure.wait_for()
    page.locator("#chat-box textarea").focus()  # no
    page.get_by_role("button", name="删除这个对话").focus()
    assert page.locator("#chat-history label", has_text="左肩关节CT平扫").count() == 1
    page.keyboard.press("Enter")
    sure.wait_for()
    assert page.locator("#chat-history label", has_text="左肩关节CT平扫").count() == 1
    page.keyboard.press("Enter")
    page.locator("#chat-history label", has_text="左肩关节CT平扫").wait_for(state="detached")
    page.locator("#chat-history label", has_text="颅脑MR平扫").wait_for()
    other = as_role("viewer")
    open_chat(other, served_sqlite)
    say(other, "左髋关节CT平扫", "CT左髋关节")
    other.locator("#chat-history label", has_text="左髋关节CT平扫").wait_for()
    assert other.locator("#chat-history label", has_text="颅脑MR平扫").count() == 0


def test_hostile_text_is_text(as_role: Callable[..., Any], served_sqlite: Server) -> None:
    page = as_role("reviewer")
    open_chat(page, served_sqlite)
    say(page, HOSTILE, "待定")
    page.locator("#chat-history label", has_text="=cmd").wait_for()  # the answer is whole
    shown = page.locator("#chat-said").inner_text()
    assert '<img src=x onerror="window.hit=1">' in shown
    assert "[点](javascript:alert(1))" in shown
    assert "**粗**" in shown
    assert "$$x$$" in shown
    assert "\u202e" not in shown
    assert page.evaluate("window.hit") is None
    assert page.locator("#chat-said :is(img, a, .katex)").count() == 0
    say(page, f"{HOSTILE}\n胸部CT平扫", "2 个名称")
    page.get_by_role("link", name="下载表格").wait_for()
    assert page.evaluate("window.hit") is None
    assert page.locator("#chat-said img").count() == 0


def test_in_english(as_role: Callable[..., Any], served_sqlite: Server) -> None:
    page = as_role("clerk", lang="en", width=1920, height=1080)
    open_chat(page, served_sqlite, "Chat")
    say(page, "踝关节三维重建术", "left, right, or both?")
    page.locator("#chat-said .option", has_text="Both sides").click()
    page.get_by_text("20072503111100").filter(visible=True).first.wait_for()
    page.get_by_role("columnheader", name="device type").first.wait_for()
    assert page.get_by_role("button", name="Stop").is_visible()


def test_the_page_goes_on_after_a_restart(browser: Any, served_sqlite: Server) -> None:
    context = logged_in(browser, served_sqlite, "admin")
    page = context.new_page()
    open_chat(page, served_sqlite)
    say(page, "踝关节三维重建术", "「踝关节」是左、右还是双侧？")
    page.locator("#chat-history label", has_text="踝关节三维重建术").wait_for()  # the answer is kept whole by then
    served_sqlite.kill()
    served_sqlite.start()
    open_chat(page, served_sqlite)
    page.locator("#chat-history label", has_text="踝关节三维重建术").click()
    page.locator("#chat-said .option", has_text="左侧").click()
    page.get_by_role("cell", name="01 左踝关节").first.wait_for()
    context.close()


def test_who_types_on_loses_nothing(as_role: Callable[..., Any], served_sqlite: Server) -> None:
    page = as_role("adjudicator")
    box = open_chat(page, served_sqlite)
    names = ["胸部CT平扫", "颅脑MR平扫", "左肩关节CT平扫", "踝关节三维重建术"]
    say(page, names[0], "CT胸部")
    for name in names[1:]:
        box.fill(name)
        box.press("Enter")
        page.wait_for_function("document.querySelector('#chat-box textarea').value === ''")  # before any answer
    page.locator("#chat-said .bot-row", has_text="「踝关节」是左、右还是双侧？").wait_for()
    page.wait_for_function("document.querySelectorAll('#chat-said .bot-row').length == 4")
    for code in ("20040100110000", "30010100110000", "20070301110000"):
        page.locator("#chat-said .bot", has_text=code).first.wait_for()
    page.reload()
    page.get_by_role("tab", name="对话").click()
    page.locator("#chat-history label", has_text=names[0]).first.click()
    page.locator("#chat-said .user-row").nth(3).wait_for()


@contextmanager
def refused(page: Any) -> Iterator[None]:
    """What is done inside asks Gradio's server something, which it refuses; the page says so once more."""
    page.evaluate("document.getElementById('chat-expired')?.classList.add('before')")
    with page.expect_response(lambda answer: answer.status == 401 and "gradio_api" in answer.url):
        yield
    page.locator("#chat-expired:not(.before)").wait_for()
    # and what Gradio makes of it is drawn
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_a_session_that_has_ended_takes_nothing(browser: Any, served_sqlite: Server) -> None:
    context = logged_in(browser, served_sqlite, "viewer")
    page = context.new_page()
    box = open_chat(page, served_sqlite)
    other = page.locator("#chat-history label", has_text="右膝关节CT平扫")
    say(page, "右膝关节CT平扫", "CT右膝关节")
    other.wait_for()
    page.get_by_role("button", name="新对话").click()
    page.locator("#chat-said .bot").wait_for(state="detached")
    say(page, "踝关节三维重建术", "「踝关节」是左、右还是双侧？")
    page.locator("#chat-history label.selected", has_text="踝关节三维重建术").wait_for()  # the answer is whole
    cookies = context.cookies()
    context.clear_cookies()
    link = page.get_by_role("alert").get_by_role("link", name="重新登录")
    with refused(page):
        box.fill("左肩关节CT平扫")
        box.press("Enter")
    link.wait_for()
    assert "会话已过期" in page.locator("#chat-expired").inner_text()
    assert box.input_value() == "左肩关节CT平扫"
    with refused(page):
        page.locator("#chat-said .option", has_text="左侧").click()
    with refused(page):
        other.click()  # of the one that is open a click asks nothing
    assert page.locator("#chat-said .bot", has_text="「踝关节」是左、右还是双侧？").count()
    assert page.get_by_text("错误", exact=True).count() == 0
    with served_sqlite.client("lead") as lead:
        said = len(lead.get("/api/chat").json())
        somebody = {"name": "yingma_session", "value": served_sqlite.cookie("lead"), "url": served_sqlite.url}
        context.add_cookies([somebody])  # somebody else has logged in in another tab
        box.press("Enter")
        page.locator("#chat-expired", has_text="另一个人").wait_for()
        assert box.input_value() == "左肩关节CT平扫"
        assert len(lead.get("/api/chat").json()) == said
    context.add_cookies(cookies)  # logged in again in another tab: it goes on where it was
    box.press("Enter")
    page.locator("#chat-said .bot", has_text="20070301110000").first.wait_for()
    page.locator("#chat-expired").wait_for(state="detached")
    page.locator("#chat-history label.selected", has_text="踝关节三维重建术").wait_for()
    other.click()  # the list too
    page.locator("#chat-said .bot", has_text="CT右膝关节").first.wait_for()
    page.locator("#chat-said .bot", has_text="20070301110000").wait_for(state="detached")
    context.clear_cookies()
    box.fill("胸部CT平扫")
    box.press("Enter")
    link.wait_for()
    assert box.input_value() == "胸部CT平扫"
    link.click()
    page.locator("input[name=name]").fill("viewer")
    page.locator("input[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/?tab=chat")
    page.wait_for_function("document.querySelector('#chat-box textarea')?.value === '胸部CT平扫'")
    context.close()
    assert context.strayed == []


@pytest.fixture
def slow(tmp_path: Any) -> Iterator[tuple[Server, FakeServer]]:
    """A server whose language model never answers."""
    with (
        FakeServer(lambda _body: Response(hang=True)) as model,
        serving(
            tmp_path / "home", program="tests.jobs.hosted", model=model.url, model_name="fake", model_timeout="60"
        ) as server,
    ):
        yield server, model


def test_stop(browser: Any, slow: tuple[Server, FakeServer]) -> None:
    server, model = slow
    context = logged_in(browser, server, "clerk")
    page = context.new_page()
    box = open_chat(page, server)
    box.fill("帮我看看那个脚脖子的检查到底该怎么写呀")
    box.press("Enter")
    page.locator("#chat-said .user", has_text="脚脖子").first.wait_for()
    until_told(page, lambda: model.bodies)
    page.locator("#chat-history label", has_text="脚脖子").wait_for()
    page.get_by_role("button", name="停止").click()
    box.fill("胸部CT平扫")
    box.press("Enter")
    page.locator("#chat-said .bot", has_text="20040100110000").first.wait_for()  # while the model still hangs
    assert page.locator("#chat-said .user").count() == 2  # it goes on in the conversation that was stopped
    assert json.dumps(model.bodies[0], ensure_ascii=False).count("脚脖子") == 1
    context.close()


def test_another_conversation_is_not_left_again(browser: Any, tmp_path: Any) -> None:
    """Opened while an answer is on its way to the one before, it stays open; the answer is stopped."""
    go = threading.Event()

    def late(_body: dict[str, Any]) -> Response:
        go.wait(60)
        return completion("晚到的回答")

    with (
        FakeServer(late) as model,
        serving(tmp_path / "home", program="tests.jobs.hosted", model=model.url, model_name="fake") as server,
    ):
        context = logged_in(browser, server, "clerk")
        page = context.new_page()
        box = open_chat(page, server)
        say(page, "胸部CT平扫", "20040100110000")
        page.get_by_role("button", name="新对话").click()
        page.locator("#chat-said .user-row").first.wait_for(state="detached")
        box.fill("帮我看看那个脚脖子的检查到底该怎么写呀")
        box.press("Enter")
        until_told(page, lambda: model.bodies)
        page.locator("#chat-history label.selected", has_text="脚脖子").wait_for()
        page.locator("#chat-history label", has_text="胸部CT平扫").click()
        page.locator("#chat-said .bot", has_text="20040100110000").first.wait_for()
        go.set()
        say(page, "颅脑CT平扫", "20010100110000")
        say(page, "腰椎CT平扫", "腰椎")
        assert page.locator("#chat-said .user-row").count() == 3
        assert page.locator("#chat-said", has_text="脚脖子").count() == 0
        page.locator("#chat-history label.selected", has_text="胸部CT平扫").wait_for()
        context.close()
