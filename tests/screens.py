"""Pictures of every page for the docs, in both languages: `./yingma docs --screens`.

A server with a home of its own is filled with the names of examples/ (as jobs, through the API), some of them are
decided, and a browser looks at each page:

    docs/screens/review.zh.png, review.en.png, chat…, bulk…, standard…, overview…, login…
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.texts import texts_in
from standard.errors import Lang
from tests.jobs.test_jobs_served import until, uploaded
from tests.serving import CHROMIUM, FLAGS, ROOT, Server, logged_in, serving

FOLDER = ROOT / "docs" / "screens"
EXAMPLES = ROOT / "examples"
COUNTY, PACS = "县人民医院", "影像中心甲"
DECIDED = 12  # cards that a reviewer has seen before the pictures are taken
LANGS: tuple[Lang, ...] = ("zh", "en")
TEXTS = texts_in(ROOT / "ui" / "texts.tsv")
ANKLE = "踝关节三维重建术"
SEVERAL = "颅脑磁共振平扫+DWI+MRA_颈椎磁共振平扫_股骨头磁共振平扫"
Taker = Callable[[Any], None]


def main(folder: Path = FOLDER, width: int = 1280, height: int = 800) -> int:
    """Take them all. 1 where there is no browser."""
    if not CHROMIUM.exists():
        print(f"{CHROMIUM}: no browser; apt-get install chromium fonts-noto-cjk", file=sys.stderr)
        return 1
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, serving(Path(home) / "home") as server, sync_playwright() as playwright:
        fill(server)
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        decide(browser, server)
        for lang in LANGS:
            context = logged_in(browser, server, "lead", lang=lang, width=width, height=height)
            page = context.new_page()
            for name, take in PAGES.items():
                page.goto(f"{server.url}/ui/")
                page.get_by_role("tab", name=TEXTS.text(f"page.{name}", lang)).click()
                take(page)
                page.screenshot(path=folder / f"{name}.{lang}.png")
            assert context.strayed == []
            context.close()
            nobody = browser.new_context(
                viewport={"width": 700, "height": 420}, locale="zh-CN" if lang == "zh" else "en-US"
            )
            page = nobody.new_page()
            page.goto(f"{server.url}/login")
            page.screenshot(path=folder / f"login.{lang}.png")
            nobody.close()
        browser.close()
    return 0


def fill(server: Server) -> None:
    """The names of examples/, each as often as the file says, and jobs that brought them."""
    county = [
        (row["检查项目名称"], row["检查类型"], COUNTY)
        for row in read(EXAMPLES / "county.csv", ",")
        for _ in range(1 + int(row["例数"]) // 10)
    ]
    pacs = [
        (row["exam_name"], row["modality"], row["institution"] or PACS) for row in read(EXAMPLES / "pacs.tsv", "\t")
    ]
    with server.client("clerk") as clerk:
        for name, rows in (("county.csv", county), ("pacs.csv", pacs)):
            upload = uploaded(clerk, [("检查项目名称", "检查类型", "医院"), *rows], name)["upload"]
            wanted = {"upload": upload, "name": 0, "modality": 1, "institution": 2, "feed": "all"}
            until(clerk, clerk.post("/api/jobs", json=wanted).json()["id"], "done")


def read(path: Path, delimiter: str) -> list[dict[str, str]]:
    """The rows of an example."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def decide(browser: Any, server: Server) -> None:
    """Some decisions of a reviewer, by keyboard: the first candidate, and skips where there is none."""
    context = logged_in(browser, server, "reviewer")
    page = context.new_page()
    page.goto(f"{server.url}/ui/")
    card = page.locator(".review .card[data-turn]")
    card.wait_for()
    for _ in range(DECIDED):
        before = card.get_attribute("data-turn")
        if page.evaluate("Review.state.model.exams.length === 1 && Review.state.model.exams[0].candidates.length > 0"):
            page.keyboard.press("1")
            page.keyboard.press("Enter")
        else:
            page.keyboard.press("s")
        page.wait_for_function("(b) => document.querySelector('.review .card').dataset.turn !== b", arg=before)
    page.wait_for_function("Review.send.waiting() === 0")
    context.close()


def review(page: Any) -> None:
    """A card of the queue that has several candidates."""
    card = page.locator(".review .card[data-turn]")
    card.wait_for()
    while not page.evaluate("Review.state.model.exams.some((each) => each.candidates.length > 2)"):
        before = card.get_attribute("data-turn")
        page.keyboard.press("s")
        page.wait_for_function("(b) => document.querySelector('.review .card').dataset.turn !== b", arg=before)


def chat(page: Any) -> None:
    """A side asked for and answered, and a name of several exams."""
    box = page.locator("#chat-box textarea")
    box.fill(ANKLE)
    box.press("Enter")
    page.locator("#chat-said .option").first.wait_for()
    page.locator("#chat-said .option").nth(1).click()
    page.get_by_text("20072502111100").first.wait_for()
    box.fill(SEVERAL)
    box.press("Enter")
    page.locator("#chat-said .bot", has_text="30030202110000").first.wait_for()
    page.locator("#chat-said .option").first.wait_for()


def bulk(page: Any) -> None:
    """A file that waits for its columns, and the jobs that were."""
    page.set_input_files(".bulk input[type=file]", str(EXAMPLES / "checkup-gb18030.csv"))
    page.wait_for_selector("#bulk-name")
    page.wait_for_selector(".bulk .jobs tbody tr.done")


def standard(page: Any) -> None:
    """An item, found by its name, with the names that stand for it."""
    page.locator(".list tr.row").first.wait_for()
    page.locator("input.wide").fill("胸部")
    page.wait_for_function("document.querySelector('.list tr.row').textContent.includes('胸部')")
    page.locator(".list tr.row", has_text="20040100110000").click()
    page.locator(".item .fields").wait_for()


def overview(page: Any) -> None:
    """The figures."""
    page.locator(".figures b").first.wait_for()
    page.locator("h3", has_text="κ").or_(page.locator("h3", has_text="kappa")).first.wait_for()
    page.get_by_role("cell", name=COUNTY).wait_for()
    page.locator(".audit table").wait_for()


PAGES: dict[str, Taker] = {
    "review": review,
    "chat": chat,
    "bulk": bulk,
    "standard": standard,
    "overview": overview,
}

if __name__ == "__main__":
    sizes = [int(each) for each in sys.argv[2:4]]
    sys.exit(main(Path(sys.argv[1]), *sizes) if len(sys.argv) > 1 else main())
