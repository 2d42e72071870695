"""Prompts as data: one TOML file each in prompts/data, loaded into a strict model, with a version and a content hash.

A file holds: what the prompt is for, its version, the variables it declares, the static text (system, examples) and the
variable texts (case, retry). `$name` in a text is a variable; `$$` is a dollar. A text may use only declared variables,
and each declared variable must be used. What is put in is never read for variables again.

The static text comes first and is the same for every name, so that a model's cache pays it once.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from standard.errors import DataError, YingmaError

DATA = Path(__file__).parent / "data"
_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|(?P<name>[a-z_]+))")

Text = Annotated[str, Field(min_length=1)]
Part = Literal["case", "retry"]


class MissingVariablesError(YingmaError):
    """A prompt was rendered without all its variables, or with ones it does not declare. A fault of the program's."""


class Example(BaseModel):
    """One worked example: what the model is given, what it should write. Names are invented, never of a test set."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    input: Text
    output: Text


class Prompt(BaseModel):
    """One prompt file."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", description="The file's name without .toml")]
    version: Annotated[str, Field(pattern=r"^\d+(\.\d+)*$", description="Raised with every change of the text")]
    purpose: Annotated[str, Field(min_length=1, description="What the prompt is for, one sentence")]
    variables: Annotated[list[str], Field(description="The variables that case and retry may use, together")]
    system: Annotated[str, Field(min_length=1, description="Static: the task")]
    case: Annotated[str, Field(min_length=1, description="Variable: one name")]
    retry: Annotated[str, Field(min_length=1, description="Variable: the check's message, sent back once")]
    answer: Annotated[str, Field(description="What stands before an answer where the model has no chat template")]
    examples: Annotated[list[Example], Field(description="Static: worked examples")]

    @model_validator(mode="after")
    def _variables_hold(self) -> Prompt:
        used = {name for part in (self.case, self.retry) for name in _names(part)}
        undeclared = sorted(used - set(self.variables))
        unused = sorted(set(self.variables) - used)
        if undeclared or unused:
            raise ValueError(f"variables used but not declared: {undeclared}; declared but not used: {unused}")
        static = sorted({name for text in (self.system, self.answer) for name in _names(text)})
        if static:
            raise ValueError(f"the static text uses variables: {static}")
        return self

    @property
    def hash(self) -> str:
        """Twelve characters that change with any change of the content."""
        content = json.dumps(self.model_dump(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    def render(self, part: Part, **values: str) -> str:
        """The variable text with its variables put in. MissingVariablesError lists all that are missing or unknown."""
        text = self.case if part == "case" else self.retry
        wanted = set(_names(text))
        missing, unknown = sorted(wanted - set(values)), sorted(set(values) - wanted)
        if missing or unknown:
            raise MissingVariablesError(
                f"提示词 {self.id} 的 {part} 缺变量 {missing}，多变量 {unknown}。",
                f"Prompt {self.id}, {part}: missing variables {missing}, unknown variables {unknown}.",
            )
        return _VARIABLE.sub(lambda m: "$" if m["dollar"] else values[m["name"]], text)

    def static_text(self) -> str:
        """The static text in one piece, for a model that is not given chat messages."""
        blocks = [_plain(self.system)]
        blocks += [f"{_plain(one.input)}\n{self.answer}{one.output}" for one in self.examples]
        return "\n".join(blocks) + "\n"


def _names(text: str) -> list[str]:
    return [match["name"] for match in _VARIABLE.finditer(text) if match["name"]]


def _plain(text: str) -> str:
    return text.strip("\n")


def read_prompt(path: Path) -> Prompt:
    """One prompt file. DataError names the file, the key, the value and the remedy."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise DataError(
            path.name, None, None, path.stem, ("没有这个提示词文件。", "there is no such prompt file.")
        ) from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise DataError(
            path.name, None, None, str(err), ("不是合法的 TOML；请改正。", "is not valid TOML; correct it.")
        ) from err
    try:
        prompt = Prompt.model_validate(data)
    except ValidationError as err:
        fault = err.errors()[0]
        key = ".".join(str(step) for step in fault["loc"]) or None
        value = fault["input"] if key else prompt_id(data)
        raise DataError(
            path.name,
            None,
            key,
            value,
            (f"不成立：{fault['msg']}；请改正。", f"does not hold: {fault['msg']}; correct it."),
        ) from err
    if prompt.id != path.stem:
        raise DataError(
            path.name,
            None,
            "id",
            prompt.id,
            (f"应与文件名一致：{path.stem}。", f"must be the file's name: {path.stem}."),
        )
    return prompt


def prompt_id(data: dict[str, object]) -> object:
    """The id that a file claims, for messages."""
    return data.get("id")


@functools.cache
def load_prompt(name: str) -> Prompt:
    """The shipped prompt of that name."""
    return read_prompt(DATA / f"{name}.toml")


def prompt_names() -> tuple[str, ...]:
    """The shipped prompts, sorted."""
    return tuple(sorted(path.stem for path in DATA.glob("*.toml")))
