"""The server is away, the session is over, another person was first: nothing is lost, doubled or overwritten."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from agent.jobs import find_job
from agent.store.schema import Cluster
from tests.jobs.test_jobs_served import started, stop_all, stopped_at_work, until
from tests.review.screen import Screen, answer_questions, prepare, screen
from tests.review.test_keyboard import clusters, decisions
from tests.serving import PASSWORD, Server
from tests.store.world import distinct


@pytest.fixture
def mortal(calm: Server) -> Iterator[Server]:
    """A server that a test may kill."""
    yield calm
    calm.revive()


def names(server: Server, place: str, user: str, number: int = 8) -> int:
    """Clusters for a reviewer of his own."""
    return prepare(server, user, place, [(name, 50 - at) for at, name in enumerate(distinct(number))])


def each_once(server: Server, place: str, user: int, number: int) -> dict[str, Cluster]:
    """So many clusters have one decision of this person, and no cluster has two."""
    found = clusters(server, place)
    made = decisions(server, found)
    assert [len(rows) for rows in made.values() if rows] == [1] * number
    assert {each.user_id for rows in made.values() for each in rows} == {user}
    return found


def test_killed_during_a_decision_it_is_kept_and_delivered_once(browser: Any, mortal: Server) -> None:
    me = names(mortal, "断电医院", "断电")
    with screen(browser, mortal, "断电") as on:
        with on.next():
            on.press("1", "Enter")
        on.delivered()
        on.until("Review.state.queue.length === 6")  # all others are here: without a server none would come
        killing = threading.Thread(target=mortal.kill)
        killing.start()
        pressed = []
        for last in (False, False, True):
            pressed.append(on.raw)
            if last:
                killing.join()  # one of them at least finds no server, however late it was killed
            with on.next():
                on.press("1", "Enter")
        on.until("document.querySelector('.review .trouble').textContent.includes('服务器没有应答')")
        n = on.page.evaluate("Review.send.waiting()")
        assert 1 <= n <= 3
        assert on.page.locator(".review .box").inner_text() == f"未送达 {n}"
        mortal.start()
        on.delivered()
        on.untroubled()
        with on.next():
            on.press("1", "Enter")
        on.delivered()
    made = decisions(mortal, each_once(mortal, "断电医院", me, 5))
    order = sorted((rows[0].id or 0, name) for name, rows in made.items() if rows)
    assert [name for _, name in order][1:4] == pressed  # in the order in which they were made


def test_killed_while_a_job_feeds_the_queue_that_two_people_work_on(browser: Any, mortal: Server) -> None:
    one, two = names(mortal, "喂入医院", "庚", 12), mortal.add_user("辛", "reviewer")
    rows = [("名称", "类型", "院"), *((f"左膝关节CT平扫甫{at}", "CT", "流水医院") for at in range(1_500))]
    try:
        with (
            screen(browser, mortal, "庚") as first,
            screen(browser, mortal, "辛") as second,
            stopped_at_work(mortal.home, "feeding") as reached_work,  # it does not end before, however slow this is
        ):
            both = (first, second)
            for on in both:
                on.only("喂入医院")
                assert on.ready()
            with mortal.client("clerk") as clerk:
                job = started(clerk, rows, feed="review")
            assert reached_work() == job
            process = find_job(mortal.home, job).status()["pid"]
            mortal.kill()
            for on in both:
                with on.next():
                    on.press("1", "Enter")
            os.kill(process, signal.SIGKILL)  # the machine went down, not the server alone
            mortal.start()
            for on in both:
                on.delivered()
                with on.next():
                    on.press("1", "Enter")
                on.delivered()
        with mortal.client("clerk") as clerk:
            assert clerk.get(f"/api/jobs/{job}").json()["state"] == "interrupted"
            assert clerk.post(f"/api/jobs/{job}/resume").status_code == 200
            while clerk.get(f"/api/jobs/{job}").json()["state"] == "interrupted":
                time.sleep(0.05)
            assert until(clerk, job, "done")["counts"]["names"] == 1_500
        made = decisions(mortal, clusters(mortal, "喂入医院"))
        assert sorted(each.user_id for rows in made.values() for each in rows) == sorted([one, two] * 2)
        assert max(len(rows) for rows in made.values()) == 1
        fed = {each.id: each.exams for each in clusters(mortal, "流水医院").values()}
        assert sum(fed.values()) == 1_500
    finally:
        stop_all(mortal.home)


def test_the_session_ends_and_what_was_decided_goes_to_ones_own_account_only(browser: Any, mortal: Server) -> None:
    me = names(mortal, "过期医院", "过期", 16)  # more than a tab holds: those stay leased when its session has ended
    names(mortal, "别人医院", "别人")
    with screen(browser, mortal, "过期") as on:
        on.page.request.post(f"{mortal.url}/logout", headers={"origin": mortal.url})
        for _ in range(2):
            with on.next():
                on.press("1", "Enter")
        login = on.page.get_by_role("link", name="登录")
        login.wait_for()
        assert "2 个决定已保留" in on.page.locator(".review .trouble").inner_text()
        each_once_none = decisions(mortal, clusters(mortal, "过期医院"))
        assert not any(each_once_none.values())
        login.click()
        on.log_in("别人", PASSWORD)  # another person, in the same tab
        on.card()
        on.built()
        assert on.model("card.institution") == "别人医院"
        assert on.page.evaluate("Review.send.waiting()") == 0
        with on.next():
            on.press("1", "Enter")
        on.delivered()
        assert not any(decisions(mortal, clusters(mortal, "过期医院")).values())
        on.page.request.post(f"{mortal.url}/logout", headers={"origin": mortal.url})
        on.page.goto(f"{mortal.url}/login")
        on.log_in("过期", PASSWORD)
        on.card()
        on.delivered()
    each_once(mortal, "过期医院", me, 2)


def test_somebody_else_logs_in_in_another_tab_and_nothing_is_written_in_his_name(browser: Any, mortal: Server) -> None:
    me = names(mortal, "换人医院", "原主", 16)
    names(mortal, "来人医院", "来人")
    with screen(browser, mortal, "原主") as on:
        with on.next():
            on.press("1", "Enter")
        on.delivered()
        tab = Screen(on.page.context.new_page())  # a second tab of the same browser
        tab.page.goto(f"{mortal.url}/login")
        tab.log_in("来人", PASSWORD)
        tab.card()
        tab.built()
        for _ in range(2):
            with on.next():
                on.press("1", "Enter")
        trouble = on.page.locator(".review .trouble")
        trouble.get_by_text("现在登录的是另一个人").wait_for()
        assert "2 个决定已保留" in trouble.inner_text()
        assert "“原主”" in trouble.inner_text()
        assert trouble.get_by_role("link").all_inner_texts() == ["登录", "重新打开"]
        on.press("h")
        on.page.get_by_role("dialog").get_by_text("现在登录的是另一个人").wait_for()
        on.close()
        each_once(mortal, "换人医院", me, 1)
        with tab.next():
            tab.press("1", "Enter")  # he works on, in his own name
        tab.delivered()
        tab.page.goto(f"{mortal.url}/login")
        tab.log_in("原主", PASSWORD)
        on.delivered()
        on.untroubled()
    each_once(mortal, "换人医院", me, 3)


def test_two_browsers_on_one_queue(browser: Any, calm_on_each: Server) -> None:
    one, two = names(calm_on_each, "同一医院", "甲", 20), calm_on_each.add_user("乙", "reviewer")
    with screen(browser, calm_on_each, "甲") as first, screen(browser, calm_on_each, "乙") as second:
        first.only("同一医院")
        second.only("同一医院")
        working = [first, second]
        while working:  # either may hold more of the queue than the other
            working = [on for on in (first, second) if on.ready()]
            for on in working:
                with on.next():
                    on.press("1", "Enter")
                assert "已先处理" not in on.alert
        first.delivered()
        second.delivered()
    found = clusters(calm_on_each, "同一医院")
    made = decisions(calm_on_each, found)
    assert [len(rows) for rows in made.values()] == [1] * 20
    assert {rows[0].user_id for rows in made.values()} == {one, two}
    assert {each.status for each in found.values()} == {"settled"}


def test_a_conflict_says_who_was_first_and_overwrites_nothing(browser: Any, calm: Server) -> None:
    names(calm, "冲突医院", "丙")
    other = calm.add_user("丁", "reviewer")
    with screen(browser, calm, "丙") as on:
        on.only("冲突医院")
        on.card()
        number, name = on.model("card.id"), on.raw
        with calm.client("丁") as client:
            body = {"id": number, "rev": 1, "action": "reject", "key": f"other-{number}"}
            assert client.post("/api/review/decide", json=body).json()["r"] == "ok"
        with on.next():
            on.press("1", "Enter")
        on.until("document.querySelector('.review .alert').textContent.includes('丁已先处理')")
        on.alerted(f"#{number}")
        with on.next():
            on.press("1", "Enter")
        on.delivered()
    (made,) = [rows for each, rows in decisions(calm, clusters(calm, "冲突医院")).items() if each == name]
    assert [(each.user_id, each.action) for each in made] == [(other, "reject")]


def test_leaving_gives_the_cards_back(browser: Any, calm_sqlite: Server) -> None:
    answer_questions(calm_sqlite)
    names(calm_sqlite, "离开医院", "戊")
    context = browser.new_context(locale="zh-CN")  # nothing stands between: the last request goes out as the page ends
    context.add_cookies([{"name": "yingma_session", "value": calm_sqlite.cookie("戊"), "url": calm_sqlite.url}])
    on = Screen(context.new_page())
    on.open(calm_sqlite.url)

    def leased() -> int:
        return sum(each.lease_by is not None for each in clusters(calm_sqlite, "离开医院").values())

    on.until("Review.state.queue.length === 7")  # all are here: what is asked for as the page ends comes to nobody
    assert leased() >= 1
    on.page.goto(f"{calm_sqlite.url}/healthz")
    limit = time.monotonic() + 30
    while leased() and time.monotonic() < limit:
        time.sleep(0.05)
    assert leased() == 0
    context.close()
