"""The card of a trained model, `card.json` beside its file: which file, made of what and how, what it can, what not.

It is made without PyTorch at hand, and read by whoever shows it or opens the model.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from standard.errors import DataError, ModelError
from training.recipe import Size

CARD = "card.json"
WEAK = Path(__file__).parent / "data" / "card.toml"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Weak(_Table):
    """What the model is not good at, a sentence each."""

    zh: tuple[str, ...]
    en: tuple[str, ...]


class Figure(_Table):
    """Of the names of a part of a set (`generated`, or a file of labelled names), how many are right."""

    set: str
    part: str
    names: int = Field(ge=0)
    right: int = Field(ge=0)


class Training(_Table):
    """How it was trained: names learnt from, seconds in all, threads and cores, version of PyTorch, arithmetic."""

    names: int
    seed: int
    seconds: float
    threads: int
    cores: int
    torch: str
    arithmetic: str


class Second(_Table):
    """The classifier beside the model: its file, what it was trained on, and its own figures. `lexicon` and `generator`
    where it is of another training than the model."""

    file: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int
    names: int
    seed: int
    seconds: float
    figures: tuple[Figure, ...]
    lexicon: str = ""
    generator: str = ""


class Card(_Table):
    """The card. `sha256` and `bytes` are of `file`; versions are hashes of 12 digits."""

    name: str
    file: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int
    parameters: int
    size: Size
    vocabulary: int
    catalogue: str
    editions: tuple[str, ...]
    edition_versions: dict[str, str]
    lexicon: str
    generator: str
    training: Training
    engine: str = Field(description="What answered the names of the figures.")
    figures: tuple[Figure, ...]
    classifier: Second
    weak: Weak

    def write(self, folder: Path) -> None:
        """As card.json, whole or not at all."""
        part = folder / (CARD + ".part")
        part.write_text(json.dumps(self.model_dump(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        part.replace(folder / CARD)


def read_card(folder: Path) -> Card:
    """The card in a model's folder. ModelError where there is none, or it does not hold."""
    path = folder / CARD
    try:
        return Card.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"没有模型卡片 {path}；请先训练模型：./yingma model train。",
            f"There is no model card {path}; train a model first: ./yingma model train.",
        ) from error
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise ModelError(
            f"模型卡片 {path} 不成立（{error}）；请重新训练：./yingma model train。",
            f"The model card {path} does not hold ({error}); train again: ./yingma model train.",
        ) from error


@cache
def weaknesses() -> Weak:
    """The sentences of data/card.toml. DataError where the file does not hold."""
    try:
        return Weak.model_validate(tomllib.loads(WEAK.read_text(encoding="utf-8"))["weak"])
    except (tomllib.TOMLDecodeError, KeyError, ValidationError) as error:
        raise DataError(str(WEAK), None, None, "", (f"不成立：{error}", f"does not hold: {error}")) from error


def file_facts(path: Path) -> tuple[str, int]:
    """SHA-256 and bytes of a file."""
    data = path.read_bytes()
    return hashlib.sha256(data).hexdigest(), len(data)
