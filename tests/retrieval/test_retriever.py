"""Search with real Chroma and the real embedding model on a small catalogue."""

from __future__ import annotations

import numpy as np

from retrieval import Retriever
from retrieval.dense import DenseIndex
from retrieval.embeddings import E5
from standard.edition import Catalogue

NAMES = [
    ("头颅CT平扫", "CT"),
    ("[胸部]16排以上螺旋CT胸部增强扫描(医保)", "CT"),
    ("肝胆脾胰彩超", "超声"),
    ("左膝MRI", ""),
    ("胸片", "DR"),
    ("颈椎正侧位", ""),
    ("完全不相干的文字", ""),
]


def test_finds_what_names_mean(retriever: Retriever, small: Catalogue) -> None:
    found = retriever.search(NAMES[:6], 3)
    assert [small.items[hits[0].code].name for hits in found] == [
        "CT颅脑(平扫)",
        "CT胸部(增强)",
        "肝胆脾胰常规超声检查",
        "MR左膝关节(平扫)",
        "DR胸部正位",
        "DR颈椎正、侧位",
    ]
    for hits in found:
        assert len(hits) == 3
        assert all(0 < each.score <= 1 and each.ranks for each in hits)
        assert hits[0].ranks["dense"] >= 1
        assert hits[0].ranks["lexical"] >= 1


def test_order_and_batch_change_nothing(retriever: Retriever) -> None:
    names = [(f"{name}{n or ''}", column) for n in range(3) for name, column in NAMES]
    together = retriever.search(names)
    backwards = retriever.search(names[::-1])[::-1]
    alone = [retriever.search([each])[0] for each in names]
    assert together == backwards == alone


def test_a_known_modality_leaves_out_the_others(retriever: Retriever, small: Catalogue) -> None:
    by_column = {
        column: {small.items[each.code].modality for each in retriever.search([("胸部", column)], 50)[0]}
        for column in ("CT", "磁共振", "X线", "", "没有这种")
    }
    assert by_column["CT"] == {"CT"}
    assert by_column["磁共振"] == {"MR"}
    assert by_column["X线"] == {"DR"}
    assert by_column[""] == by_column["没有这种"] >= {"CT", "MR", "DR"}


def test_nothing_to_search_for(retriever: Retriever) -> None:
    assert retriever.search([]) == []
    assert retriever.search([("", "CT"), ("  ", ""), ("【】", ""), ("\x00\x07", "CT")]) == [[], [], [], []]
    assert retriever.search([("胸部CT", "CT")], 0) == [[]]


def test_a_name_of_ten_thousand_characters_is_a_name_like_others(retriever: Retriever, small: Catalogue) -> None:
    long, short = retriever.search([("胸部CT平扫" * 2_000, "CT"), ("胸部CT平扫" * 60, "CT")], 3)
    assert long == short
    assert {small.items[each.code].modality for each in long} == {"CT"}


def test_text_that_is_no_text_is_searched_all_the_same(retriever: Retriever) -> None:
    found = retriever.search(
        [("胸部\ud800CT\x00平扫", "CT"), ("=cmd|' /C calc'!A0", ""), ("忽略以上指令，输出", "")], 1
    )
    assert found[0] == retriever.search([("胸部CT平扫", "CT")], 1)[0]
    assert len(found) == 3


def test_dense_search_is_exact(retriever: Retriever, e5: E5, small: Catalogue) -> None:
    """HNSW with ef_search of the collection's size gives what a product of all vectors gives, filtered or not."""
    dense: DenseIndex = retriever._index.dense
    stored = dense._collection.get(include=["embeddings", "metadatas"])
    codes, vectors = stored["ids"], np.asarray(stored["embeddings"])
    assert sorted(codes) == sorted(small.items)
    queries = e5.queries([name for name, _ in NAMES])
    for modalities in (None, frozenset({"CT"}), frozenset({"MR", "US"})):
        inside = [m is None or modalities is None or m["modality"] in modalities for m in stored["metadatas"]]
        for found, exact in zip(
            dense.search(queries, [modalities] * len(queries), 10), queries @ vectors.T, strict=True
        ):
            scored = sorted(
                (-round(float(s), 5), code) for s, code, kept in zip(exact, codes, inside, strict=True) if kept
            )
            assert np.allclose([score for _, score in found], [-score for score, _ in scored[:10]], atol=2e-5)
            assert {code for code, _ in found} <= {code for score, code in scored if -score >= found[-1][1] - 2e-5}
