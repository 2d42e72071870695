"""What the reader says of a name: spans, exams, problems, conventions, what it could not explain.

A Reading is a value: the same name in the same context gives the same Reading, whatever was read before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Span(NamedTuple):
    """A piece of the raw name (half-open) and what it says. `slot` is a slot, `noise`, `separator` or `unexplained`."""

    start: int
    end: int
    text: str
    slot: str
    element: str


class Unexplained(NamedTuple):
    """How many characters nothing explains, whether they may change what the name means, and, where they may not,
    whether they stand apart from the words that say the exam (voices.toml)."""

    characters: int = 0
    matters: bool = False
    apart: bool = False


class Problem(NamedTuple):
    """Why a person has to look: a reason id (reasons.tsv) and the spans that show it, or a word that names it."""

    reason: str
    spans: tuple[Span, ...] = ()
    word: str = ""


class Exam(NamedTuple):
    """One exam of the name: its slots by name, and the code of the item, empty where the edition has none.

    `rules`: ids of conventions that filled or chose a slot. `sure`: no convention asks for a person."""

    family: str
    part: str
    side: str
    scan: str
    extra: str  # post-processing, position, or way and sub-item
    code: str
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was read. `complete`: every exam has a code, nothing is a problem and nothing is unexplained."""

    canonical: str
    spans: tuple[Span, ...]
    exams: tuple[Exam, ...]
    problems: tuple[Problem, ...]
    unexplained: Unexplained

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes in the order of the name, each once."""
        return tuple(dict.fromkeys(exam.code for exam in self.exams if exam.code))

    @property
    def complete(self) -> bool:
        """Nothing is missing, contradicted or unexplained."""
        return (
            bool(self.exams)
            and not self.problems
            and not self.unexplained.characters
            and all(e.code for e in self.exams)
        )
