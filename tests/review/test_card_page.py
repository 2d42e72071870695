"""What a card shows adds up, its keys touch what they name and nothing else, and what was said goes with its card."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from agent.store.schema import Suggestion
from tests.review.screen import give, prepare, screen
from tests.review.test_keyboard import clusters, decisions
from tests.serving import Server, until_told
from tests.store.world import ANKLE

HIP = "髋关节MRI平扫"


def number(text: str) -> float:
    """The last number of a text, as the page writes it."""
    return float(re.findall(r"[+−]\d+\.\d+", text)[-1].replace("−", "-"))


def test_the_rows_of_a_candidate_are_its_score(browser: Any, calm_sqlite: Server) -> None:
    place = "加和医院"
    prepare(calm_sqlite, "加和", place, [ANKLE])
    found = [
        {"code": "20072503111100", "score": 0.5, "ranks": {"lexical": 3, "dense": 7}},
        {"code": "20040100110000", "score": 0.4, "ranks": {"dense": 6}},
    ]
    with calm_sqlite.store.writing() as session:
        mine = col(Suggestion.id) == clusters(calm_sqlite, place)[ANKLE].suggestion_id
        session.execute(update(Suggestion).where(mine).values(candidates=found))
    with screen(browser, calm_sqlite, "加和") as on:
        on.only(place)
        shown = on.page.locator(".candidates li")
        assert [each["code"] for each in on.model("exams[0].candidates")][:3] == [
            "20072501111100",
            "20072502111100",
            "20072503111100",
        ]
        assert "#7" in shown.nth(2).inner_text()
        for each in shown.all():
            rows = each.locator(".rows > span").all_inner_texts()
            assert rows[0].startswith("先验")
            total = each.locator(".score").inner_text().split("→")[0]
            assert sum(map(number, rows)) == pytest.approx(number(total))
        weights = on.page.locator(".evidence .w").all_inner_texts()
        total = on.page.locator(".evidence .score").inner_text().split("→")[0]
        assert sum(map(number, weights)) == pytest.approx(number(total), abs=0.01 * len(weights))


def test_a_missing_side_is_the_first_slot_to_edit(browser: Any, calm_sqlite: Server) -> None:
    place = "缺边医院"
    prepare(calm_sqlite, "缺边", place, [(HIP, 3), (ANKLE, 1)])
    with screen(browser, calm_sqlite, "缺边") as on:
        on.only(place)
        for name, side, code in ((HIP, "右", "30072002110000"), (ANKLE, "双", "20072503111100")):
            on.until("(name) => Review.state.model?.card.names[0].raw === name", arg=name)
            fields = on.page.locator(".fields")
            assert fields.locator("tr.name .f-part2").inner_text() == name[:3]
            assert fields.locator("tr.name .f-scan").inner_text() == "平扫"
            assert fields.locator("tr.label .f-side").inner_text() == "左右"
            on.press("e")
            options = on.page.get_by_role("combobox", name="左右").locator("xpath=..").get_by_role("option")
            options.nth(2).wait_for()
            assert options.all_inner_texts() == ["左", "右", "双"]
            on.choose(side)
            on.until("(code) => Review.state.model.exams[0].code === code", arg=code)
            assert on.page.locator(".candidates [aria-selected=true]").get_attribute("data-code") == code
            with on.next():
                on.press("Enter")
        on.delivered()
    made = decisions(calm_sqlite, clusters(calm_sqlite, place))
    assert {name: rows[0].codes for name, rows in made.items()} == {HIP: ["30072002110000"], ANKLE: ["20072503111100"]}


def test_the_key_for_the_side_changes_nothing_else(browser: Any, calm_sqlite: Server) -> None:
    place = "换边医院"
    prepare(calm_sqlite, "换边", place, [(HIP, 3), "看不懂的一种检查甲"])
    with screen(browser, calm_sqlite, "换边") as on:
        on.only(place)
        for code in ("30072001110000", "30072002110000", "30072003110000", "30072001110000"):
            on.press("l")
            on.until("(code) => Review.state.model.exams[0].code === code", arg=code)
        on.press("/")
        on.choose("CT颅脑(平扫)")
        on.press("l")
        on.until("document.querySelector('.review .alert').textContent.includes('这个部位不分左右')")
        assert on.model("exams[0].code") == "20010100110000"
        with on.next():
            on.press("s")
        on.alerted("")
        assert on.ready()
        assert on.model("exams[0].fields") == []
        on.press("l")
        on.until("document.querySelector('.review .alert').textContent.includes('还没有部位')")
        assert on.model("exams[0].code") == ""


def test_what_was_said_of_a_card_goes_with_it(browser: Any, calm_sqlite: Server) -> None:
    me = prepare(calm_sqlite, "陈旧", "陈旧医院", [ANKLE])
    prepare(calm_sqlite, "陈旧二", "新鲜医院", [HIP])
    give(calm_sqlite, me, "新鲜医院")
    with screen(browser, calm_sqlite, "陈旧") as on:
        on.only("陈旧医院")
        on.press("Enter")
        on.alerted("检查 1 还没有标准中的编码")
        on.only("新鲜医院")
        on.until("Review.state.model?.card.institution === '新鲜医院'")
        on.alerted("")
        on.press("Enter")
        on.alerted("检查 1")
        on.press("1")
        on.alerted("")  # it has one now


def test_a_session_that_ended_is_said_with_the_way_back(browser: Any, calm_sqlite: Server) -> None:
    prepare(calm_sqlite, "登出", "登出医院", [ANKLE, HIP])
    with screen(browser, calm_sqlite, "登出") as on:
        on.only("登出医院")
        on.page.request.post(f"{calm_sqlite.url}/logout", headers={"origin": calm_sqlite.url})
        on.press("/")
        on.type("胸部")
        on.page.locator(".trouble").get_by_role("link", name="登录").wait_for()
        assert "会话已过期" in on.page.locator(".trouble").inner_text()
        on.alerted("")
        on.press("Escape", "h")
        dialog = on.page.get_by_role("dialog")
        dialog.get_by_text("会话已过期").wait_for()
        dialog.get_by_role("link", name="登录").click()
        on.page.locator("[name=password]").wait_for()


def test_an_answer_of_before_is_not_mixed_into_everybodys_history(browser: Any, calm_sqlite: Server) -> None:
    place = "混行医院"
    prepare(calm_sqlite, "混行", place, [ANKLE])
    with screen(browser, calm_sqlite, "混行") as on:
        on.only(place)
        with on.next():
            on.press("1", "Enter")
        on.delivered()
        held: list[Any] = []
        on.page.route("**/api/review/history?all=false*", lambda route: held.append(route))
        on.press("h")
        until_told(on.page, lambda: held)
        dialog = on.page.get_by_role("dialog")
        dialog.get_by_label("所有人").check()
        mine = dialog.locator("tbody tr", has_text="混行")
        mine.first.wait_for()
        with on.page.expect_response("**/api/review/history?all=false*"):
            held[0].continue_()
        dialog.locator("tbody tr").first.evaluate("(row) => row.classList.add('before')")
        dialog.get_by_role("button", name="更早").click()  # what is shown next is shown after it
        dialog.locator("tr.before").wait_for(state="detached")
        assert mine.count() == 1


def test_the_keys_of_the_history_work_with_everybody_chosen(browser: Any, calm_sqlite: Server) -> None:
    place = "所有人医院"
    prepare(calm_sqlite, "所有", place, [ANKLE])
    with screen(browser, calm_sqlite, "所有") as on:
        on.only(place)
        with on.next():
            on.press("1", "Enter")
        on.delivered()
        on.press("h")
        dialog = on.page.get_by_role("dialog")
        heads = ["时间", "人", "决定", "编码", "名称", "数量", "现状", "说明"]
        dialog.locator("tbody tr").first.wait_for()
        assert dialog.locator("th").all_inner_texts() == heads
        on.press("Tab")
        assert dialog.get_by_label("所有人").evaluate("(box) => box === document.activeElement")
        dialog.locator("tbody tr").first.evaluate("(row) => row.classList.add('before')")
        on.press(" ")
        dialog.locator("tr.before").wait_for(state="detached")
        dialog.locator("tbody tr", has_text=ANKLE).first.wait_for()
        on.press("u")
        on.until("Review.state.model !== null")
        dialog.wait_for(state="detached")
    assert clusters(calm_sqlite, place)[ANKLE].status == "open"
