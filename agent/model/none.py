"""No model: each request is skipped, so that the deterministic path stands alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.model.protocol import ModelOutcome, ModelRequest


class NoModel:
    """The model of the setting `none`."""

    name = "none"

    @property
    def provenance(self) -> Mapping[str, str]:
        """Says that there was none."""
        return {"model": "none"}

    def fill(self, request: ModelRequest) -> ModelOutcome:
        """Skipped."""
        return ModelOutcome("skipped", "no_model")

    def fill_many(self, requests: Sequence[ModelRequest]) -> list[ModelOutcome]:
        """All skipped."""
        return [self.fill(request) for request in requests]

    def close(self) -> None:
        """Nothing to free."""
