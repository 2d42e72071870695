"""Faults in the lexicon's tables: each stops the load and names file, row, column and value."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from standard.errors import DataError
from standard.lexicon import DATA, read_lexicon


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("lexicon", "rules"):
        shutil.copytree(DATA / part, tmp_path / part)
    return tmp_path


@pytest.mark.parametrize(
    ("table", "line", "row", "column"),
    [
        ("lexicon/part.tsv", "头颅\t胸部\tCT\t\tusage\t头颅CT", None, "surface"),
        ("lexicon/part.tsv", "某部\t胸部\tXT\t\tusage\t某部CT", None, "modality"),
        ("lexicon/part.tsv", "某部\t胸部\tCT\tsure\tusage\t某部CT", None, "certainty"),
        ("lexicon/part.tsv", "某部\t胸部\tCT\t\trumour\t某部CT", None, "source"),
        ("lexicon/part.tsv", "某部\t胸部\tCT\t\tusage", None, None),
        ("lexicon/pattern.tsv", "(\\d\tnoise\tdevice\t\tusage\t1", None, "pattern"),
        ("lexicon/pattern.tsv", "某\\d\tnoise\tdevice\tCT\tusage\t某1", None, "modality"),
        ("lexicon/enclosed.tsv", "脾大\twish\tusage\t胸部CT平扫(脾大)", None, "surface"),
        ("lexicon/noise.tsv", "某词\tdevice\tCT\t\tusage\t胸部CT平扫(某词)", None, "modality"),
        ("rules/vessel.tsv", "颅脑\tX\tCT\t颅内动脉\t\tguide", None, "kind"),
    ],
)
def test_a_faulty_row(folder: Path, table: str, line: str, row: int | None, column: str | None) -> None:
    path = folder / table
    text = path.read_text(encoding="utf-8")
    path.write_text(text + line + "\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_lexicon(folder)
    assert caught.value.file == path.name
    assert caught.value.row == text.count("\n") + 1
    assert caught.value.column == column
    assert path.name in caught.value.sentence("zh")


def test_another_header(folder: Path) -> None:
    path = folder / "lexicon" / "side.tsv"
    path.write_text("surface\telement\n左\t左\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_lexicon(folder)
    assert (caught.value.file, caught.value.row) == ("side.tsv", 1)


def test_the_version_changes_with_any_table(folder: Path) -> None:
    before = read_lexicon(folder).version
    path = folder / "rules" / "unsided.tsv"
    path.write_text(path.read_text(encoding="utf-8") + "双某\ta test\tusage\n", encoding="utf-8")
    assert read_lexicon(folder).version != before
    assert read_lexicon(DATA).version == before
