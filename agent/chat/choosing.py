"""What a language model is given to choose tools from, and what it says: the same for an endpoint and a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class Tool(NamedTuple):
    """A tool on offer: its name, what it is for, the JSON schema of its arguments."""

    name: str
    purpose: str
    arguments: dict[str, Any]


class Call(NamedTuple):
    """A call that a model makes: the tool's name and its arguments as JSON, neither of them checked."""

    name: str
    arguments: str


class Chosen(NamedTuple):
    """What a model makes of a case: calls, and what it says besides."""

    calls: tuple[Call, ...]
    remark: str


class Chooser(Protocol):
    """A language model that can choose tools."""

    @property
    def masks(self) -> bool:
        """Whether persons are masked in what it is shown."""

    def choose(self, case: str, tools: Sequence[Tool]) -> Chosen:
        """What it makes of a case (one line of JSON). SpeakFailure, with a reason of outcomes.tsv, for no answer."""
