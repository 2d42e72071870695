"""What may be done to a name without changing its code, and what has to change it: over every item of every edition.

Chen, Cheung, Yiu (1998): a metamorphic test needs no labelled names, only relations between the answers to two of them.
The relations are data (metamorphic.toml). A name may always go to a person; it may never be accepted as something else.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opencc import OpenCC

from agent.answer import Query, Suggestion
from agent.pipeline import Pipeline
from agent.stock import UNSPECIFIED
from standard import Item, load_catalogue
from standard.item_slots import item_slots
from standard.lexicon import load_lexicon
from training.damage import sounds

RELATIONS = tomllib.loads((Path(__file__).parent / "metamorphic.toml").read_text(encoding="utf-8"))
ITEMS = list(load_catalogue("3.8.2").items.values())
NAMED = [
    item for item in ITEMS if UNSPECIFIED not in item.elements.values()
]  # 非指定部位 takes the part of a neighbour
COLUMN = {"MG": "DR", "RF": "DR"}
AROUND = [("", each) for each in RELATIONS["around"]["all"]] + [
    (modality, each) for modality in ("CT", "MR", "DR", "US") for each in RELATIONS["around"][modality]
]
SAME_SOUND = {character: same for character, (_, same) in sounds().items()}
MEETS = 20  # items that a word is tried in; `./yingma test --slow`: all
RARE = "氅奁醭夔饕爨黻"  # characters that no word of the lexicon has


def accepted_otherwise(pipeline: Pipeline, cases: Iterable[tuple[str, str, frozenset[str]]]) -> list[str]:
    """The names, of (name, modality column, codes), that are accepted with other codes; told with what they came to."""
    known = list(cases)
    answers = pipeline.answer_compact([Query(name, modality) for name, modality, _ in known])
    return [
        f"{name!r} [{modality}]: {names}"
        for (name, modality, wanted), (route, codes, names, *_) in zip(known, answers, strict=True)
        if route == "accepted" and set(codes.split("+")) != wanted
    ]


def column(item: Item) -> str:
    return COLUMN.get(item.modality, item.modality)


def one(pipeline: Pipeline, name: str, modality: str) -> Suggestion:
    return pipeline.answer([Query(name, modality)])[0]


# -- the code stays --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("modality", "around"), AROUND)
def test_what_stands_around_an_exam_changes_no_code(pipeline: Pipeline, modality: str, around: str) -> None:
    items = [item for item in NAMED if modality in ("", item.modality)]
    plain = {item.code for item in items if one(pipeline, f"{item.name}(医保)", column(item)).route == "accepted"}
    cases = [(around.format(name=item.name), column(item), frozenset({item.code})) for item in items]
    assert accepted_otherwise(pipeline, cases) == []
    answers = pipeline.answer([Query(name, column) for name, column, _ in cases])
    held_back = [query[0] for query, answer in zip(cases, answers, strict=True) if answer.route != "accepted"]
    assert len(held_back) <= len(items) - len(plain), held_back[:10]


@given(st.lists(st.sampled_from(RELATIONS["around"]["all"]), min_size=2, max_size=4), st.sampled_from(NAMED))
@settings(max_examples=300, deadline=None)
def test_nor_does_it_several_times_over(pipeline: Pipeline, around: list[str], item: Item) -> None:
    name = item.name
    for each in around:
        name = each.format(name=name)
    assert accepted_otherwise(pipeline, [(name, column(item), frozenset({item.code}))]) == []


def test_widths_and_traditional_characters_change_no_answer(pipeline: Pipeline) -> None:
    wide = str.maketrans({chr(point): chr(point + 0xFEE0) for point in range(0x21, 0x7F)})
    traditional = OpenCC("s2t")
    for item in ITEMS:
        plain = one(pipeline, item.name, column(item))
        assert one(pipeline, item.name.translate(wide), column(item)).codes == plain.codes
        assert one(pipeline, traditional.convert(item.name), column(item)).codes == plain.codes, item.name


@pytest.mark.parametrize("order", RELATIONS["order"]["CT/MR"])
def test_the_order_of_words_changes_no_code(pipeline: Pipeline, order: str) -> None:
    lexicon = load_lexicon()
    cases, sections = [], [item for item in NAMED if item.modality in ("CT", "MR")]
    for item in sections:
        slots = item_slots(item, lexicon)
        if slots is not None:
            scan = "+".join(each for each in (slots.scan, slots.post) if each)
            name = order.format(part=slots.side + slots.part, word=slots.word, scan=scan)
            cases.append((name, "", frozenset({item.code})))
    assert accepted_otherwise(pipeline, cases) == []
    answers = pipeline.answer([Query(name, "") for name, _, _ in cases])
    assert sum(answer.route == "accepted" for answer in answers) > 0.9 * len(cases)


@pytest.mark.parametrize("slot", ["part", "scan", "post", "position", "way", "subitem"])
@pytest.mark.parametrize("most", [MEETS, pytest.param(len(NAMED), marks=pytest.mark.slow)])
def test_a_synonym_changes_no_code(pipeline: Pipeline, slot: str, most: int) -> None:
    """In the item's own name, a word of the lexicon stands for the element that it says.

    A word of many items (平扫) meets `most` of them, the next word those that follow, so that all items are met."""
    lexicon = load_lexicon()
    idioms = {idiom.surface for idiom in lexicon.idioms}  # they say more than the element
    said: dict[tuple[str, str], list[Item]] = {}  # by family and element, the items in whose names it stands
    for item in NAMED:
        slots = item_slots(item, lexicon)
        element = getattr(slots, slot) if slots is not None else ""
        if slots is not None and element and element in item.name:
            said.setdefault((slots.family, element), []).append(item)
    cases, forms = [], [form for form in lexicon.of(slot) if not form.certainty and form.surface not in idioms]
    for (family, element), items in said.items():
        words = [form.surface for form in forms if form.element == element and family in form.modality]
        for number, word in enumerate(words):
            for at in range(min(most, len(items))):
                item, blank = items[(number * most + at) % len(items)], " " if word.isascii() else ""
                name = item.name.replace(element, f"{blank}{word}{blank}")
                cases.append((name, column(item), frozenset({item.code})))
    assert accepted_otherwise(pipeline, cases) == []


# -- the code changes ------------------------------------------------------------------------------------------------


def test_another_side_is_another_code(pipeline: Pipeline) -> None:
    for item in NAMED:
        for one_side, other in (("左", "右"), ("右", "左")):
            if one_side in item.name:
                before = one(pipeline, item.name + "(医保)", column(item))
                after = one(pipeline, item.name.replace(one_side, other) + "(医保)", column(item))
                if "accepted" == before.route == after.route:
                    assert before.codes != after.codes, item.name


def test_another_scan_is_another_code(pipeline: Pipeline) -> None:
    changes = (("平扫+增强", "平扫"), ("平扫", "增强"), ("增强", "平扫"), ("常规超声", "三维超声"), ("CTA", "CTV"))
    for item in NAMED:
        for scan, other in changes:
            if item.name.count(scan) == 1:
                before = one(pipeline, item.name + "(医保)", column(item))
                after = one(pipeline, item.name.replace(scan, other) + "(医保)", column(item))
                if "accepted" == before.route == after.route:
                    assert before.codes != after.codes, (item.name, other)


def test_another_modality_is_another_code(pipeline: Pipeline) -> None:
    lexicon = load_lexicon()
    for item in NAMED:
        slots = item_slots(item, lexicon) if item.modality in ("CT", "MR") else None
        if slots is not None:
            name = f"{slots.side}{slots.part}{slots.scan}"
            answers = [one(pipeline, name, modality) for modality in ("CT", "MR")]
            if all(answer.route == "accepted" for answer in answers):
                assert answers[0].codes != answers[1].codes, name


# -- two exams are two codes -----------------------------------------------------------------------------------------


@given(st.sampled_from(RELATIONS["between"]["joins"]), st.sampled_from(NAMED), st.sampled_from(NAMED))
@settings(max_examples=3000, deadline=None)
def test_two_exams_joined_are_two_codes(pipeline: Pipeline, join: str, first: Item, second: Item) -> None:
    """But plain and contrast scan of one part, which are the item of both (GUIDE, on 平扫 and 增强), and what else has
    an item together."""
    if sorted([first.name, second.name]) in RELATIONS["between"]["together"]:
        return
    plain_and_contrast = {first.elements.get("scan"), second.elements.get("scan")} == {"平扫", "增强"}
    if not (plain_and_contrast and first.elements.get("part3") == second.elements.get("part3")):
        codes = frozenset({first.code, second.code})
        assert accepted_otherwise(pipeline, [(first.name + join + second.name, "", codes)]) == []


# -- a damaged character is never another accepted code --------------------------------------------------------------


def test_a_strange_character_is_never_read_over(pipeline: Pipeline) -> None:
    cases = []
    for number, item in enumerate(ITEMS):
        for at in range(len(item.name)):
            strange = RARE[(number + at) % len(RARE)]
            cases.append((item.name[:at] + strange + item.name[at + 1 :], column(item), frozenset({item.code})))
    assert accepted_otherwise(pipeline, cases) == []


def test_a_character_of_the_same_sound_makes_no_other_exam(pipeline: Pipeline) -> None:
    cases, names = [], {item.name for item in ITEMS}
    for number, item in enumerate(ITEMS):
        for at, character in enumerate(item.name):
            same = SAME_SOUND.get(character)
            if same:
                damaged = item.name[:at] + same[number % len(same)] + item.name[at + 1 :]
                if damaged not in names:  # 指间关节 and 趾间关节
                    cases.append((damaged, column(item), frozenset({item.code})))
    assert len(cases) > 10_000
    assert accepted_otherwise(pipeline, cases) == []


def test_a_character_of_a_part_written_twice_makes_no_other_exam(pipeline: Pipeline) -> None:
    """CT胸胸椎 is a typing error, not chest and spine. In nuclear medicine parts are lists (躯干+头部)."""
    lexicon = load_lexicon()
    cases = []
    for item in NAMED:
        slots = item_slots(item, lexicon)
        start = (
            item.name.find(slots.part) if slots is not None and slots.family != "NM" and "[" not in slots.part else -1
        )
        for at in range(start, start + len(slots.part)) if slots is not None and start >= 0 else ():
            name = item.name[:at] + item.name[at] + item.name[at:]
            cases.append((name, column(item), frozenset({item.code})))
    assert len(cases) > 4_000
    assert accepted_otherwise(pipeline, cases) == []
