"""A conversation in as few words as a test can: say something, look at text, buttons and cards."""

from __future__ import annotations

from functools import cache
from typing import Any

from agent.chat.dialogue import Dialogue, Said, Who
from agent.chat.events import Card, Choices, End, Piece
from agent.chat.tools import Tools
from agent.chat.values import State
from standard.errors import Lang
from tests.store.world import pipeline

NOBODY = Who(None, "viewer", "")


@cache
def tools() -> Tools:
    """One for all tests: they change nothing."""
    return Tools(pipeline())


class Chat:
    """One conversation. After each turn: `text`, `options` (id -> label), `cards`, `state`."""

    def __init__(self, dialogue: Dialogue, who: Who = NOBODY, lang: Lang = "zh") -> None:
        self.dialogue, self.who, self.lang = dialogue, who, lang
        self.state = State()
        self.text = ""
        self.options: dict[str, str] = {}
        self.cards: list[Any] = []

    def say(self, text: str, option: str = "", modality: str = "", institution: str = "") -> str:
        """Say something; the text of the answer."""
        self.text, self.options, self.cards = "", {}, []
        ended = 0
        for event in self.dialogue.turn(self.state, Said(text, option, modality, institution), self.who, self.lang):
            assert not ended
            if isinstance(event, Piece):
                self.text += event.text
            elif isinstance(event, Choices):
                self.options = {each.id: each.label for each in event.options}
            elif isinstance(event, Card):
                self.cards.append(event.fact)
            elif isinstance(event, End):
                ended += 1
                self.state = State.model_validate_json(event.state.model_dump_json(exclude_defaults=True))
        assert ended == 1
        return self.text

    def press(self, label: str) -> str:
        """Press a button."""
        number = next(number for number, each in self.options.items() if each == label)
        return self.say(label, number)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes that are settled now."""
        draft = self.state.draft
        return draft.codes if draft is not None and draft.done else ()

    @property
    def asked(self) -> list[str]:
        """The answers to the open question."""
        question = self.state.question
        return [option.label(self.lang) for option in question.options] if question is not None else []
