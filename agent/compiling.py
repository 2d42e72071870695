"""Compiles the reader: `python -m agent.compiling FOLDER` puts its modules, as C extensions, under FOLDER.

mypyc (https://mypyc.readthedocs.io) makes C of typed Python, with the same meaning but for what it refuses or warns of;
a test holds that compiled and interpreted modules answer alike. A process of its own, since compilers print and exit.
"""

from __future__ import annotations

import os
import sys
from contextlib import chdir
from pathlib import Path

from standard.compiled import LIBRARY, ROOT

# What reads and routes a name, from its text to a route. Not here: modules with pydantic models.
READER = """
    beside cross_section doubts evidence families film_doubts gloss group groups lexer masks nodes nuclear
    piece projection reader reading relations resolve router segments stock ultrasound unexplained
"""
COMPILED = ("standard/patterns.py", "standard/text.py", *(f"agent/{name}.py" for name in READER.split()))
# Interpreted modules whose types the compiler knows; what stands in any other module it takes as it comes.
KNOWN = tuple(f"agent/{name}.py" for name in ("__init__", "answer", "calibration", "opinions", "reasons"))
SUFFIX = "__mypyc"  # of the library, put there by mypyc


def sources() -> list[str]:
    """Every source that the compiler looks at, relative to the root."""
    standard = {path.relative_to(ROOT).as_posix() for path in (ROOT / "standard").glob("*.py")}
    return sorted(standard.union(COMPILED, KNOWN))


def compile_into(folder: Path) -> None:
    """Compile into `folder`. SystemExit where the compiler refuses a module, with its words on stdout."""
    from mypyc.build import mypycify
    from setuptools import Distribution

    options = ["--config-file=", f"--cache-dir={os.devnull}", "--follow-imports=skip", "--ignore-missing-imports"]
    with chdir(ROOT):
        extensions = mypycify(
            [*options, *sources()],
            only_compile_paths=COMPILED,
            opt_level="1",  # twice as fast to compile as 2, and reads as fast
            debug_level="0",
            group_name=LIBRARY.removesuffix(SUFFIX),
            target_dir=str(folder / "c"),
        )
        command = Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
        command.build_lib, command.build_temp = str(folder), str(folder / "c")
        command.parallel = os.cpu_count()
        command.ensure_finalized()
        command.run()


if __name__ == "__main__":
    compile_into(Path(sys.argv[1]).resolve())
