"""Compiled and interpreted modules answer alike, and no build answers for a source that it was not made from."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from agent.compiling import COMPILED, KNOWN
from standard.compiled import FOLDER, LIBRARY, MANIFEST, ROOT, fitting, hash_of, python_build

HERE = Path(__file__).resolve().parent
NAMES = HERE.parent.parent / "evals" / "data"
HOSTILE = [
    "",
    " ",
    "\x00胸部CT\x00",
    "\ud800胸部CT平扫",
    "‮胸部CT平扫‬",
    "胸" * 10_000,
    "(" * 399,
    "1" * 400,
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>胸部CT",
    "٣张胸部CT ३",
    "🫁CT",
    "C T 胸 部\t平\n扫",
]
READS = f"""
import json, sys
from agent.answer import Query
from agent.pipeline import Pipeline
from evals.gold import read_gold
from pathlib import Path
from standard import load_catalogue
from standard.compiled import in_use

pipeline = Pipeline(load_catalogue())
queries = [Query(name, modality) for name in {HOSTILE!a} for modality in ("", "CT", "超声")]
queries += [Query(row.name, row.modality) for row in read_gold(sorted(Path({str(NAMES)!r}).glob("*.tsv")))[::11]]
compact = pipeline.answer_compact(queries)
readings = [repr(pipeline.reader.read(query.name, query.modality)) for query in queries]
print(json.dumps([in_use(), len(queries), compact, readings]))
"""
ASKS = "from standard.compiled import in_use; import agent.masks as m; print(in_use(), m.ALL, m.__file__)"


def python(code: str, root: Path = ROOT, **environment: str) -> str:
    """What a process of its own says, with the packages of `root`."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8", **environment},
        cwd=root,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode("utf-8")


def add(source: Path, line: str) -> None:
    """A line more at the end of a source."""
    source.write_text(f"{source.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")


@pytest.fixture(scope="module")
def built() -> None:
    """A build that fits the sources that are here."""
    if fitting(FOLDER, ROOT) is None:
        pytest.skip("the reader is not compiled from the sources that are here (./yingma compile)")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages once more, to be edited."""
    for package in ("agent", "standard", "prompts", "retrieval"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_compiled_and_interpreted_answer_alike(built: None) -> None:
    compiled, interpreted = (json.loads(python(READS, YINGMA_COMPILED=switch)) for switch in ("1", "0"))
    assert (compiled[0], interpreted[0]) == (True, False)
    assert compiled[1] > 300
    assert compiled[1:] == interpreted[1:]


def test_an_edited_source_is_interpreted(built: None, copy: Path) -> None:
    used, everything, file = python(ASKS, copy).split()
    assert used == "True"
    assert Path(file).is_relative_to(FOLDER)
    add(copy / "agent" / "masks.py", "ALL = 4242")
    assert python(ASKS, copy).split() == ["False", "4242", str(copy / "agent" / "masks.py")]
    assert everything != "4242"


@pytest.mark.parametrize("source", ["standard/catalogue.py", "agent/answer.py"])
def test_so_is_what_a_compiled_module_only_knows(built: None, copy: Path, source: str) -> None:
    add(copy / source, "# edited")
    assert python(ASKS, copy).split()[0] == "False"


def test_the_switch(built: None) -> None:
    assert python(ASKS, YINGMA_COMPILED="0").split()[0] == "False"


# -- which build fits: no compiler is needed ---------------------------------------------------------------------------


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A build of one source; its module is no library."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a.py").write_text("A = 1\n")
    made = tmp_path / "compiled" / "1"
    made.mkdir(parents=True)
    library = LIBRARY + EXTENSION_SUFFIXES[0]
    (made / library).write_text("no library")
    rows = [
        ("kind", "name", "value"),
        ("python", "", python_build()),
        ("compiler", "", "mypy 1"),
        ("source", "a.py", hash_of(tmp_path / "root" / "a.py")),
        ("module", LIBRARY, library),
    ]
    (made / MANIFEST).write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return made


def fits(build: Path) -> bool:
    return fitting(build.parent, build.parent.parent / "root") is not None


def test_a_build_that_fits(build: Path) -> None:
    found = fitting(build.parent, build.parent.parent / "root")
    assert found is not None
    assert found.compiler == "mypy 1"
    spec = found.find_spec(LIBRARY)
    assert spec is not None
    assert spec.origin == str(build / (LIBRARY + EXTENSION_SUFFIXES[0]))
    assert found.find_spec("a") is None


def test_builds_that_do_not(build: Path, tmp_path: Path) -> None:
    manifest = build / MANIFEST
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace(python_build(), python_build() + " another"), encoding="utf-8")
    assert not fits(build)  # another Python
    manifest.write_text(text, encoding="utf-8")
    assert fits(build)
    (tmp_path / "root" / "a.py").write_text("A = 2\n")
    assert not fits(build)  # edited
    (tmp_path / "root" / "a.py").unlink()
    assert not fits(build)  # gone
    (tmp_path / "root" / "a.py").write_text("A = 1\n")
    assert fits(build)  # as it was
    (build / (LIBRARY + EXTENSION_SUFFIXES[0])).unlink()
    assert not fits(build)  # half of it
    manifest.unlink()
    assert not fits(build)
    assert fitting(tmp_path / "nowhere", tmp_path) is None


def test_a_manifest_cut_off(build: Path) -> None:
    manifest = build / MANIFEST
    whole = manifest.read_bytes()
    assert fits(build)
    for size in range(len(whole) - 1):
        manifest.write_bytes(whole[:size])
        assert not fits(build)


def test_the_one_of_several_that_fits(build: Path, tmp_path: Path) -> None:
    for name in ("0", "2"):
        shutil.copytree(build, build.parent / name)
        manifest = build.parent / name / MANIFEST
        manifest.write_text(manifest.read_text(encoding="utf-8").replace("a.py", "b.py"), encoding="utf-8")
    found = fitting(build.parent, tmp_path / "root")
    assert found is not None
    spec = found.find_spec(LIBRARY)
    assert spec is not None
    assert spec.origin is not None
    assert spec.origin.startswith(str(build))


def test_a_library_that_does_not_load(build: Path, copy: Path) -> None:
    manifest = build / MANIFEST
    found = hash_of(copy / "standard" / "text.py")
    text = manifest.read_text(encoding="utf-8").replace("a.py", "standard/text.py")
    old = hash_of(build.parent.parent / "root" / "a.py")
    manifest.write_text(text.replace(old, found), encoding="utf-8")
    assert fitting(build.parent, copy) is not None
    code = f"import sys; sys.prefix = {str(build.parent.parent)!r}; {ASKS}"
    assert python(code, copy).split()[0] == "False"


def test_the_compiler_knows_what_compiled_modules_import() -> None:
    known = {*COMPILED, *KNOWN}
    for path in COMPILED:
        for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("agent."):
                module = (node.module or "").replace(".", "/") + ".py"
                assert module in known, f"{path} imports {module}: name it in agent/compiling.py"


@pytest.mark.slow
def test_compiling(copy: Path, tmp_path: Path) -> None:
    pytest.importorskip("mypyc")
    shutil.copy(ROOT / "pyproject.toml", copy)
    add(copy / "agent" / "masks.py", "EDITED = 1")
    prefix = f"import sys; sys.prefix = {str(tmp_path / 'environment')!r}; "
    compiles = prefix + "from agent.command_compile import run_compile; run_compile()"
    python(compiles, copy)
    asks = prefix + ASKS.replace("m.ALL", "m.EDITED")
    used, edited, file = python(asks, copy).split()
    assert (used, edited) == ("True", "1")
    assert Path(file).is_relative_to(tmp_path / "environment" / "compiled")
    python(compiles, copy)  # nothing to do
    assert len(list((tmp_path / "environment" / "compiled").iterdir())) == 1
    add(copy / "agent" / "masks.py", "EDITED: int = 'no number'")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        python(compiles, copy)
    assert "could not be compiled: agent/masks.py" in caught.value.stderr.decode()
    assert python(asks, copy).split()[:2] == ["False", "no"]
