"""Memory in the chain: what a person decided on a name in its context answers it, with who and when.

    name ─▶ fresh answer ─┬─ decided, same institution or group-wide ──▶ accepted: memory
                          ├─ decided, and a sure fresh answer that nobody saw says otherwise ──▶ review
                          ├─ decided before, and now in question ──▶ review
                          └─ nobody decided ─┬─ the fresh answer
                                             └─ accepted, and acceptance is stopped there (docs/audit.md) ──▶ review

What a run needs is loaded once (`load`), so neither the order of its names nor a decision made while it goes changes an
answer. Without a database, or where nobody decided anything, there is no memory and nothing is loaded.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.answer import Evidence, Query, Route, Suggestion
from agent.audit.detector import Scope, covers
from agent.audit.place import STOPPED, modalities_of, to_review
from agent.calibration import probability
from agent.console import settings_file
from agent.reasons import evidence_rows
from standard.edition import Catalogue
from standard.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from agent.reading import Reading
    from agent.store import Store
    from agent.store.held import Found, Held

REASONS = {"settle": "memory", "reject": "memory_no_exam", "not_in_standard": "memory_not_in_standard"}
MEMORY = frozenset((*REASONS.values(), "memory_disagrees", "memory_in_question", "memory_not_in_edition"))
ANY = "SELECT 1 FROM decision LIMIT 1"


class Memory:
    """What people decided on the names of one run. Plain values: it travels to other processes."""

    def __init__(self, texts: Found, readings: Found, stopped: Sequence[Scope] = ()) -> None:
        self.texts, self.readings = texts, readings
        self.stopped = tuple(stopped)  # where acceptance is stopped, institutions by key

    def __bool__(self) -> bool:
        """Whether it holds anything."""
        return bool(self.decided or self.stopped)

    @property
    def decided(self) -> bool:
        """Whether it holds anything that a person decided."""
        return bool(self.texts or self.readings)

    def find(self, query: Query, reading: Reading, codes: Sequence[str]) -> Held | None:
        """The decision, or the open question, on a name; else on names with the same reading."""
        from agent.store.keys import institution_key, reading_key_of, text_key

        place = institution_key(query.institution)
        own = self.texts.get(text_key(query.name, query.modality))
        if own:
            return _chosen(own, place)
        if not self.readings:
            return None
        same = self.readings.get(reading_key_of(reading, codes, query.modality))
        return _chosen(same, place) if same else None

    def to_plain(self) -> dict[str, Any]:
        """As JSON."""
        stopped = [list(each) for each in self.stopped]
        return {"texts": _plain(self.texts), "readings": _plain(self.readings), "stopped": stopped}

    @classmethod
    def from_plain(cls, value: Mapping[str, Any]) -> Memory:
        """From JSON."""
        stopped = [Scope(*each) for each in value.get("stopped", ())]
        return cls(_found(value["texts"]), _found(value["readings"]), stopped)

    def stops(self, catalogue: Catalogue, institution: str, codes: Sequence[str]) -> bool:
        """Whether acceptance is stopped for an answer that nobody decided."""
        if not self.stopped:
            return False
        from agent.store.keys import institution_key

        modalities, place = modalities_of(catalogue, codes), institution_key(institution)
        return any(covers(each, modalities, place) for each in self.stopped)


def load(
    session: Session, queries: Sequence[Query], readings: Sequence[str] | None = None, decisions: bool = True
) -> Memory:
    """What the store holds of names, and of their readings: of all readings where none are given (many names).
    `decisions`: else no decision answers, and it only tells where acceptance is stopped."""
    from agent.store.audit import stopped_scopes
    from agent.store.held import held_readings, held_texts
    from agent.store.keys import institution_key, text_key

    stopped = stopped_scopes(session)
    if not decisions:
        return Memory({}, {}, stopped)
    places = {institution_key(name) for name in dict.fromkeys(query.institution for query in queries)}
    keys = {text_key(query.name, query.modality) for query in queries}
    return Memory(held_texts(session, sorted(keys), places), held_readings(session, readings, places), stopped)


def load_all(session: Session, institutions: Sequence[str], decisions: bool = True) -> Memory:
    """What the store holds of all names and readings, of some institutions and of the whole group: where the names of a
    run are too many to be here. Without decisions, where acceptance is stopped alone."""
    from agent.store.audit import stopped_scopes
    from agent.store.held import held_readings, held_texts
    from agent.store.keys import institution_key

    if not decisions:
        return Memory({}, {}, stopped_scopes(session))
    places = {institution_key(name) for name in institutions}
    return Memory(held_texts(session, None, places), held_readings(session, None, places), stopped_scopes(session))


def remembered(
    session: Session, catalogue: Catalogue, suggestions: Sequence[Suggestion], decisions: bool = True
) -> list[Suggestion]:
    """Fresh suggestions (with their readings) as memory answers them now: for one name or a few, on line."""
    from agent.store.keys import reading_key

    keys = [reading_key(each) for each in suggestions]
    memory = load(session, [each.query for each in suggestions], keys, decisions)
    return [answered(memory, catalogue, each) for each in suggestions]


def answered(memory: Memory, catalogue: Catalogue, fresh: Suggestion) -> Suggestion:
    """A fresh suggestion as memory answers it; itself where nobody decided."""
    assert fresh.reading is not None
    held = memory.find(fresh.query, fresh.reading, fresh.codes)
    said = None if held is None else verdict(held, catalogue, fresh.route, fresh.codes)
    weights = evidence_rows()
    if held is None or said is None:
        if fresh.route != "accepted" or not memory.stops(catalogue, fresh.query.institution, fresh.codes):
            return fresh
        return to_review(fresh, STOPPED)
    route, reason, codes, detail = said
    signal = "memory" if route == "accepted" else "memory_against"
    value = f"{held.by} {held.at} #{held.decision_id}" if held.decision_id else ""
    return replace(
        fresh,
        route=route,
        codes=codes,
        names=tuple(name_of(catalogue, code) for code in codes),
        score=score_of(route),
        reason=reason,
        edition=edition_of(catalogue, codes) or fresh.edition,
        detail=detail,
        evidence=(Evidence("prior", "", weights["prior"].weight), Evidence(signal, value, weights[signal].weight)),
    )


def answering(memory: Memory, catalogue: Catalogue, fresh: Suggestion) -> int | None:
    """The decision by which memory answers a fresh suggestion; None where it does not."""
    assert fresh.reading is not None
    held = memory.find(fresh.query, fresh.reading, fresh.codes)
    said = None if held is None else verdict(held, catalogue, fresh.route, fresh.codes)
    return held.decision_id if held is not None and said is not None and said[0] == "accepted" else None


def verdict(
    held: Held, catalogue: Catalogue, route: Route | str, fresh: Sequence[str]
) -> tuple[Route, str, tuple[str, ...], str] | None:
    """Route, reason, codes and detail that memory makes of a fresh answer with its route and codes; None: nothing."""
    from agent.store.held import QUESTION, QUEUED, joined
    from standard import validate

    if held.action == QUESTION or (held.action == QUEUED and route == "accepted"):
        return "review", "memory_in_question", tuple(fresh), ""
    if held.action == QUEUED:
        return None
    who = f"{held.by} {held.at[:10]}".strip()
    said = "+".join(held.codes)
    if any(validate(catalogue, code) for code in held.codes):
        return "review", "memory_not_in_edition", tuple(fresh), f"{who}: {said}"
    now = joined(fresh)
    if route == "accepted" and now != joined(held.codes) and now not in held.seen:
        return "review", "memory_disagrees", tuple(fresh), f"{who}: {said}" if said else who
    return "accepted", REASONS[held.action], held.codes, who


def score_of(route: str) -> float:
    """The score of what memory answers, or what goes to review because of it."""
    weights = evidence_rows()
    total = weights["prior"].weight + weights["memory" if route == "accepted" else "memory_against"].weight
    return probability(total)


def name_of(catalogue: Catalogue, code: str) -> str:
    """What the edition calls a code, one with a scanner in it too."""
    from standard import decode

    item = catalogue.get(code)
    return item.name if item is not None else decode(catalogue, code).name


def edition_of(catalogue: Catalogue, codes: Sequence[str]) -> str:
    """The editions that have the codes as items; empty where none has."""
    items = [item for item in map(catalogue.get, codes) if item is not None]
    return "+".join(dict.fromkeys(item.edition for item in items))


# -- where it comes from -----------------------------------------------------------------------------------------------


def memory_setting(given: bool | None) -> bool:
    """Whether memory answers: the option, else the setting."""
    if given is not None or not ("YINGMA_MEMORY" in os.environ or settings_file().exists()):
        return given is not False
    from agent.settings import load_settings

    return load_settings().memory


def open_memory(queries: Sequence[Query], decisions: bool = True) -> Memory | None:
    """Memory of the names of a run; None without a database, or where nobody ever decided anything. Without `decisions`
    it only tells where acceptance is stopped.

    Opens no database that is not there. StoreError, with the way to go on without, where it cannot be read.
    """
    if not may_hold():
        return None
    from agent.settings import load_settings
    from agent.store import open_store

    store = open_store(load_settings())
    try:
        return read_memory(store, queries, decisions)
    finally:
        store.close()


def read_memory(store: Store, queries: Sequence[Query], decisions: bool = True) -> Memory | None:
    """The same of an open store."""
    with store.reading() as session:
        memory = load(session, queries, None, decisions)
    return memory or None


def may_hold() -> bool:
    """Whether there may be a decision. A SQLite file is looked into without loading what opens the store."""
    if "YINGMA_DATABASE_URL" in os.environ or settings_file().exists():
        from agent.settings import load_settings

        if load_settings().database_url.get_secret_value():
            return True
    file = settings_file().parent / "yingma.db"
    if not file.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{_uri(file)}?mode=ro", uri=True, timeout=5)) as connection:
            return connection.execute(ANY).fetchone() is not None
    except sqlite3.Error:
        return True  # locked, of another version, or broken: opening it says so in a sentence


def _uri(file: Path) -> str:
    return file.resolve().as_uri()


# -- parts -------------------------------------------------------------------------------------------------------------


def _chosen(rows: Sequence[Held], institution: str) -> Held | None:
    """The institution's own, else what the whole group has; None where those who decided do not agree."""
    own = [row for row in rows if row.institution == institution]
    for row in own:
        if row.action not in REASONS:
            return row  # in question here
    group = [row for row in rows if row.group_wide and row.action in REASONS]
    for level in (own, group):
        if len({(row.action, tuple(sorted(row.codes))) for row in level}) > 1:
            return None
        if level:
            return level[0]
    return None


def _plain(found: Found) -> dict[str, list[list[Any]]]:
    return {key: [list(each) for each in found[key]] for key in sorted(found)}


def _found(value: Mapping[str, Any]) -> Found:
    from agent.store.held import Held

    try:
        return {
            key: tuple(
                Held(one[0], one[1], one[2], one[3], tuple(one[4]), one[5], one[6], tuple(one[7])) for one in rows
            )
            for key, rows in value.items()
        }
    except (IndexError, TypeError, AttributeError) as error:
        raise InputError(
            "任务保存的记忆已损坏；请重新运行。", "The memory kept of the job is broken; run it anew."
        ) from error
