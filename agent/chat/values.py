"""The values that a dialogue keeps between two turns: the name under discussion, the open question, its options.

They are kept with the answer in the history, on the server; a client sends only text and the id of an option.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.reading import Exam
from standard.errors import Lang


class Value(BaseModel):
    """Base: frozen, nothing unknown in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Slotted(Value):
    """An exam of the name by its slots, as the reader has them; `code`: the coder's, empty where none is settled."""

    family: str
    part: str = ""
    side: str = ""
    scan: str = ""
    extra: str = ""
    code: str = ""
    rules: tuple[str, ...] = ()

    @classmethod
    def of(cls, exam: Exam) -> Slotted:
        """From the reader's value."""
        return cls(**exam._asdict())

    @property
    def exam(self) -> Exam:
        """The reader's value."""
        return Exam(self.family, self.part, self.side, self.scan, self.extra, self.code, self.rules)


class Open(Value):
    """What is not settled yet: a reason of reasons.tsv, the word that names it, the pieces of the name that show it."""

    reason: str
    word: str = ""
    pieces: tuple[str, ...] = ()


class Answered(Value):
    """A question that the person answered."""

    reason: str
    zh: str
    en: str


class Draft(Value):
    """A name under discussion. `given_up`: the person says that none of what was offered fits."""

    name: str
    modality: str = ""
    institution: str = ""
    exams: tuple[Slotted, ...] = ()
    open: tuple[Open, ...] = ()
    answered: tuple[Answered, ...] = ()
    given_up: bool = False
    decided: bool = False  # a person decided it before, in this context

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes in the order of the name, each once."""
        return tuple(dict.fromkeys(exam.code for exam in self.exams if exam.code))

    @property
    def done(self) -> bool:
        """Nothing is open, and every exam has its code."""
        return bool(self.exams) and not self.open and all(exam.code for exam in self.exams) and not self.given_up


class Option(Value):
    """One answer to a question: what the button says, what a person may type for it, what the draft is then."""

    id: str
    zh: str
    en: str
    typed: tuple[str, ...] = ()  # `slot=element` that a typed answer says
    draft: Draft | None = None  # None: the button does something else (see dialogue.py)

    def label(self, lang: Lang) -> str:
        """What the button says."""
        return self.zh if lang == "zh" else self.en


class Question(Value):
    """The one question that is open. `slot`: what a typed answer has to say and nothing else."""

    kind: str
    reason: str
    zh: str
    en: str
    slot: Literal["", "side", "scan", "part", "position", "modality"] = ""
    family: str = ""
    options: tuple[Option, ...] = ()

    def sentence(self, lang: Lang) -> str:
        """The question."""
        return self.zh if lang == "zh" else self.en


class State(Value):
    """What the next turn needs to know. `lines`: the names of the last table; `quick`: buttons without a question."""

    draft: Draft | None = None
    question: Question | None = None
    quick: tuple[Option, ...] = ()
    lines: tuple[str, ...] = Field(default=())
