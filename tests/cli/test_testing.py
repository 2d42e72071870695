"""`yingma test` runs pytest twice: what is asked for is run once, and nothing that fails is hidden."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from agent.testing import fits_two_runs, run

CONFTEST = """
import pytest
from tests.parts import pytest_addoption, pytest_collection_modifyitems, pytest_configure, pytest_terminal_summary

@pytest.fixture(scope="session")
def browser(request):
    assert request.config.getoption("--part") != "rest"
    return "chromium"

@pytest.fixture
def page(browser):
    return browser
"""
INI = """
[pytest]
addopts = -ra --strict-markers --import-mode=importlib
markers =
    slow: slow
    browser: browser
"""
REST = """
import os, pytest
def test_one(): print("process", os.getpid())
def test_two(): pass
@pytest.mark.slow
def test_slow(): pass
def test_skipped(): pytest.skip("why")
"""
BROWSER = "def test_seen(page): pass\ndef test_beside(): pass\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {"pytest.ini": INI, "conftest.py": CONFTEST, "test_a.py": REST, "test_b.py": BROWSER}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def call(
    project: Path, capfd: pytest.CaptureFixture[str], *arguments: str, slow: bool = False
) -> tuple[int, list[str]]:
    """Exit code, and the lines that were printed."""
    root = str(Path(__file__).resolve().parent.parent.parent)
    capfd.readouterr()
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p xdist.plugin"}
    code = run(project, {**os.environ, "PYTHONPATH": root, **alone}, slow, arguments)
    return code, capfd.readouterr().out.strip().splitlines()


def last(lines: list[str]) -> str:
    """The last line without its ornaments and its time."""
    found = re.fullmatch(r"=* ?(.*?) in [0-9.]+s.*", lines[-1])
    assert found is not None, lines[-1]
    return found[1]


TWICE = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor: one run")


@TWICE
def test_each_test_is_run_once_and_the_last_line_counts_all(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, lines = call(project, capfd, "-k", "not beside")
    assert (code, last(lines)) == (0, "3 passed, 1 skipped")
    assert any("2 workers" in line for line in lines)


@TWICE
def test_what_fails_in_either_run_is_told_at_the_end(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name, fixture in (("test_a.py", ""), ("test_b.py", "page")):
        with open(project / name, "a", encoding="utf-8") as file:
            file.write(f"def test_bad({fixture}): assert False\n")
    code, lines = call(project, capfd, slow=True)
    assert (code, last(lines)) == (1, "2 failed, 5 passed, 1 skipped")
    assert lines[-3:-1] == ["FAILED test_a.py::test_bad", "FAILED test_b.py::test_bad"]


@TWICE
def test_what_cannot_be_collected_is_no_success(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "test_c.py").write_text("import nothing_of_this_name\n", encoding="utf-8")
    code, lines = call(project, capfd)
    assert code == 1
    assert (lines[-2], "1 error" in lines[-1]) == ("FAILED test_c.py", True)


@pytest.mark.slow
def test_no_test_is_no_success(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(project, capfd, "-k", "nothing_of_this_name")[0] == 5


def test_arguments_that_two_runs_would_take_otherwise_make_it_one(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert all(map(fits_two_runs, ([], ["-q"], ["-x", "-k", "a b"], ["--durations=2"], ["-m", "not slow"])))
    one = (["tests/cli"], ["-n", "2"], ["--pdb"], ["-s"], ["--junitxml=x"], ["--lf"], ["--collect-only"], ["-k"])
    assert not any(map(fits_two_runs, one))
    code, lines = call(project, capfd, "test_b.py")
    assert (code, last(lines)) == (0, "2 passed")
    assert not any("workers" in line for line in lines)
