"""Persons, ids and phone numbers are taken out of a name before it leaves the machine.

The rules are data (data/masking.toml): expressions with examples of what they mask and what they leave. They work on
the name with full-width letters and digits read as half-width, character by character, so that positions stay. Person
names are masked only where a word says that a person is meant (姓名, 患者, 先生, sex with age), because exam names
begin with the same characters (张口位, 高位, 王氏位). A person's name that stands with no such word is not recognised.
"""

from __future__ import annotations

import functools
import re
import tomllib
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from standard.errors import DataError

DATA = Path(__file__).parent / "data" / "masking.toml"
_FULL_WIDTH = {0xFF01 + offset: 0x21 + offset for offset in range(94)} | {0x3000: 0x20}
# Characters that have no width and could be put between digits.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")


class Rule(BaseModel):
    """One rule of the file."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    id: str
    mask: str
    pattern: str
    masks: list[Annotated[list[str], Field(min_length=2, max_length=2)]]
    keeps: list[str]


class RuleFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    sep: str
    surnames: str
    not_given: str
    never: str
    rule: list[Rule]


class Masked(NamedTuple):
    """A text without persons, and the ids of the rules that found something (in order, each once)."""

    text: str
    rules: tuple[str, ...]


class Masker:
    """The compiled rules."""

    def __init__(self, data: RuleFile, file: str) -> None:
        surname = "(?:" + "|".join(dict.fromkeys(data.surnames.split())) + ")"
        stop = "|".join(re.escape(word) for word in data.not_given.split())
        never = "(?:" + "|".join(re.escape(word) for word in data.never.split()) + ")"
        given = f"(?:(?!{stop})[\\u4e00-\\u9fff·])"
        self.rules: list[tuple[Rule, re.Pattern[str]]] = []
        for rule in data.rule:
            pattern = rule.pattern
            for name, value in (("{sep}", data.sep), ("{surname}", surname), ("{given}", given), ("{never}", never)):
                pattern = pattern.replace(name, value)
            try:
                self.rules.append((rule, re.compile(pattern, re.VERBOSE)))
            except re.error as err:
                raise DataError(
                    file,
                    None,
                    f"rule {rule.id}.pattern",
                    rule.pattern,
                    (f"不是正则：{err}。", f"is no expression: {err}."),
                ) from err

    def mask(self, text: str) -> Masked:
        """The text with everything that a rule finds replaced."""
        text = _INVISIBLE.sub("", text)
        hit: list[str] = []
        for rule, pattern in self.rules:
            folded = text.translate(_FULL_WIDTH)
            out: list[str] = []
            end = 0
            for found in pattern.finditer(folded):
                start, stop = found.span("who") if "who" in pattern.groupindex else found.span()
                out += [text[end:start], rule.mask]
                end = stop
            if out:
                text = "".join(out) + text[end:]
                hit.append(rule.id)
        return Masked(text, tuple(hit))


def load_masker(path: Path = DATA) -> Masker:
    """The rules of a file. DataError where it does not hold."""
    try:
        data = RuleFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as err:
        raise DataError(
            path.name, None, None, str(err), ("不是合法的 TOML；请改正。", "is not valid TOML; correct it.")
        ) from err
    except ValidationError as err:
        fault = err.errors()[0]
        key = ".".join(str(step) for step in fault["loc"])
        raise DataError(
            path.name,
            None,
            key,
            fault["input"],
            (f"不成立：{fault['msg']}；请改正。", f"does not hold: {fault['msg']}; correct it."),
        ) from err
    return Masker(data, path.name)


@functools.cache
def masker() -> Masker:
    """The shipped rules."""
    return load_masker()


def mask(text: str) -> Masked:
    """The text without persons, ids and phone numbers, by the shipped rules."""
    return masker().mask(text)
