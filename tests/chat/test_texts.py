"""The tables of the dialogue hold in both languages, and the terminal says the same as the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from agent.chat.question import modalities, questions, usual_parts
from agent.chat.render import escape, sentences
from agent.defuse import defused
from tests.serving import ROOT
from tests.store.world import pipeline

HOLE = re.compile(r"\{(\w+)\}")


def test_every_sentence_has_both_languages_and_the_same_holes() -> None:
    for row in sentences().rows.values():
        assert row.zh.strip()
        assert row.en.strip()
        assert set(HOLE.findall(row.zh)) == set(HOLE.findall(row.en)), row.id
        assert row.zh.count("|") == row.en.count("|"), row.id
    for question in questions().values():
        assert bool(question.zh) == bool(question.en) == (question.kind != "none"), question.reason


def test_usual_parts_are_in_the_edition() -> None:
    stock = pipeline().reader.stock
    nuclear = {item.name for item in pipeline().catalogue.items.values()}
    for row in usual_parts():
        assert stock.part(row.family, row.part) is not None or row.family + row.part in nuclear, row
    for modality in modalities():
        assert pipeline().reader.column(modality.column)


def test_what_comes_from_outside_is_escaped() -> None:
    assert escape("a|b*c_[d](e)<f>`g`$h$") == r"a\|b\*c\_\[d\]\(e\)\<f\>\`g\`\$h\$"
    assert escape("1\n2\u202e\x00") == "1‹U\\+000A›2‹U\\+202E›‹U\\+0000›"
    assert len(escape("长" * 1000)) == 301
    assert defused("=1+1") == "'=1+1"
    assert defused(" @x") == "' @x"
    assert defused("胸部CT") == "胸部CT"


def test_in_the_terminal() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "YINGMA_LANG": "zh", "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "agent", "chat"],
        input="踝关节三维重建术\n2\n20010199110000\n",
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "[1 左侧]  [2 右侧]  [3 双侧]" in done.stdout
    assert "20072502111100" in done.stdout
    assert "错在：三级部位" in done.stdout
