"""While what stays for good is made, nothing is looked at for cycles.

Opening a lexicon makes a hundred thousand objects, all of which stay; Python's collector would look at them again and
again, which takes a fifth of it.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0  # threads that make something
_found = False  # whether the collector was on before the first of them


@contextmanager
def no_cycles() -> Iterator[None]:
    """No collection in here, by whatever thread. The last one to leave turns the collector on, if it was on before."""
    global _inside, _found
    with _lock:
        if not _inside:
            _found = gc.isenabled()
            gc.disable()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside and _found:
                gc.enable()
