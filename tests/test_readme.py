"""What the README shows is what the program does."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def block(text: str, mark: str) -> str:
    """The fenced block after a mark."""
    found = re.search(rf"<!-- {mark} -->\n```csv\n(.*?)```", text, re.DOTALL)
    assert found is not None, mark
    return found[1]


@pytest.mark.parametrize(("page", "lang"), [("README.md", "en"), ("README.zh.md", "zh")])
def test_the_example_comes_out_as_shown(page: str, lang: str, tmp_path: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    source, target = tmp_path / "names.csv", tmp_path / "coded.csv"
    source.write_text(block(text, "example"), encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "agent", "normalize", str(source), "-o", str(target)],
        cwd=ROOT,
        env={**os.environ, "YINGMA_LANG": lang},
        check=True,
        capture_output=True,
    )
    shown = list(csv.reader(block(text, "example output").splitlines()))
    assert list(csv.reader(target.read_text(encoding="utf-8").splitlines())) == shown


@pytest.mark.parametrize(
    "page", ["README.md", "README.zh.md", *sorted(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]
)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


def test_examples_are_nobodys_labelled_names(shared: Path) -> None:
    """The example names are invented: none is a name that the product is measured on."""
    from agent.tables import open_tables

    with open(shared / "gold" / "dev.tsv", encoding="utf-8", newline="") as file:
        labelled = {row["name"] for row in csv.DictReader(file, delimiter="\t")}
    files = [path for path in sorted((ROOT / "examples").iterdir()) if path.suffix in (".csv", ".tsv", ".xlsx")]
    cells = [cell for path in files for row in open_tables([path])[0].rows() for cell in row]
    assert len(files) == 4
    assert sum(len(list(open_tables([path])[0].rows())) for path in files) >= 200
    assert sorted(labelled & set(cells)) == []
