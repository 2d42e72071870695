"""`yingma compile`: the reader as machine code, in the environment's folder `compiled` (standard/compiled.py)."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.command_develop import need_checkout
from agent.compiling import sources
from agent.console import note, say
from standard.compiled import FOLDER, LIBRARY, MANIFEST, ROOT, fitting, hash_of, python_build
from standard.errors import YingmaError

LOG = FOLDER.with_suffix(".log")
KEPT = 1  # builds beside the new one: a process that starts just now may be loading it


def run_compile() -> None:
    """Compile where no build fits. YingmaError, and what was there is still there, where it fails."""
    need_checkout()
    if any(importlib.util.find_spec(each) is None for each in ("mypyc", "setuptools")):
        raise YingmaError(
            "没有安装编译所需的软件包（mypy、setuptools）；请安装 C 编译器，删除 .venv/.ready* 后再运行 ./yingma。",
            "The packages that compiling needs (mypy, setuptools) are not installed; install a C compiler, remove "
            ".venv/.ready* and run ./yingma again.",
        )
    build = fitting(FOLDER, ROOT)
    if build is not None and build.compiler == _compiler():
        note(say("阅读器已由现有源代码编译。", "The reader is compiled from the sources that are here."))
        return
    started = time.perf_counter()
    try:
        place = _made(FOLDER)
    except OSError as error:
        raise YingmaError(
            f"无法写入 {FOLDER}：{error.strerror}；阅读器不编译也能使用。",
            f"{FOLDER} cannot be written: {error.strerror}; the reader works without being compiled, too.",
        ) from error
    seconds = time.perf_counter() - started
    note(say(f"阅读器已编译，{seconds:.0f} 秒：{place}", f"The reader is compiled, {seconds:.0f} s: {place}"))


def _made(folder: Path) -> Path:
    """A new build in `folder`, there whole or not at all; gives its place."""
    hashes = _hashes()
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".", dir=folder) as scratch:
        made = Path(scratch) / "build"
        _compile(made)
        if hashes != _hashes():
            raise YingmaError(
                "编译时源代码有改动；请再运行一次 ./yingma compile。",
                "Sources changed while they were compiled; run ./yingma compile again.",
            )
        _tell(made, hashes)
        os.sync()  # on the disk before it has its name: half a library would not say so
        build = folder / f"{time.time_ns():x}"
        made.rename(build)
    others = sorted(each for each in folder.iterdir() if not each.name.startswith(".") and each != build)
    for old in others[: len(others) - KEPT]:
        shutil.rmtree(old)
    return build


def _hashes() -> dict[str, str]:
    """Of every source that a build is made from, and of what makes it."""
    return {source: hash_of(ROOT / source) for source in (*sources(), "agent/compiling.py")}


def _compiler() -> str:
    return f"mypy {importlib.metadata.version('mypy')}"


def _compile(made: Path) -> None:
    with open(LOG, "wb") as log:
        done = subprocess.run(
            [sys.executable, "-m", "agent.compiling", str(made)],
            env={**os.environ, "YINGMA_COMPILED": "0"},
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        said = [line.strip() for line in LOG.read_text(encoding="utf-8", errors="replace").split("\n") if line.strip()]
        why = next((line for line in said if "error:" in line), said[-1] if said else str(done.returncode))[:300]
        raise YingmaError(
            f"阅读器未能编译：{why}（全文在 {LOG}）；不编译也能使用。",
            f"The reader could not be compiled: {why} (all of it in {LOG}); it works without, too.",
        )
    shutil.rmtree(made / "c")


def _tell(made: Path, hashes: dict[str, str]) -> None:
    """Write what the build was made from and with."""
    files = sorted((path.relative_to(made) for path in made.rglob("*") if path.is_file()), key=_library_last)
    rows = [
        ("kind", "name", "value"),
        ("python", "", python_build()),
        ("compiler", "", _compiler()),
        *(("source", source, found) for source, found in hashes.items()),
        *(("module", ".".join((*file.parent.parts, file.name.split(".")[0])), file.as_posix()) for file in files),
    ]
    (made / MANIFEST).write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")


def _library_last(file: Path) -> tuple[bool, Path]:
    return file.name.startswith(LIBRARY), file
