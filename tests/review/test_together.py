"""Several people on one queue, in a browser: control samples, second looks, adjudication, assignment, what they see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from agent.store import Order, Rules, decide, now
from agent.store.schema import Suggestion
from agent.store.schema_review import Control
from tests.review.conftest import CALM
from tests.review.filling import fill
from tests.review.screen import Screen, answer_questions, prepare, screen
from tests.review.test_keyboard import clusters, decisions
from tests.serving import Server, serving, until_told
from tests.store.world import ANKLE, CONFLICT, distinct, valid


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Every decision is looked at twice, and a sample is shown whenever one is due and two cards are handed out."""
    settings = {**CALM, "second_look_share": "1", "control_share": "0.5"}
    with serving(tmp_path_factory.mktemp("strict") / "home", **settings) as found:
        yield found


def settled(server: Server, place: str, name: str) -> None:
    """The lead settled a name as it is suggested."""
    fill(server.store, [(name, "", place, 5)], job=f"{place} settled")
    cluster = clusters(server, place)[name]
    with server.store.writing() as session:
        suggestion = session.get_one(Suggestion, cluster.suggestion_id)
        order = Order(cluster.id or 0, cluster.revision, "settle", place, tuple(suggestion.codes))
        assert decide(session, Rules(valid), server.ids["lead"], order, now()).result == "ok"


def sample_or_first(on: Screen, keys: str) -> bool:
    """One card: keys for what has a suggested code, here only a sample; else the first candidate. Whether it was."""
    sample = bool(on.model("card.codes"))
    with on.next():
        on.press(*([keys] if sample else ["1", "Enter"]))
    return sample


def test_control_samples_are_counted_and_only_the_lead_is_told(browser: Any, strict: Server) -> None:
    people = {"盖章": "盖章医院", "细看": "细看医院"}
    for (user, place), number in zip(people.items(), (2, 4), strict=True):  # the second looks of one come to the other
        settled(strict, place, CONFLICT)
        prepare(strict, user, place, list(distinct(number)))
    before = {place: decisions(strict, clusters(strict, place))[CONFLICT] for place in people.values()}
    with screen(browser, strict, "盖章") as on:
        seen = [on.ready() and sample_or_first(on, "Enter") for _ in range(3)]
        assert seen.count(True) == 1
        on.delivered()
        on.press("q")  # a lead's key
        assert on.page.get_by_role("dialog").count() == 0
        assert on.page.get_by_text("对照样本").count() == 0
    for path in ("quality", "progress", "history", "assignments"):
        with strict.client("盖章") as client:
            answer = client.get(f"/api/review/{path}")
        assert answer.status_code == (403 if path == "quality" else 200)
        assert "control" not in answer.text
    with screen(browser, strict, "细看") as on:
        skipped = False
        for _ in range(8):
            if not on.ready():
                break
            skipped |= sample_or_first(on, "s")
        assert skipped
        on.press("r")
        on.until("Review.state.model && Review.state.model.card.codes.length")
        with on.next():
            on.press("x")
        on.delivered()
    with strict.store.reading() as session:
        made = {each.user_id: each for each in session.scalars(select(Control))}
    assert sorted((each.action, each.caught) for each in made.values()) == [("reject", True), ("settle", False)]
    with screen(browser, strict, "lead") as on:
        on.press("q")
        rows = on.page.get_by_role("dialog").locator("tr")
        rows.filter(has_text="盖章").filter(has_text="0.00 (").wait_for()
        assert rows.filter(has_text="细看").filter(has_text="1.00 (").count() == 1
    for place in people.values():
        found = clusters(strict, place)
        assert found[CONFLICT].status == "settled"
        assert decisions(strict, found)[CONFLICT] == before[place]


def queue(on: Screen, status: str, place: str) -> bool:
    """Choose a queue and an institution; whether there is a card."""
    on.page.get_by_label("队列").select_option(status)
    on.only(place)
    on.until(
        "([status, place]) => Review.state.filter.status === status && (!Review.state.model ||"
        " Review.state.model.card.status === status && Review.state.model.card.institution === place)",
        arg=[status, place],
    )
    return on.ready()


def test_second_looks_are_blind_and_an_adjudicator_ends_what_differs(browser: Any, strict: Server) -> None:
    place, agreed, differs, flagged, asked = "复看医院", *distinct(4)
    prepare(strict, "第一人", place, [(name, 50 - at) for at, name in enumerate((agreed, differs, flagged, asked))])
    strict.add_user("第二人", "reviewer")
    strict.add_user("仲裁人", "adjudicator")
    with screen(browser, strict, "第一人") as on:
        assert queue(on, "open", place)
        for name in (agreed, differs):
            assert on.raw == name
            with on.next():
                on.press("1", "Enter")
        on.press("f")
        on.page.get_by_role("dialog").wait_for()
        on.type("第一人的秘密")
        with on.next():
            on.press("Enter")
        with on.next():
            on.press("o")
        on.delivered()
        assert not queue(on, "second_look", place)
        assert not queue(on, "flagged", place)
    first = clusters(strict, place)
    assert [first[name].status for name in (agreed, differs, flagged, asked)] == [
        "second_look",
        "second_look",
        "flagged",
        "second_look",
    ]
    with strict.client("第一人") as client:
        own = {"id": first[agreed].id, "rev": first[agreed].revision, "action": "reject", "key": "own"}
        answer = client.post("/api/review/decide", json=own).json()
        assert (answer["r"], "另一个人" in answer["sentence"]) == ("refused", True)
    with screen(browser, strict, "第二人") as on:
        assert queue(on, "second_look", place)
        for _ in range(3):
            assert on.ready()
            assert (on.model("card.blind"), on.model("card.decisions")) == (True, [])
            assert "第一人" not in on.page.locator(".review .card").inner_text()
            assert on.page.get_by_text("看不到前一个人的决定").is_visible()
            key = "2" if on.raw == differs else "1"
            with on.next():
                on.press(key, "Enter")
        on.delivered()
        assert queue(on, "flagged", place)
        assert "秘密" not in on.page.content()
        with on.next():
            on.press("1", "Enter")
        on.delivered()
    with screen(browser, strict, "仲裁人") as on:
        assert queue(on, "adjudication", place)
        told = on.page.locator(".review .decisions").inner_text()
        assert all(
            word in told
            for word in ("第一人", "第二人", *(each["code"] for each in on.model("exams[0].candidates")[:2]))
        )
        with on.next():
            on.press("2", "Enter")
        on.delivered()
    assert {each.status for each in clusters(strict, place).values()} == {"settled"}
    with screen(browser, strict, "lead") as on:
        on.press("q")
        tables = on.page.get_by_role("dialog").locator("table")
        row = tables.first.locator("tr").filter(has_text="第一人")
        row.wait_for()
        assert row.locator("td").all_inner_texts()[:3] == ["第一人", "2", "1"]
        assert tables.nth(1).locator("tr").filter(has_text="缺少左右").count() == 1


def test_a_lead_assigns_and_a_reviewer_sees_how_long_his_own_will_take(browser: Any, calm_sqlite: Server) -> None:
    place, other = "分配医院", "分配之外医院"
    answer_questions(calm_sqlite)
    names = list(distinct(8))
    fill(calm_sqlite.store, [(name, "", place, 2) for name in names], job=place)
    fill(calm_sqlite.store, [(ANKLE, "", other, 9000)], job=other)
    calm_sqlite.add_user("接活", "reviewer")
    with screen(browser, calm_sqlite, "lead") as on:
        on.press("q")
        dialog = on.page.get_by_role("dialog")
        dialog.get_by_role("button", name="分配").wait_for()
        dialog.get_by_role("button", name="分配").click()
        dialog.get_by_text("请至少选一个条件").wait_for()
        dialog.locator("[name=person]").select_option(label="接活")
        dialog.locator("[name=institution]").select_option(label=place)
        dialog.get_by_role("button", name="分配").click()
        dialog.locator("tr").filter(has_text="接活").filter(has_text=place).wait_for()
    with screen(browser, calm_sqlite, "接活") as on:
        on.until("document.querySelector('.progress').textContent.includes('给我的 8 组')")
        assert "8 名 16 次检查" in on.page.locator(".review .progress").inner_text()
        for _ in range(6):
            assert on.ready()
            assert on.model("card.institution") == place
            with on.next():
                on.press("1", "Enter")
        on.delivered()
        held: list[Any] = []
        on.page.route("**/api/review/assignments", lambda route: held.append(route))
        on.page.reload()
        on.built()
        on.until("document.querySelector('.progress').textContent.includes('给我的 2 组')")
        pace = on.page.locator(".review .pace", has_text="分钟")
        pace.wait_for()
        assert "组/时" in pace.inner_text()  # as the rest is reckoned
        name = on.raw
        on.press("b", "b", "Enter")  # before it is known what is assigned: none reaches the card
        dialog = on.page.get_by_role("dialog")
        dialog.get_by_text("正在取").wait_for()
        assert dialog.count() == 1
        on.close()
        assert (on.raw, on.alert) == (name, "")
        on.press("b")
        until_told(on.page, lambda: held)
        held[0].continue_()
        on.page.get_by_label("范围").locator("option").nth(1).wait_for(state="attached")
        assert on.page.get_by_label("范围").locator("option").all_inner_texts() == [place, "全部待审"]
        on.page.get_by_text(f"没有勾选：对整个范围（{place}）").wait_for()
        on.close()
        for _ in range(2):
            assert on.ready()
            with on.next():
                on.press("1", "Enter")
        on.page.get_by_text("分配给你的都完了").wait_for()
    with screen(browser, calm_sqlite, "lead") as on:
        on.press("q")
        row = on.page.get_by_role("dialog").locator("tr").filter(has_text="接活").filter(has_text=place)
        row.get_by_role("button", name="收回").click()
        row.wait_for(state="detached")
    with calm_sqlite.client("接活") as client:
        assert client.get("/api/review/assignments").json()["rows"] == []
        assert client.get("/api/review/progress").json()["mine"] is None
