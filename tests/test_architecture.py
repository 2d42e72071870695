"""How the packages may depend on each other, what a start may import, and how long a module may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("standard", "retrieval", "prompts", "training", "agent", "ui", "evals")

# A package and those it may import; ui -> agent -> {retrieval, prompts} -> standard, training beside them.
MAY = {
    "standard": set[str](),
    "retrieval": {"standard"},
    "prompts": {"standard"},
    "training": {"prompts", "standard"},
    "agent": {"retrieval", "prompts", "standard"},
    "ui": {"agent", "retrieval", "prompts", "standard"},
    "evals": set(PACKAGES),
}
# The command line is the door to all, so it alone calls evals and ui, and only inside a command.
DOORS = {("agent/cli.py", "evals"), ("agent/cli_calibrate.py", "evals"), ("agent/cli_serve.py", "ui")}

HEAVY = ("chromadb", "gradio", "llama_cpp", "polars", "sklearn", "openai", "duckdb", "pyspark")


def modules() -> list[Path]:
    """Every module of the packages."""
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imports(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """The top-level package of each import, and whether it stands inside a function."""

    def walk(node: ast.AST, inside: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            within = inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield alias.name.split(".")[0], inside
            elif isinstance(child, ast.ImportFrom) and child.level == 0:
                yield (child.module or "").split(".")[0], inside
            yield from walk(child, within)

    return walk(tree, False)


def test_imports_run_one_way() -> None:
    wrong = []
    for path in modules():
        package = path.relative_to(ROOT).parts[0]
        for name, inside in imports(ast.parse(path.read_text(encoding="utf-8"))):
            if name not in PACKAGES or name == package or name in MAY[package]:
                continue
            if (str(path.relative_to(ROOT)), name) in DOORS and inside:
                continue
            wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


@pytest.mark.parametrize("module", ["standard", "standard.search", "standard.lexicon", "agent.reader", "agent.cli"])
def test_imports_without_heavy_libraries(module: str) -> None:
    code = (
        f"import sys, importlib; sys.modules.update(dict.fromkeys({HEAVY!r})); importlib.import_module({module!r}); "
        f"print(sorted(m for m in {HEAVY!r} if sys.modules.get(m)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")


def test_modules_are_short_and_say_their_purpose() -> None:
    wrong = []
    for path in modules():
        text = path.read_text(encoding="utf-8")
        if len(text.splitlines()) >= 500:
            wrong.append(f"{path.relative_to(ROOT)} has {len(text.splitlines())} lines")
        if not ast.get_docstring(ast.parse(text)):
            wrong.append(f"{path.relative_to(ROOT)} does not say its purpose")
    assert wrong == []


def test_nothing_names_the_machine_it_was_made_on() -> None:
    """No tracked text file holds a path of one machine, or the host of a registry."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    words = ["/" + "work/", "/" + "root/", "/" + "home/", "pypi" + ".org", "python" + "hosted"]
    wrong = []
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / name
        if not path.is_file() or path.name == "uv.lock" or path.suffix in (".xlsx", ".npy", ".npz", ".gguf"):
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        wrong += [f"{name}: {word}" for word in words if word in text]
    assert wrong == []
