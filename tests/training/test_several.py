"""Names of several exams: what is ordered together, views and scans of one part, and words that mean nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from standard import load_catalogue
from standard.errors import DataError
from standard.item_slots import item_slots
from standard.lexicon import load_lexicon
from training import bundles as bundles_module
from training.bundles import Bundles
from training.damage import Damage
from training.forms import Forms
from training.generator import Generator
from training.joined import ByPart, by_part
from training.shapes import Weighted, load_shapes
from training.wordings import Wordings, views_of

DRAWN = 2000


@pytest.fixture(scope="module")
def wordings() -> Wordings:
    return Wordings(load_catalogue(), load_lexicon(), load_shapes())


@pytest.fixture(scope="module")
def items(wordings: Wordings) -> ByPart:
    return by_part(wordings)


def test_a_bundle_is_of_one_side_and_has_no_exam_twice(items: ByPart) -> None:
    bundles, chance = Bundles(items), random.Random(1)
    drawn = [found for _ in range(DRAWN) if (found := bundles.draw(chance)) is not None]
    assert len(drawn) > 0.8 * DRAWN
    for found in drawn:
        codes = [meaning.item.code for meaning in found]
        assert len(codes) > 1
        assert len(set(codes)) == len(codes)
        assert {"左", "右"} - {meaning.slots.side for meaning in found}


@pytest.mark.parametrize(
    "exams",
    ["CT|颅脑|平扫", "CT|颅脑|平扫;CT|颅脑|侧位", "CT|颅脑|平扫;胸部", "XR|膝|正、侧位;XR|髌骨|轴位"],
    ids=["one exam", "no such item", "no fields", "no such part"],
)
def test_a_wrong_bundle_is_named_with_its_row(
    exams: str, items: ByPart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bundles.tsv"
    path.write_text(f"weight\texams\twhat\n1\tCT|颅脑|*;CT|胸部|*\tx\n1\t{exams}\tx\n", encoding="utf-8")
    monkeypatch.setattr(bundles_module, "FILE", path)
    with pytest.raises(DataError, match=r"bundles\.tsv.*3"):
        Bundles(items)


def test_views_said_together_are_no_item_and_share_no_view() -> None:
    """颈椎正侧位+开口位 is one item of the edition; what the generator calls several never is."""
    catalogue, lexicon = load_catalogue(), load_lexicon()
    names = [name for name in Generator(catalogue, lexicon, 4).names(8000) if name.kind == "several"]
    joint = {}
    for item in catalogue.items.values():
        if item.modality == "DR" and (position := item.elements.get("position")):
            joint[item.elements["part3"], frozenset(views_of(position, lexicon))] = item.name
    seen = 0
    for name in names:
        films = [catalogue.items[code].elements for code in name.codes if catalogue.items[code].modality == "DR"]
        parts = {film["part3"] for film in films}
        if len(films) != 2 or len(parts) != 1 or not all(film.get("position") for film in films):
            continue
        seen += 1
        views = [set(views_of(film["position"], lexicon)) for film in films]
        assert not views[0] & views[1], name
        assert (films[0]["part3"], frozenset(views[0] | views[1])) not in joint, name
    assert seen > 30


def test_scans_of_a_part_stand_together_and_other_parts_behind_them() -> None:
    """颅脑MR平扫+DWI_颈椎MR平扫: nobody could say whose an exam between them is."""
    catalogue, lexicon = load_catalogue(), load_lexicon()
    shapes = load_shapes()
    modes = Weighted([(1.0, "scans_beside")])
    shapes = shapes.model_copy(update={"several": shapes.several.model_copy(update={"modes": modes})})
    names = [name for name in Generator(catalogue, lexicon, 5, shapes).names(1000) if name.kind == "several"]
    assert len(names) > 200
    for name in names:
        parts = [catalogue.items[code].elements.get("part3", "") for code in name.codes]
        assert len(name.codes) == len(set(name.codes)) > 2, name
        assert parts[-1] not in parts[:-2], name


def test_a_heading_holds_all_parts_in_its_bracket() -> None:
    """腹部(肝胆胰脾肾)彩超, as price lists file them."""
    catalogue, lexicon = load_catalogue(), load_lexicon()
    shapes = load_shapes()
    changed = {"modes": Weighted([(1.0, "parts"), (1.0, "bundle")]), "headed": 1.0, "family": Weighted([(1.0, "US")])}
    shapes = shapes.model_copy(update={"several": shapes.several.model_copy(update=changed)})
    members = {
        part
        for row in lexicon.headings
        if row.heading == "腹部" and "US" in row.modality.split("/")
        for part in row.members.split(";")
    }
    headed = 0
    for name in Generator(catalogue, lexicon, 6, shapes).names(2000):
        if name.kind != "several" or not name.name.startswith("腹部("):
            continue
        headed += 1
        slots = [item_slots(catalogue.items[code], lexicon) for code in name.codes]
        assert {each.part for each in slots if each is not None} <= members, name
    assert headed > 5


def test_words_that_mean_nothing_hold_no_form() -> None:
    shapes, lexicon = load_shapes(), load_lexicon()
    forms = Forms(lexicon, shapes.share.of_one)
    damage, chance = Damage(shapes.damage, shapes.share.of_one, forms), random.Random(2)
    for _ in range(DRAWN):
        word = damage.nothing(chance)
        assert word
        found = {word[a:b] for a in range(len(word)) for b in range(a + 1, len(word) + 1)}
        assert not found & forms.elements_of.keys(), word


def test_a_word_is_never_cut_short_into_another_word() -> None:
    """胸椎 without 椎 would be 胸, which is another part."""
    shapes, lexicon = load_shapes(), load_lexicon()
    shares = shapes.share.of_one.model_copy(
        update={"short_ending": 1.0, "typing": 0, "look_alike": 0, "dropped": 0, "doubled": 0}
    )
    damage, chance = Damage(shapes.damage, shares, Forms(lexicon, shares)), random.Random(3)
    kept = ["胸椎", "胸骨", "颈椎"]
    assert damage.words(chance, *kept) == kept
    assert damage.words(chance, "膝关节", "平扫") == ["膝", "平"]
