"""What the tools are given and what they give back: values checked by pydantic, with no sentence of the screen in them.

A caller of the API gets them as cards beside the text. Every code in them comes from the coder or the catalogue.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

NAME = 2000  # characters of a name that are looked at; the reader itself reads 400
Name = Annotated[str, Field(min_length=1, max_length=NAME)]
Short = Annotated[str, Field(max_length=200)]


class Fact(BaseModel):
    """Base: nothing unknown, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# -- given -------------------------------------------------------------------------------------------------------------


class ResolveIn(Fact):
    """One exam name, exactly as the person wrote it, with what is known of its context."""

    name: Name
    modality: Short = ""
    institution: Short = ""


class DecodeIn(Fact):
    """One code to take apart."""

    code: Annotated[str, Field(min_length=1, max_length=60)]


class CompareIn(Fact):
    """Two items: each a code or an exam name."""

    a: Name
    b: Name


class SearchIn(Fact):
    """Words of items that are looked for; `modality`: CT, MR, DR, RF, MG, US, or empty."""

    words: Annotated[str, Field(min_length=1, max_length=200)]
    modality: Short = ""
    limit: Annotated[int, Field(ge=1, le=50)] = 12


class EditionsIn(Fact):
    """Two editions of the standard, as 3.8 and 3.8.2. `old` empty: the one before; `new` empty: the newest."""

    old: Annotated[str, Field(max_length=40)] = ""
    new: Annotated[str, Field(max_length=40)] = ""


# -- given back --------------------------------------------------------------------------------------------------------


class FieldFact(Fact):
    """One field of a code. `holds`: false where its edition has no such element."""

    slot: str
    zh: str
    en: str
    characters: str
    code: str
    name: str
    holds: bool = True


class ItemFact(Fact):
    """One item of the standard, with the fields of its code."""

    code: str
    name: str
    modality: str
    edition: str
    fields: tuple[FieldFact, ...] = ()


class Sentence(Fact):
    """An id with its sentence in both languages."""

    id: str
    zh: str
    en: str


class SpanFact(Fact):
    """A piece of the name and what it says."""

    text: str
    slot: str
    element: str


class WeightFact(Fact):
    """One row of evidence."""

    signal: str
    value: str
    weight: float


class NameFact(Fact):
    """What the pipeline says of a name."""

    kind: Literal["name"] = "name"
    name: str
    modality: str
    route: Literal["accepted", "review"]
    score: float
    reason: Sentence
    detail: str = ""
    items: tuple[ItemFact, ...] = ()
    spans: tuple[SpanFact, ...] = ()
    conventions: tuple[Sentence, ...] = ()
    problems: tuple[Sentence, ...] = ()
    evidence: tuple[WeightFact, ...] = ()
    candidates: tuple[ItemFact, ...] = ()
    remembered: str = ""  # who decided it before, when, and the number of the decision
    settled: bool = False  # nothing is open any more
    answers: tuple[str, ...] = ()  # what the person said to the questions, in Chinese
    edition: str = ""


class CodeFact(Fact):
    """A code taken apart, or what does not hold in it. `base`: the item it is derived from."""

    kind: Literal["code"] = "code"
    code: str
    name: str = ""
    modality: str = ""
    edition: str = ""
    listed: bool = False
    base: ItemFact | None = None
    fields: tuple[FieldFact, ...] = ()
    problems: tuple[Sentence, ...] = ()
    nearest: tuple[ItemFact, ...] = ()
    differs: tuple[str, ...] = ()  # slots in which it is not what the nearest item is


class SideFact(Fact):
    """One of two things compared; no items where it is none of the standard's."""

    given: str
    items: tuple[ItemFact, ...] = ()
    reason: Sentence | None = None


class CompareFact(Fact):
    """Two items and the slots in which they differ."""

    kind: Literal["compare"] = "compare"
    a: SideFact
    b: SideFact
    differ: tuple[str, ...] = ()


class SearchFact(Fact):
    """Items found, the best first. `total`: how many there are."""

    kind: Literal["search"] = "search"
    words: str
    total: int
    items: tuple[ItemFact, ...] = ()


class ChangeFact(Fact):
    """One change of an item between two editions."""

    what: Literal["added", "removed", "renamed", "recoded"]
    code: str
    name: str
    was: str = ""


class EditionsFact(Fact):
    """What changed from one edition to the next; `counts` by kind and modality, `changes` the first of each kind."""

    kind: Literal["editions"] = "editions"
    old: str
    new: str
    counts: dict[str, int]
    by_modality: dict[str, dict[str, int]]
    changes: tuple[ChangeFact, ...] = ()
    elements: tuple[str, ...] = ()


class LineFact(Fact):
    """One line of a pasted column."""

    name: str
    route: Literal["accepted", "review"]
    codes: tuple[str, ...]
    names: tuple[str, ...]
    reason: Sentence
    score: float
    remembered: str = ""  # as of a NameFact


class TableFact(Fact):
    """Several names, answered one a line. `left_out`: lines beyond those that are read at once."""

    kind: Literal["table"] = "table"
    lines: tuple[LineFact, ...]
    left_out: int = 0


class SavedFact(Fact):
    """What came of putting a name in the queue, or of a decision. `done`: it was written, or had been before."""

    kind: Literal["saved"] = "saved"
    done: bool
    what: Literal["enqueue", "settle", "reject", "not_in_standard"]
    status: str = ""
    cluster_id: int | None = None
    decision_id: int | None = None
    codes: tuple[str, ...] = ()
    zh: str = ""
    en: str = ""


AnyFact = NameFact | CodeFact | CompareFact | SearchFact | EditionsFact | TableFact | SavedFact
