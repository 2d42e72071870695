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


def open_model(setting: str | None = None, settings: Settings | None = None) -> Model:
    """The model of a setting: "none", "local" (a GGUF file) or the http(s) URL of an endpoint.

    None takes the settings' own.
    ModelError, with the remedy, where it cannot be opened. Imports llama_cpp or openai only when they are needed.
    """
    settings = settings or load_settings()
    setting = (settings.model if setting is None else setting).strip()
    if setting == "none":
        from agent.model.none import NoModel

        return NoModel()
    if setting == "local":
        from agent.model.local import LocalModel

        return LocalModel(settings)
    if setting.startswith(("http://", "https://")):
        from agent.model.hosted import HostedModel

        return HostedModel(settings.model_copy(update={"model": setting}))
    raise ModelError(
        f"没有这样的模型：{setting!r}；请用 none、local，或模型服务的 http(s) 地址。",
        f"There is no such model: {setting!r}; use none, local, or the http(s) URL of an endpoint.",
    )
