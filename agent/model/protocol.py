"""The model step's one protocol: what a model is asked, what it may answer, what a model is.

    ModelRequest ──▶ Model.fill ──▶ ModelOutcome

Implementations: none.py (no model), embedded.py (Yingma's own model), local.py (any GGUF file in this process),
hosted.py (an OpenAI-compatible endpoint).
Nothing outside this package asks which one it has. `fill` never raises for what a model or an endpoint does: each way
of failing is an outcome with a reason from data/outcomes.tsv, and the name goes to review.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from prompts.schema import CandidateRow, Exam, ReaderSpan

__all__ = [
    "Attempt",
    "CandidateRow",
    "Exam",
    "Kind",
    "Model",
    "ModelOutcome",
    "ModelRequest",
    "ReaderSpan",
    "resolve_among",
]

Kind = Literal["answered", "refused", "invalid", "timed_out", "unreachable", "over_budget", "skipped"]


def resolve_among(candidates: Sequence[CandidateRow]) -> Callable[[Exam], str | None]:
    """The code of the candidate with exactly these four values; None for any other combination."""
    codes = {Exam(row.modality, row.part, row.scan, row.extra): row.code for row in reversed(candidates)}
    return codes.get


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One name for the model.

    `name` as it came; `modality` the context's hint; `spans` what the reader found; `candidates` of the retrieval, best
    first; `resolve` the coder's answer to "is this combination an item?" (code or None); by default, among the
    candidates. `draft`: the codes of a likely answer, with which Yingma's own model is faster; it changes no answer.
    """

    name: str
    modality: str = ""
    spans: tuple[ReaderSpan, ...] = ()
    candidates: tuple[CandidateRow, ...] = ()
    resolve: Callable[[Exam], str | None] | None = field(default=None, compare=False)
    max_exams: int = 4
    draft: tuple[str, ...] | None = None

    def code_of(self, exam: Exam) -> str | None:
        """The code of one exam of an answer, or None when no item is so."""
        return (self.resolve or resolve_among(self.candidates))(exam)


class Attempt(NamedTuple):
    """One question to the model and its raw reply. `problem` is what the check said of it, "" when it held."""

    reply: str
    finish_reason: str
    tokens_in: int
    tokens_out: int
    seconds: float
    problem: str = ""
    dialect: str = ""


@dataclass(frozen=True, slots=True)
class ModelOutcome:
    """What came of one request: a kind of the closed set, a reason of data/outcomes.tsv, and everything that led to it.

    `exams` and `codes` go together and hold something only when answered. `detail` is the text behind a failure, for
    the trace. `logprob` and `runner_up` are for models that know them (natural logarithms; None otherwise). `seconds`
    does not count in comparisons: the same request to the same model gives an equal outcome.
    """

    kind: Kind
    reason: str
    exams: tuple[Exam, ...] = ()
    codes: tuple[str, ...] = ()
    detail: str = ""
    attempts: tuple[Attempt, ...] = field(default=(), compare=False)
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    seconds: float = field(default=0.0, compare=False)
    logprob: float | None = None
    runner_up: tuple[str, ...] = ()
    runner_up_logprob: float | None = None


@runtime_checkable
class Model(Protocol):
    """A language model as the pipeline sees it. Safe to call from several threads.

    One that answers several questions at once also tells how many: `concurrency`.
    """

    @property
    def name(self) -> str:
        """Short name for records and screens."""
        ...

    @property
    def provenance(self) -> Mapping[str, str]:
        """What an answer depends on: model, hash, regime, dialect, prompt, prompt_version, prompt_hash."""
        ...

    def fill(self, request: ModelRequest) -> ModelOutcome:
        """The outcome of one request."""
        ...

    def fill_many(self, requests: Sequence[ModelRequest]) -> list[ModelOutcome]:
        """The outcomes in the order of the requests; each is what `fill` would give."""
        ...

    def close(self) -> None:
        """Frees what the model holds; a closed model is not asked again."""
        ...
