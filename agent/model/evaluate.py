"""llama.cpp's C interface, as little of it as a small model needs: feed tokens, read logits, cut the cache.

    Evaluator(path) ── clear() ── feed(tokens, outputs) ── cut(length) ── close()

One batch structure and one view of the logits are kept and used again, so that around each `llama_decode` Python costs
some microseconds. Weights are read into memory, not mapped, so that a file replaced underneath harms nobody. Not safe
across threads, and not across a fork; embedded.py sees to both.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.model.engine import import_llama
from standard.errors import ModelError

CONTEXT = 512
Logits = np.ndarray[Any, np.dtype[np.float32]]


class Evaluator:
    """One loaded GGUF with one sequence of at most CONTEXT tokens. ModelError where the file cannot be opened."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        self.lib = lib = import_llama()
        # The binding prints what llama.cpp says unless its logger is raised; errors still come through.
        logging.getLogger("llama-cpp-python").setLevel(logging.ERROR)
        lib.llama_backend_init()
        model_params = lib.llama_model_default_params()
        model_params.n_gpu_layers = 0
        model_params.load_mode = lib.LLAMA_LOAD_MODE_NONE
        self._model: Any = lib.llama_model_load_from_file(str(path).encode(), model_params)
        if not self._model:
            raise _unusable(path)
        params = lib.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = CONTEXT
        params.n_threads = params.n_threads_batch = threads
        # Said, not left to llama.cpp's choice: other kernels give other roundings.
        params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_ENABLED
        params.no_perf = True
        self.context: Any = lib.llama_init_from_model(self._model, params)
        if not self.context:
            lib.llama_model_free(self._model)
            raise _unusable(path)
        self.memory = lib.llama_get_memory(self.context)
        self._vocab = lib.llama_model_get_vocab(self._model)
        self.n_vocab = int(lib.llama_vocab_n_tokens(self._vocab))
        self._tokens = np.zeros(CONTEXT, dtype=np.int32)
        self._flags = np.zeros(CONTEXT, dtype=np.int8)
        self._batch = self.batch(self._tokens, self._flags)
        self._one = np.zeros(1, dtype=np.int32)
        self._wanted = np.ones(1, dtype=np.int8)
        self._batch_of_one = self.batch(self._one, self._wanted)
        self._view: Logits = np.zeros((0, self.n_vocab), dtype=np.float32)
        self._viewed = (0, 0)

    def batch(self, tokens: np.ndarray[Any, Any], flags: np.ndarray[Any, Any]) -> Any:
        """A `llama_batch` over two arrays, which the caller keeps alive: int32 tokens, int8 "logits wanted here".

        Without positions and sequences: llama.cpp goes on where sequence 0 ends.
        """
        return self.lib.llama_batch(
            n_tokens=len(tokens),
            token=tokens.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            embd=None,
            pos=None,
            n_seq_id=None,
            seq_id=None,
            logits=flags.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def metadata(self, key: str) -> str:
        """A value of the file's metadata as text; "" where it has none."""
        buffer = ctypes.create_string_buffer(1024)
        length = self.lib.llama_model_meta_val_str(self._model, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if length >= 0 else ""

    def texts(self) -> tuple[str, ...]:
        """The text of each token, as the file holds it."""
        read = self.lib.llama_vocab_get_text
        return tuple(read(self._vocab, token).decode("utf-8", "replace") for token in range(self.n_vocab))

    def clear(self) -> None:
        """Empties the sequence. Old values stay in memory behind the mask, where they weigh nothing."""
        self.lib.llama_memory_clear(self.memory, False)

    def cut(self, length: int) -> None:
        """Keeps the first `length` tokens of the sequence. ModelError where this model's cache cannot be cut."""
        if not self.lib.llama_memory_seq_rm(self.memory, 0, length, -1):
            raise ModelError(
                f"这个模型的缓存不能退回到 {length} 个词元；请换一个模型文件。",
                f"This model's cache cannot be cut back to {length} tokens; use another model file.",
            )

    def feed(self, tokens: Sequence[int], outputs: int = 1) -> Logits:
        """Appends tokens; the logits behind each of the last `outputs`, (outputs, n_vocab).

        A view, good until the next call. ModelError where llama.cpp fails, for instance over CONTEXT tokens.
        """
        count = len(tokens)
        if count == 1:
            self._one[0] = tokens[0]
            failed = self.lib.llama_decode(self.context, self._batch_of_one)
        elif count <= CONTEXT:
            self._tokens[:count] = tokens
            self._flags[:count] = 0
            self._flags[count - outputs : count] = 1
            self._batch.n_tokens = count
            failed = self.lib.llama_decode(self.context, self._batch)
        else:
            failed = 1  # llama.cpp's own word for "no room"
        if failed:
            raise ModelError(
                f"llama.cpp 没有算成（llama_decode 返回 {failed}）；请检查模型文件与内存。",
                f"llama.cpp failed (llama_decode returned {failed}); check the model file and the memory.",
            )
        address = ctypes.addressof(self.lib.llama_get_logits(self.context).contents)
        if (address, outputs) != self._viewed:
            floats = (ctypes.c_float * (outputs * self.n_vocab)).from_address(address)
            self._view = np.ctypeslib.as_array(floats).reshape(outputs, self.n_vocab)
            self._viewed = address, outputs
        return self._view

    def close(self) -> None:
        """Frees context and model. Once more does nothing."""
        if self.context:
            self.lib.llama_free(self.context)
            self.lib.llama_model_free(self._model)
        self.context = self._model = None


def _unusable(path: Path) -> ModelError:
    return ModelError(
        f"打不开模型文件 {path}；请检查它是不是完整的 GGUF 文件。",
        f"The model file {path} cannot be opened; check that it is a complete GGUF file.",
    )
