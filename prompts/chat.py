"""The prompt of the dialogue's language model: prompts/data/chat/choose-tools.toml, in a strict model."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from standard.errors import DataError

FILE = Path(__file__).parent / "data" / "chat" / "choose-tools.toml"


class ChatPrompt(BaseModel):
    """The task, and what each tool is for."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    version: Annotated[str, Field(pattern=r"^\d+(\.\d+)*$", description="Raised with every change of the text")]
    purpose: Annotated[str, Field(min_length=1)]
    system: Annotated[str, Field(min_length=1)]
    tools: dict[str, str]


@cache
def load_chat_prompt() -> ChatPrompt:
    """The shipped prompt. DataError where the file does not hold."""
    try:
        return ChatPrompt.model_validate(tomllib.loads(FILE.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        problem = (f"不成立：{error}；请改正。", f"does not hold: {error}; correct it.")
        raise DataError(FILE.name, None, None, FILE.stem, problem) from error
