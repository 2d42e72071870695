"""What retrieval and a model add to the reader, on labelled names.

Two questions. Of the answers accepted unseen: do they change? (They do not, by design: neither makes a name pass a hard
rule; a model that reads otherwise can only send one to review.) Of what is offered to the person who looks: is the
first answer right more often? Also: what a check by retrieval would cost, were a name accepted only when its codes
are among the candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from agent.answer import Query
from evals.gold import GoldRow

if TYPE_CHECKING:
    from agent.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the ablation. `offered`: rows with codes in the gold; `offered_right`: the first answer is right."""

    step: str
    accepted: int
    right: int
    precision: float | None
    coverage_of_acceptable: float | None
    offered: int
    offered_right: int
    review_offered: int  # of the rows sent to review that have codes in the gold
    review_offered_right: int

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def ablate(rows: Sequence[GoldRow], pipeline: Pipeline, no_modality: bool) -> list[Step]:
    """Reader alone; with the first candidate where the reader has no code; with the model, if the pipeline has one."""
    queries = [Query(row.name, "" if no_modality else row.modality) for row in rows]
    model, retriever = pipeline.model, pipeline.retriever
    if retriever is None:
        raise ValueError("the ablation needs a pipeline with a retriever")
    pipeline.model = None
    alone = pipeline.answer(queries)
    found = retriever.search([(query.name, query.modality) for query in queries], 10)
    steps = [_step("reader", rows, [(s.route, s.codes) for s in alone])]
    first = [(s.route, s.codes or ((c[0].code,) if c else ())) for s, c in zip(alone, found, strict=True)]
    steps.append(_step("reader + retrieval", rows, first))
    checked = [
        ("accepted" if s.route == "accepted" and set(s.codes) <= {each.code for each in c} else "review", s.codes)
        for s, c in zip(alone, found, strict=True)
    ]
    steps.append(_step("reader, accepted only if retrieved (top 10)", rows, checked))
    if model is not None:
        pipeline.model = model
        asked = pipeline.answer(queries)
        filled = [(s.route, s.codes or ((c[0].code,) if c else ())) for s, c in zip(asked, found, strict=True)]
        steps.append(_step(f"reader + retrieval + model ({model.name})", rows, filled))
    return steps


def _step(name: str, rows: Sequence[GoldRow], answers: Sequence[tuple[str, tuple[str, ...]]]) -> Step:
    accepted = right = acceptable = acceptable_right = offered = offered_right = reviewed = reviewed_right = 0
    for row, (route, codes) in zip(rows, answers, strict=True):
        hit = row.right(codes)
        acceptable += row.route == "auto"
        if route == "accepted":
            accepted += 1
            right += hit
            acceptable_right += hit and row.route == "auto"
        if row.alternatives:
            offered += 1
            offered_right += hit
            if route == "review":
                reviewed += 1
                reviewed_right += hit
    return Step(
        name,
        accepted,
        right,
        right / accepted if accepted else None,
        acceptable_right / acceptable if acceptable else None,
        offered,
        offered_right,
        reviewed,
        reviewed_right,
    )


__all__ = ["Step", "ablate"]
