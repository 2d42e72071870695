"""A suggestion as plain values for the database: everything that led to it, but what has columns of its own."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from agent.answer import Suggestion
from agent.store.keys import digest


def plain(value: Any) -> Any:
    """Dataclasses and named tuples as objects, tuples as lists, everything else as it is."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if hasattr(value, "_asdict"):
        return {key: plain(each) for key, each in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    return value


def content_of(suggestion: Suggestion) -> dict[str, Any]:
    """Query, names of the codes, edition, reading, evidence, model and classifier."""
    return {
        "query": plain(suggestion.query),
        "names": list(suggestion.names),
        "edition": suggestion.edition,
        "detail": suggestion.detail,
        "reading": plain(suggestion.reading),
        "evidence": plain(suggestion.evidence),
        "model": plain(suggestion.model),
        "classifier": plain(suggestion.classifier),
    }


def candidates_of(suggestion: Suggestion) -> list[dict[str, Any]]:
    """The candidates, the best first."""
    return [{"code": each.code, "score": each.score, "ranks": dict(each.ranks)} for each in suggestion.candidates]


def digest_of(suggestion: Suggestion) -> str:
    """Which answer it is: two names of a cluster with the same route, codes, reason and versions have one row."""
    return digest("suggestion", suggestion.route, list(suggestion.codes), suggestion.reason, dict(suggestion.versions))
