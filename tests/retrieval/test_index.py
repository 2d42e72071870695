"""Building, rebuilding, sharing and mending an index."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import retrieval.index
from retrieval import Retriever
from retrieval.embeddings import E5, Float, VectorCache
from retrieval.index import ensure_index, index_key
from retrieval.store import BUILDING
from standard.edition import Catalogue
from standard.errors import IndexError_
from standard.lexicon import Lexicon, load_lexicon
from tests.retrieval.conftest import slice_of


class Counting:
    """The real embedder under another name, which counts the texts that it embeds."""

    def __init__(self, e5: E5, name: str = "") -> None:
        self.name, self.dimensions = name or e5.name, e5.dimensions
        self._e5 = e5
        self.embedded = 0

    def passages(self, texts: Sequence[str]) -> Float:
        self.embedded += len(texts)
        return self._e5.passages(texts)

    def queries(self, texts: Sequence[str]) -> Float:
        return self._e5.queries(texts)


def indexes(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "index").iterdir() if path.is_dir())


def test_built_on_first_use_and_once(place: Path, small: Catalogue, lexicon: Lexicon, e5: E5) -> None:
    counting = Counting(e5)
    heard: list[tuple[int, int]] = []
    first = ensure_index(small, place, lexicon, counting, lambda done, total: heard.append((done, total)))
    assert (first.built, first.items, counting.embedded) == (True, len(small.items), len(small.items))
    assert first.documents > 5 * first.items
    assert heard[-1] == (len(small.items), len(small.items))
    again = ensure_index(small, place, lexicon, counting)
    assert (again.built, again.path, counting.embedded) == (False, first.path, len(small.items))


def test_rebuilt_when_items_lexicon_or_model_change(place: Path, whole: Catalogue, lexicon: Lexicon, e5: E5) -> None:
    counting = Counting(e5)
    small = slice_of(whole)
    ensure_index(small, place, lexicon, counting)
    kept = indexes(place)

    fewer = slice_of(whole, drop="20010100110000")
    report = ensure_index(fewer, place, lexicon, counting)
    assert (report.built, report.items) == (True, len(small.items) - 1)
    assert counting.embedded == len(small.items), "vectors that are known are not computed again"
    assert indexes(place) != kept, "the outdated index is gone"
    assert len(indexes(place)) == 1

    edited = replace(lexicon, version="edited")
    assert ensure_index(fewer, place, edited, counting).built
    assert not ensure_index(fewer, place, edited, counting).built

    other = Counting(e5, "another-model")
    assert ensure_index(fewer, place, edited, other).built
    assert other.embedded == report.items


def test_catalogues_live_side_by_side(place: Path, whole: Catalogue, lexicon: Lexicon, e5: E5) -> None:
    one, two = slice_of(whole, "3.8"), slice_of(whole, "3.8.2")
    ensure_index(one, place, lexicon, e5)
    ensure_index(two, place, lexicon, e5)
    assert not ensure_index(one, place, lexicon, e5).built
    assert len(indexes(place)) == 2


def test_an_outdated_index_in_use_stays_and_works(place: Path, whole: Catalogue, lexicon: Lexicon, e5: E5) -> None:
    with Retriever.open(slice_of(whole), place, lexicon, e5) as old:
        before = old.search([("头颅CT平扫", "CT")])
        ensure_index(slice_of(whole, drop="20010100110000"), place, lexicon, e5)
        assert len(indexes(place)) == 2
        assert old.search([("头颅CT平扫", "CT")]) == before
    ensure_index(slice_of(whole, drop="20010100220000"), place, lexicon, e5)
    assert len(indexes(place)) == 1


@pytest.mark.parametrize("harm", ["manifest", "lexical", "truncated", "no collection", "emptied"])
def test_a_harmed_index_is_built_anew(
    harm: str, place: Path, small: Catalogue, lexicon: Lexicon, e5: E5, caplog: pytest.LogCaptureFixture
) -> None:
    path = ensure_index(small, place, lexicon, e5).path
    if harm == "manifest":
        (path / "manifest.json").unlink()
    elif harm == "lexical":
        (path / "lexical.npz").write_bytes(b"PK")
    elif harm == "truncated":
        stored = path / "chroma" / "chroma.sqlite3"
        stored.write_bytes(stored.read_bytes()[:5000])
    elif harm == "no collection":
        shutil.rmtree(path / "chroma")
    else:
        shutil.rmtree(path)
        path.mkdir()
    report = ensure_index(small, place, lexicon, e5)
    assert report.built
    assert report.items == len(small.items)
    assert "is not whole" in caplog.text
    assert indexes(place) == [path.name]


def _die(*_: Any) -> None:
    os._exit(9)


def _build_and_die(home: str) -> None:
    retrieval.index.write_collection = _die
    ensure_index(_small_again(), Path(home), load_lexicon(), E5())


def _small_again() -> Catalogue:
    from standard import load_catalogue

    return slice_of(load_catalogue())


def test_a_killed_build_leaves_nothing_that_counts(place: Path, small: Catalogue, lexicon: Lexicon, e5: E5) -> None:
    child = multiprocessing.get_context("spawn").Process(target=_build_and_die, args=(str(place),))
    child.start()
    child.join(120)
    assert child.exitcode == 9
    left = [name for name in indexes(place) if name.startswith(BUILDING)]
    assert len(left) == 1, "it died while it built"
    counting = Counting(e5)
    assert ensure_index(small, place, lexicon, counting).built
    assert counting.embedded == 0, "the vectors were kept"
    assert [name for name in indexes(place) if name.startswith(BUILDING)] == []


def _open_at_once(home: str, barrier: Any, answers: Any) -> None:
    small = _small_again()
    barrier.wait(60)
    report = ensure_index(small, Path(home), load_lexicon(), E5())
    with Retriever.open(small, Path(home), load_lexicon()) as retriever:
        found = retriever.search([("头颅CT平扫", "CT"), ("左膝MRI", "")], 5)
    answers.put((report.built, [[tuple(each) for each in hits] for hits in found]))


@pytest.mark.slow
def test_two_processes_at_once_build_one_index(place: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(2), context.Queue()
    children = [context.Process(target=_open_at_once, args=(str(place), barrier, answers)) for _ in range(2)]
    for child in children:
        child.start()
    (built_a, found_a), (built_b, found_b) = answers.get(timeout=120), answers.get(timeout=120)
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0, 0]
    assert {built_a, built_b} == {True, False}
    assert found_a == found_b
    assert found_a[0][0][0] == "20010100110000"
    assert len(indexes(place)) == 1


@pytest.mark.slow
def test_two_builds_give_the_same_answers(tmp_path: Path, small: Catalogue, lexicon: Lexicon, e5: E5) -> None:
    names = [(item.name, "") for item in list(small.items.values())[::5]]
    answers = []
    for home in (tmp_path / "a", tmp_path / "b"):
        with Retriever.open(small, home, lexicon, e5) as retriever:
            answers.append((retriever.version, retriever.search(names, 20)))
    assert answers[0] == answers[1]


def test_the_key_depends_on_each_source(small: Catalogue, whole: Catalogue, lexicon: Lexicon, e5: E5) -> None:
    keys = {
        index_key(small, lexicon, e5),
        index_key(slice_of(whole, "another"), lexicon, e5),
        index_key(slice_of(whole, drop="20010100110000"), lexicon, e5),
        index_key(small, replace(lexicon, version="edited"), e5),
        index_key(small, lexicon, Counting(e5, "another-model")),
    }
    assert len(keys) == 5


def test_a_home_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, small: Catalogue, lexicon: Lexicon, e5: E5
) -> None:
    (tmp_path / "home").write_text("a file, not a folder", encoding="utf-8")
    with pytest.raises(IndexError_, match="set YINGMA_HOME"):
        Retriever.open(small, tmp_path / "home", lexicon, e5)


def test_vectors_are_the_same_alone_in_a_batch_and_from_the_file(tmp_path: Path, e5: E5) -> None:
    texts = ["CT颅脑平扫", "MR胸部", "CT颅脑平扫", "\ud800\x00"]
    batch = VectorCache(tmp_path, e5).passages(texts)
    alone = np.vstack([e5.passages([text]) for text in texts])
    counting = Counting(e5)
    stored = VectorCache(tmp_path, counting).passages(texts)
    assert counting.embedded == 0
    assert np.array_equal(batch, alone)
    assert np.array_equal(batch, stored)
    assert np.allclose(np.linalg.norm(batch, axis=1), 1, atol=1e-5)


def test_a_vector_file_that_cannot_be_read_is_made_anew(
    tmp_path: Path, e5: E5, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / f"vectors-{e5.name}.npz").write_bytes(b"no archive")
    counting = Counting(e5)
    vectors = VectorCache(tmp_path, counting).passages(["CT颅脑平扫"])
    assert (vectors.shape, counting.embedded) == ((1, 384), 1)
    assert "computed anew" in caplog.text


def test_two_retrievers_in_one_process_do_not_close_each_other(
    place: Path, small: Catalogue, lexicon: Lexicon, e5: E5
) -> None:
    one = Retriever.open(small, place, lexicon, e5)
    two = Retriever.open(small, place, lexicon, e5)
    before = two.search([("头颅CT平扫", "CT")])
    one.close()
    assert two.search([("头颅CT平扫", "CT")]) == before
    two.close()
    with Retriever.open(small, place, lexicon, e5) as three:
        assert three.search([("头颅CT平扫", "CT")]) == before
