"""The scripts and styles of the pages: everything under static/, what all pages share (frame.*) first."""

from __future__ import annotations

import hashlib
from pathlib import Path

STATIC = Path(__file__).parent / "static"


def static_files(suffix: str) -> list[str]:
    """Addresses of all files with a suffix (`.js`), in the order in which they are loaded.

    An address holds a hash of the content, so that a browser never runs the script of an older release.
    """
    files = sorted(STATIC.glob(f"*{suffix}"), key=lambda file: (not file.name.startswith("frame."), file.name))
    return [f"/static/{file.name}?{hashlib.sha256(file.read_bytes()).hexdigest()[:12]}" for file in files]
