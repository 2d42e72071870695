"""Yingma's own small model, which is shipped: the model of the setting `local` where no other file is named.

It was trained on names of this project's own making, and is walked along the items of the edition (walk.py). It takes
the name and the modality column and nothing else, so no candidate that retrieval missed is missed here. Beside the
model file lies its card, which says the file's hash and what it was trained on.

Safe across threads (one lock). After a fork the child opens the file anew on its first name.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.model.engine import import_llama
from agent.model.gguf import general_name
from agent.model.local import file_hash
from agent.model.protocol import Attempt, Kind, ModelOutcome, ModelRequest
from agent.model.tables import DATA
from agent.model.walk import Walk, Walker
from prompts.embedded import MOST_EXAMS, Asker
from standard import Catalogue
from standard.errors import Lang, ModelError
from standard.lexicon import load_lexicon

NAME = "yingma-embedded"
FOLDER = DATA / "embedded"
FILE, CARD = "yingma.gguf", "card.json"
REGIME = "reset/tree"


class Card(BaseModel):
    """What this module needs of card.json; the card says more, to people."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{16,64}$", description="Of the model file, or how it begins")]
    lexicon: Annotated[str, Field(description="Version of the lexicon that the names of the training were made with")]
    editions: Annotated[tuple[str, ...], Field(description="Ids of the editions that it was trained on")]


def own_model(path: Path | None) -> Path | None:
    """Where Yingma's own model lies under a setting: shipped (None), a folder, or a file that names itself so.

    None where the path is somebody else's model, or nothing.
    """
    if path is None:
        return FOLDER
    path = path.expanduser()
    return path if (path / FILE).is_file() or general_name(path) == NAME else None


def own_in_use() -> Path:
    """Where Yingma's own model lies that the settings name, or the shipped one where they name another model."""
    from agent.settings import load_settings

    return own_model(load_settings().model_path) or FOLDER


class EmbeddedModel:
    """The model opened for one catalogue.

    `folder` holds yingma.gguf and card.json; or it is the GGUF itself, whose card, if any, lies beside it. `path` is
    the file, `tree` what can be answered. ModelError where the file is missing, is not what its card says, or is no
    model of this kind.
    """

    name = NAME

    def __init__(self, catalogue: Catalogue, folder: Path = FOLDER, threads: int = 1) -> None:
        version = import_llama().__version__
        self.path = folder if folder.is_file() else folder / FILE
        self._threads = threads
        self._closed = False
        self._lock = threading.Lock()
        self._card = read_card(self.path.parent / CARD)
        self._hash = ""
        self._hash = self._checked_hash()
        self._asker = Asker(load_lexicon())
        self._walker: Walker | None = Walker(self.path, threads)
        self.tree = self._walker.tree(catalogue)
        self._items = len(catalogue.items)
        left_out = len(self.tree.left_out)
        self._foreign = left_out > 0 or self._card is None or not _trained_on(self._card, catalogue)
        shared = f"shared elements only: {self._items - left_out} of {self._items} items"
        self._provenance = {
            "model": NAME,
            "hash": self._hash,
            "engine": f"llama-cpp-python {version}",
            "regime": REGIME,
            "trained_editions": "+".join(self._card.editions) if self._card else "not told",
            "trained_lexicon": self._card.lexicon if self._card else "not told",
            "edition": shared if self._foreign else catalogue.id,
        }
        _opened.add(self)

    @property
    def provenance(self) -> Mapping[str, str]:
        """Model and file's hash, engine and regime, what it was trained on, how much of the edition it can say."""
        return dict(self._provenance)

    def note(self, lang: Lang = "zh") -> str:
        """One sentence where the edition asked for is not one that the model was trained on; "" where it is."""
        if not self._foreign:
            return ""
        can = self._items - len(self.tree.left_out)
        trained = self._provenance["trained_editions"]
        if lang == "zh":
            return (
                f"影码自带的模型不是用这个版本训练的（训练用的是 {trained}）："
                f"{self._items} 个项目里它只能答出要素相同的 {can} 个。"
            )
        return (
            f"Yingma's own model was not trained on this edition (but on {trained}): "
            f"of its {self._items} items it can name the {can} whose elements are the same."
        )

    def question(self, name: str, modality: str = "") -> str:
        """What the model is asked about a name."""
        return self._asker.question(name, modality)

    def walk(self, name: str, modality: str = "", draft: Sequence[str] | None = None, runner_up: bool = True) -> Walk:
        """The answer to a name, as walk.py gives it. Any text in.

        `draft`: the codes of a likely answer, () for the refusal; one with a code that the model cannot say is none.
        ModelError where llama.cpp fails, or the model is closed.
        """
        question = self.question(name, modality)
        tokens: list[int] = []
        if draft is not None and len(draft) <= MOST_EXAMS:
            with contextlib.suppress(KeyError):
                tokens = self.tree.answer(draft)
        with self._lock:
            return self._open().walk(question, self.tree, tokens, runner_up)

    def fill(self, request: ModelRequest) -> ModelOutcome:
        """The outcome of one request, by its name and modality. `runner_up` is () also where only its bound is known.

        ModelError for a closed model; what llama.cpp does is an outcome.
        """
        began = time.monotonic()
        try:
            found = self.walk(request.name, request.modality, request.draft)
        except ModelError as failure:
            if self._closed:
                raise
            return ModelOutcome("invalid", "engine_failed", detail=failure.en, seconds=time.monotonic() - began)
        seconds = time.monotonic() - began
        kind: Kind = "answered" if found.codes else "refused"
        return ModelOutcome(
            kind,
            kind,
            found.exams,
            found.codes,
            attempts=(Attempt(found.reply, "stop", found.tokens_in, len(found.tokens), seconds, "", "tree"),),
            tokens_in=found.tokens_in,
            tokens_out=len(found.tokens),
            seconds=seconds,
            logprob=found.logprob,
            runner_up=found.runner_up or (),
            runner_up_logprob=found.runner_up_logprob,
        )

    def fill_many(self, requests: Sequence[ModelRequest]) -> list[ModelOutcome]:
        """One after another: one model is one context."""
        return [self.fill(request) for request in requests]

    @property
    def walker(self) -> Walker:
        """The walker of this process, for measurements: not behind the lock. ModelError for a closed model."""
        with self._lock:
            return self._open()

    def close(self) -> None:
        """Frees the model. Once more does nothing."""
        with self._lock:
            self._closed = True
            if self._walker is not None:
                self._walker.close()
                self._walker = None

    def _open(self) -> Walker:
        """The walker of this process. Called with the lock held."""
        if self._closed:
            raise ModelError(
                "影码自带的模型已经关闭；请重新打开。",
                "Yingma's own model is closed; open it again.",
            )
        if self._walker is None:
            self._checked_hash()
            self._walker = Walker(self.path, self._threads)
        return self._walker

    def _checked_hash(self) -> str:
        """The file's hash, compared with the card's; without a card, with the hash of the first opening."""
        if not self.path.is_file():
            raise ModelError(
                f"没有影码自带的模型文件 {self.path}；请运行 ./yingma model train，或设 YINGMA_MODEL=none。",
                f"Yingma's own model file {self.path} is missing; run ./yingma model train, or set YINGMA_MODEL=none.",
            )
        found = file_hash(self.path)
        wanted = self._card.sha256[: len(found)] if self._card else self._hash or found
        if found != wanted:
            raise ModelError(
                f"模型文件 {self.path} 与它的卡片不符（文件 {found}，卡片 {wanted}）；请运行 ./yingma model train。",
                f"The model file {self.path} is not the one of its card (file {found}, card {wanted}); "
                "run ./yingma model train.",
            )
        return found

    def _forked(self) -> None:
        """In a child: the parent's lock may be held by a thread that is not here, and its context is the parent's."""
        self._lock = threading.Lock()
        self._walker = None


_opened: weakref.WeakSet[EmbeddedModel] = weakref.WeakSet()


def _after_fork() -> None:
    for model in list(_opened):
        model._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def read_card(path: Path) -> Card | None:
    """The card beside a model file; None where there is none. ModelError where it does not hold."""
    try:
        return Card.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ValidationError) as error:
        raise ModelError(
            f"模型卡片 {path} 不成立：{error}；请运行 ./yingma model train。",
            f"The model card {path} does not hold: {error}; run ./yingma model train.",
        ) from error


def _trained_on(card: Card, catalogue: Catalogue) -> bool:
    return {edition.id for edition in catalogue.editions} <= set(card.editions)
