"""The lexical index alone, and fusion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retrieval import Candidate, LexicalIndex, fuse
from retrieval.documents import Documents
from retrieval.text import Cleaner
from standard.edition import Catalogue
from standard.lexicon import Lexicon

DOCUMENTS = {
    "B1": ("CT胸部平扫", "肺部CT", "胸CT"),
    "A1": ("MR胸部平扫", "肺MR"),
    "C1": ("DR胸部正位",),
    "D2": ("腹部",),
    "D1": ("腹部",),
    "E1": (),
}


def test_an_item_is_as_good_as_its_best_document() -> None:
    index = LexicalIndex.build(DOCUMENTS)
    assert index.search(["肺部CT"], 1) == [[("B1", 1.0)]]
    assert index.search(["MR胸部平扫"])[0][0] == ("A1", 1.0)


def test_ties_go_to_the_smaller_code_and_k_cuts_after_that() -> None:
    index = LexicalIndex.build(DOCUMENTS)
    assert index.search(["腹部"], 5)[0][:2] == [("D1", 1.0), ("D2", 1.0)]
    assert index.search(["腹部"], 1) == [[("D1", 1.0)]]


def test_no_common_ngram_no_candidate() -> None:
    index = LexicalIndex.build(DOCUMENTS)
    assert index.search(["xyz", "", "🙂"], 5) == [[], [], []]
    assert index.search([], 5) == []


def test_an_index_without_documents_finds_nothing() -> None:
    assert LexicalIndex.build({"E1": ()}).search(["胸部"]) == [[]]
    assert LexicalIndex.build({}).search(["胸部"]) == [[]]


def test_saved_and_loaded_it_scores_the_same(tmp_path: Path) -> None:
    index = LexicalIndex.build(DOCUMENTS)
    index.save(tmp_path)
    again = LexicalIndex.load(tmp_path)
    assert again.codes == index.codes
    assert np.array_equal(again.scores(["胸部CT", "肺"]), index.scores(["胸部CT", "肺"]))


def test_batch_size_changes_no_score() -> None:
    index = LexicalIndex.build(DOCUMENTS)
    texts = [f"胸部CT{'平扫' * (n % 5)}{n}" for n in range(150)]
    together = index.scores(texts)
    alone = np.vstack([index.scores([text]) for text in texts])
    assert np.array_equal(together, alone)


def test_every_standard_name_finds_its_own_item_first(
    all_items: LexicalIndex, whole: Catalogue, lexicon: Lexicon
) -> None:
    cleaner = Cleaner(lexicon)
    items = list(whole.items.values())
    wrong = []
    for item, found in zip(items, all_items.search([cleaner(item.name) for item in items], 10), strict=True):
        same = {code for code, score in found if score == found[0][1]}
        if item.code not in same:
            wrong.append((item.name, [whole.items[code].name for code, _ in found[:3]]))
    assert wrong == []


def test_every_item_has_its_standard_name_first_and_spoken_forms(
    documents: Documents, whole: Catalogue, lexicon: Lexicon
) -> None:
    cleaner = Cleaner(lexicon)
    assert set(documents) == set(whole.items)
    assert all(documents[code][0] == cleaner(item.name) for code, item in whole.items.items())
    assert "头颅CT" in documents["20010100110000"]
    assert all(len(set(texts)) == len(texts) for texts in documents.values())


def test_a_text_belongs_to_the_items_that_have_it_nearest_the_front(documents: Documents, whole: Catalogue) -> None:
    owners = {whole.items[code].name for code, texts in documents.items() if "肋骨CT平扫" in texts}
    assert owners == {"CT肋骨(平扫)"}


def test_recall_on_labelled_names_is_above_plain_tfidf(all_items: LexicalIndex, lexicon: Lexicon, shared: Path) -> None:
    """The lexical half alone; the whole table is `evals/retrieval.py`. The floor is TF-IDF's 54 and 91 %."""
    from evals.retrieval import single_code_rows

    rows = single_code_rows(shared / "gold" / "dev.tsv")
    cleaner = Cleaner(lexicon)
    found = all_items.search([cleaner(row.name) for row in rows], 10)
    first = sum(bool(hits) and hits[0][0] == row.code for row, hits in zip(rows, found, strict=True))
    among = sum(row.code in [code for code, _ in hits] for row, hits in zip(rows, found, strict=True))
    assert first / len(rows) > 0.8
    assert among / len(rows) > 0.96


def test_fusion_keeps_the_rank_of_each_source() -> None:
    fused = fuse({"lexical": ["A", "B"], "dense": ["B", "C"], "exact": []}, 5)
    assert {each.code: dict(each.ranks) for each in fused} == {
        "A": {"lexical": 1},
        "B": {"lexical": 2, "dense": 1},
        "C": {"dense": 2},
    }
    assert [each.code for each in fused] == ["B", "A", "C"]


def test_fusion_scores_one_for_first_everywhere_and_breaks_ties_by_code() -> None:
    assert fuse({"lexical": ["A"], "dense": ["A"], "exact": ["A"]}, 1) == [
        Candidate("A", 1.0, {"lexical": 1, "dense": 1, "exact": 1})
    ]
    assert [each.code for each in fuse({"dense": ["B"], "exact": ["A"]}, 2)] == ["A", "B"]


@pytest.mark.parametrize("k", [0, -1])
def test_fusion_of_nothing(k: int) -> None:
    assert fuse({"lexical": ["A"]}, k) == []
    assert fuse({}, 3) == []
