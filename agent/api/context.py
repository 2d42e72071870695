"""What every request needs, opened once: settings, store, catalogue, pipeline, rules of deciding.

All of it is opened when it is first asked for, by whichever thread asks first; the others wait.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request

from agent.api.meters import Meters
from agent.memory import remembered
from agent.opening import open_catalogue, open_pipeline
from agent.settings import Settings
from agent.store import Rules, Store, open_store, rules_of
from standard.errors import Lang

if TYPE_CHECKING:
    from agent.answer import Query, Suggestion
    from agent.chat.talk import Talk
    from agent.pipeline import Pipeline
    from standard.edition import Catalogue

PIECE = 200  # queries answered before another thread has its turn


class Context:
    """Of one server. `local`: single-user mode, on loopback only."""

    def __init__(self, settings: Settings, local: bool = False) -> None:
        self.settings = settings
        self.local = local
        self._opening: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)  # by what is opened
        self._answering = threading.Lock()
        self._opened: dict[str, Any] = {}
        self.meters = Meters()

    @property
    def lang(self) -> Lang:
        """The language of who chose none."""
        return self.settings.lang

    @property
    def store(self) -> Store:
        """The database. StoreError when it cannot be opened; the next who asks tries again."""
        found: Store = self.once("store", partial(open_store, self.settings))
        return found

    @property
    def catalogue(self) -> Catalogue:
        """The editions that names are coded with."""
        found: Catalogue = self.once("catalogue", partial(open_catalogue, None))
        return found

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline with the model of the settings. Use `answer`: one thread at a time may ask it."""
        found: Pipeline = self.once(
            "pipeline",
            lambda: open_pipeline(None, self.settings.model, device_codes=self.settings.device_codes),
        )
        return found

    @property
    def explaining(self) -> Pipeline:
        """The pipeline that also finds candidates; its index is built the first time."""
        found: Pipeline = self.once(
            "explaining",
            lambda: open_pipeline(None, self.settings.model, retrieve=True, device_codes=self.settings.device_codes),
        )
        return found

    @property
    def rules(self) -> Rules:
        """What a decision has to keep to."""
        found: Rules = self.once("rules", lambda: rules_of(self.catalogue, self.settings.second_look_share))
        return found

    @property
    def talk(self) -> Talk:
        """The conversations of the dialogue."""
        from agent.chat.opening import open_talk

        found: Talk = self.once("talk", partial(open_talk, self))
        return found

    def fresh(self, queries: Sequence[Query]) -> list[Suggestion]:
        """The suggestions of queries, in order, as if nobody had decided anything: what the store is given.

        Several threads take turns, so that a long list stops nobody.
        """
        pipeline = self.pipeline
        found: list[Suggestion] = []
        for start in range(0, len(queries), PIECE):
            with self._answering:
                found += pipeline.fresh(queries[start : start + PIECE])
        return found

    def answer(self, queries: Sequence[Query]) -> list[Suggestion]:
        """The suggestions of queries, in order; what a person decided answers first."""
        return self._remembered(self.fresh(queries))

    def explain(self, query: Query, candidates: bool = True) -> Suggestion:
        """One suggestion with everything that can be told."""
        pipeline = self.explaining if candidates else self.pipeline
        with self._answering:
            found = pipeline.explain(query)
        return self._remembered([found])[0]

    def _remembered(self, suggestions: list[Suggestion]) -> list[Suggestion]:
        with self.store.reading() as session:
            return remembered(session, self.catalogue, suggestions, self.settings.memory)

    def close(self) -> None:
        """Close what was opened."""
        for name in ("finder", "store"):
            opened = self._opened.pop(name, None)
            if opened is not None:
                opened.close()

    def once(self, name: str, make: Any) -> Any:
        """What `make` gives, the first time; the same from then on."""
        found = self._opened.get(name)
        if found is None:
            with self._opening[name]:
                found = self._opened.get(name)
                if found is None:
                    found = self._opened[name] = make()
        return found


def _context(request: Request) -> Context:
    found: Context = request.app.state.context
    return found


CurrentContext = Annotated[Context, Depends(_context)]
