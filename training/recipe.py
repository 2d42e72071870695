"""The recipe of Yingma's own model: data/decoder.toml, read and checked."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from standard.errors import DataError

FILE = Path(__file__).parent / "data" / "decoder.toml"


class Part(BaseModel):
    """Base of the tables: no unknown key, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Size(Part):
    """The sizes of the decoder, in numbers: blocks, floats of a token, heads, floats of the inner layer, tokens."""

    layers: int = Field(ge=1)
    width: int = Field(ge=8)
    heads: int = Field(ge=1)
    hidden: int = Field(ge=8)
    context: int = Field(ge=128)

    @model_validator(mode="after")
    def _even_heads(self) -> Size:
        if self.width % (2 * self.heads):
            raise ValueError("width / heads has to be an even number")
        return self

    @property
    def head(self) -> int:
        """Floats of one head."""
        return self.width // self.heads


class Schedule(Part):
    """How it is trained; the file says what each figure means."""

    names: int = Field(ge=1)
    rows: int = Field(ge=1)
    buffer: int = Field(ge=1000, multiple_of=1000)
    warm_up: float = Field(gt=0, lt=1)
    matrix_rate: float = Field(gt=0)
    other_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    clip: float = Field(gt=0)
    checkpoint: float = Field(gt=0)
    held_out: int = Field(ge=1, le=100_000)


class ClassifierPlan(Part):
    """How the classifier is trained."""

    names: int = Field(ge=1000)


class Recipe(Part):
    """The whole file."""

    size: Size
    training: Schedule
    classifier: ClassifierPlan


def read_recipe(path: Path = FILE) -> Recipe:
    """The recipe of a file. DataError names what does not hold."""
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return Recipe.model_validate(values)
    except tomllib.TOMLDecodeError as error:
        raise DataError(
            str(path), None, None, "", (f"不是合法的 TOML：{error}", f"is not valid TOML: {error}")
        ) from error
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(each) for each in fault["loc"])
        raise DataError(str(path), None, where, fault["input"], (fault["msg"], fault["msg"])) from error
