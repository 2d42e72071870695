"""The review desk of a server, opened once; retrieval behind it, which opens in the background the first time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from agent.api.context import Context
from agent.api.log import logger
from agent.opening import chroma_server
from agent.pipeline import CANDIDATES
from agent.review.view import Desk
from agent.review.work import Work
from standard.errors import IndexError_

if TYPE_CHECKING:
    from retrieval import Retriever

AGAIN = 60.0  # seconds between two tries to open an index that cannot be used


def work_of(context: Context) -> Work:
    """The work of a context."""
    found: Work = context.once("review", lambda: _open(context))
    return found


def _open(context: Context) -> Work:
    finder: Finder | None = None
    if context.settings.review_retrieval:
        finder = context.once("finder", lambda: Finder(context))
    desk = Desk(context.pipeline, finder)
    return Work(context.store, desk, context.rules, context.settings.control_share)


class Finder:
    """Candidates by retrieval. Until its index is open it finds none: nobody waits for it. Where it cannot be used (a
    Chroma server that is away), it finds none either, says so in the log, and is opened again after a while."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._turn = threading.Lock()
        self._begun = threading.Lock()  # held while the index is being opened, and while it is open
        self._not_before = 0.0
        self._retriever: Retriever | None = None

    def __call__(self, name: str, modality: str) -> list[dict[str, Any]]:
        """The candidates of a name."""
        with self._turn:
            retriever = self._retriever
            if retriever is None:
                if time.monotonic() >= self._not_before and self._begun.acquire(blocking=False):
                    threading.Thread(target=self._open, name="retrieval", daemon=True).start()
                return []
            try:
                found = retriever.search([(name, modality)], CANDIDATES)[0]
            except IndexError_ as error:
                self._retriever = None
                self._failed(error)
                retriever.close()
                return []
        return [{"code": each.code, "score": each.score, "ranks": dict(each.ranks)} for each in found]

    def close(self) -> None:
        """Let go of the index."""
        with self._turn:
            retriever, self._retriever = self._retriever, None
            if retriever is not None:
                retriever.close()

    def _open(self) -> None:
        """Not through the context, whose lock others wait for."""
        from retrieval import Retriever

        context = self._context
        try:
            self._retriever = Retriever.open(
                context.catalogue,
                context.settings.home,
                context.pipeline.lexicon,
                server=chroma_server(context.settings),
            )
        except IndexError_ as error:
            self._failed(error)

    def _failed(self, error: IndexError_) -> None:
        """Told once each time, and nothing is tried for a while: a server that hangs holds each try for seconds."""
        logger().warning("retrieval", error=error.en)
        self._not_before = time.monotonic() + AGAIN
        self._begun.release()
