"""One reader and one pipeline for the whole folder: both are pure."""

from __future__ import annotations

import pytest

from agent.pipeline import Pipeline
from agent.reader import Reader
from standard import load_catalogue


@pytest.fixture(scope="session")
def reader() -> Reader:
    return Reader(load_catalogue("3.8.2"))


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    return Pipeline(load_catalogue("3.8.2"))
