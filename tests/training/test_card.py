"""The card and the recipe: schema, sentences for what does not hold, and that the opener of a model can read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.model.embedded import CARD as OPENED_CARD
from agent.model.embedded import FILE as OPENED_FILE
from agent.model.embedded import read_card as opened_card
from standard import load_catalogue
from standard.errors import DataError, ModelError
from training.card import CARD, Card, Figure, Second, Training, file_facts, read_card, weaknesses
from training.recipe import read_recipe
from training.versions import edition_versions, generator_version


def card(folder: Path) -> Card:
    """A card as training makes it."""
    (folder / OPENED_FILE).write_bytes(b"GGUF")
    digest, size = file_facts(folder / OPENED_FILE)
    versions = edition_versions(load_catalogue())
    return Card(
        name="yingma-embedded",
        file=OPENED_FILE,
        sha256=digest,
        bytes=size,
        parameters=1,
        size=read_recipe().size,
        vocabulary=2017,
        catalogue=load_catalogue().id,
        editions=tuple(versions),
        edition_versions=versions,
        lexicon="abc",
        generator=generator_version(),
        training=Training(names=1, seed=0, seconds=1.5, threads=2, cores=2, torch="2.13.0", arithmetic="bfloat16"),
        engine="llama-cpp-python",
        figures=(Figure(set="generated", part="one", names=3, right=2),),
        classifier=Second(
            file="classifier.npz",
            sha256=digest,
            bytes=size,
            names=1000,
            seed=0,
            seconds=1.0,
            figures=(Figure(set="generated", part="one", names=3, right=1),),
        ),
        weak=weaknesses(),
    )


def test_a_card_is_written_and_read(tmp_path: Path) -> None:
    made = card(tmp_path)
    made.write(tmp_path)
    assert read_card(tmp_path) == made
    assert sorted(path.name for path in tmp_path.iterdir()) == [CARD, OPENED_FILE]
    assert OPENED_CARD == CARD
    opened = opened_card(tmp_path / CARD)
    assert opened is not None
    assert (opened.sha256, opened.editions, opened.lexicon) == (made.sha256, made.editions, "abc")


@pytest.mark.parametrize("change", [{"sha256": "x"}, {"figures": [{"set": "a"}]}, {"more": 1}])
def test_a_card_that_does_not_hold(tmp_path: Path, change: dict[str, object]) -> None:
    values = card(tmp_path).model_dump() | change
    (tmp_path / CARD).write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(ModelError, match="does not hold"):
        read_card(tmp_path)


def test_no_card(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="train a model first"):
        read_card(tmp_path)


def test_weaknesses_are_told_in_both_languages() -> None:
    weak = weaknesses()
    assert len(weak.zh) == len(weak.en) > 0


def test_a_recipe_that_does_not_hold(tmp_path: Path) -> None:
    path = tmp_path / "decoder.toml"
    path.write_text("[size]\nlayers = 0\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"size\.layers"):
        read_recipe(path)
    path.write_text("[size", encoding="utf-8")
    with pytest.raises(DataError, match="not valid TOML"):
        read_recipe(path)


def test_versions_are_hashes() -> None:
    assert len(generator_version()) == 12
    assert set(edition_versions(load_catalogue())) == {each.id for each in load_catalogue().editions}
