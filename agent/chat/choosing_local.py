"""Tools chosen by a GGUF file in this process: under a grammar that holds the tools' arguments, so any chat model can.

    {"tool": "resolve", "arguments": {"name": "…"}}      one call
    {"tool": "say", "arguments": {"remark": "…"}}        none, and a sentence

The file is opened a second time beside the model that fills slots; its weights lie in memory once.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.chat.choosing import Call, Chosen, Tool
from agent.model.ask import SpeakFailure
from agent.model.engine import import_llama
from agent.model.local import frame, open_engine, spoken
from agent.settings import Settings
from prompts.chat import ChatPrompt, load_chat_prompt

SAY = "say"
REMARK: dict[str, Any] = {"type": "object", "properties": {"remark": {"type": "string"}}, "required": ["remark"]}


class _Answer(BaseModel):
    """What the grammar lets the model write."""

    model_config = ConfigDict(extra="forbid")
    tool: str
    arguments: dict[str, Any]


class LocalChooser:
    """The GGUF file of YINGMA_MODEL_PATH. One context: one question at a time."""

    masks = False  # nothing leaves the machine

    def __init__(self, settings: Settings) -> None:
        """ModelError where the file, or llama.cpp, is not there."""
        self._settings = settings
        self._lock = threading.Lock()
        self._engine = open_engine(settings)
        self._frame = frame(self._engine, static_text(load_chat_prompt()), "")
        self._engine.set_prefix(self._engine.tokens(self._frame.before, special=True))

    def choose(self, case: str, tools: Sequence[Tool]) -> Chosen:
        """Its one call, or what it says. SpeakFailure where it comes to no end."""
        deadline = time.monotonic() + self._settings.model_timeout
        rules = grammar(tuple((tool.name, json.dumps(tool.arguments)) for tool in tools))
        if not self._lock.acquire(timeout=self._settings.model_timeout):  # others ask
            raise SpeakFailure("timeout")
        try:
            with spoken():
                suffix = self._engine.tokens(case) + self._engine.tokens(self._frame.after, special=True)
                made = self._engine.generate(suffix, rules, self._settings.model_max_tokens, deadline)
        finally:
            self._lock.release()
        if made.finish_reason != "stop":
            raise SpeakFailure("timeout" if made.finish_reason == "deadline" else "truncated", made.text)
        try:
            answer = _Answer.model_validate(json.loads(made.text, strict=False))
        except (ValueError, ValidationError) as err:  # half a surrogate pair, say, which a grammar cannot forbid
            raise SpeakFailure("not_json", made.text) from err
        if answer.tool == SAY:
            return Chosen((), str(answer.arguments.get("remark", "")))
        return Chosen((Call(answer.tool, json.dumps(answer.arguments)),), "")


def static_text(prompt: ChatPrompt) -> str:
    """The task, how to write a choice, each tool in a line, and worked examples."""
    lines = [prompt.system.strip(), prompt.written.strip()]
    lines += [f"- {name}: {purpose}" for name, purpose in prompt.tools.items()]
    lines += [f"{example.case}\n{example.choice}" for example in prompt.examples]
    return "\n".join(lines) + "\n"


@lru_cache(maxsize=8)
def grammar(tools: tuple[tuple[str, str], ...]) -> str:
    """GBNF of one call of one of the tools (name, JSON schema of its arguments), or of a remark."""
    import_llama()
    from llama_cpp.llama_grammar import json_schema_to_gbnf

    kinds = [(name, _asked(json.loads(arguments))) for name, arguments in tools]
    calls = [
        {
            "type": "object",
            "properties": {"tool": {"const": name}, "arguments": arguments},
            "required": ["tool", "arguments"],
        }
        for name, arguments in [*kinds, (SAY, REMARK)]
    ]
    return str(json_schema_to_gbnf(json.dumps({"oneOf": calls})))


def _asked(schema: dict[str, Any]) -> dict[str, Any]:
    """What the model has to write of an object's schema: what is required, or all where nothing is.

    Without lengths, which the check of every call holds: as grammar, each is as many rules as characters."""
    wanted = schema.get("required") or list(schema["properties"])
    return {
        "type": "object",
        "properties": {
            name: {key: value for key, value in kind.items() if key not in ("minLength", "maxLength")}
            for name, kind in schema["properties"].items()
            if name in wanted
        },
        "required": wanted,
    }
