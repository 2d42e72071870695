"""The bootstrap where something is missing: one sentence, and nothing half-made. (What it installs, CI sees.)"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = ("bash", "env", "cat", "cut", "tr", "sha256sum", "readlink", "dirname", "sleep", "grep", "tail", "mktemp", "rm")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What the bootstrap reads, and a folder `bin` with no Python and no compiler."""
    for name in ("yingma", "uv.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        if found is None:
            pytest.skip(f"{tool} is not on this machine")
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def call(clone: Path, lang: str = "en") -> tuple[int, str, str]:
    """`./yingma decode x` with only those tools."""
    done = subprocess.run(
        [str(clone / "bin" / "bash"), str(clone / "yingma"), "decode", "x"],
        env={"PATH": str(clone / "bin"), "YINGMA_LANG": lang, "HOME": str(clone)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def python(clone: Path, script: str) -> None:
    """A python3 on the path."""
    path = clone / "bin" / "python3"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_no_python(clone: Path) -> None:
    assert call(clone) == (
        1,
        "",
        "Yingma needs Python 3.11 or later and found none; install it, or name it with YINGMA_PYTHON.\n",
    )
    assert call(clone, "zh")[2] == "需要 Python 3.11 或更高版本，但没有找到；请安装后重试，或用 YINGMA_PYTHON 指定。\n"
    assert not (clone / ".venv").exists()


def test_python_too_old(clone: Path) -> None:
    python(clone, "exit 1")
    assert "needs Python 3.11 or later" in call(clone)[2]


def test_environment_that_cannot_be_made(clone: Path) -> None:
    python(clone, 'case "$*" in -c*) exit 0 ;; *) echo "no module named venv" >&2; exit 1 ;; esac')
    code, out, err = call(clone)
    assert (code, out) == (1, "")
    assert "no module named venv" in err
    assert err.endswith("on Debian or Ubuntu, install python3-venv first.\n")
    assert not (clone / ".venv").exists()
