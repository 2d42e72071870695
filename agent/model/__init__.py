"""The model step: one protocol, and the models that speak it.

`open_model` is the only place that knows which is which.
"""

from __future__ import annotations

from agent.model.protocol import (
    Attempt,
    CandidateRow,
    Exam,
    Model,
    ModelOutcome,
    ModelRequest,
    ReaderSpan,
    resolve_among,
)
from agent.model.tables import outcome_sentence, outcomes
from agent.settings import Settings, load_settings
from standard import Catalogue, load_catalogue
from standard.errors import ModelError

__all__ = [
    "Attempt",
    "CandidateRow",
    "Exam",
    "Model",
    "ModelOutcome",
    "ModelRequest",
    "ReaderSpan",
    "open_model",
    "outcome_sentence",
    "outcomes",
    "resolve_among",
]


def open_model(
    setting: str | None = None, settings: Settings | None = None, catalogue: Catalogue | None = None
) -> Model:
    """The model of a setting: "none", "local" (in this process) or the http(s) URL of an endpoint.

    Local is Yingma's own model, or the GGUF file of YINGMA_MODEL_PATH. None takes the settings' own. `catalogue`: what
    Yingma's own model may answer; the default catalogue unless given.
    ModelError, with the remedy, where it cannot be opened. Imports llama_cpp or openai only when they are needed.
    """
    settings = settings or load_settings()
    setting = (settings.model if setting is None else setting).strip()
    if setting == "none":
        from agent.model.none import NoModel

        return NoModel()
    if setting == "local":
        from agent.model.embedded import EmbeddedModel, own_model

        own = own_model(settings.model_path)
        if own is not None:
            return EmbeddedModel(catalogue or load_catalogue(), own, settings.model_threads or 1)
        from agent.model.local import LocalModel

        return LocalModel(settings)
    if setting.startswith(("http://", "https://")):
        from agent.model.hosted import HostedModel

        return HostedModel(settings.model_copy(update={"model": setting}))
    raise ModelError(
        f"没有这样的模型：{setting!r}；请用 none、local，或模型服务的 http(s) 地址。",
        f"There is no such model: {setting!r}; use none, local, or the http(s) URL of an endpoint.",
    )
