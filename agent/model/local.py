"""A GGUF file run in this process by llama.cpp (engine.py): any chat model, or one without a chat template.

The prompt's static part (task, examples) is one prefix, evaluated when the model is opened; a name adds its case and
the opening of the answer. Text from outside is made into tokens without reading control tokens in it.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from agent.model.ask import Conversation, Reply, SpeakFailure, ask, case_text
from agent.model.engine import ContextOverflowError, Engine, Generated, GrammarFailedError, import_llama
from agent.model.protocol import ModelOutcome, ModelRequest
from agent.settings import Settings
from prompts.schema import slot_schema
from prompts.templates import load_prompt
from standard.errors import ModelError

PROMPT = "fill-slots"
DIALECT = "grammar"


class LocalModel:
    """The model of the setting `local`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = model_file(settings)
        self._prompt = load_prompt(PROMPT)
        self.engine = open_engine(settings)
        self._lock = threading.Lock()
        self._hash = file_hash(self._path)
        self._frame = frame(self.engine, self._prompt.static_text(), self._prompt.answer)
        self.engine.set_prefix(self.engine.tokens(self._frame.before, special=True))

    @property
    def name(self) -> str:
        """The setting's name for it, else the file's."""
        return self._settings.model_name or self._path.stem

    @property
    def provenance(self) -> Mapping[str, str]:
        """File and its hash, llama.cpp's version and cache regime, prompt."""
        return {
            "model": self.name,
            "hash": self._hash,
            "engine": f"llama-cpp-python {self.engine.lib.__version__}",
            "regime": f"{self.engine.regime}/greedy",
            "dialect": DIALECT,
            "prompt": self._prompt.id,
            "prompt_version": self._prompt.version,
            "prompt_hash": self._prompt.hash,
        }

    def fill(self, request: ModelRequest) -> ModelOutcome:
        """The outcome of one request."""
        return ask(
            request,
            self._prompt,
            self._speak,
            name_limit=self._settings.model_name_limit,
            timeout=self._settings.model_timeout,
            max_exams=self._settings.model_max_exams,
        )

    def fill_many(self, requests: Sequence[ModelRequest]) -> list[ModelOutcome]:
        """One after another: one model is one context."""
        return [self.fill(request) for request in requests]

    def close(self) -> None:
        """Frees the model."""
        with self._lock:
            self.engine.close()

    def question(self, request: ModelRequest) -> tuple[list[int], str]:
        """Tokens behind the prefix, and grammar, of a request's first question: what a benchmark feeds `raw_fill`."""
        settings = self._settings
        schema = slot_schema(request.spans, request.candidates, min(request.max_exams, settings.model_max_exams))
        case = self._prompt.render("case", case=case_text(request, settings.model_name_limit))
        return self._suffix(Conversation(self._prompt, case, schema, float("inf"))), schema.gbnf()

    def prefix(self) -> tuple[int, ...]:
        """The tokens of the static prefix."""
        return self.engine.prefix

    def _suffix(self, conversation: Conversation) -> list[int]:
        engine, frame = self.engine, self._frame
        out = engine.tokens(conversation.case) + engine.tokens(frame.after, special=True)
        if conversation.retry:
            out += engine.tokens(conversation.first_reply) + engine.tokens(frame.between, special=True)
            out += engine.tokens(conversation.retry) + engine.tokens(frame.after_retry, special=True)
        return out

    def raw_fill(self, suffix: Sequence[int], gbnf: str, max_tokens: int, deadline: float) -> Generated:
        """The engine alone on the same tokens: what a benchmark compares `fill` with."""
        with self._lock:
            return self.engine.generate(suffix, gbnf, max_tokens, deadline)

    def _speak(self, conversation: Conversation) -> Reply:
        with spoken():
            made = self.raw_fill(
                self._suffix(conversation),
                conversation.schema.gbnf(),
                self._settings.model_max_tokens,
                conversation.deadline,
            )
        if made.finish_reason == "deadline":
            raise SpeakFailure("timeout", f"{made.tokens_out} tokens: {made.text}")
        return Reply(made.text, made.finish_reason, made.tokens_in, made.tokens_out, 0.0, DIALECT)


@contextmanager
def spoken() -> Iterator[None]:
    """What llama.cpp does instead of answering, as a SpeakFailure."""
    try:
        yield
    except GrammarFailedError as err:
        raise SpeakFailure("grammar_failed", str(err)[:500]) from err
    except ContextOverflowError as err:
        raise SpeakFailure("context_overflow", str(err)) from err
    except RuntimeError as err:
        # llama.cpp's own failure (llama_decode returned …), raised by the binding.
        raise SpeakFailure("engine_failed", str(err)[:500]) from err


class Frame(NamedTuple):
    """The texts around what varies: before + case + after + [reply + between + retry + after_retry]."""

    before: str
    after: str
    between: str
    after_retry: str


def model_file(settings: Settings) -> Path:
    """The GGUF file of the setting. ModelError where none is named."""
    if settings.model_path is None:
        raise ModelError(
            "没有说用哪个模型文件；请把 YINGMA_MODEL_PATH 设成一个 GGUF 文件，或设 YINGMA_MODEL=none。",
            "Which model file to use is not said; set YINGMA_MODEL_PATH to a GGUF file, or YINGMA_MODEL=none.",
        )
    return settings.model_path.expanduser()


def open_engine(settings: Settings) -> Engine:
    """The file, opened with the settings' context and threads. ModelError where it, or llama.cpp, is not there.

    One core is left to the rest: llama.cpp's threads wait for each other, and one that gets no core stops all."""
    import_llama()
    threads = settings.model_threads or max(1, min(4, (os.cpu_count() or 1) - 1))
    return Engine(model_file(settings), context=settings.model_context, threads=threads)


def frame(engine: Engine, static: str, answer: str, template: str | None = None) -> Frame:
    """What stands around a case: by the file's chat template (or the one that is given), or plain where it has none,
    with `answer` before the answer. ModelError where the template cannot be used."""
    template = engine.chat_template if template is None else template
    if not template:
        opening = "\n" + answer
        return Frame(engine.bos + static, opening, "\n", opening)
    case, reply, retry = (f"\u241e{number}\u241e" for number in range(3))
    first = [{"role": "user", "content": static + case}]
    rendered = _chat(engine, template, first)
    again = _chat(
        engine, template, [*first, {"role": "assistant", "content": reply}, {"role": "user", "content": retry}]
    )
    before, mark, after = rendered.partition(case)
    _, reply_mark, rest = again.partition(reply)
    between, retry_mark, after_retry = rest.partition(retry)
    if not (mark and reply_mark and retry_mark):
        raise ModelError(
            "模型文件里的对话模板不能用（没有带出对话里的话）；请换一个模型文件。",
            "The chat template in the model file cannot be used (it leaves out what is said); use another file.",
        )
    if not before.startswith(engine.bos):
        before = engine.bos + before
    return Frame(before, after, between, after_retry)


def _chat(engine: Engine, template: str, messages: list[dict[str, str]]) -> str:
    formats: Any = importlib.import_module("llama_cpp.llama_chat_format")
    try:
        formatter = formats.Jinja2ChatFormatter(template=template, eos_token=engine.eos, bos_token=engine.bos)
        # A model that thinks aloud is told not to: the grammar leaves no room for it.
        return str(formatter(messages=messages, enable_thinking=False).prompt)
    except Exception as err:
        # Whatever a template in a foreign file does wrong is one fault to the user.
        raise ModelError(
            f"模型文件里的对话模板出错：{err}；请换一个模型文件。",
            f"The chat template in the model file fails: {err}; use another file.",
        ) from err


def file_hash(path: Path) -> str:
    """The SHA-256 of a model file, its first sixteen characters."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]
