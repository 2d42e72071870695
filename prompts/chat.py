"""The prompt of the dialogue's language model: prompts/data/chat/choose-tools.toml, in a strict model."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from standard.errors import DataError

FILE = Path(__file__).parent / "data" / "chat" / "choose-tools.toml"


class ChatExample(BaseModel):
    """One worked example: a case and the choice, each a line of JSON. Names are invented, never of a test set."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    case: Annotated[str, Field(min_length=1)]
    choice: Annotated[str, Field(min_length=1)]


class ChatPrompt(BaseModel):
    """The task, and what each tool is for."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    version: Annotated[str, Field(pattern=r"^\d+(\.\d+)*$", description="Raised with every change of the text")]
    purpose: Annotated[str, Field(min_length=1)]
    system: Annotated[str, Field(min_length=1)]
    written: Annotated[str, Field(min_length=1, description="How a model that cannot call tools writes its choice")]
    examples: Annotated[list[ChatExample], Field(description="For such a model")]
    tools: dict[str, str]


@cache
def load_chat_prompt() -> ChatPrompt:
    """The shipped prompt. DataError where the file does not hold."""
    try:
        return ChatPrompt.model_validate(tomllib.loads(FILE.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        problem = (f"不成立：{error}；请改正。", f"does not hold: {error}; correct it.")
        raise DataError(FILE.name, None, None, FILE.stem, problem) from error
