"""What goes into the pipeline and what comes out: Query, Evidence, Suggestion.

A Query is one distinct name in its context. A Suggestion is Yingma's answer with everything that led to it: route,
codes in the order of the name, score, reason, evidence rows (their sum is the score in log-odds), the reading,
candidates, the model's outcome and the versions it was made with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from agent.model.protocol import ModelOutcome
    from agent.opinions import Opinion
    from agent.reading import Reading
    from retrieval import Candidate

Route = Literal["accepted", "review"]


class Query(NamedTuple):
    """One distinct exam name as it came (not normalised), with its context columns; "" where a column is missing."""

    name: str
    modality: str = ""
    institution: str = ""


class Evidence(NamedTuple):
    """One row of evidence: signal id (standard/data/evidence.tsv), its value, its weight in log-odds."""

    signal: str
    value: str
    weight: float


@dataclass(slots=True)
class Suggestion:
    """The answer to one Query. `codes`: empty when none can be right. `reason`: an id of standard/data/reasons.tsv."""

    query: Query
    route: Route
    codes: tuple[str, ...]
    names: tuple[str, ...]
    score: float
    reason: str
    edition: str
    detail: str = ""
    evidence: tuple[Evidence, ...] = ()
    reading: Reading | None = None
    candidates: tuple[Candidate, ...] = ()
    model: ModelOutcome | None = None
    classifier: Opinion | None = None
    versions: dict[str, str] = field(default_factory=dict)
