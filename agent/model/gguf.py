"""The name that a GGUF file gives itself (`general.name`), read from its first bytes, without llama.cpp.

A file of the setting YINGMA_MODEL_PATH is Yingma's own model or anybody's; this tells which, and loads nothing.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

KEY = b"general.name"
# Bytes of a value of each scalar type of the format; strings and arrays are apart.
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY = 8, 9
LONGEST = 1 << 16  # bytes of a key, and of the name


def general_name(path: Path) -> str:
    """The file's `general.name`; "" where it has none, is no GGUF file, or cannot be read."""
    try:
        with path.open("rb") as stream:
            if stream.read(4) != b"GGUF":
                return ""
            _version, _tensors, count = struct.unpack("<IQQ", stream.read(20))
            for _ in range(count):
                key = stream.read(min(_number(stream, "<Q"), LONGEST))
                kind = _number(stream, "<I")
                if key == KEY and kind == STRING:
                    return stream.read(min(_number(stream, "<Q"), LONGEST)).decode("utf-8", "replace")
                _skip(stream, kind)
    except (OSError, struct.error, KeyError, OverflowError, RecursionError):
        pass  # whatever is wrong with the file, opening it as a model says it better
    return ""


def _number(stream: BinaryIO, form: str) -> int:
    return int(struct.unpack(form, stream.read(struct.calcsize(form)))[0])


def _skip(stream: BinaryIO, kind: int) -> None:
    """Goes behind a value. KeyError for a type that the format does not have, struct.error at the end of the file."""
    if kind == STRING:
        stream.seek(_number(stream, "<Q"), 1)
    elif kind == ARRAY:
        inner, count = _number(stream, "<I"), _number(stream, "<Q")
        if inner in SIZES:
            stream.seek(SIZES[inner] * count, 1)
        else:
            for _ in range(count):
                _skip(stream, inner)
    else:
        stream.seek(SIZES[kind], 1)
