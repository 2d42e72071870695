"""Importing Gradio without its type stubs.

Whenever it is imported, Gradio reads the sources of all its components and writes a stub (.pyi) for each beside them,
for editors to complete names. That is half of the time that its import takes, and of no use to a server; where its
folder may not be written, it is done in vain at each start. Gradio leaves a component out whose source has no file.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

_one_at_a_time = Lock()  # two that overlap would put each other's function back


@contextmanager
def without_stubs() -> Iterator[None]:
    """Let Gradio be imported here."""
    with _one_at_a_time:
        found = inspect.getfile

        def getfile(object: Any) -> str:  # its name in inspect
            if sys._getframe(1).f_code.co_name == "create_or_modify_pyi":  # of gradio/component_meta.py
                raise OSError("no stub is wanted")
            return found(object)

        inspect.getfile = getfile
        try:
            yield
        finally:
            inspect.getfile = found
