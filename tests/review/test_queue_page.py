"""The queue under the reviewer's hands: skipped and back, a reading that changed meanwhile, whole filters in bulk."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agent.answer import Query
from agent.store import Entry, now, open_job, put, recall
from tests.review.filling import fill
from tests.review.screen import answer_questions, prepare, screen
from tests.review.test_keyboard import clusters, decisions
from tests.serving import Server, until_told
from tests.store.world import ANKLE, CHEST, answer, distinct


def test_what_was_skipped_comes_back_on_a_key(browser: Any, calm_sqlite: Server) -> None:
    place, names = "跳过医院", list(distinct(3))
    prepare(calm_sqlite, "跳过", place, [(name, 9 - at) for at, name in enumerate(names)])
    with screen(browser, calm_sqlite, "跳过") as on:
        on.only(place)
        on.page.get_by_role("tab", name="标准").click()
        on.until("document.querySelector('.review').offsetParent === null")
        on.page.get_by_role("tab", name="审核").click()
        on.seen()
        with on.next():
            on.press("s")  # the tab that was clicked has the keyboard
        assert on.page.get_by_role("button", name="跳过的 1").is_visible()
        for _ in range(2):
            assert on.ready()
            with on.next():
                on.press("1", "Enter")
        on.page.get_by_text("跳过了 1 组，按 r 再看").wait_for()
        on.delivered()
        on.page.reload()
        on.only(place)
        assert not on.ready()  # still skipped
        on.press("r")
        on.until("(name) => Review.state.model && Review.state.model.card.names[0].raw === name", arg=names[0])
        assert on.page.get_by_role("button", name="跳过的").is_hidden()
        with on.next():
            on.press("1", "Enter")
        on.delivered()
        on.press("r")
        on.page.get_by_text("没有跳过的。").wait_for()
    assert {each.status for each in clusters(calm_sqlite, place).values()} == {"settled"}


def read_anew(server: Server, name: str, place: str) -> None:
    """A job with another lexicon suggests another code, and is still in doubt."""
    given = answer(name, "", place)
    fresh = replace(given, codes=(CHEST,), names=(CHEST,), versions={**given.versions, "lexicon": "later"})
    with server.store.writing() as session:
        run = open_job(session, f"{place} anew", now())
        put(session, run.id or 0, [Entry(fresh, 1)], now())


def test_a_reading_that_changed_meanwhile_is_looked_at_again(browser: Any, calm_sqlite: Server) -> None:
    place, names = "重读医院", list(distinct(2))
    prepare(calm_sqlite, "重读", place, [(name, 9 - at) for at, name in enumerate(names)])
    with screen(browser, calm_sqlite, "重读") as on:
        on.only(place)
        assert (on.raw, on.model("card.codes")) == (names[0], [])
        read_anew(calm_sqlite, names[0], place)
        with on.next():
            on.press("1", "Enter")
        on.until("document.querySelector('.review .alert').textContent.includes('重新读过')")
        assert not decisions(calm_sqlite, clusters(calm_sqlite, place))[names[0]]
        with on.next():
            on.press("1", "Enter")
        on.until("(name) => Review.state.model && Review.state.model.card.names[0].raw === name", arg=names[0])
        assert on.model("card.codes") == [CHEST]
        with on.next():
            on.press("Enter")
        on.delivered()
    (made,) = decisions(calm_sqlite, clusters(calm_sqlite, place))[names[0]]
    assert made.codes == [CHEST]


def test_a_whole_filter_is_settled_and_taken_back_alone_later(browser: Any, calm_sqlite: Server) -> None:
    place = "整批医院"
    names = ["左膝关节CT平扫甫", "右膝关节CT平扫甫", "胸部CT平扫甫", ANKLE]
    prepare(calm_sqlite, "整批", place, [(name, 9 - at) for at, name in enumerate(names)])
    with screen(browser, calm_sqlite, "整批") as on:
        on.only(place)
        on.card()
        on.press("b")
        on.page.get_by_text(f"没有勾选：对整个范围（{place}）").wait_for()
        on.press("Enter")
        on.page.get_by_text("将决定 3 组、3 名、24 次检查，3 种结果").wait_for()
        assert on.page.get_by_text("1 组没有建议的编码").is_visible()
        on.press("Enter")
        on.page.get_by_text("完成：决定 3 组，略过 0 组").first.wait_for()
        on.close()
        on.until("(name) => Review.state.model && Review.state.model.card.names[0].raw === name", arg=ANKLE)
        with on.next():
            on.press("1", "Enter")  # something else, after it
        on.delivered()
        on.page.reload()
        on.built()
        on.ready()
        on.press("b")
        row = on.page.locator("dialog .earlier tr").filter(has_text="3 组 3 名 24 次检查")
        row.get_by_role("button", name="整批撤销").click()
        row.get_by_text("已撤销 3 组，0 组不能撤销。").wait_for()
        on.close()
        on.until("Review.state.model && Review.state.model.exams[0].candidates.length >= 3")
    found = clusters(calm_sqlite, place)
    assert [found[name].status for name in names] == ["open", "open", "open", "settled"]


def test_a_bulk_action_that_many_came_after_is_taken_back_too(browser: Any, calm_sqlite: Server) -> None:
    place = "多批医院"
    prepare(calm_sqlite, "多批", place, ["左膝关节CT平扫甫"])
    (cluster,) = clusters(calm_sqlite, place).values()
    with calm_sqlite.client("多批") as client:
        for number in range(22):
            asked = {"key": f"many {number}", "action": "reject", "ids": [cluster.id]}
            batch = client.post("/api/review/preview", json=asked).json()["batch"]
            assert client.post("/api/review/apply", json={"batch": batch}).json()["done"] == (number == 0)
    with screen(browser, calm_sqlite, "多批") as on:
        on.press("b")
        earlier = on.page.locator("dialog .earlier")
        earlier.locator("tbody tr").nth(19).wait_for()
        assert earlier.locator("tbody tr").count() == 20
        asked: list[str] = []
        on.page.on("request", lambda request: asked.append(request.url) if "batches?before=" in request.url else None)
        earlier.get_by_role("button", name="更早").evaluate("(older) => { older.click(); older.click(); }")
        row = earlier.locator("tbody tr").nth(21)
        row.wait_for()
        assert len(asked) == 1
        assert earlier.get_by_role("button", name="更早").is_hidden()
        row.get_by_role("button", name="整批撤销").click()
        row.get_by_text("已撤销 1 组，0 组不能撤销。").wait_for()
    assert clusters(calm_sqlite, place)["左膝关节CT平扫甫"].status == "open"


def test_what_a_bulk_dialog_says_is_of_now(browser: Any, calm_sqlite: Server) -> None:
    place = "此刻医院"
    prepare(calm_sqlite, "此刻", place, ["左膝关节CT平扫甫", "右膝关节CT平扫甫"])
    (cluster, _) = clusters(calm_sqlite, place).values()
    with calm_sqlite.client("此刻") as client:
        asked = {"key": "now", "action": "reject", "ids": [cluster.id]}
        batch = client.post("/api/review/preview", json=asked).json()["batch"]
        assert client.post("/api/review/apply", json={"batch": batch}).json()["done"] == 1
    with screen(browser, calm_sqlite, "此刻") as on:
        held: list[Any] = []
        on.page.route("**/api/review/batches", lambda route: route.continue_() if held else held.append(route))
        on.press("b")
        on.page.get_by_text(f"没有勾选：对整个范围（{place}）").wait_for()
        until_told(on.page, lambda: held)
        before = held[0].fetch()
        on.press(" ")
        on.page.get_by_text("只对勾选的 1 组").wait_for()
        on.press("Enter")
        on.page.get_by_text("将决定 1 组").wait_for()
        on.press("Enter")
        rows = on.page.locator("dialog .earlier tbody tr")
        rows.nth(1).wait_for()
        assert on.page.get_by_text(f"没有勾选：对整个范围（{place}）").is_visible()
        with on.page.expect_response("**/api/review/batches"):
            held[0].fulfill(response=before)  # asked for before: it comes too late
        on.page.evaluate("new Promise((then) => setTimeout(then, 100))")
        assert rows.count() == 2


def test_a_clerk_may_only_put_in_question(browser: Any, calm_sqlite: Server) -> None:
    place = "录入医院"
    prepare(calm_sqlite, "录入之外", place, [ANKLE])
    with screen(browser, calm_sqlite, "clerk") as on:
        on.only(place)
        on.card()
        held: list[Any] = []
        on.page.route("**/api/review/edit", lambda route: held.append(route))
        on.press("1", "Enter")
        on.alerted("不能这样做")
        until_told(on.page, lambda: held)
        held[0].continue_()
        on.page.evaluate("Review.state.model.later.then(() => null)")
        on.alerted("不能这样做")  # still: the answer to the key before says nothing of it
        on.press("b")
        assert on.page.get_by_role("dialog").count() == 0
        on.press("f")
        on.page.get_by_role("dialog").wait_for()
        on.type("看不懂")
        with on.next():
            on.press("Enter")
        on.delivered()
    assert clusters(calm_sqlite, place)[ANKLE].status == "flagged"
    answer_questions(calm_sqlite)


def test_what_was_decided_is_made_to_hold_everywhere(browser: Any, calm_sqlite: Server) -> None:
    place, other, name = "全集团医院", "集团另一医院", "左腕关节CT平扫甫集团"
    answer_questions(calm_sqlite)
    prepare(calm_sqlite, "全集团", place, [name])
    fill(calm_sqlite.store, [(name, "", "集团第三医院", 5)], job="集团第三医院")  # waits there when it is widened
    with screen(browser, calm_sqlite, "全集团") as on:
        with on.next():
            on.press("1", "Enter")
        on.delivered()
        assert on.page.locator("[data-act=widen]").count() == 0
    with screen(browser, calm_sqlite, "lead") as on:
        on.press("h")
        dialog = on.page.get_by_role("dialog")
        dialog.get_by_label("所有人").check()
        dialog.locator("tr").filter(has_text="全集团").first.click()
        on.until("Review.state.model && Review.state.model.card.status === 'settled'")
        on.page.locator("[data-act=widen]").wait_for()
        with on.next():
            on.press("w")
        on.page.get_by_text("的决定已用于全集团：所有机构的同样名称都按它；其中待审的 1 组随之有了决定").wait_for()
        on.delivered()
    made = decisions(calm_sqlite, clusters(calm_sqlite, place))[name]
    assert [each.action for each in made] == ["settle", "widen"]
    with calm_sqlite.store.reading() as session:
        (found,) = recall(session, [Query(name, "", other)])
    assert found is not None
    assert (list(found.codes), found.by) == (made[0].codes, "全集团")
    fill(calm_sqlite.store, [(name, "", other, 7)], job=other)
    assert clusters(calm_sqlite, other)[name].status == "settled"
    with screen(browser, calm_sqlite, "lead") as on:
        on.press("h")
        dialog = on.page.get_by_role("dialog")
        dialog.get_by_label("所有人").check()
        rows = dialog.locator("tbody tr").filter(has_text=name)
        rows.nth(1).wait_for()
        dialog.locator(".scroll").focus()
        on.press("ArrowDown", "u")  # the decision before the widening
        on.page.get_by_text("已影响 3 组 3 名 13 次检查、1 个任务的结果").wait_for()
        influence = on.page.locator(".influence")
        assert influence.locator("tr", has_text=other).count() == 2  # its cluster, and the job of the same name
        on.type("不对")
        on.press("Enter")
        on.page.get_by_text("受它影响的 2 组回到队列").wait_for()
    assert clusters(calm_sqlite, other)[name].status == "open"
    assert clusters(calm_sqlite, place)[name].status == "open"
