"""`yingma test`: pytest twice, since a browser is one at a time and all else need not be.

    pytest -n 2 --part rest      what uses no browser, in two processes
    pytest --part browser        what does, in one; only the files in which the first run found such tests

tests/conftest.py tells the two apart by the fixture that a test takes, and writes down what came of a run, so that the
last line tells both together. Arguments that are not known to mean the same for two runs as for one (a file, a
debugger, a report of one's own) make it one run, as pytest itself would do it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from agent.console import note, say

PROCESSES = 2
OK, NONE = 0, 5  # exit codes of pytest: all passed; no test was there
STOP = (2, 3, 4)  # interrupted, an error of pytest's own, wrong arguments
ALONE = ("-q", "-qq", "-v", "-vv", "-x", "--exitfirst", "--no-header", "-ra", "-rA", "--strict-markers")
WITH_VALUE = ("-k", "-m", "-W", "--durations", "--durations-min", "--tb", "--color", "--timeout")
# As pytest orders the counts of its last line; xdist does not say how many were deselected.
ORDER = ("failed", "passed", "skipped", "xfailed", "xpassed", "warnings", "error")


class Told(NamedTuple):
    """What came of a run: tests by outcome, those that failed, seconds."""

    counts: Counter[str]
    failed: list[str]
    seconds: float


def run(root: Path, environment: Mapping[str, str], slow: bool, arguments: Sequence[str]) -> int:
    """Run the tests; gives the exit code: 0 where all passed, in both runs."""
    command = [sys.executable, "-m", "pytest", *([] if slow else ["-m", "not slow"]), *arguments]

    def call(*more: str) -> int:
        return subprocess.run([*command, *more], cwd=root, env=dict(environment), check=False).returncode

    if not fits_two_runs(arguments) or (os.cpu_count() or 1) < PROCESSES:
        return call()
    with tempfile.TemporaryDirectory(prefix="yingma-test-") as name:
        folder = Path(name)
        first, second = folder / "rest", folder / "browser"
        codes = [call("-n", str(PROCESSES), "--dist", "worksteal", "--part", "rest", "--told", str(first))]
        fast = {"-x", "--exitfirst"} & set(arguments) and codes[0] not in (OK, NONE)
        files = _files(first)
        if codes[0] not in STOP and not fast and files != []:
            codes.append(call("--part", "browser", "--told", str(second), *(files or ())))
        told = [_told(path) for path in (first, second)[: len(codes)]]
    return _close(codes, told)


def fits_two_runs(arguments: Sequence[str]) -> bool:
    """Whether pytest's arguments mean the same for two runs, one after the other, as for one."""
    rest = list(arguments)
    while rest:
        each = rest.pop(0)
        if each in WITH_VALUE:
            if not rest:
                return False
            rest.pop(0)
        elif each not in ALONE and not each.startswith(tuple(f"{name}=" for name in WITH_VALUE)):
            return False
    return True


def _files(told: Path) -> list[str] | None:
    """The files in which the first run found tests with a browser; None where it did not come to say."""
    try:
        found: list[str] = json.loads(told.with_suffix(".files").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def _told(path: Path) -> Told | None:
    """What a run wrote down at its end; None where it did not come to its end."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Told(Counter(found["counts"]), found["failed"], found["seconds"])


def _close(codes: Sequence[int], told: Sequence[Told | None]) -> int:
    """The last lines; gives the exit code of both."""
    bad = [code for code in codes if code not in (OK, NONE)]
    code = bad[0] if bad else OK if OK in codes else NONE
    whole = [each for each in told if each is not None]
    failed = [name for each in whole for name in each.failed]
    if len(codes) > 1 and failed:
        print("\n".join(["", *(f"FAILED {name}" for name in failed)]))
    if len(whole) < len(told):
        note(say("有一次 pytest 没有正常结束，见上。", "A run of pytest did not come to its end; see above."))
    elif len(codes) > 1:
        print(closing_line([each.counts for each in whole], sum(each.seconds for each in whole)), flush=True)
    return code


def closing_line(counts: Sequence[Counter[str]], seconds: float) -> str:
    """The last line of pytest, of several runs together."""
    total = sum(counts, Counter[str]())
    plural = {"error": "errors"}
    parts = [
        f"{total[name]} {plural.get(name, name) if total[name] != 1 else re.sub('s$', '', name)}"
        for name in ORDER
        if total[name]
    ]
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    text = f" {', '.join(parts) or 'no tests ran'} in {seconds:.2f}s ({hours}:{minutes:02}:{rest:02}) "
    return f"{text:=^100}"
