"""From the key of a decision to the next card painted, in a real browser, for queues of several lengths.

    python -m evals.review_speed [--clusters 1000 --clusters 100000] [--load none --load answering --load feeding]
                                 [--keys 150] [--runs 1] [--homes FOLDER] [--database postgresql://…]

For each length: a home of its own, so many clusters put in as a job does (names with their real readings), a server
process, Chromium. Measured in the page: capture-phase keydown -> the frame after the card changed is painted
(MutationObserver, then requestAnimationFrame and a task). All keys are counted. The page: from the start of the
navigation, from the log-in page, to its first card painted, with an empty cache of the browser and once more with a
full one.

`--load`: a bulk job that the server's code starts, in the phase in which it codes names, or puts them into the queue
(which grows by them meanwhile). `--homes` keeps what was filled for the next time. `--database`: a server where
databases may be made; one for each length. Needs playwright and /usr/bin/chromium.
"""

from __future__ import annotations

import csv
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
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.answer import Query
from agent.jobs import cancel_job, new_job, start_job
from agent.pipeline import Pipeline
from agent.settings import Settings
from agent.store import Entry, Store, add_user, now, open_job, open_url, progress, put
from agent.store.engine import FILE_NAME
from standard import load_catalogue

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
PASSWORD = "a long password"
BASES = (
    "踝关节三维重建术",
    "膝关节MRI平扫",
    "左心房三维重建",
    "髋关节CT平扫+增强",
    "颅脑MRI平扫+肩关节MRI平扫",
    "彩超检查",
)
CODED = 3_000_000  # names of the job that is measured while it codes
FED = 60_000  # and of the one that is measured while it fills the queue
FIRST = """
new MutationObserver((_, watch) => {
  if (!document.querySelector('.review .card[data-turn]')) return;
  watch.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.__first = performance.now(); }, 0));
}).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ['data-turn']});
"""
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
HEAD = ("clusters", "load", "page s cold/warm", "first next s", "paint ms median/p95", "decide ms", "next ms", "queue")


class Load(StrEnum):
    """What the machine does meanwhile."""

    none = "none"
    answering = "answering"
    feeding = "feeding"


def main(
    clusters: Annotated[list[int] | None, typer.Option(help="Length of a queue; several times.")] = None,
    load: Annotated[list[Load] | None, typer.Option(help="What a bulk job does meanwhile; several times.")] = None,
    keys: Annotated[int, typer.Option(help="Decisions measured.")] = 150,
    runs: Annotated[int, typer.Option(help="Lines for each.")] = 1,
    homes: Annotated[Path | None, typer.Option(help="Folder that keeps the filled homes.")] = None,
    database: Annotated[str, typer.Option(help="A PostgreSQL server, as a URL; else SQLite.")] = "",
) -> None:
    """Measure and print a table."""
    from playwright.sync_api import sync_playwright

    print("| " + " | ".join(HEAD) + " |\n" + "| --- " * len(HEAD) + "|", flush=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for number in clusters or [1000, 100_000]:
            home = (homes or Path(folder)) / f"{'postgresql' if database else 'sqlite'}-{number}"
            url = _database(database, number)
            if not (home / "filled").exists():
                fill(home, number, url)
                (home / "filled").touch()
            for each in [each for each in load or [Load.none] for _ in range(runs)]:
                with serving(home, url) as address, background(home, url, each):
                    cells = measure(browser, address, keys)
                print(f"| {number:,} | {each.value} | " + " | ".join(cells) + f" | {_queue(home, url):,} |", flush=True)
        browser.close()


def fill(home: Path, number: int, database: str = "") -> float:
    """So many clusters, each with a reading of its own, in a new store; seconds."""
    started = time.perf_counter()
    home.mkdir(parents=True, exist_ok=True)
    pipeline = Pipeline(load_catalogue())
    store = _store(home, database)
    with store.writing() as session:
        add_user(session, "speed", "reviewer", PASSWORD, now())
        job = open_job(session, "fill", now()).id or 0
    names = _names()
    made = 0
    while made < number:
        piece = list(islice(names, min(1000, number - made)))
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


def _store(home: Path, database: str) -> Store:
    from sqlalchemy.engine import URL, make_url

    return open_url(make_url(database) if database else URL.create("sqlite", database=str(home / FILE_NAME)))


def _queue(home: Path, database: str) -> int:
    """How many clusters wait."""
    store = _store(home, database)
    with store.reading() as session:
        found = progress(session).waiting.clusters
    store.close()
    return found


def _database(server: str, number: int) -> str:
    """The database for a length, made where there is none; empty for SQLite."""
    if not server:
        return ""
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url

    at = make_url(server).set(drivername="postgresql+psycopg")
    name = f"yingma_speed_{number}"
    engine = create_engine(at, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if not connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}):
            connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return at.set(database=name).render_as_string(hide_password=False)


def _environment(home: Path, database: str) -> dict[str, str]:
    found = {**os.environ, "YINGMA_HOME": str(home), "YINGMA_REVIEW_RETRIEVAL": "false"}
    found |= {"YINGMA_CONTROL_SHARE": "0", "YINGMA_SECOND_LOOK_SHARE": "0"}
    return found | ({"YINGMA_DATABASE_URL": database.replace("+psycopg", "")} if database else {})


@contextmanager
def serving(home: Path, database: str = "") -> Iterator[str]:
    """A server on a home; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "agent", "serve", "--port", str(port)]
    environment = _environment(home, database)
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
def background(home: Path, database: str, load: Load) -> Iterator[None]:
    """A bulk job in the phase that is asked for, started as the server starts one."""
    if load is Load.none:
        yield
        return
    path = home / f"{load.value}.csv"
    if not path.exists():
        coded = (f"胸部CT平扫{number}" for number in range(CODED))
        fed = (f"{name}二" for name in islice(_names(), FED))
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["检查名称"], *([name] for name in (coded if load is Load.answering else fed))])
    options = {"inputs": [str(path)], "output": str(home / f"{time.time_ns()}.csv"), "name_column": "检查名称"}
    folder = new_job(home, options | {"id": f"speed-{time.time_ns()}", "feed": "review"}, now().isoformat())
    os.environ.update(_environment(home, database))
    start_job(folder, Settings(home=home))
    try:
        while folder.status().get("phase") != load.value:
            if folder.status()["state"] not in ("queued", "running"):
                raise RuntimeError(f"the job ended: {folder.status()}")
            time.sleep(0.2)
        yield
        if folder.status().get("phase") != load.value:
            print(f"(the job was over before the measurement: {folder.status().get('phase')})")
    finally:
        cancel_job(folder, Settings(home=home))


def measure(browser: Any, url: str, keys: int) -> tuple[str, ...]:
    """The cells of a line of the table."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    form = {"name": "speed", "password": PASSWORD, "next": "/ui/"}
    context.request.post(f"{url}/login", form=form, headers={"origin": url}, max_redirects=0)
    page = context.new_page()
    page.goto(f"{url}/login")  # as people come
    page.add_init_script(FIRST)
    page.goto(f"{url}/ui/", wait_until="commit")
    shown, first = [], 0.0
    for again in (False, True):
        if again:
            page.reload(wait_until="commit")
        page.wait_for_function("window.__first", timeout=120_000)
        shown.append(page.evaluate("window.__first") / 1000)
        if not again:
            first = page.evaluate(
                "performance.getEntriesByType('resource')"
                ".filter(e => e.name.endsWith('/api/review/next'))[0].duration / 1000"
            )
    page.evaluate("performance.setResourceTimingBufferSize(5000)")
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
    cold, warm = shown
    paint = _pair([each[1] for each in times])
    return f"{cold:.2f} / {warm:.2f}", f"{first:.2f}", paint, _pair(calls[0]), _pair(calls[1])


def _pair(values: list[float]) -> str:
    ordered = sorted(values)
    if not ordered:
        return "-"
    return f"{statistics.median(ordered):.1f} / {ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]:.1f}"


if __name__ == "__main__":
    typer.run(main)
