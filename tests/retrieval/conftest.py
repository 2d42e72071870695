"""A small catalogue of real items, the real embedding model, and the documents of the whole catalogue, made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval import LexicalIndex, Retriever
from retrieval.documents import Documents, build_documents
from retrieval.embeddings import E5
from standard import load_catalogue
from standard.edition import Catalogue
from standard.lexicon import Lexicon, load_lexicon

PARTS = {"颅脑", "胸部", "上腹部", "颈椎", "左膝关节", "右膝关节", "甲状腺", "肝胆脾胰"}
SCANS = {"", "平扫", "增强", "平扫+增强", "常规", "床旁"}


def slice_of(whole: Catalogue, name: str = "slice", drop: str = "") -> Catalogue:
    """Items of a few parts in a catalogue of their own; `drop` leaves one code out."""
    editions = []
    for edition in whole.editions:
        items = {
            code: item
            for code, item in edition.items.items()
            if item.elements.get("part3", item.elements.get("part")) in PARTS
            and item.elements.get("scan", "") in SCANS
            and not item.elements.get("post")
            and code != drop
        }
        editions.append(edition.with_items(items))
    return Catalogue(name, tuple(editions))


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    return load_lexicon()


@pytest.fixture(scope="session")
def whole() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="session")
def small(whole: Catalogue) -> Catalogue:
    return slice_of(whole)


@pytest.fixture(scope="session")
def e5() -> E5:
    return E5()


@pytest.fixture(scope="session")
def retriever(
    small: Catalogue, lexicon: Lexicon, e5: E5, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Retriever]:
    with Retriever.open(small, tmp_path_factory.mktemp("retriever"), lexicon, e5) as opened:
        yield opened


@pytest.fixture(scope="session")
def documents(whole: Catalogue, lexicon: Lexicon) -> Documents:
    return build_documents(whole, lexicon)


@pytest.fixture(scope="session")
def all_items(documents: Documents) -> LexicalIndex:
    return LexicalIndex.build(documents)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "home"
