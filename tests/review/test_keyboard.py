"""A reviewer in a real browser, by keyboard alone; what is in the database afterwards."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from itertools import islice, product
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from agent.answer import Query
from agent.segments import DECISIVE
from agent.store import recall
from agent.store.keys import institution_key, reading_key
from agent.store.schema import Cluster, Institution, Name
from agent.store.schema_acts import Decision, Trail
from standard.lexicon import load_lexicon
from tests.review.filling import HOSTILE
from tests.review.screen import Screen, answer_questions, prepare, screen
from tests.serving import ROOT, Server, until_told
from tests.store.world import ANKLE, answer, distinct

LEFT, RIGHT = "CT左膝关节(平扫)", "CT右膝关节(平扫)"
EDIT, SPLIT, FLAG, NO_EXAM, NOT_THERE = (
    "左膝关节CT平扫甫", "双膝关节CT平扫甫", "胸部CT平扫甫", "颅脑CT平扫甫", "腹部CT平扫甫",
)  # fmt: skip
UNDO = "右踝关节CT平扫甫"


def clusters(server: Server, place: str) -> dict[str, Cluster]:
    """The clusters of an institution by their first name."""
    with server.store.reading() as session:
        rows = session.execute(
            select(Name, Cluster)
            .join(Cluster, col(Cluster.id) == col(Name.cluster_id))
            .join(Institution, col(Institution.id) == col(Cluster.institution_id))
            .where(col(Institution.key) == institution_key(place))
            .order_by(col(Name.id).desc())
        ).all()
    return {name.raw: cluster for name, cluster in rows}


def noise() -> list[str]:
    """Words around a name that change nothing of what it says."""
    forms = [f"({form.surface})" for form in load_lexicon().of("noise") if form.element not in DECISIVE]
    same = reading_key(answer(ANKLE))
    return list(islice((each for each in forms if reading_key(answer(each + ANKLE + each)) == same), 75))


def decisions(server: Server, found: dict[str, Cluster]) -> dict[str, list[Decision]]:
    """All decisions on clusters, oldest first."""
    with server.store.reading() as session:
        return {
            name: list(
                session.scalars(select(Decision).where(col(Decision.cluster_id) == each.id).order_by(col(Decision.id)))
            )
            for name, each in found.items()
        }


def work_on(on: Screen, undone: list[str]) -> None:
    """What the reviewer does with the card on the screen."""
    name = on.raw
    if name == EDIT:
        on.press("e")
        on.choose("右")
        on.until("Review.state.model.exams[0].name.includes('右膝')")
        with on.next():
            on.press("Enter")
    elif name == SPLIT:
        on.press("p")
        on.until("Review.state.model.exams.length === 2")
        with on.next():
            on.press("Enter")
    elif name == FLAG:
        on.press("f")
        on.page.get_by_role("dialog").wait_for()
        on.type("看不懂这个名称")
        with on.next():
            on.press("Enter")
    elif name in (NO_EXAM, NOT_THERE):
        with on.next():
            on.press("x" if name == NO_EXAM else "z")
    elif name == UNDO and not undone:
        with on.next():
            on.press("x")
        on.delivered()
        on.press("u")
        on.until("(name) => Review.state.model && Review.state.model.card.names[0].raw === name", arg=name)
        undone.append(name)
    elif name == UNDO:
        with on.next():
            on.press("Enter")
    else:
        assert name.startswith(ANKLE)
        on.press("j", "j", "k")  # to the second candidate and back
        with on.next():
            on.press("Enter")


def normalized(server: Server, folder: Path, names: list[str], place: str) -> dict[str, dict[str, str]]:
    """What `yingma normalize` says of names of an institution, with the server's store: rows of its output by name."""
    with (folder / "in.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("name", "institution"), *((name, place) for name in names)])
    command = [sys.executable, "-m", "agent", "normalize", str(folder / "in.csv"), "-o", str(folder / "out.csv")]
    columns = ["--name-column", "name", "--institution-column", "institution"]
    environment = {**os.environ, **server.settings, "PYTHONPATH": str(ROOT), "YINGMA_HOME": str(server.home)}
    subprocess.run([*command, *columns], env=environment, cwd=ROOT, check=True, capture_output=True)
    with (folder / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def test_thirty_clusters_by_keyboard_alone(browser: Any, calm_on_each: Server, tmp_path: Path) -> None:
    place = "键盘医院"
    names = [EDIT, SPLIT, FLAG, NO_EXAM, NOT_THERE, UNDO, *distinct(24)]
    answer_questions(calm_on_each)  # of other tests, which would come first
    me = prepare(calm_on_each, "键盘", place, [(name, 40 - at) for at, name in enumerate(names)])
    assert len(clusters(calm_on_each, place)) == 30
    undone: list[str] = []
    with screen(browser, calm_on_each, "键盘") as on:
        for _ in range(32):
            if not on.ready():
                break
            work_on(on, undone)
        on.page.get_by_text("没有要审的了。").wait_for()
        on.delivered()
    found = clusters(calm_on_each, place)
    made = decisions(calm_on_each, found)
    said = {name: [(each.action, each.codes) for each in rows] for name, rows in made.items()}
    assert said.pop(EDIT) == [("settle", ["20072202110000"])]
    assert said.pop(SPLIT) == [("settle", ["20072201110000", "20072202110000"])]
    assert said.pop(FLAG) == [("flag", [])]
    assert made[FLAG][0].why == "看不懂这个名称"
    assert said.pop(NO_EXAM) == [("reject", [])]
    assert said.pop(NOT_THERE) == [("not_in_standard", [])]
    assert said.pop(UNDO) == [("reject", []), ("undo", []), ("settle", ["20072502110000"])]
    assert said == {name: [("settle", ["20072501111100"])] for name in distinct(24)}
    assert {each.user_id for rows in made.values() for each in rows} == {me}
    statuses = {name: each.status for name, each in found.items()}
    assert (statuses.pop(FLAG), statuses.pop(NO_EXAM), statuses.pop(NOT_THERE)) == (
        "flagged",
        "rejected",
        "not_in_standard",
    )
    assert set(statuses.values()) == {"settled"}
    with calm_on_each.store.reading() as session:
        trail = session.scalars(
            select(Trail).where(col(Trail.subject) == "cluster", col(Trail.user_id) == me).order_by(col(Trail.id))
        ).all()
        remembered = recall(session, [Query(name, "", place) for name in (EDIT, SPLIT, UNDO, FLAG, distinct(1)[0])])
    assert sorted(each.decision_id or 0 for each in trail) == sorted(
        each.id or 0 for rows in made.values() for each in rows
    )
    assert [None if each is None else each.codes for each in remembered] == [
        ("20072202110000",),
        ("20072201110000", "20072202110000"),
        ("20072502110000",),
        None,
        ("20072501111100",),
    ]
    assert {each.by for each in remembered if each is not None} == {"键盘"}
    coded = normalized(calm_on_each, tmp_path, names, place)
    said_so = {name: row["yingma_reason"].partition(":")[0] for name, row in coded.items() if name != FLAG}
    assert said_so == dict.fromkeys(said_so, "memory") | {
        NO_EXAM: "memory_no_exam",
        NOT_THERE: "memory_not_in_standard",
    }
    assert len(said_so) == 29
    assert all("键盘" in row["yingma_reason"] for name, row in coded.items() if name != FLAG)
    assert coded[FLAG]["yingma_route"] == "review"
    assert coded[EDIT]["yingma_codes"] == "20072202110000"
    assert {coded[name]["yingma_codes"] for name in distinct(24)} == {"20072501111100"}


def test_hostile_names_are_shown_as_text(browser: Any, calm_sqlite: Server) -> None:
    prepare(calm_sqlite, "敌意", "敌意医院<b>&", list(HOSTILE), "CT")
    with screen(browser, calm_sqlite, "敌意") as on:
        on.only("敌意医院<b>&")
        seen = []
        title = on.page.title()
        while on.ready():
            raw = on.raw
            seen.append(raw)
            shown = on.page.locator(".names .raw bdi").first.inner_text()
            marks = [each for each in raw if not each.isprintable()]
            if raw.startswith(("=", "<", "忽略")):
                for piece in raw.replace("<", " ").replace(">", " ").split():
                    assert piece[:8] in shown.replace("·", "").replace("?", "") or piece[:3] in shown
            assert not any(mark in shown for mark in marks)
            if marks:
                assert any(sign in shown for sign in ("‹U+", "␇", "␛"))
            assert "敌意医院<b>&" in on.page.locator(".left h2").inner_text()
            assert on.page.locator(".review .card img").count() == 0
            with on.next():
                on.press("x")
        assert on.page.title() == title
        assert len(seen) == len(HOSTILE)
        on.delivered()
    with screen(browser, calm_sqlite, "lead") as on:
        on.press("q")
        with on.page.expect_download() as download:
            on.page.get_by_role("dialog").get_by_role("link", name="CSV", exact=True).click()
        with Path(download.value.path()).open(encoding="utf-8-sig", newline="") as file:
            exported = [row for row in csv.reader(file) if "敌意医院<b>&" in row]
    assert len(exported) == len(HOSTILE)
    cells = [cell for row in exported for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
    assert any(cell.startswith("'=") for cell in cells)


def test_a_cluster_with_thousands_of_names_is_paged(browser: Any, calm: Server) -> None:
    names = [f"{before}{ANKLE}{after}" for before, after in islice(product(noise(), repeat=2), 5000)]
    prepare(calm, "很多", "很多名称医院", names)
    with screen(browser, calm, "很多") as on:
        on.only("很多名称医院")
        assert on.model("card.count.names") == 5000
        assert on.page.locator(".names tr").count() == 20
        on.press("m")
        on.until("document.querySelectorAll('.names tr').length === 120")
        on.press("m")
        on.until("document.querySelectorAll('.names tr').length === 220")
        with on.next():
            on.press("1", "Enter")
        on.delivered()
    assert {each.status for each in clusters(calm, "很多名称医院").values()} == {"settled"}


def test_the_shortcuts_are_shown_and_do_nothing_elsewhere(browser: Any, calm_sqlite: Server) -> None:
    prepare(calm_sqlite, "帮助", "帮助医院", [ANKLE])
    with screen(browser, calm_sqlite, "帮助") as on:
        on.only("帮助医院")
        on.press("?")
        dialog = on.page.get_by_role("dialog")
        dialog.wait_for()
        for word in ("定下显示的编码", "拆成两个检查", "撤销上一个决定", "有疑问（写说明）"):
            assert dialog.get_by_text(word, exact=True).is_visible()
        on.press("x", "z")  # nothing happens behind a dialog
        on.press("?")
        dialog.wait_for(state="detached")
        on.press("/")
        on.page.get_by_role("combobox", expanded=True).wait_for()
        on.press("x", "Escape")  # a letter in a text
        on.press("?")
        dialog.wait_for()
        on.page.evaluate(
            "new Promise((done) => { const dialog = document.querySelector('.review dialog');"
            " dialog.addEventListener('close', () => done()); dialog.close(); Review.run('find') })"
        )
        on.press("x", "Escape")  # nor where the list was opened before the dialog had told that it closed
        on.page.evaluate(
            "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'x', isComposing: true, bubbles: true}))"
        )
        on.page.get_by_role("tab", name="标准").click()
        on.until("document.querySelector('.review').offsetParent === null")  # the other page is there
        on.press("x")
        on.page.get_by_role("tab", name="审核").click()
        assert on.raw == ANKLE
        assert on.page.evaluate("Review.send.waiting()") == 0
    assert clusters(calm_sqlite, "帮助医院")[ANKLE].status == "open"


def test_exams_are_added_and_removed_and_what_is_missing_is_said(browser: Any, calm_sqlite: Server) -> None:
    prepare(calm_sqlite, "几个", "几个医院", [ANKLE])
    with screen(browser, calm_sqlite, "几个") as on:
        on.only("几个医院")
        on.press("Enter")
        on.alerted("检查 1 还没有标准中的编码")
        on.press("2", "i")
        on.choose("CT胸部(平扫)")
        on.until("Review.state.model.exams[1].listed")
        on.press("i", "Escape", "Enter")
        on.alerted("检查 3")
        on.press("d", "l", "e")
        on.press("Escape")
        with on.next():
            on.press("Enter")
        on.delivered()
    (made,) = decisions(calm_sqlite, clusters(calm_sqlite, "几个医院")).values()
    assert made[0].codes == ["20072502111100", "20040100110000"]


def test_escape_takes_back_an_edit_that_still_waits(browser: Any, calm_sqlite: Server) -> None:
    """Typed quicker than the server answers: the side, then the edit of the next field, and no edit after all."""
    prepare(calm_sqlite, "快手", "快键医院", [ANKLE])
    held: list[Any] = []
    with screen(browser, calm_sqlite, "快手") as on:
        on.only("快键医院")
        on.card()
        on.page.route("**/api/review/choices", lambda route: held.append(route))
        on.press("l", "e", "Escape")
        on.until("!!Review.state.model.pending")
        until_told(on.page, lambda: held)
        held[0].continue_()
        on.until("!Review.state.model.pending && Review.state.model.exams[0].listed")
        assert on.page.get_by_role("combobox", expanded=True).count() == 0
        with on.next():
            on.press("Enter")
        on.delivered()
    (made,) = decisions(calm_sqlite, clusters(calm_sqlite, "快键医院")).values()
    assert made[0].action == "settle"


def test_in_bulk_and_back_by_keyboard(browser: Any, calm_sqlite: Server) -> None:
    names = ["左膝关节CT平扫甫", "右膝关节CT平扫甫", "胸部CT平扫甫", ANKLE]
    prepare(calm_sqlite, "批量", "批量医院", [(name, 9 - at) for at, name in enumerate(names)])
    with screen(browser, calm_sqlite, "批量") as on:
        on.only("批量医院")
        on.card()
        on.press("b")
        on.page.get_by_role("dialog").locator("tbody tr").nth(3).wait_for()
        on.press("ArrowDown", " ", "ArrowDown", " ", "Enter")
        on.page.get_by_text("将决定 2 组、2 名、17 次检查，2 种结果").wait_for()
        on.press("Enter")
        on.page.locator(".doing", has_text="完成：决定 2 组，略过 0 组").wait_for()
        assert [clusters(calm_sqlite, "批量医院")[name].status for name in names] == [
            "settled",
            "settled",
            "open",
            "open",
        ]
        on.press("Enter")
        on.page.locator(".doing", has_text="已撤销 2 组，0 组不能撤销。").wait_for()
        on.press("Escape")
    assert {each.status for each in clusters(calm_sqlite, "批量医院").values()} == {"open"}


def test_an_old_decision_is_undone_from_the_history(browser: Any, calm_sqlite: Server) -> None:
    names = list(distinct(3))
    prepare(calm_sqlite, "历史", "历史医院", [(name, 9 - at) for at, name in enumerate(names)])
    with screen(browser, calm_sqlite, "历史") as on:
        on.only("历史医院")
        for _ in names:
            with on.next():
                on.press("1", "Enter")
        on.delivered()
        on.press("h")
        rows = on.page.get_by_role("dialog").locator("tbody tr")
        rows.nth(2).wait_for()
        on.press("ArrowDown", "ArrowDown", "u")
        on.until("(name) => Review.state.model && Review.state.model.card.names[0].raw === name", arg=names[0])
        assert len(on.model("exams[0].candidates")) >= 3
    found = clusters(calm_sqlite, "历史医院")
    assert [found[name].status for name in names] == ["open", "settled", "settled"]
