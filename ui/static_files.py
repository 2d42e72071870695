"""The scripts and styles of the pages: all of a kind as one file, what all pages share (static/frame.*) first."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from fastapi import Response

KEPT = {"cache-control": "private, max-age=31536000, immutable"}
MEDIA = {"js": "text/javascript", "css": "text/css"}
STATIC = Path(__file__).parent / "static"


class Bundle(NamedTuple):
    """All files of a kind. `url` holds a hash of the content: a browser never runs the script of an older release."""

    url: str
    text: str
    media: str

    def answer(self, query: str) -> Response:
        """The text; a browser keeps it under the very address of this release, and under no other."""
        kept = self.url.endswith(f"?{query}")
        return Response(self.text, headers=KEPT if kept else {"cache-control": "no-store"}, media_type=self.media)


def bundle(kind: str) -> Bundle:
    """All files of a kind (`js`, `css`) as one, which is one request instead of a dozen."""
    files = sorted(STATIC.glob(f"*.{kind}"), key=lambda file: (not file.name.startswith("frame."), file.name))
    text = "\n".join(f"/* {file.name} */\n{file.read_text(encoding='utf-8')}" for file in files)
    return Bundle(f"/static/all.{kind}?{hashlib.sha256(text.encode('utf-8')).hexdigest()[:12]}", text, MEDIA[kind])
