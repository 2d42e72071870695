"""Codes: the properties that hold for every item of every edition, and the answers to everything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standard import (
    Catalogue,
    Edition,
    decode,
    encode,
    load_catalogue,
    load_edition,
    standard_code,
    validate,
    with_addition,
    with_device,
)
from standard.errors import CodeError

EDITIONS = ["radiology-3.8", "radiology-3.8.2", "ultrasound-1.1", "nuclear-2.0"]
SITE_DEVICES = {"CT": ["21", "22", "23", "24", "25"], "MR": ["31", "32", "33", "34", "35"], "DR": ["43"]}
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz"


@pytest.mark.parametrize("edition_id", EDITIONS)
def test_encode_of_decode_is_the_code_for_every_item(edition_id: str) -> None:
    edition = load_edition(edition_id)
    for code, item in edition.items.items():
        decoded = decode(edition, code)
        assert encode(edition, decoded.modality, decoded.slots) == code
        assert encode(edition, item.modality, item.slots) == code
        assert decoded.item is item is decoded.base
        assert decoded.name == item.name
        assert "".join(each.characters for each in decoded.fields) == code
        assert validate(edition, code) == []
        assert standard_code(edition, code) == code


@pytest.mark.parametrize("edition_id", ["radiology-3.8", "radiology-3.8.2"])
def test_encode_of_decode_is_the_code_with_every_device_of_a_site(edition_id: str) -> None:
    edition = load_edition(edition_id)
    for code, item in edition.items.items():
        for device in SITE_DEVICES.get(item.modality, []):
            if item.slots["device"] == "42":
                continue  # a mobile unit's item stays one: 43 makes no CR of it but of the DR item
            made = with_device(edition, code, device)
            decoded = decode(edition, made)
            assert made == device + code[2:]
            assert encode(edition, decoded.modality, decoded.slots) == made
            assert decoded.item is None
            assert decoded.base is item
            assert standard_code(edition, made) == code
            assert validate(edition, made) == []


@given(st.data())
def test_encode_of_decode_is_the_code_with_any_addition_and_device(data: st.DataObject) -> None:
    catalogue = load_catalogue()
    item = data.draw(st.sampled_from([each for each in catalogue.items.values() if "addition" in each.slots]))
    edition = load_edition(item.edition)
    size = len(item.slots["addition"])
    addition = data.draw(st.text(ALPHABET, min_size=size, max_size=size))
    device = data.draw(st.sampled_from([item.slots["device"], *SITE_DEVICES.get(item.modality, [])]))
    if item.slots["device"] == "42":
        device = "42"
    made = with_addition(catalogue, with_device(catalogue, item.code, device), addition)
    decoded = decode(catalogue, made)
    assert encode(edition, decoded.modality, decoded.slots) == made
    assert decoded.base is item
    assert standard_code(catalogue, made) == item.code
    assert validate(catalogue, made) == []
    assert made == device + item.code[2:-size] + addition


@given(st.one_of(st.text(), st.text(ALPHABET, min_size=12, max_size=14), st.from_regex(r"\A[2-4][0-5][0-9a-z]{12}\Z")))
def test_decode_and_validate_are_total_and_agree(code: str) -> None:
    catalogue = load_catalogue()
    problems = validate(catalogue, code)
    assert all(each.zh and each.en for each in problems)
    try:
        decoded = decode(catalogue, code)
    except CodeError:
        assert problems
        return
    assert [each.id for each in problems] == ([] if decoded.base else ["unlisted"])
    assert decoded.code == code


@given(
    st.sampled_from(["CT", "MR", "DR", "US", "SPECT", "", "XX"]),
    st.dictionaries(
        st.sampled_from(["device", "part1", "part2", "part3", "scan", "post", "position", "addition", "way", ""]),
        st.one_of(st.text(max_size=6), st.sampled_from(["20", "30", "040100", "0401", "11", "00", "0", "40", "37"])),
    ),
)
def test_encode_is_total(modality: str, slots: dict[str, str]) -> None:
    edition = load_edition("radiology-3.8.2")
    before = dict(slots)
    try:
        code = encode(edition, modality, slots)
    except CodeError:
        code = ""
    assert slots == before
    if code:
        assert validate(edition, code) == []
        assert encode(edition, modality, decode(edition, code).slots) == code


def test_a_code_with_the_codes_of_the_standard_itself(catalogue: Catalogue) -> None:
    knee = with_device(catalogue, "20072201221100", "22")
    assert knee == "22072201221100"
    assert decode(catalogue, knee).name == "16排CT左膝关节(平扫+增强+三维重建)"
    liver = with_device(catalogue, "30050101230000", "33")
    assert (liver, decode(catalogue, liver).name) == ("33050101230000", "3.0TMR肝脏动态对比增强(DCE-MRI)")
    assert decode(catalogue, "44040803M13700").name == "MG双侧乳腺钼靶正、侧位"


def test_only_what_is_asked_for_need_be_given(catalogue: Catalogue) -> None:
    radiology, ultrasound, nuclear = catalogue.editions
    assert encode(radiology, "CT", {"part3": "010701", "scan": "11", "post": "11"}) == "20010701111100"
    assert encode(radiology, "DR", {"part3": "030202", "position": "01"}) == "40030202000100"
    assert encode(radiology, "DR", {"part3": "040100", "device": "42"}) == "42040100000000"
    assert encode(radiology, "CT", {"part3": "040100", "scan": "", "post": "41"}) == "20040100004100"
    assert encode(ultrasound, "US", {"part": "U101", "scan": "C5"}) == "50U101000C5000"
    assert encode(nuclear, "SPECT", {"part2": "A503", "scan": "B3", "process": "2"}) == "C010A503B3200"


def test_case_carries_meaning(tiny: Edition) -> None:
    assert encode(tiny, "GL", {"part3": "111", "scan": "M1"}) == "G111M1"
    assert encode(tiny, "GL", {"part3": "111", "scan": "m1"}) == "G111m1"
    assert decode(tiny, "G111m1").name == "GL左甲侧照"


@pytest.mark.parametrize(
    ("modality", "slots", "word"),
    [
        ("ZZ", {}, "no modality"),
        ("AA", {"scan": "1"}, "missing"),
        ("AA", {"part3": "111", "scan": "1", "vessel": "1"}, "no slot"),
        ("AA", {"part3": "111", "part2": "12", "scan": "1"}, "does not lie within"),
        ("AA", {"part3": "11", "scan": "1"}, "no part3"),
        ("AA", {"part3": "111", "scan": "9"}, "no scan"),
        ("AA", {"part3": "111", "scan": "1", "device": "G"}, "no device"),
        ("AA", {"part3": "111", "scan": "1", "spare": "8"}, "always 7"),
        ("AA", {"part3": "111", "scan": "1", "addition": "l"}, "addition"),
        ("AA", {"part3": "111", "scan": "1", "addition": "12"}, "addition"),
        ("AA", {"part3": "111", "scan": "2"}, "no item"),
        ("AA", {"part3": "111", "scan": "2", "device": "B", "addition": "1"}, "no item"),
        ("GL", {"part3": "112", "scan": "M1"}, "no part3"),
        ("GL", {"part3": "111"}, "missing"),
    ],
)
def test_slots_that_make_no_code(modality: str, slots: dict[str, str], word: str, tiny: Edition) -> None:
    with pytest.raises(CodeError) as caught:
        encode(tiny, modality, slots)
    assert word in caught.value.en
    assert caught.value.zh
    assert word != "missing" or not any(
        slot in caught.value.zh for slot in ("part1", "part3", "scan")
    )  # a card says it


@pytest.mark.parametrize(
    ("code", "problems"),
    [
        ("", ["empty"]),
        ("A111 1070", ["characters"]),
        ("A1l11070", ["characters"]),
        ("Ａ1111070", ["characters"]),
        ("A11110 0\n", ["characters"]),
        ("Z1111070", ["device"]),
        ("A111107", ["length"]),
        ("A11110700", ["length"]),
        ("G111M10", ["length"]),
        ("A1111080", ["constant"]),
        ("A1911070", ["element", "element"]),
        ("A1119970", ["element", "element"]),
        ("A1112070", ["unlisted"]),
        ("B1112071", ["unlisted"]),
        ("A1111070", []),
        ("B1111071", []),
    ],
)
def test_what_does_not_hold_in_a_code(code: str, problems: list[str], tiny: Edition) -> None:
    assert [each.id for each in validate(tiny, code)] == problems


def test_a_well_formed_code_that_no_item_has_is_decoded_and_not_encoded(tiny: Edition) -> None:
    decoded = decode(tiny, "A1112070")
    assert (decoded.item, decoded.base, decoded.name) == (None, None, "AA左甲环成像")
    assert encode(tiny, "AA", decoded.slots, listed=False) == "A1112070"
    with pytest.raises(CodeError):
        encode(tiny, "AA", decoded.slots)


def test_devices_and_additions_of_a_site(tiny: Edition) -> None:
    own = with_addition(tiny, with_device(tiny, "A1111070", "B"), "3")
    decoded = decode(tiny, own)
    assert own == "B1111073"
    assert decoded.name == "大AA左甲(平扫)-3"
    assert decoded.base is tiny.items["A1111070"]
    assert decoded.to_dict()["base"] == "A1111070"
    assert decoded.to_dict()["listed"] is False
    assert with_addition(tiny, own, "0") == "B1111070"
    with pytest.raises(CodeError):
        with_device(tiny, "A1111070", "G")  # a device of another modality
    with pytest.raises(CodeError):
        with_addition(tiny, "G111M1", "1")  # a layout without addition
    with pytest.raises(CodeError):
        with_device(tiny, "A1112070", "B")  # no item


def test_a_decoded_code_draws_its_fields(catalogue: Catalogue) -> None:
    decoded = decode(catalogue, "20010701111100")
    assert [each.slot for each in decoded.fields] == ["device", "part1", "part2", "part3", "scan", "post", "addition"]
    assert [each.name for each in decoded.fields[3:]] == ["副鼻窦", "平扫", "三维重建", "集团标准项目"]
    assert [each.label_zh for each in decoded.fields][:2] == ["设备类型", "一级部位"]
    assert decoded.fields[3].code == "010701"
    lines = decoded.drawing("zh").splitlines()
    assert lines[0] == "20 01 07 01 11 11 00"
    assert len(lines) == 8
    assert lines[-1].startswith("└")
    assert "设备类型" in lines[-1]
    assert "device type" in decoded.drawing("en")
    for line, each in zip(reversed(lines[1:]), decoded.fields, strict=True):
        assert each.code in line
        assert line.index("└") == 3 * list(decoded.fields).index(each)
