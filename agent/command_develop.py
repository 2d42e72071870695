"""`yingma test`, `check`, `fix` and `docs`: the same for developers and CI. `check` changes no file; `fix` does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from agent.console import language, note, say
from agent.reference import ROOT, pages
from standard.errors import InputError, YingmaError


def run_tests(slow: bool, arguments: Sequence[str]) -> int:
    """pytest on the tests, those that take longer than a minute left out unless asked for. Its exit code."""
    from agent.testing import run

    need_checkout()
    return run(ROOT, _calm(), slow, arguments)


def run_fixes() -> int:
    """ruff's own mending, and its format."""
    need_checkout()
    results = [_command("ruff", "check", "--fix", "--quiet", "."), _command("ruff", "format", "--quiet", ".")]
    return max(results)


def run_docs() -> int:
    """Write the generated pages."""
    need_checkout()
    for path, text in pages().items():
        target = ROOT / path
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")
            note(say(f"已写 {path}", f"wrote {path}"))
    return 0


def run_screens() -> int:
    """Take the pictures of the pages for the docs. Its exit code."""
    need_checkout()
    return _command("tests.screens")


class Check(NamedTuple):
    """A check: its name and what runs it; true where it holds. What is wrong, it prints itself."""

    zh: str
    en: str
    holds: Callable[[], bool]


def run_checks() -> int:
    """Every check, also after one that fails; 1 where any did."""
    need_checkout()
    checks = [
        Check("格式", "format", lambda: _command("ruff", "format", "--check", "--quiet", ".") == 0),
        Check("代码", "lint", lambda: _command("ruff", "check", "--quiet", ".") == 0),
        Check("类型", "types", lambda: _command("mypy") == 0),
        Check("数据文件", "data files", data_files_hold),
        Check("生成的文档", "generated docs", docs_are_fresh),
        Check("版本号", "version", version_is_told),
    ]
    failed = []
    for check in checks:
        started = time.perf_counter()
        try:
            good = check.holds()
        except YingmaError as error:
            note(error.sentence(language()))
            good = False
        word = say("通过", "ok") if good else say("不通过", "FAILED")
        note(f"{say(check.zh, check.en):<16} {word}  {time.perf_counter() - started:.1f} s")
        if not good:
            failed.append(check)
    if failed:
        note(
            say(
                f"{len(failed)} 项检查不通过；格式和代码问题可先试 ./yingma fix，文档用 ./yingma docs。",
                f"{len(failed)} checks failed; try ./yingma fix for format and lint, ./yingma docs for docs.",
            )
        )
    return 1 if failed else 0


def data_files_hold() -> bool:
    """All data load: every edition, catalogue, the lexicon, headers, prompts, settings. A fault is a DataError."""
    from agent.api.routes import routes
    from agent.api.trouble import texts
    from agent.columns import known_headers
    from agent.evidence import shipped_weights
    from agent.model import outcomes
    from agent.store import states
    from prompts import load_prompt, prompt_names
    from standard import catalogue_ids, edition_ids, load_catalogue, load_edition
    from standard.lexicon import load_lexicon

    for edition in edition_ids():
        load_edition(edition)
    for catalogue in catalogue_ids():
        load_catalogue(catalogue)
    load_lexicon()
    shipped_weights()
    known_headers()
    outcomes()
    states.table()
    states.words()
    routes()
    texts()
    for name in prompt_names():
        load_prompt(name)
    return True


def docs_are_fresh() -> bool:
    """Each generated page is what would be generated now."""
    stale = [
        path
        for path, text in pages().items()
        if not (ROOT / path).exists() or (ROOT / path).read_text(encoding="utf-8") != text
    ]
    for path in stale:
        note(say(f"{path} 已过时", f"{path} is stale"))
    return not stale


def version_is_told() -> bool:
    """The version of pyproject.toml is the newest heading of CHANGELOG.md after Unreleased, or nothing is released."""
    import tomllib

    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    released = [heading for heading in headings if not heading.startswith("Unreleased")]
    told = released[0].split()[0] if released else None
    wanted = f"Unreleased ({version})" if told is None else version
    good = told == version or (told is None and wanted in headings)
    if not good:
        note(
            say(
                f"pyproject.toml 的版本 {version} 与 CHANGELOG.md 的标题 {headings[:2]} 不一致",
                f"version {version} of pyproject.toml does not match the headings {headings[:2]} of CHANGELOG.md",
            )
        )
    return good


def _command(*words: str) -> int:
    """A tool of the environment, at the root."""
    return subprocess.run([sys.executable, "-m", *words], cwd=ROOT, env=_calm(), check=False).returncode


def _calm() -> dict[str, str]:
    """The environment, with one thread for each library: the tests have their own concurrency."""
    return {"OMP_NUM_THREADS": "1", **os.environ}


def need_checkout() -> None:
    """InputError outside a checkout, where there is nothing to test."""
    if not (ROOT / "pyproject.toml").exists():
        raise InputError(
            "这里不是影码的源代码目录；请在其中用 ./yingma 运行。",
            "This is no checkout of Yingma; run it there, as ./yingma.",
        )
