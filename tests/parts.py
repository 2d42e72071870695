"""The two parts of the tests, with a browser and without (agent/testing.py): hooks that tests/conftest.py takes.

What decides is the fixture `browser`, which a test takes itself or by another fixture, so nobody has to think of it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

BEGAN = time.time()


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `./yingma test` gives (agent/testing.py)."""
    group = parser.getgroup("yingma")
    group.addoption("--part", choices=["rest", "browser"], help="only the tests without a browser, or only those with")
    group.addoption("--told", type=Path, help="a file that gets the counts at the end")


def pytest_configure(config: pytest.Config) -> None:
    """In a process of xdist's, which has a thread of its own that only waits for orders: workers are forked there as
    they are without it, else the tests would try the other way only, and take twice as long."""
    if hasattr(config, "workerinput") and sys.platform == "linux":
        import agent.pool

        threads, tasks = threading.active_count(), len(os.listdir("/proc/self/task"))
        agent.pool.single_threaded = lambda: (
            (threading.active_count(), len(os.listdir("/proc/self/task"))) == (threads, tasks)
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that take the browser, themselves or by another fixture, and keep those of this part."""
    parts: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for item in items:
        with_browser = "browser" in getattr(item, "fixturenames", ())
        parts[with_browser].append(item)
        if with_browser:
            item.add_marker("browser")
    part, told = config.getoption("--part"), config.getoption("--told")
    if part is None:
        return
    items[:] = parts[part == "browser"]
    if told is not None and part == "rest" and getattr(config, "workerinput", {}).get("workerid", "gw0") == "gw0":
        files = sorted({str(item.path.relative_to(config.rootpath)) for item in parts[True]})
        told.with_suffix(".files").write_text(json.dumps(files), encoding="utf-8")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """What came of it, for who runs several parts."""
    told = config.getoption("--told")
    if told is None:
        return
    stats = terminalreporter.stats
    counts = {
        name: sum(getattr(each, "count_towards_summary", True) for each in found)
        for name, found in stats.items()
        if name
    }
    failed = [each.nodeid for name in ("failed", "error") for each in stats.get(name, ())]
    seconds = time.time() - BEGAN
    told.write_text(json.dumps({"counts": counts, "failed": failed, "seconds": seconds}), encoding="utf-8")
