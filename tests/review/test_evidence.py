"""Candidates: where the side is unsaid, what differs in nothing but the side stands as 左, 右, 双."""

from __future__ import annotations

from functools import cache
from itertools import permutations

import pytest

from agent.reading import Exam
from agent.review.evidence import Candidate, Voices, Weigher
from standard import load_catalogue
from standard.item_slots import split_side
from standard.lexicon import load_lexicon

CATALOGUE = load_catalogue("3.8.2")
KNEE = Exam("CT", "膝关节", "", "平扫", "", "")


@cache
def weigher() -> Weigher:
    return Weigher(CATALOGUE)


def code(name: str) -> str:
    return next(each.code for each in CATALOGUE.items.values() if each.name == name)


def side(each: Candidate) -> str:
    elements = each.item.elements
    part = elements.get("part3") or elements.get("part") or elements["part2"]
    return split_side(part, each.item.modality, load_lexicon())[0]


@pytest.mark.parametrize(
    "exam",
    [
        KNEE,
        Exam("CT", "踝关节", "", "平扫", "三维重建", ""),
        Exam("MR", "髋关节", "", "平扫", "", ""),
        Exam("DR", "膝关节", "", "", "正、侧位", ""),
        Exam("MG", "乳腺", "", "钼靶", "", ""),
    ],
)
def test_an_unsaid_side_comes_in_one_order_whatever_a_search_says(exam: Exam) -> None:
    plain = weigher().candidates(exam, [exam.part], Voices())
    assert [side(each) for each in plain[:3]] == ["左", "右", "双"]
    found = [each.item.code for each in plain[:3]]
    for order in permutations(found):
        ranks = {each: {"lexical": place, "dense": place} for place, each in enumerate(order, 1)}
        again = weigher().candidates(exam, [exam.part], Voices(ranks=ranks))
        assert [each.item.code for each in again[:3]] == found
    for only in found:  # what one search or a model found alone brings the others with it
        for voices in (Voices(ranks={only: {"exact": 1}}), Voices(model=frozenset([only]))):
            again = weigher().candidates(exam, [exam.part], voices)
            assert [each.item.code for each in again[:3]] == found


def test_families_come_whole_the_best_first() -> None:
    names = [each.item.name for each in weigher().candidates(KNEE, [KNEE.part], Voices())]
    assert names[:3] == [f"CT{each}膝关节(平扫)" for each in "左右双"]
    for most in (6, 10):
        found = [side(each) for each in weigher().candidates(KNEE, [KNEE.part], Voices(), most)]
        assert len(found) <= most
        assert found == ["左", "右", "双"] * (len(found) // 3)


def test_another_part_that_a_search_found_on_one_side_comes_on_all() -> None:
    ranks = {code("CT双踝关节(平扫)"): {"exact": 1}}
    names = [each.item.name for each in weigher().candidates(KNEE, [KNEE.part], Voices(ranks=ranks), 40)]
    at = names.index("CT左踝关节(平扫)")
    assert names[at : at + 3] == [f"CT{each}踝关节(平扫)" for each in "左右双"]


def test_a_side_that_is_said_comes_first() -> None:
    found = weigher().candidates(KNEE._replace(side="右"), [KNEE.part], Voices())
    assert found[0].item.name == "CT右膝关节(平扫)"
    assert [each.total for each in found] == sorted((each.total for each in found), reverse=True)
