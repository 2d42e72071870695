"""The review desk of a server, opened once; retrieval behind it, which opens in the background the first time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from agent.api.context import Context
from agent.pipeline import CANDIDATES
from agent.review.view import Desk
from agent.review.work import Work

if TYPE_CHECKING:
    from retrieval import Retriever


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
    """Candidates by retrieval. Until its index is open it finds none: nobody waits for it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._turn = threading.Lock()
        self._begun = threading.Lock()
        self._retriever: Retriever | None = None

    def __call__(self, name: str, modality: str) -> list[dict[str, Any]]:
        """The candidates of a name."""
        retriever = self._retriever
        if retriever is None:
            if self._begun.acquire(blocking=False):
                threading.Thread(target=self._open, name="retrieval", daemon=True).start()
            return []
        with self._turn:
            found = retriever.search([(name, modality)], CANDIDATES)[0]
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
        self._retriever = Retriever.open(context.catalogue, context.settings.home, context.pipeline.lexicon)
