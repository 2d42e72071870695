"""An outcome of a model as plain values, as they stand in a file, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.model.protocol import Attempt, ModelOutcome
from prompts.schema import Exam


def to_plain(outcome: ModelOutcome) -> dict[str, Any]:
    """As JSON; what is empty is left out."""
    values = {
        "exams": [list(each) for each in outcome.exams],
        "codes": list(outcome.codes),
        "detail": outcome.detail,
        "attempts": [list(each) for each in outcome.attempts],
        "tokens_in": outcome.tokens_in,
        "tokens_out": outcome.tokens_out,
        "cost": outcome.cost,
        "seconds": round(outcome.seconds, 4),
        "logprob": outcome.logprob,
        "runner_up": list(outcome.runner_up),
        "runner_up_logprob": outcome.runner_up_logprob,
    }
    kept = {key: value for key, value in values.items() if value not in (None, "", 0, [])}
    if outcome.logprob is not None:
        kept["logprob"] = outcome.logprob  # a certain answer has the logarithm 0
    if outcome.runner_up_logprob is not None:
        kept["runner_up_logprob"] = outcome.runner_up_logprob
    return {"kind": outcome.kind, "reason": outcome.reason, **kept}


def from_plain(value: Mapping[str, Any]) -> ModelOutcome:
    """From JSON. TypeError where it is of another version."""
    return ModelOutcome(
        **{
            **value,
            "exams": tuple(Exam(*each) for each in value.get("exams", ())),
            "codes": tuple(value.get("codes", ())),
            "attempts": tuple(Attempt(*each) for each in value.get("attempts", ())),
            "runner_up": tuple(value.get("runner_up", ())),
        }
    )
