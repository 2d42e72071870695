"""What a turn gives out, one after another: pieces of text, cards (facts), buttons, and at the end the new state."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agent.chat.facts import AnyFact, Fact
from agent.chat.values import State


class Piece(Fact):
    """A piece of Markdown, which goes behind those before it."""

    kind: Literal["text"] = "text"
    text: str


class Card(Fact):
    """The facts that the text around it is made of."""

    kind: Literal["card"] = "card"
    fact: Annotated[AnyFact, Field(discriminator="kind")]


class Choice(Fact):
    """A button."""

    id: str
    label: str


class Choices(Fact):
    """The buttons under an answer. `question`: they answer the question that stands last."""

    kind: Literal["options"] = "options"
    options: tuple[Choice, ...]
    question: bool = False


class End(Fact):
    """The turn is over; what the next one needs to know. It stays on the server."""

    kind: Literal["end"] = "end"
    state: State


Event = Piece | Card | Choices | End
