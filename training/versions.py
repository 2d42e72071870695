"""What a trained model depends on, as hashes: the program and data that make names and train, and each edition."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from standard import Catalogue, Edition

HERE = Path(__file__).parent
APART = ("card.py", "card.toml")  # what is said of a model, not what it is


@cache
def generator_version() -> str:
    """Of everything in training/ that makes names or trains on them: modules and data."""
    paths = [*HERE.glob("*.py"), *(path for path in (HERE / "data").rglob("*") if path.is_file())]
    return _hash(
        piece
        for path in sorted(paths)
        if path.name not in APART
        for piece in (path.relative_to(HERE).as_posix().encode(), path.read_bytes().replace(b"\r\n", b"\n"))
    )


def edition_versions(catalogue: Catalogue) -> dict[str, str]:
    """Of each edition's items, by its id."""
    return {edition.id: _edition_version(edition) for edition in catalogue.editions}


def _edition_version(edition: Edition) -> str:
    return _hash(piece.encode() for item in edition.items.values() for piece in (item.code, item.name))


def _hash(pieces: Iterable[bytes]) -> str:
    """12 hexadecimal digits."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(len(piece).to_bytes(8, "little") + piece)
    return digest.hexdigest()[:12]
