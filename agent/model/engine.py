"""llama.cpp in this process: a GGUF file, a static prefix that is paid once, greedy decoding under a grammar.

Three things that the binding's own `create_completion` does not do:

- **answers that do not depend on what was asked before.** The binding reuses whatever prefix the last prompt happens to
  share with this one, and floating point makes of that another answer now and then. Here the static prefix is evaluated
  once, as its own batch, and stays in the cache; before each name everything behind it is removed. So what is evaluated
  for a name is the same whatever came before. Models whose cache cannot be cut (recurrent, hybrid) start anew each
  time. The regime is named in `regime` and is part of an answer's provenance.
- **a grammar costs little.** It is asked about the likeliest token first, then about the likeliest few, and about the
  whole vocabulary only when those do not fit. The result is the same as greedy decoding with the grammar first in the
  chain, which checks the whole vocabulary (262,144 tokens in Gemma) at each step.
- **a grammar that cannot be built is an error**, not free text; and no token is lost when tokens become text.

Not safe across threads; local.py holds a lock.
"""

from __future__ import annotations

import ctypes
import importlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from standard.errors import ModelError

Regime = Literal["prefix-kept", "reset"]
FEW = 64


class Generated(NamedTuple):
    """What was generated: text, why it ended ("stop", "length", "deadline"), tokens of prompt and answer."""

    text: str
    finish_reason: str
    tokens_in: int
    tokens_out: int


class GrammarFailedError(ValueError):
    """llama.cpp does not accept the grammar."""


class ContextOverflowError(ValueError):
    """Prompt and answer are longer than the context."""


def import_llama() -> Any:
    """The module llama_cpp; ModelError where it is not installed."""
    try:
        return importlib.import_module("llama_cpp")
    except ImportError as err:
        raise ModelError(
            "没有装 llama-cpp-python，不能在本机跑 GGUF 模型；"
            "装好 C++ 编译器后运行 uv sync --extra local，或设 YINGMA_MODEL=none。",
            "llama-cpp-python is not installed, so no GGUF model runs here; "
            "with a C++ compiler run uv sync --extra local, or set YINGMA_MODEL=none.",
        ) from err


class Engine:
    """One loaded GGUF file with its static prefix."""

    def __init__(self, path: Path, *, context: int, threads: int) -> None:
        self.lib = import_llama()
        if not path.is_file():
            raise ModelError(
                f"没有模型文件 {path}；请把 YINGMA_MODEL_PATH 设成一个 GGUF 文件，或设 YINGMA_MODEL=none。",
                f"There is no model file {path}; set YINGMA_MODEL_PATH to a GGUF file, or YINGMA_MODEL=none.",
            )
        try:
            self.llm = self.lib.Llama(
                str(path), n_ctx=context, n_threads=threads, n_threads_batch=threads, seed=0, verbose=False
            )
        except (ValueError, RuntimeError, OSError) as err:
            raise ModelError(
                f"打不开模型文件 {path}：{err}；请检查它是不是完整的 GGUF 文件。",
                f"The model file {path} cannot be opened: {err}; check that it is a complete GGUF file.",
            ) from err
        self.vocab = self.lib.llama_model_get_vocab(self.llm.model)
        self._memory = self.lib.llama_get_memory(self.llm.ctx)
        self._n_vocab = int(self.llm.n_vocab())
        self._prefix: tuple[int, ...] = ()
        self._prefix_live = False
        self._row = np.zeros(self._n_vocab, dtype=[("id", np.int32), ("logit", np.float32), ("p", np.float32)])
        self.regime: Regime = "prefix-kept"

    @property
    def context(self) -> int:
        """Tokens that fit."""
        return int(self.llm.n_ctx())

    @property
    def chat_template(self) -> str:
        """The file's chat template, or ""."""
        return str(self.llm.metadata.get("tokenizer.chat_template", ""))

    @property
    def bos(self) -> str:
        """The text of the token that opens a prompt; "" where the model wants none."""
        wanted = bool(self.lib.llama_vocab_get_add_bos(self.vocab))
        return self.piece(self.llm.token_bos(), special=True).decode() if wanted else ""

    @property
    def eos(self) -> str:
        """The text of the token that ends an answer."""
        return self.piece(self.llm.token_eos(), special=True).decode()

    @property
    def prefix(self) -> tuple[int, ...]:
        """The tokens of the static prefix."""
        return self._prefix

    def tokens(self, text: str, *, special: bool = False) -> list[int]:
        """Tokens of a text. `special` reads control tokens such as <|im_end|> in it: never for text from outside."""
        return list(self.llm.tokenize(text.encode(), add_bos=False, special=special)) if text else []

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes of one token, however long (the binding drops those over 32 bytes)."""
        size = 64
        while token >= 0:
            buffer = ctypes.create_string_buffer(size)
            length = int(self.lib.llama_token_to_piece(self.vocab, token, buffer, size, 0, special))
            if length >= 0:
                return buffer.raw[:length]
            size = -length
        return b""

    def set_prefix(self, tokens: Sequence[int]) -> None:
        """Evaluates the static prefix and finds out whether this model's cache can be cut back to it."""
        if len(tokens) >= self.context:
            raise ModelError(
                f"提示词有 {len(tokens)} 个词元，超出模型的上下文 {self.context}；请调大 YINGMA_MODEL_CONTEXT。",
                f"The prompt has {len(tokens)} tokens, the model's context {self.context}; raise YINGMA_MODEL_CONTEXT.",
            )
        self._prefix = tuple(tokens)
        self._load_prefix()
        probe = self.tokens(" a")
        self.llm.eval(probe)
        self._prefix_live = False
        if self._cut():
            self.llm.n_tokens = len(self._prefix)
            self._prefix_live = True
        else:
            self.regime = "reset"

    def _load_prefix(self) -> None:
        self.llm.reset()
        if self._memory is not None:
            self.lib.llama_memory_clear(self._memory, True)
        if self._prefix:
            self.llm.eval(list(self._prefix))

    def _cut(self) -> bool:
        """Removes all behind the prefix from the cache; False where the model cannot."""
        if self._memory is None:
            return False
        return bool(self.lib.llama_memory_seq_rm(self._memory, 0, len(self._prefix), -1))

    def rewind(self) -> None:
        """The state in which each name begins: the prefix, and nothing else."""
        if self.regime == "prefix-kept" and self._prefix_live and self._cut():
            self.llm.n_tokens = len(self._prefix)
            return
        self._load_prefix()
        self._prefix_live = True

    def forget(self) -> None:
        """The cache was used by somebody else: the prefix is evaluated anew before the next name."""
        self._prefix_live = False

    @contextmanager
    def grammar(self, gbnf: str) -> Iterator[Any]:
        """A grammar sampler. GrammarFailedError where llama.cpp does not accept it."""
        sampler = self.lib.llama_sampler_init_grammar(self.vocab, gbnf.encode(), b"root")
        if not sampler:
            raise GrammarFailedError(gbnf)
        try:
            yield sampler
        finally:
            self.lib.llama_sampler_free(sampler)

    def generate(self, suffix: Sequence[int], gbnf: str, max_tokens: int, deadline: float) -> Generated:
        """Greedy decoding of prefix + suffix under a grammar whose root ends in a closing bracket.

        ContextOverflowError, GrammarFailedError; "deadline" when time.monotonic() passes `deadline` between two tokens.
        """
        tokens_in = len(self._prefix) + len(suffix)
        if not suffix or tokens_in + max_tokens > self.context:
            raise ContextOverflowError(f"{tokens_in} + {max_tokens} > {self.context}")
        with self.grammar(gbnf) as sampler:
            self.rewind()
            out: list[bytes] = []
            feed = list(suffix)
            while True:
                try:
                    self.llm.eval(feed)
                except BaseException:
                    self.forget()
                    raise
                token = self._next(sampler, ended=bool(out) and out[-1].endswith(b"}"))
                if token < 0:
                    reason = "stop"
                    break
                self.lib.llama_sampler_accept(sampler, token)
                out.append(self.piece(token))
                if len(out) >= max_tokens and not self._complete(sampler):
                    reason = "length"
                    break
                if time.monotonic() >= deadline and not self._complete(sampler):
                    reason = "deadline"
                    break
                if out[-1].endswith(b"}") and self._complete(sampler):
                    reason = "stop"
                    break
                feed = [token]
        return Generated(b"".join(out).decode("utf-8", "replace"), reason, tokens_in, len(out))

    def _complete(self, sampler: Any) -> bool:
        """May the text end here? In a grammar that ends in a closing bracket it then must."""
        return self._fits(sampler, np.array([self.llm.token_eos()], dtype=np.int32), np.zeros(1, np.float32)) >= 0

    def _next(self, sampler: Any, *, ended: bool) -> int:
        """The likeliest token that the grammar allows; -1 for the end."""
        if ended and self._complete(sampler):
            return -1
        logits = np.ctypeslib.as_array(self.lib.llama_get_logits_ith(self.llm.ctx, -1), shape=(self._n_vocab,))
        best = int(logits.argmax())
        one = np.array([best], dtype=np.int32)
        token = self._fits(sampler, one, logits[one])
        if token < 0:
            few = np.argpartition(logits, self._n_vocab - min(FEW, self._n_vocab))[-FEW:].astype(np.int32)
            few = few[np.lexsort((few, -logits[few]))]
            # What equals the last of the few may also lie outside them: that is left to the whole vocabulary.
            few = few[logits[few] > logits[few[-1]]]
            token = self._fits(sampler, few, logits[few]) if len(few) else -1
        if token < 0:
            every = np.arange(self._n_vocab, dtype=np.int32)
            token = self._fits(sampler, every, logits)
        return -1 if token < 0 or self.lib.llama_vocab_is_eog(self.vocab, token) else token

    def _fits(self, sampler: Any, ids: np.ndarray[Any, Any], logits: np.ndarray[Any, Any]) -> int:
        """The likeliest of some tokens that the grammar allows, the lowest id among equals; -1 for none."""
        row = self._row[: len(ids)]
        row["id"], row["logit"], row["p"] = ids, logits, 0.0
        data = row.ctypes.data_as(ctypes.POINTER(self.lib.llama_token_data))
        array = self.lib.llama_token_data_array(data=data, size=len(ids), selected=-1, sorted=False)
        self.lib.llama_sampler_apply(sampler, ctypes.byref(array))
        at = int(row["logit"].argmax())
        return int(row["id"][at]) if np.isfinite(row["logit"][at]) else -1

    def close(self) -> None:
        """Frees the model."""
        self.llm.close()
