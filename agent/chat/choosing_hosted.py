"""Tools chosen by the model behind a URL, in OpenAI's protocol. Budget and breaker are those of the model step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import openai
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.chat.choosing import Call, Chosen, Tool
from agent.model.ask import SpeakFailure
from agent.model.endpoint import Usage, breaker_of, budget_of, open_client
from agent.model.hosted_errors import reason_of
from agent.settings import Settings
from prompts.chat import load_chat_prompt


class _Function(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str
    arguments: str = "{}"


class _Call(BaseModel):
    model_config = ConfigDict(extra="ignore")
    function: _Function


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore")
    content: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(BaseModel):
    model_config = ConfigDict(extra="ignore")
    message: _Message


class _Completion(BaseModel):
    model_config = ConfigDict(extra="ignore")
    choices: list[_Choice] = Field(min_length=1)
    usage: Usage | None = None


class HostedChooser:
    """The model of a URL setting, by its own way of calling tools."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._system = load_chat_prompt().system
        self._client = open_client(settings)
        self.budget = budget_of(settings)
        self.breaker = breaker_of(settings)

    @property
    def masks(self) -> bool:
        """As the setting says: what it is shown leaves the machine."""
        return self._settings.model_mask

    def choose(self, case: str, tools: Sequence[Tool]) -> Chosen:
        """What the endpoint answers. SpeakFailure for whatever it does instead."""
        spent_out = self.budget.spent_out()
        if spent_out:
            raise SpeakFailure(spent_out)
        if not self.breaker.lets_through():
            raise SpeakFailure("given_up")
        try:
            raw = self._client.chat.completions.with_raw_response.create(**self._request(case, tools))
        except openai.OpenAIError as err:
            self.breaker.failed()
            raise SpeakFailure(reason_of(err)[0]) from err
        self.breaker.answered()
        try:
            completion = _Completion.model_validate_json(raw.text)
        except ValidationError as err:
            raise SpeakFailure("bad_reply") from err
        usage = completion.usage or Usage()
        self.budget.add(usage.prompt_tokens, usage.completion_tokens)
        message = completion.choices[0].message
        calls = (Call(each.function.name, each.function.arguments) for each in message.tool_calls or ())
        return Chosen(tuple(calls), message.content or "")

    def _request(self, case: str, tools: Sequence[Tool]) -> dict[str, Any]:
        return {
            "model": self._settings.model_name,
            "messages": [{"role": "system", "content": self._system}, {"role": "user", "content": case}],
            "tools": [
                {
                    "type": "function",
                    "function": {"name": tool.name, "description": tool.purpose, "parameters": tool.arguments},
                }
                for tool in tools
            ],
            "temperature": 0,
            "seed": 0,
            "max_tokens": self._settings.model_max_tokens,
        }
