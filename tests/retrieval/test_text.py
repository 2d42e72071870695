"""Folding and cleaning of names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.modality import ModalityFilter
from retrieval.text import LONGEST, Cleaner, fold
from standard.lexicon import Lexicon, load_lexicon


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("ＣＴ胸部（平扫＋增强）", "CT胸部平扫+增强"),
        ("頭顱 MRI 平掃", "头颅MRI平扫"),
        ("lumbar  spine\tap", "LUMBAR SPINE AP"),
        ("胸\u200b部\x00CT", "胸部CT"),
        ("胸部\ud800CT", "胸部CT"),
        ("*胸部、CT。", "胸部CT"),
        ("()【】", ""),
        ("", ""),
    ],
)
def test_fold(name: str, folded: str) -> None:
    assert fold(name) == folded


@pytest.fixture(scope="module")
def cleaner() -> Cleaner:
    """Made once: it compiles every pattern."""
    return Cleaner(load_lexicon())


@given(st.text(max_size=300))
def test_fold_and_cleaner_are_total_and_stable(cleaner: Cleaner, name: str) -> None:
    folded = fold(name)
    assert fold(folded) == folded
    assert len(folded) <= LONGEST
    cleaned = cleaner(name)
    assert cleaned.encode("utf-8") is not None
    assert (cleaned == "") == (folded == "")


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("[胸部]16排以上螺旋CT胸部平扫(医保)", "胸部CT胸部平扫"),
        ("CT平扫", "CT平扫"),  # CT平 is a form too
        ("颅脑核磁共振平扫", "颅脑MR平扫"),
        ("冠状动脉CTA", "冠状动脉CTA"),  # 冠状 is noise, 冠状动脉 is not
        ("(医保)", "医保"),  # nothing but noise: better than nothing
    ],
)
def test_cleaner(name: str, cleaned: str, lexicon: Lexicon) -> None:
    assert Cleaner(lexicon)(name) == cleaned


def test_cleaner_without_a_lexicon_only_folds() -> None:
    assert Cleaner(None)("胸部CT(医保)") == "胸部CT医保"


def test_long_names_are_cut_before_work_is_done(lexicon: Lexicon) -> None:
    cleaner = Cleaner(lexicon)
    assert cleaner("胸部CT平扫" * 2_000) == cleaner("胸部CT平扫" * 1_000)


@pytest.mark.parametrize(
    ("name", "column", "kept"),
    [
        ("胸部平扫", "CT", {"CT"}),
        ("胸部正位", "放射科", {"CT", "MR", "DR"}),
        ("胸部正位", "X光", {"DR"}),
        ("胸部MRI", "CT", {"CT", "MR"}),  # they contradict: both stay
        ("胸部MRI", "", {"MR"}),
        ("胸部", "", None),
        ("胸部", "没有这种", None),
        ("胸部", "RF", {"DR"}),  # an X-ray room without RF items in the catalogue
        ("床旁肝脏彩超", "", {"US"}),  # 床旁 may be a film or ultrasound: it says nothing
        ("全身骨显像", "SPECT", None),  # a modality that the catalogue does not have filters nothing
        ("", "", None),
    ],
)
def test_modality_filter(name: str, column: str, kept: set[str] | None, lexicon: Lexicon) -> None:
    read = ModalityFilter(lexicon, {"CT", "MR", "DR", "US"}, Cleaner(lexicon))
    found = read(name, column)
    assert (set(found) if found else None) == kept
