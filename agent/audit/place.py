"""Where an answer belongs for the audit, and what becomes of one that a person has to confirm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agent.answer import Evidence, Suggestion
from agent.calibration import log_odds, probability
from agent.reasons import reasons
from standard import Catalogue, decode

CONFIRM = "to_confirm"  # what a draw is shown with; it does not say that the name was accepted
STOPPED = "acceptance_stopped"


def modalities_of(catalogue: Catalogue, codes: Iterable[str]) -> tuple[str, ...]:
    """The modalities of codes, a site's device codes included; each once, in order of the alphabet."""
    found = set()
    for code in codes:
        item = catalogue.get(code)
        found.add(decode(catalogue, code).modality if item is None else item.modality)
    return tuple(sorted(found))


def to_review(suggestion: Suggestion, reason: str) -> Suggestion:
    """An accepted answer as one for review, for one of the reasons above: a row of evidence more, the score less."""
    row = Evidence("reason", reason, reasons()[reason].weight)
    return replace(
        suggestion,
        route="review",
        reason=reason,
        detail="",
        score=probability(sum(each.weight for each in suggestion.evidence) + row.weight),
        evidence=(*suggestion.evidence, row),
    )


def score_in_review(score: float, reason: str) -> float:
    """The score of such an answer, where its rows are not at hand."""
    return probability(log_odds(score) + reasons()[reason].weight)
