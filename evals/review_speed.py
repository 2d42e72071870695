"""From the key of a decision to the next card painted, in a real browser, for queues of several lengths.

    python -m evals.review_speed [--clusters 1000 --clusters 100000] [--keys 150] [--load]

For each length: a home of its own, so many clusters put in as a job does (names with their real readings), a server
process, Chromium. Measured in the page: capture-phase keydown -> the frame after the card changed is painted
(MutationObserver, then requestAnimationFrame and a task). All keys are counted. `--load`: a second process reads names
without pause meanwhile, as a bulk job does. Needs playwright and /usr/bin/chromium.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.answer import Query
from agent.pipeline import Pipeline
from agent.store import Entry, Store, add_user, now, open_job, open_url, put
from agent.store.engine import FILE_NAME
from standard import load_catalogue

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
BASES = (
    "踝关节三维重建术",
    "膝关节MRI平扫",
    "左心房三维重建",
    "髋关节CT平扫+增强",
    "颅脑MRI平扫+肩关节MRI平扫",
    "彩超检查",
)
WATCH = """
window.__times = [];
window.__start = null;
addEventListener('keydown', (event) => { if (event.key === 'x') window.__start = performance.now(); }, true);
new MutationObserver(() => {
  if (window.__start === null) return;
  const turn = document.querySelector('.review .card')?.dataset.turn;
  if (!turn || turn === window.__turn) return;
  window.__turn = turn;
  const start = window.__start;
  window.__start = null;
  const changed = performance.now();
  requestAnimationFrame(() => setTimeout(() => window.__times.push([changed - start, performance.now() - start]), 0));
}).observe(document.querySelector('.review'), {subtree: true, childList: true, attributes: true});
"""
LOAD = """
from agent.answer import Query
from agent.pipeline import Pipeline
from standard import load_catalogue
pipeline = Pipeline(load_catalogue())
names = [Query(f"胸部CT平扫{number}") for number in range(2000)]
while True:
    pipeline.answer(names)
"""


def main(
    clusters: Annotated[list[int] | None, typer.Option(help="Length of a queue; several times.")] = None,
    keys: Annotated[int, typer.Option(help="Decisions measured.")] = 150,
    load: Annotated[bool, typer.Option(help="A second process reads names meanwhile.")] = False,
) -> None:
    """Measure and print a table."""
    from playwright.sync_api import sync_playwright

    print("clusters  filled s  first page s  DOM ms median/p95   paint ms median/p95   decide ms   next ms")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for number in clusters or [1000, 100_000]:
            with tempfile.TemporaryDirectory() as folder:
                home = Path(folder)
                filled = fill(home, number)
                with serving(home) as url, background(load):
                    print(f"{number:8,}  {filled:8.1f}  {measure(browser, url, keys)}", flush=True)
        browser.close()


def fill(home: Path, number: int) -> float:
    """So many clusters, each with a reading of its own, in a new store; seconds."""
    started = time.perf_counter()
    pipeline = Pipeline(load_catalogue())
    store: Store = open_url(_url(home))
    with store.writing() as session:
        add_user(session, "speed", "reviewer", "a long password", now())
        job = open_job(session, "fill", now()).id or 0
    names = _names()
    made = 0
    while made < number:
        piece = [next(names) for _ in range(min(1000, number - made))]
        answers = pipeline.answer([Query(name, "", "甲医院") for name in piece])
        entries = [Entry(each, 1 + len(name) * 7 % 90) for each, name in zip(answers, piece, strict=True)]
        made += store.write(lambda session, entries=entries: put(session, job, entries, now())).new_clusters  # type: ignore[misc]
    store.close()
    return time.perf_counter() - started


def _names() -> Iterator[str]:
    """Names that differ in characters that nothing explains."""
    for one in range(0x4E00, 0x9FA0):
        for two in range(0x4E00, 0x4E00 + 40):
            yield BASES[(one + two) % len(BASES)] + chr(one) + chr(two)


def _url(home: Path) -> Any:
    from sqlalchemy.engine import URL

    return URL.create("sqlite", database=str(home / FILE_NAME))


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """A server on a home; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "YINGMA_HOME": str(home), "YINGMA_REVIEW_RETRIEVAL": "false"}
    environment |= {"YINGMA_CONTROL_SHARE": "0", "YINGMA_SECOND_LOOK_SHARE": "0"}
    command = [sys.executable, "-m", "agent", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{url}/healthz", timeout=5):
                    break
            except OSError:
                time.sleep(0.2)
        yield url
    finally:
        process.kill()
        process.wait()


@contextmanager
def background(load: bool) -> Iterator[None]:
    """A process that reads names without pause, where it is asked for."""
    process = subprocess.Popen([sys.executable, "-c", LOAD]) if load else None
    try:
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()


def measure(browser: Any, url: str, keys: int) -> str:
    """A line of the table."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    page = context.new_page()
    page.goto(f"{url}/login")
    page.fill("[name=name]", "speed")
    page.fill("[name=password]", "a long password")
    page.press("[name=password]", "Enter")
    page.locator(".review .card[data-turn]").wait_for(timeout=120_000)
    first = page.evaluate(
        "performance.getEntriesByType('resource').filter(e => e.name.endsWith('/api/review/next'))[0].duration"
    )
    page.evaluate(WATCH)
    for _ in range(keys):
        before = page.evaluate("document.querySelector('.review .card').dataset.turn")
        page.keyboard.press("x")
        page.wait_for_function(
            "(before) => document.querySelector('.review .card').dataset.turn !== before && window.__start === null",
            arg=before,
        )
        page.wait_for_timeout(120)  # a fast reviewer
    page.wait_for_function(f"window.__times.length >= {keys}")
    times = page.evaluate("window.__times")
    calls = page.evaluate(
        "['decide','next'].map(n => performance.getEntriesByType('resource')"
        ".filter(e => e.name.endsWith('/api/review/' + n)).map(e => e.duration))"
    )
    context.close()
    dom, paint = [each[0] for each in times], [each[1] for each in times]
    shown = f"{first / 1000:12.2f}  {_pair(dom):>17}  {_pair(paint):>20}"
    return f"{shown}  {_pair(calls[0]):>10}  {_pair(calls[1]):>10}"


def _pair(values: list[float]) -> str:
    ordered = sorted(values)
    if not ordered:
        return "-"
    return f"{statistics.median(ordered):.1f} / {ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]:.1f}"


if __name__ == "__main__":
    typer.run(main)
