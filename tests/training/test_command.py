"""`yingma model`: what it says when something is missing, and what the bootstrap installs for training."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import console
from agent.cli import run

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = (
    "bash",
    "env",
    "cat",
    "cut",
    "tr",
    "sha256sum",
    "readlink",
    "dirname",
    "sleep",
    "grep",
    "tail",
    "mktemp",
    "cp",
    "mv",
    "rm",
)


@pytest.fixture(autouse=True)
def languages() -> Iterator[None]:
    console.language.cache_clear()
    yield
    console.language.cache_clear()


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [
        ("zh", "训练需要 torch，此环境没有；请用 ./yingma model train 运行，它会先装好。"),
        (
            "en",
            "Training needs torch, which this environment lacks; run it as ./yingma model train, "
            "which installs them first.",
        ),
    ],
)
def test_without_pytorch(
    lang: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    home: Path,
) -> None:
    monkeypatch.setenv("YINGMA_LANG", lang)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else object())
    assert run(["model", "train"]) == 1
    told = capsys.readouterr()
    assert (told.out, told.err.strip()) == ("", sentence)
    assert list(home.iterdir()) == []


def test_what_the_user_gave_is_checked_before_the_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("YINGMA_LANG", "en")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: object())
    (tmp_path / "file").touch()
    assert run(["model", "train", "--out", str(tmp_path / "file")]) == 2
    assert "name another with --out" in capsys.readouterr().err
    assert run(["model", "train", "--gold", str(tmp_path / "none.tsv")]) == 2
    assert "There is no file" in capsys.readouterr().err
    shutil.copy(next((ROOT / "evals" / "data").glob("*.tsv")), tmp_path)
    assert run(["model", "train", "--gold", str(next(tmp_path.glob("*.tsv")))]) == 2
    assert "give it another name" in capsys.readouterr().err


def test_no_card(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.setenv("YINGMA_LANG", "en")
    assert run(["model", "card", str(tmp_path), "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["kind"] == "ModelError"
    assert "train a model first: ./yingma model train" in error["en"]
    monkeypatch.setenv("YINGMA_MODEL_PATH", str(tmp_path / "other.gguf"))
    assert run(["model", "card"]) == 1
    assert "is not Yingma's own model and has no card" in capsys.readouterr().err


# -- the bootstrap -----------------------------------------------------------------------------------------------------


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A ready environment whose Python and uv only write down what they are asked."""
    for name in ("yingma", "uv.lock", "pyproject.toml", "training/requirements.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for folder in ("bin", ".venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    for tool in TOOLS:
        found = shutil.which(tool)
        if found is None:
            pytest.skip(f"{tool} is not on this machine")
        (tmp_path / "bin" / tool).symlink_to(found)
    files = ("uv.lock", "pyproject.toml", "yingma")
    key = "".join(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in files)
    (tmp_path / ".venv" / ".ready-run").write_text(f"{key} {tmp_path} compiler= c=")
    write_tool(tmp_path / ".venv/bin/uv", 'echo "uv $*" >>"$LOG"; case "$*" in *"$FAIL"*) echo no; exit 1 ;; esac')
    write_tool(
        tmp_path / ".venv/bin/python",
        '[ "$1" = -c ] && exit "${HAS_TORCH:-0}"; shift; echo "yingma $*" >>"$LOG"',
    )
    return tmp_path


def write_tool(path: Path, script: str) -> None:
    path.write_text(f"#!{shutil.which('sh')}\n{script}\n")
    path.chmod(0o755)


def call(clone: Path, *arguments: str, fail: str = "nothing fails", **environment: str) -> tuple[int, list[str], str]:
    """The exit code, what uv and Python were asked, and stderr."""
    log = clone / "log"
    log.unlink(missing_ok=True)
    done = subprocess.run(
        [str(clone / "bin" / "bash"), str(clone / "yingma"), *arguments],
        env={"PATH": str(clone / "bin"), "YINGMA_LANG": "en", "LOG": str(log), "FAIL": fail, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    asked = log.read_text().replace(f"--python {clone}/.venv/bin/python --no-progress ", "") if log.exists() else ""
    return done.returncode, asked.splitlines(), done.stderr


def wanted(clone: Path, options: str) -> str:
    return f"uv pip install {options} -r {clone}/training/requirements.txt".replace("  ", " ")


def test_only_training_installs_pytorch(clone: Path) -> None:
    for arguments in (["decode", "x"], ["model", "card"], ["model", "train", "--help"], ["explain", "train"]):
        assert call(clone, *arguments)[:2] == (0, ["yingma " + " ".join(arguments)])
    code, asked, told = call(clone, "model", "train", "--seed", "1")
    assert (code, asked) == (0, [wanted(clone, "--torch-backend=cpu"), "yingma model train --seed 1"])
    assert told.startswith("Installing PyTorch for training")
    assert call(clone, "model", "train")[:2] == (0, ["yingma model train"])
    assert call(clone, "model", "train", HAS_TORCH="1")[1][0] == wanted(clone, "--torch-backend=cpu")


def test_links_come_first(clone: Path) -> None:
    links = "--find-links /a --find-links /b --find-links /c"
    pinned = f"uv pip install --no-deps --no-index {links} torch==2.13.0"
    environment = {"UV_FIND_LINKS": "/a,/b", "PIP_FIND_LINKS": "/c"}
    assert call(clone, "model", "train", **environment)[1][:2] == [pinned, wanted(clone, links)]
    (clone / ".venv/.ready-train").unlink()
    asked = call(clone, "model", "train", fail="--no-index", **environment)[1]
    assert asked[:2] == [pinned, wanted(clone, "--torch-backend=cpu")]


def test_no_index_of_pytorch_and_nothing_at_all(clone: Path) -> None:
    asked = call(clone, "model", "train", fail="--torch-backend")[1]
    assert asked == [wanted(clone, "--torch-backend=cpu"), wanted(clone, ""), "yingma model train"]
    (clone / ".venv/.ready-train").unlink()
    code, asked, told = call(clone, "model", "train", fail="pip install")
    assert code == 1
    assert "yingma model train" not in asked
    assert told.splitlines()[1] == "no"
    assert "PyTorch could not be installed" in told.splitlines()[-1]
    assert not (clone / ".venv/.ready-train").exists()


def test_the_lock_holds_no_pytorch() -> None:
    lock = (ROOT / "uv.lock").read_text(encoding="utf-8")
    assert 'name = "torch"' not in lock
    assert "nvidia" not in lock


@pytest.mark.slow
def test_train_and_card(tmp_path: Path) -> None:
    """The whole command on few names: what it writes fits together."""
    for package in ("torch", "gguf", "llama_cpp"):
        pytest.importorskip(package)
    environment = {**os.environ, "YINGMA_LANG": "en", "YINGMA_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}

    def yingma(*arguments: str) -> Any:
        command = [sys.executable, "-m", "agent", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    done = yingma("model", "train", "--names", "2000", "--threads", "1", "--json")
    assert done.returncode == 0, done.stderr
    card = json.loads(done.stdout)
    folder = tmp_path / "home" / "model"
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "classifier.npz", "yingma.gguf"]
    for part in (card, card["classifier"]):
        data = (folder / part["file"]).read_bytes()
        assert (part["sha256"], part["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
        assert {figure["set"] for figure in part["figures"]} > {"generated"}
    assert list((tmp_path / "home" / "training").iterdir()) == []
    assert json.loads(yingma("model", "card", str(folder), "--json").stdout) == card
    shown = yingma("model", "card", str(folder)).stdout
    assert card["sha256"] in shown
    assert "Not good at" in shown
