"""Editing by slots, over every item of the three editions: there and back, in the edition or said not to be."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.review.editing import Editor, Wanted, editable, plain
from standard import Item, encode, load_catalogue, validate
from standard.errors import InputError
from tests.store.world import answer

CATALOGUE = load_catalogue("3.8.2")
ITEMS = list(CATALOGUE.items.values())
items = st.sampled_from(ITEMS)


@cache
def editor() -> Editor:
    return Editor(CATALOGUE)


def item(name: str) -> Item:
    return next(each for each in ITEMS if each.name == name)


def slots_of(each: Item) -> list[str]:
    edition = CATALOGUE.edition_for(each.modality)
    assert edition is not None
    layout = edition.layout(each.modality)
    assert layout is not None
    return [field.slot for field in editable(layout) if field.kind == "element"]


def test_every_item_comes_back_as_itself() -> None:
    for each in ITEMS:
        found = editor().edited(editor().taken_apart(each.code))
        assert (found.code, found.name, found.listed, found.near) == (each.code, each.name, True, ())
        assert "".join(field.characters for field in found.shown) == each.code


@settings(max_examples=400, deadline=None)
@given(each=items, data=st.data())
def test_a_slot_changed_there_and_back_is_the_same_code(each: Item, data: st.DataObject) -> None:
    start = editor().taken_apart(each.code)
    slot = data.draw(st.sampled_from([*slots_of(each), "side"]))
    before = editor().side_of(start) if slot == "side" else start.slots[slot]
    choices = editor().choices(start, slot)
    if not choices:  # no part of this layout has a side
        assert slot == "side"
        return
    choice = data.draw(st.sampled_from(choices))
    there = editor().change(start, slot, choice.code)
    assert there.listed == choice.listed
    if there.wanted.modality != each.modality:
        assert slot == "device"
        return
    assert editor().change(there.wanted, slot, before).code == each.code


@settings(max_examples=400, deadline=None)
@given(each=items, data=st.data())
def test_an_edited_code_is_in_the_edition_or_said_not_to_be(each: Item, data: st.DataObject) -> None:
    found = editor().edited(editor().taken_apart(each.code))
    for _ in range(3):
        slot = data.draw(
            st.sampled_from([field.slot for field in found.shown if field.editable and field.slot != "addition"])
        )
        choices = editor().choices(found.wanted, slot)
        found = editor().change(found.wanted, slot, data.draw(st.sampled_from(choices)).code)
        if not found.code:
            assert found.problem[0]
            return
        assert found.listed == (not validate(CATALOGUE, found.code))
        assert bool(found.near) != found.listed
        assert bool(found.problem[0]) != found.listed
        for near in found.near:
            known = CATALOGUE.items[near.code]
            assert near.name == known.name
            assert near.changes
            slots = {**found.wanted.slots, **{slot: code for slot, code, _ in near.changes}}
            edition = CATALOGUE.edition_for(known.modality)
            assert edition is not None
            slots |= {"device": known.slots["device"]} | {key: known.slots[key] for key in slots if key == "addition"}
            assert encode(edition, known.modality, slots) == near.code


def test_the_side_is_a_slot_of_its_own() -> None:
    left = editor().taken_apart(item("CT左膝关节(平扫)").code)
    assert [(each.code, each.listed) for each in editor().choices(left, "side")] == [
        ("左", True),
        ("右", True),
        ("双", True),
    ]
    assert editor().change(left, "side", "右").name == "CT右膝关节(平扫)"
    with pytest.raises(InputError):
        editor().change(left, "side", "")
    head = editor().taken_apart(item("CT颅脑(平扫)").code)
    with pytest.raises(InputError):
        editor().change(head, "side", "左")


def test_what_does_not_exist_names_what_would() -> None:
    found = editor().change(editor().taken_apart(item("CT左膝关节(平扫)").code), "scan", "13")
    assert (found.listed, found.code) == (False, "20072201130000")
    assert found.near[0].changes[0][0] == "scan"
    assert {each.name for each in found.near[:3]} == {"CT左膝关节(平扫)", "CT左膝关节(增强)", "CT左膝关节(平扫+增强)"}
    assert plain(found)["near"][0]["code"] == found.near[0].code


def test_another_device_keeps_what_the_other_modality_has() -> None:
    found = editor().change(editor().taken_apart(item("CT左膝关节(平扫+三维重建)").code), "device", "30")
    assert (found.name[:2], found.wanted.modality) == ("MR", "MR")
    assert found.wanted.slots["part3"] == "072201"
    site = editor().change(editor().taken_apart(item("CT左膝关节(平扫)").code), "device", "22")
    assert (site.code, site.listed) == ("22072201110000", True)
    dropped = editor().change(editor().taken_apart(item("DR左膝关节正、侧位").code), "device", "20")
    assert dropped.dropped == ("position",)


def test_an_addition_is_a_centres_own() -> None:
    start = editor().taken_apart(item("CT胸部(平扫)").code)
    found = editor().change(start, "addition", "07")
    assert (found.code, found.listed, found.name) == ("20040100110007", True, "CT胸部(平扫)-07")
    assert editor().change(found.wanted, "addition", "").code == "20040100110000"
    wrong = editor().change(start, "addition", "ilo")
    assert (wrong.code, wrong.listed) == ("", False)
    assert wrong.problem[0]


def test_ultrasound_and_nuclear_medicine_have_their_own_slots() -> None:
    us = next(each for each in ITEMS if each.modality == "US" and each.slots["way"] != "0")
    found = editor().edited(editor().taken_apart(us.code))
    assert {"way", "subitem", "scan", "part"} <= {each.slot for each in found.shown if each.editable}
    assert not any(each.editable for each in found.shown if each.slot in ("spare", "system"))
    spect = next(each for each in ITEMS if each.modality == "SPECT")
    shown = editor().edited(editor().taken_apart(spect.code)).shown
    assert {"process", "scan", "part2"} <= {each.slot for each in shown if each.editable}
    assert not any(each.editable for each in shown if each.slot in ("imaging", "dose"))


def test_one_exam_becomes_two() -> None:
    both = editor().split(editor().taken_apart(item("CT双膝关节(平扫)").code))
    assert [each.name for each in both] == ["CT左膝关节(平扫)", "CT右膝关节(平扫)"]
    scans = editor().split(editor().taken_apart(item("CT胸部(平扫+增强)").code))
    assert [each.name for each in scans] == ["CT胸部(平扫)", "CT胸部(增强)"]
    same = editor().split(editor().taken_apart(item("CT胸部(平扫)").code))
    assert [each.name for each in same] == ["CT胸部(平扫)", "CT胸部(平扫)"]


def test_what_was_read_is_where_editing_begins() -> None:
    reading = answer("踝关节三维重建术", "CT").reading
    assert reading is not None
    wanted = editor().of_reading(reading.exams[0])
    assert wanted is not None
    assert "part3" not in wanted.slots  # the side is missing: no part is guessed
    assert (wanted.modality, wanted.slots["scan"], wanted.slots["post"]) == ("CT", "11", "11")
    assert editor().edited(wanted).code == ""
    reading = answer("左心房三维重建", "CT").reading
    assert reading is not None
    wanted = editor().of_reading(reading.exams[0])
    assert wanted is not None
    assert editor().edited(wanted).near


def test_a_part_without_its_side_has_all_that_its_sides_share() -> None:
    reading = answer("髋关节MRI平扫").reading
    assert reading is not None
    wanted = editor().of_reading(reading.exams[0])
    assert wanted is not None
    found = editor().edited(wanted)
    assert (found.code, found.near) == ("", ())  # = must not take a side
    assert "左、右、双" in found.problem[0]
    shown = {each.slot: (each.code, each.name) for each in found.shown}
    assert shown["part2"] == ("0720", "髋关节")
    assert shown["part3"] == ("", "髋关节")
    assert shown["scan"] == ("11", "平扫")
    assert [each.slot for each in found.shown if each.editable and not each.code] == ["side", "part3"]
    assert [(each.code, each.listed) for each in editor().choices(found.wanted, "side")] == [
        ("左", True),
        ("右", True),
        ("双", True),
    ]
    assert editor().change(found.wanted, "side", "双").name == "MR双髋关节(平扫)"
    assert editor().change(found.wanted, "part3", "072002").name == "MR右髋关节(平扫)"


def test_other_slots_are_changed_while_the_side_is_open() -> None:
    start = Wanted("MR", {"stem": "髋关节", "scan": "11"})
    scans = [each.name for each in editor().choices(start, "scan") if each.listed]
    assert "增强" in scans
    other = editor().change(start, "scan", "21")
    assert (other.code, editor().change(other.wanted, "side", "右").name) == ("", "MR右髋关节(增强)")
    ct = editor().change(start, "device", "20")
    assert editor().change(ct.wanted, "side", "左").name == "CT左髋关节(平扫)"
    us = next(each for each in ITEMS if each.modality == "US" and each.elements["part"] == "髋关节")
    unsided = editor().change(start, "device", us.slots["device"]).wanted
    assert unsided.slots["part"] == us.slots["part"]
    one = editor().edited(Wanted("MR", {"stem": "髋关节", "part3": "072001", "scan": "11"}))
    assert (one.name, "stem" in one.wanted.slots) == ("MR左髋关节(平扫)", False)


@pytest.mark.parametrize(
    ("wanted", "slot", "value"),
    [
        (Wanted("XX", {}), "scan", "11"),
        (Wanted("CT", {"part3": "999998"}), "scan", "11"),
        (Wanted("CT", {"nothing": "1"}), "scan", "11"),
        (Wanted("CT", {"part3": "072201"}), "nothing", "1"),
        (Wanted("CT", {"part3": "072201"}), "part1", "07"),
        (Wanted("CT", {"part3": "072201"}), "scan", "zz"),
        (Wanted("CT", {"part3": "072201"}), "device", "99"),
        (Wanted("CT", {"stem": "没有"}), "scan", "11"),
        (Wanted("CT", {"stem": "膝关节"}), "side", ""),
    ],
)
def test_what_no_edition_has_is_refused(wanted: Wanted, slot: str, value: str) -> None:
    with pytest.raises(InputError):
        editor().change(wanted, slot, value)
    with pytest.raises(InputError):
        editor().taken_apart("no code")
