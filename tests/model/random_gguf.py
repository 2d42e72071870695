"""A GGUF file of Yingma's own kind with random weights: it knows nothing, so it says everything that it may say."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from prompts.embedded import Vocabulary

UINT32, FLOAT32, BOOL, STRING, ARRAY, INT32 = 4, 6, 7, 8, 9, 5
UNKNOWN, CONTROL, BYTE, NORMAL = 2, 3, 6, 1
ALIGNMENT = 32
WIDTH, HIDDEN, HEADS = 32, 64, 2


def write_random_gguf(path: Path, vocabulary: Vocabulary, *, name: str = "yingma-embedded", seed: int = 0) -> None:
    """One block of WIDTH floats, F32, with the vocabulary."""
    texts = vocabulary.texts
    special = 3 + 256
    kinds = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * (len(texts) - special)
    values: dict[str, tuple[int, Any]] = {
        "general.architecture": (STRING, "llama"),
        "tokenizer.ggml.tokens": (ARRAY, (STRING, texts)),
        "general.name": (STRING, name),
        "llama.context_length": (UINT32, 512),
        "llama.embedding_length": (UINT32, WIDTH),
        "llama.block_count": (UINT32, 1),
        "llama.feed_forward_length": (UINT32, HIDDEN),
        "llama.attention.head_count": (UINT32, HEADS),
        "llama.attention.layer_norm_rms_epsilon": (FLOAT32, 1e-5),
        "tokenizer.ggml.model": (STRING, "llama"),
        "tokenizer.ggml.scores": (ARRAY, (FLOAT32, [0.0] * special + [-1.0] * (len(texts) - special))),
        "tokenizer.ggml.token_type": (ARRAY, (INT32, kinds)),
        "tokenizer.ggml.bos_token_id": (UINT32, 1),
        "tokenizer.ggml.eos_token_id": (UINT32, 2),
        "tokenizer.ggml.unknown_token_id": (UINT32, 0),
    }
    random = np.random.default_rng(seed)
    tensors = {
        "token_embd.weight": random.normal(size=(len(texts), WIDTH)),
        "output_norm.weight": np.ones(WIDTH),
        "blk.0.attn_norm.weight": np.ones(WIDTH),
        "blk.0.ffn_norm.weight": np.ones(WIDTH),
        **{f"blk.0.attn_{each}.weight": random.normal(size=(WIDTH, WIDTH)) for each in ("q", "k", "v", "output")},
        **{f"blk.0.ffn_{each}.weight": random.normal(size=(HIDDEN, WIDTH)) for each in ("gate", "up")},
        "blk.0.ffn_down.weight": random.normal(size=(WIDTH, HIDDEN)) * 0.1,
    }
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    head += b"".join(
        _string(key) + struct.pack("<I", kind) + _value(kind, value) for key, (kind, value) in values.items()
    )
    data = b""
    for key, tensor in tensors.items():
        shape = tensor.shape[::-1]
        head += _string(key) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        data += _padded(tensor.astype("<f4").tobytes())
    path.write_bytes(_padded(head) + data)


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(kind: int, value: Any) -> bytes:
    if kind == STRING:
        return _string(value)
    if kind == ARRAY:
        inner, each = value
        return struct.pack("<IQ", inner, len(each)) + b"".join(_value(inner, one) for one in each)
    return struct.pack({UINT32: "<I", INT32: "<i", FLOAT32: "<f"}[kind], value)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)
