"""Fixtures of the tests of `standard/`: the invented editions, the shipped ones, the published lists."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from standard import Catalogue, Edition, load_catalogue, load_edition

DATA = Path(__file__).parent / "data"
# Edition, and the folder of its published list beside the repository.
PUBLISHED = {
    "radiology-3.8": "v3.8",
    "radiology-3.8.2": "v3.8.2",
    "ultrasound-1.1": "us-1.1",
    "nuclear-2.0": "nm",
}
Published = Callable[..., list[dict[str, str]]]


@pytest.fixture(scope="session")
def tiny() -> Edition:
    """The invented edition."""
    return load_edition(DATA / "tiny-1.0")


@pytest.fixture(scope="session")
def next_tiny() -> Edition:
    """The invented edition that extends `tiny`."""
    return load_edition(DATA / "tiny-1.1")


@pytest.fixture
def tiny_folder(tmp_path: Path) -> Path:
    """A copy of the invented edition, to put faults into."""
    return Path(shutil.copytree(DATA / "tiny-1.0", tmp_path / "tiny-1.0"))


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The default catalogue."""
    return load_catalogue()


@pytest.fixture(scope="session")
def published(shared: Path) -> Published:
    """Reads a published list: of an edition, a table."""

    def read(edition_id: str, table: str = "items") -> list[dict[str, str]]:
        path = shared / "standard" / PUBLISHED[edition_id] / f"{table}.tsv"
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))

    return read


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published facts beside the repository."""
    folder = Path(__file__).parents[3] / "shared"
    if not folder.is_dir():
        pytest.skip("the folder ../shared with the published lists is not here")
    return folder
