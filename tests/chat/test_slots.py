"""Slots changed one at a time: every item of the edition is found by its slots, and its code is the coder's."""

from __future__ import annotations

from agent.chat.slots import Slots
from agent.reading import Exam
from tests.store.world import pipeline

SLOTS = Slots(pipeline())


def test_every_item_is_found_by_its_slots() -> None:
    for code in pipeline().catalogue.items:
        exam = SLOTS.of_code(code)
        assert exam is not None
        assert code in [each.code for each in SLOTS.find(exam)], exam


def test_a_side_that_is_missing_gives_an_exam_without_a_code() -> None:
    ankle = Exam("CT", "踝关节", "", "平扫", "三维重建", "")
    assert [exam.code for exam in SLOTS.find(ankle)] == [""]
    assert {side: [exam.code for exam in found] for side, found in SLOTS.sides(ankle)} == {
        "左": ["20072501111100"],
        "右": ["20072502111100"],
        "双": ["20072503111100"],
    }


def test_what_the_edition_does_not_have_is_not_offered() -> None:
    assert SLOTS.find(Exam("CT", "没有这个部位", "", "平扫", "", "")) == ()
    assert SLOTS.find(Exam("MR", "颅脑", "", "没有这种扫描", "", "")) == ()
    assert SLOTS.find(Exam("PET/CT", "没有", "", "", "", "")) == ()
    ankle = Exam("CT", "踝关节", "", "平扫", "三维重建", "")
    assert [scan for scan, _ in SLOTS.scans(ankle)] == ["平扫", "平扫+增强"]


def test_slots_instead_of_what_a_text_says() -> None:
    said, clean = SLOTS.said("[头部]16排胸部CT平扫", "CT")
    assert clean
    assert [exam.code for exam in SLOTS.exams_of(said, "CT", part=["颅脑"]).exams] == ["20010100110000"]
    assert SLOTS.exams_of(said, "CT", part=["没有"]).exams == ()
