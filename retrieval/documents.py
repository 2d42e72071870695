"""What is indexed: for each item its standard name and what it may be called, cleaned as queries are.

The first document is the standard name; it alone gets a vector. A text that several items claim belongs to the items
that have it nearest the front: 肋骨CT is CT肋骨 itself before it is a form of 胸部.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import standard.spoken
from retrieval.text import cleaner_of
from standard.spoken import spoken_names

if TYPE_CHECKING:
    from standard.edition import Catalogue
    from standard.lexicon import Lexicon

Documents = Mapping[str, tuple[str, ...]]
_SOURCES = ("documents.py", "lexical.py", "text.py")  # what decides about documents and their n-grams


def build_documents(catalogue: Catalogue, lexicon: Lexicon) -> Documents:
    """Cleaned documents by code, none twice in an item. Every item has its standard name."""
    cleaner = cleaner_of(lexicon)
    known: dict[str, str] = {}

    def clean(name: str) -> str:
        if name not in known:
            known[name] = cleaner(name)
        return known[name]

    claims: dict[str, list[str]] = {}
    for code, item in catalogue.items.items():
        texts = [clean(name) for name in (item.name, *spoken_names(item, lexicon))]
        claims[code] = list(dict.fromkeys(text for text in texts if text)) or [item.name]
    nearest: dict[str, int] = {}
    for texts in claims.values():
        for place, text in enumerate(texts):
            nearest[text] = min(place, nearest.get(text, place))
    return {
        code: tuple(text for place, text in enumerate(texts) if place == 0 or nearest[text] == place)
        for code, texts in claims.items()
    }


def documents_key(catalogue: Catalogue, lexicon: Lexicon) -> str:
    """Changes whenever `build_documents` may give something else: items, lexicon, or the code that makes documents."""
    digest = hashlib.sha256()
    for item in catalogue.items.values():
        digest.update(f"{item.code}\t{item.name}\t{item.modality}\n".encode())
    digest.update(lexicon.version.encode())
    for path in (*(Path(__file__).with_name(name) for name in _SOURCES), Path(standard.spoken.__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()
