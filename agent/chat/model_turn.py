"""The optional language model of the dialogue: it chooses tools for what no rule understands. It writes no code.

It is asked once, with the person's words (masked where the setting says so), the open question, and the tools that only
read; each call it makes is checked by pydantic and done here. What it says besides is shown escaped, and not at all
where it holds anything that looks like a code. An endpoint chooses in its own way (choosing_hosted.py), a file under a
grammar (choosing_local.py). Yingma's own model fills slots and cannot talk: with it, or none, the dialogue is by
rules alone.

A name that instructs the model reaches nothing: the tools read, an exam name in a call must stand in the person's text,
an answer must be one of the options, and queue and decisions are no tools.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from agent.chat.choosing import Chooser, Chosen, Tool
from agent.chat.facts import AnyFact, CompareIn, DecodeIn, EditionsIn, Fact, ResolveIn, SearchIn
from agent.chat.values import Question
from agent.model.ask import SpeakFailure
from agent.model.masking import mask
from agent.model.tables import outcome_sentence
from prompts.chat import load_chat_prompt
from standard.errors import InputError, Lang

if TYPE_CHECKING:
    from agent.chat.tools import Tools

MOST_CALLS = 4
TEXT_LIMIT = 1000  # characters of the person's text that the model is shown
REMARK_LIMIT = 400
_NUMERALS = re.compile("[〇零一二两三四五六七八九壹贰叁肆伍陆柒捌玖]{8,}")


class AnswerIn(Fact):
    """The number of the option of the open question that the person means."""

    option: int = Field(ge=1, le=20)


TOOLS: dict[str, type[Fact]] = {
    "resolve": ResolveIn,
    "decode": DecodeIn,
    "compare": CompareIn,
    "search": SearchIn,
    "edition_changes": EditionsIn,
    "answer": AnswerIn,
}


@dataclass(slots=True)
class Planned:
    """What came of asking. `failure`: a reason of outcomes.tsv why nothing did; `hidden`: the remark held a code.

    `names`: exam names to resolve; `option`: index of the option chosen; `faults`: calls that did not hold."""

    names: list[str] = field(default_factory=list)
    facts: list[AnyFact] = field(default_factory=list)
    option: int | None = None
    remark: str = ""
    hidden: bool = False
    failure: str = ""
    faults: list[str] = field(default_factory=list)

    def failure_sentence(self, lang: Lang) -> str:
        """Why the model was of no help."""
        return outcome_sentence(self.failure, lang)


class ChatModel:
    """A model that can choose tools, and what is made of what it chooses."""

    def __init__(self, chooser: Chooser) -> None:
        self._chooser = chooser
        self._purposes = load_chat_prompt().tools

    def plan(self, text: str, question: Question | None, tools: Tools, lang: Lang) -> Planned:
        """What the model makes of a text. Never raises for what the model does."""
        shown = text[:TEXT_LIMIT]
        if self._chooser.masks:
            shown = mask(shown).text
        offered = [
            Tool(name, self._purposes[name], arguments.model_json_schema())
            for name, arguments in TOOLS.items()
            if name != "answer" or question is not None
        ]
        try:
            chosen = self._chooser.choose(_case(shown, question, lang), offered)
        except SpeakFailure as failure:
            return Planned(failure=failure.reason)
        return self._done(chosen, text, shown, question, tools)

    def _done(self, chosen: Chosen, text: str, shown: str, question: Question | None, tools: Tools) -> Planned:
        planned = Planned()
        for call in chosen.calls[:MOST_CALLS]:
            model = TOOLS.get(call.name)
            if model is None:
                planned.faults.append(f"{call.name}: no such tool")
                continue
            try:
                given = model.model_validate_json(call.arguments or "{}")
            except ValidationError as err:
                planned.faults.append(f"{call.name}: {err.errors()[0]['msg']}")
                continue
            try:
                self._call(planned, given, text, shown, question, tools)
            except InputError as err:
                planned.faults.append(f"{call.name}: {err.en}")
        remark = " ".join(chosen.remark.split())[:REMARK_LIMIT]
        planned.hidden = holds_code(remark)
        planned.remark = "" if planned.hidden else remark
        if not (planned.names or planned.facts or planned.option is not None or planned.remark):
            planned.failure = "not_schema" if planned.faults else "refused"
        return planned

    def _call(
        self, planned: Planned, given: Fact, text: str, shown: str, question: Question | None, tools: Tools
    ) -> None:
        """One checked call. InputError where a name is not the person's."""
        if isinstance(given, ResolveIn):
            planned.names.append(original(given.name, text, shown))
        elif isinstance(given, DecodeIn):
            original(given.code, text, shown)
            planned.facts.append(tools.decode(given))
        elif isinstance(given, CompareIn):
            a, b = original(given.a, text, shown), original(given.b, text, shown)
            planned.facts.append(tools.compare(CompareIn(a=a, b=b)))
        elif isinstance(given, SearchIn):
            planned.facts.append(_found(given, text, tools))
        elif isinstance(given, EditionsIn):
            planned.facts.append(tools.editions(given))
        elif isinstance(given, AnswerIn) and question is not None and given.option <= len(question.options):
            planned.option = given.option - 1
        else:
            raise InputError("没有这个选项。", "There is no such option.")


def _found(given: SearchIn, text: str, tools: Tools) -> AnyFact:
    """What a search finds; where that is nothing, what the words of it find that the person wrote."""
    found = tools.search(given)
    own = " ".join(word for word in given.words.split() if word in text)
    return tools.search(given.model_copy(update={"words": own})) if not found.total and own else found


def _case(shown: str, question: Question | None, lang: Lang) -> str:
    """What is asked, as one line of JSON: whatever the text holds stays inside its quotation marks."""
    case: dict[str, Any] = {"text": shown, "lang": lang}
    if question is not None:
        case["question"] = question.sentence(lang)
        case["options"] = [f"{option.id} {option.label(lang)}" for option in question.options]
    return json.dumps(case, ensure_ascii=False)


def original(piece: str, text: str, shown: str) -> str:
    """A name as the person wrote it. InputError where the model made it up.

    What the model was shown with something masked is the whole line of the person's text."""
    piece = piece.strip()
    if piece and piece in text:
        return piece
    if piece and piece in shown:
        return text.strip()
    raise InputError("模型给出的名称不在原文里。", "The name that the model gave does not stand in the text.")


def holds_code(text: str) -> bool:
    """Whether a text holds anything that could be taken for a code, also when it is written apart or in numerals."""
    folded = unicodedata.normalize("NFKC", text)
    close = re.sub(r"[\s\-_.,:;，、·|/*`'\"]+", "", folded)
    for run in re.findall(r"[0-9A-Za-z]+", close):
        if re.search(r"(?:[A-Za-z]?\d){6,}|\d{6,}", run):
            return True
    return bool(_NUMERALS.search(close))
