"""Compiled modules in place of interpreted ones, where they were made from the very sources that are here.

    .venv/compiled/BUILD/build.tsv   what a build was made from and with, and which file is which module
    .venv/compiled/BUILD/agent/...   the modules

`yingma compile` (agent/command_compile.py) makes a build. Importing this module, which every package that has compiled
modules does first, puts it in use: only for the same Python, and only if every source that the compiler looked at is
what it was then, by its SHA-256. Otherwise, and with YINGMA_COMPILED=0, sources are interpreted, so that no old build
answers for an edited line. Where nothing was compiled, as in an environment that holds a wheel, a folder is not found.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

FOLDER = Path(sys.prefix) / "compiled"
ROOT = Path(__file__).resolve().parent.parent
MANIFEST = "build.tsv"
LIBRARY = "yingma__mypyc"  # the code of all compiled modules; a module's own file only calls it


class Build:
    """Finds the compiled modules, each by its file (for sys.meta_path). `compiler`: what made them."""

    def __init__(self, files: dict[str, str], compiler: str) -> None:
        self._files = files
        self.compiler = compiler

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The file of a compiled module; None for any other."""
        if name not in self._files:
            return None
        file = self._files[name]
        return spec_from_file_location(name, file, loader=ExtensionFileLoader(name, file))


def python_build() -> str:
    """This very Python, and the ending of the modules that are compiled for it."""
    return f"{' '.join(sys.version.split())} {EXTENSION_SUFFIXES[0]}"


def hash_of(source: Path) -> str:
    """The SHA-256 of a file; empty where it cannot be read."""
    try:
        return hashlib.sha256(source.read_bytes()).hexdigest()
    except OSError:
        return ""


def fitting(folder: Path, root: Path) -> Build | None:
    """The build in `folder` that was made by this Python from the sources under `root`; None where there is none."""
    try:
        builds = sorted((each for each in folder.iterdir() if not each.name.startswith(".")), reverse=True)
    except OSError:
        return None
    return next((found for build in builds if (found := _opened(build, root)) is not None), None)


def _opened(build: Path, root: Path) -> Build | None:
    try:
        lines = (build / MANIFEST).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    files: dict[str, str] = {}
    compiler = ""
    for line in lines[1:]:
        kind, name, value = line.split("\t") if line.count("\t") == 2 else ("cut off", "", "")
        if kind == "compiler":
            compiler = value
            continue
        if kind == "module":
            files[name] = str(build / value)
            holds = os.path.isfile(files[name])
        else:
            holds = value == (python_build() if kind == "python" else hash_of(root / name))
        if not holds:
            return None
    return Build(files, compiler) if LIBRARY in files else None  # its last row


def in_use() -> bool:
    """Whether this process runs compiled modules."""
    return LIBRARY in sys.modules


def _use() -> None:
    if os.environ.get("YINGMA_COMPILED") == "0":
        return
    build = fitting(FOLDER, ROOT)
    if build is None:
        return
    sys.meta_path.insert(0, build)
    try:
        importlib.import_module(LIBRARY)
    except ImportError:  # made on a machine with other libraries: interpreted, as if there were none
        sys.meta_path.remove(build)


if not in_use():
    _use()
