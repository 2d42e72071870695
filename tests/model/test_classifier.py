"""The second voice: its features, its arithmetic, its file, and what it answers. Most run on the file that ships."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.classifier import FILE, FOLDER, Classifier, Voice
from prompts import bag_model, ngrams
from prompts.bag_model import COUNTS, BagModel, Weights, pack, settle, unpack
from prompts.embedded import LONGEST, MOST_EXAMS
from standard import Catalogue, load_catalogue
from standard.errors import ModelError
from standard.lexicon import load_lexicon
from training.generator import Generator

SHIPPED = pytest.mark.skipif(not (FOLDER / FILE).is_file(), reason="no classifier is shipped yet: ./yingma model train")
UNSEEN = 20_000  # a seed that no training takes


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return opened()


@pytest.fixture(scope="module")
def names(catalogue: Catalogue) -> list[tuple[str, str]]:
    """1,000 generated names of all kinds, with their columns."""
    made = Generator(catalogue, load_lexicon(), UNSEEN).chunk(0)
    return [(name.name, name.modality) for name in made]


def random_weights(items: int, seed: int = 0) -> Weights:
    """Weights of no meaning: 1,024 buckets, 8 columns, 4 mixed values."""
    chance = np.random.default_rng(seed)

    def whole(*shape: int) -> np.ndarray:
        return chance.integers(-127, 128, shape).astype(np.int8)

    def real(*shape: int) -> np.ndarray:
        return chance.normal(0, 0.01, shape).astype(np.float32)

    template: dict[str, Any] = {
        "table": whole(1024, 8),
        "shift": chance.integers(0, 3, 1024).astype(np.uint8),
        "table_bias": real(8),
        "mixer": whole(4, 8),
        "mixer_scale": np.abs(real(4)),
        "mixer_bias": real(4),
        "items": whole(items, 12),
        "items_scale": np.abs(real(items)) / 100,
        "items_bias": real(items),
        "counts": whole(COUNTS, 24),
        "counts_scale": np.abs(real(COUNTS)) / 100,
        "counts_bias": real(COUNTS),
        "unit": 0.5,
        "levels": 500,
        "wide": 4,
    }
    return Weights(**{key: template[key] for key in Weights.__dataclass_fields__})


def packed(folder: Path, catalogue: Catalogue, **meta: Any) -> Path:
    """A file of random weights for a catalogue."""
    editions = {each.id: {item.code: item.name for item in each.items.values()} for each in catalogue.editions}
    pack(random_weights(len(catalogue.items)), {"editions": editions, "seed": 0, **meta}, folder / FILE)
    return folder / FILE


# -- features ----------------------------------------------------------------------------------------------------------


def test_features_are_the_same_on_every_machine() -> None:
    found = ngrams.bags(["c:CT+MR"], 16)
    assert found.buckets.tolist() == GOLDEN
    assert found.segments.tolist() == [0, 25, 36]
    assert found.names.tolist() == [0, 2]


# Of `c:CT+MR` in 65,536 buckets: by character, n-grams of 1 (alone, with the hint), 2 (alone, with the hint), 3.
GOLDEN = [
    12219, 33947, 19222, 54480, 23219, 47161, 59501, 39359, 34680, 29915, 7081, 58115, 33328, 39479, 24709, 2175, 21061,
    11277, 42291, 9729, 51394, 3750, 24774, 17970, 28548, 1948, 60545, 24162, 32702, 29454, 14700, 15829, 32982, 14585,
    20109, 54585,
]  # fmt: skip


@given(st.lists(st.text(max_size=120), min_size=1, max_size=6))
def test_features_of_a_name_do_not_depend_on_the_others(questions: list[str]) -> None:
    together = ngrams.bags(questions, 12)
    assert together.names[0] == 0
    assert together.names[-1] == len(together.segments) - 1
    for at, question in enumerate(questions):
        alone = ngrams.bags([question], 12)
        first, end = together.names[at], together.names[at + 1]
        bounds = together.segments[first : end + 1]
        assert np.array_equal(together.buckets[bounds[0] : bounds[-1]], alone.buckets)
        assert np.array_equal(bounds - bounds[0], alone.segments)
        assert (np.diff(bounds) > 0).all()
        assert 1 <= end - first <= ngrams.MOST_SEGMENTS


def test_segments_begin_behind_separators() -> None:
    sizes = [np.diff(ngrams.bags([text], 12).names)[0] for text in ("c:A", "c:A+B", "c:A++B", "c:A+", "c:A、B和C", "")]
    assert sizes == [1, 2, 2, 1, 3, 1]


def test_no_batch_has_no_features() -> None:
    found = ngrams.bags([], 12)
    assert (len(found.buckets), found.segments.tolist(), found.names.tolist()) == (0, [0], [0])


# -- arithmetic --------------------------------------------------------------------------------------------------------


def test_exams_come_from_different_segments() -> None:
    """Of two segments, the first torn between two items: the second exam is the other segment's, though less likely."""
    logits = np.log(np.array([[0.30, 0.28, 0.01], [0.01, 0.01, 0.20]], dtype=np.float32))
    two = np.array([[-9.0, -9.0, 9.0, -9.0, -9.0]])
    found = settle(np.pad(logits, ((0, 0), (0, MOST_EXAMS)), constant_values=-30.0), np.array([0, 0]), two)
    assert found.sizes.tolist() == [2]
    assert sorted(found.items[0, :2].tolist()) == [0, 2]


def test_refusal_and_margin() -> None:
    logits = np.zeros((1, MOST_EXAMS + 2), dtype=np.float32)
    found = settle(logits, np.array([0]), np.array([[4.0, 1.0, 0.0, 0.0, 0.0]]))
    assert found.sizes.tolist() == [0]
    assert -0.2 < found.logprobs[0] < 0
    assert found.margins[0] == pytest.approx(3.0 + np.log(MOST_EXAMS + 2))


@given(st.lists(st.integers(1, 3), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_settling_is_of_each_name_alone(segments: list[int], seed: int) -> None:
    chance = np.random.default_rng(seed)
    owners = np.repeat(np.arange(len(segments)), segments)
    logits = chance.normal(0, 4, (len(owners), 12)).astype(np.float32)
    counts = chance.normal(0, 2, (len(segments), COUNTS))
    together = settle(logits.copy(), owners, counts)
    for at in range(len(segments)):
        mine = owners == at
        alone = settle(logits[mine], np.zeros(mine.sum(), dtype=np.int64), counts[at : at + 1])
        size = together.sizes[at]
        assert together.margins[at] >= 0
        assert together.logprobs[at] <= 1e-9
        assert len(set(together.items[at, :size].tolist())) == size
        for one, other in zip(together, alone, strict=True):
            assert np.array_equal(one[at], other[0])


def test_sums_are_exact_at_their_greatest() -> None:
    """The check of a file allows nothing that 32-bit floats would round."""
    assert random_weights(20).fault() == ""
    assert replace(random_weights(20), shift=np.full(1024, 9, dtype=np.uint8)).fault() != ""


# -- the file ----------------------------------------------------------------------------------------------------------


def test_a_file_is_read_as_it_was_written(tmp_path: Path, catalogue: Catalogue) -> None:
    path = packed(tmp_path, catalogue, note="胸部")
    weights, meta = unpack(path)
    for key, value in vars(random_weights(len(catalogue.items))).items():
        assert np.array_equal(getattr(weights, key), value)
    assert meta["note"] == "胸部"
    before = path.read_bytes()
    assert packed(tmp_path, catalogue, note="胸部").read_bytes() == before


def test_no_file(tmp_path: Path, catalogue: Catalogue) -> None:
    with pytest.raises(ModelError, match="There is no classifier file") as raised:
        Classifier.open(catalogue, tmp_path)
    assert "没有分类器文件" in raised.value.sentence("zh")


@pytest.mark.parametrize("harm", ["cut", "empty", "text", "flipped", "no array", "wrong shape", "no meta"])
def test_a_damaged_file(harm: str, tmp_path: Path, catalogue: Catalogue) -> None:
    path = packed(tmp_path, catalogue)
    whole = path.read_bytes()
    if harm == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif harm == "empty":
        path.write_bytes(b"")
    elif harm == "text":
        path.write_text("version https://git-lfs.github.com/spec/v1\n", encoding="utf-8")
    elif harm == "flipped":
        middle = len(whole) // 3
        path.write_bytes(
            whole[:middle] + bytes(each ^ 255 for each in whole[middle : middle + 64]) + whole[middle + 64 :]
        )
    else:
        with np.load(path) as stored:
            arrays = {key: stored[key] for key in stored.files}
        if harm == "no array":
            del arrays["mixer"]
        elif harm == "wrong shape":
            arrays["items"] = arrays["items"][:-1]
        else:
            del arrays["meta"]
        with path.open("wb") as stream:
            np.savez_compressed(stream, **arrays)
    with pytest.raises(ModelError, match="is damaged"):
        Classifier.open(catalogue, tmp_path)


@pytest.mark.parametrize(("module", "constant"), [(bag_model, "FORMAT"), (ngrams, "VERSION")])
def test_a_file_of_another_version(
    module: Any, constant: str, tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, constant, 999)
    packed(tmp_path, catalogue)
    monkeypatch.undo()
    with pytest.raises(ModelError, match="another version"):
        Classifier.open(catalogue, tmp_path)


def test_items_of_other_editions_are_never_answered(tmp_path: Path, catalogue: Catalogue) -> None:
    """Fitted to one edition, asked for another: the shared items alone, and the provenance says how many."""
    packed(tmp_path, catalogue)
    older = load_catalogue("3.8")
    voice = Classifier.open(older, tmp_path)
    shared = set(older.items) & set(catalogue.items)
    assert voice.provenance["items"] == f"{len(shared)} of {len(older.items)}"
    chance = random.Random(0)
    words = "头颅胸腹部CT平扫增强+、左右膝关节MR"
    asked = [("".join(chance.choices(words, k=12)), "") for _ in range(300)]
    assert {code for answer in voice.answer(asked) for code in answer.codes} <= shared


def test_a_catalogue_that_it_does_not_know(tmp_path: Path, catalogue: Catalogue) -> None:
    renamed = {each.id: {item.code: f"{item.name}?" for item in each.items.values()} for each in catalogue.editions}
    pack(random_weights(len(catalogue.items)), {"editions": renamed}, tmp_path / FILE)
    with pytest.raises(ModelError, match="knows no items"):
        Classifier.open(catalogue, tmp_path)


# -- the file that ships -----------------------------------------------------------------------------------------------


@SHIPPED
def test_what_ships_is_small_and_says_what_it_is(classifier: Classifier, catalogue: Catalogue) -> None:
    assert (FOLDER / FILE).stat().st_size <= 10_000_000
    told = classifier.provenance
    assert told["editions"] == "+".join(edition.id for edition in catalogue.editions)
    assert told["items"] == f"{len(catalogue.items)} of {len(catalogue.items)}"
    assert {"seed", "names", "lexicon", "generator", "edition_versions"} <= set(told)
    assert json.dumps(dict(told))


@SHIPPED
@pytest.mark.parametrize(
    ("name", "column", "codes"),
    [
        ("胸部CT平扫", "CT", ("20040100110000",)),
        ("胸部CT平扫+颅脑CT平扫", "CT", ("20010100110000", "20040100110000")),
        ("挂号费", "", ()),
    ],
)
def test_plain_names(name: str, column: str, codes: tuple[str, ...], classifier: Classifier) -> None:
    voice = classifier.answer([(name, column)])[0]
    assert voice.codes == codes
    assert voice.margin > 1


@SHIPPED
def test_answers_do_not_depend_on_batch_and_order(classifier: Classifier, names: list[tuple[str, str]]) -> None:
    """To the last bit: alone, in batches of any size, backwards, beside themselves."""
    whole = classifier.answer(names)
    assert classifier.answer(names[::-1])[::-1] == whole
    assert [classifier.answer([name])[0] for name in names[:200]] == whole[:200]
    for size in (2, 3, 7, 127, 129):
        assert [v for at in range(0, 400, size) for v in classifier.answer(names[at : at + size])][:400] == whole[:400]
    shuffled = random.Random(1).sample(range(len(names)), len(names))
    assert classifier.answer([names[at] for at in shuffled]) == [whole[at] for at in shuffled]
    assert classifier.answer([names[5]] * 300) == [whole[5]] * 300
    assert classifier.answer([]) == []


@SHIPPED
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=200), st.text(max_size=10)), max_size=4))
def test_any_text_is_answered(asked: list[tuple[str, str]]) -> None:
    for voice in opened().answer(asked):
        check(voice, load_catalogue())


@cache
def opened() -> Classifier:
    """The one that ships, opened once for all examples."""
    return Classifier.open(load_catalogue())


@SHIPPED
@pytest.mark.parametrize(
    "name", ["", " ", "+", "+" * 500, "左" * 5000, "a+" * 200, "\ud800", "\x00\x03", "=cmd()|' /C calc'!A0", "🦴" * 70]
)
def test_hostile_text_is_answered(name: str, classifier: Classifier, catalogue: Catalogue) -> None:
    check(classifier.answer([(name, name)])[0], catalogue)


def check(voice: Voice, catalogue: Catalogue) -> None:
    """What holds for every answer."""
    assert set(voice.codes) <= set(catalogue.items)
    assert len(set(voice.codes)) == len(voice.codes) <= MOST_EXAMS
    order = list(catalogue.items)
    assert [order.index(code) for code in voice.codes] == sorted(order.index(code) for code in voice.codes)
    assert np.isfinite(voice.logprob)
    assert voice.logprob <= 1e-9
    assert voice.margin >= 0


@SHIPPED
def test_what_lies_behind_the_longest_name_is_not_read(classifier: Classifier) -> None:
    start = "胸部CT平扫" * 16
    assert len(start) >= LONGEST
    one, other = classifier.answer([(start[:LONGEST], "CT"), (start[:LONGEST] + "颅脑", "CT")])
    assert one == other


@SHIPPED
def test_rounding_of_hidden_values_changes_hardly_an_answer(
    names: list[tuple[str, str]], catalogue: Catalogue, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against the same weights with hidden values as floats, clipped only below."""
    stored = classifier.answer(names)

    def unrounded(_: BagModel, values: np.ndarray) -> np.ndarray:
        return np.maximum(values, 0)

    monkeypatch.setattr(BagModel, "_rounded", unrounded)
    exact = Classifier.open(catalogue).answer(names)
    alike = sum(one.codes == other.codes for one, other in zip(stored, exact, strict=True))
    assert alike >= 0.99 * len(names)


# -- training ----------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_file(tmp_path: Path, catalogue: Catalogue) -> None:
    pytest.importorskip("torch", reason="torch is not installed; ./yingma model train installs it")
    from training.classifier import Sizes, train_classifier

    lexicon, told = load_lexicon(), list[tuple[int, int, float]]()
    paths = [tmp_path / "one" / FILE, tmp_path / "other" / FILE]
    for path in paths:
        sizes = Sizes(bits=12, columns=16, wide=8, mixed=8)
        figures = train_classifier(
            Generator(catalogue, lexicon, 1), catalogue, lexicon, path, 2000, 1, lambda *at: told.append(at), sizes
        )
        assert {"loss", "seconds", "right", "alike", "right_one", "right_several", "right_refusal"} <= set(figures)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert [at[:2] for at in told] == [(1000, 2000), (2000, 2000)] * 2
    assert told[1][2] < told[0][2]
    assert Classifier.open(catalogue, paths[0].parent).provenance["names"] == "2000"
