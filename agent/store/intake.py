"""What the pipeline answered goes in: names, clusters, suggestions, counts. Idempotent.

    entries ──▶ institutions ──▶ clusters (locked in order) ──▶ names ──▶ sightings (what counts) ──▶ suggestions
            ──▶ status: to the queue, settled by memory, or in question because a sure reading disagrees with memory

A name counts once in a job, however often the job is run. Another job adds its exams to the same rows; one of the same
input (the same file with the same columns) does not: of such jobs the newest that has a name counts it. A name whose
reading changed moves to the cluster of its new reading, unless a person ever decided on the old one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.answer import Suggestion
from agent.store.intake_rows import (
    Item,
    NameKey,
    decided_among,
    find_institutions,
    find_names,
    lock_clusters,
    make_clusters,
    make_names,
    make_suggestions,
)
from agent.store.intake_status import Statuses
from agent.store.jobs import SameInput
from agent.store.keys import cluster_key, digest, institution_key, reading_key, text_key
from agent.store.ledger import MANY, Tally, in_pieces, insert_into, record
from agent.store.plain import digest_of
from agent.store.schema import Cluster, Name, Sighting
from agent.store.schema import Suggestion as SuggestionRow
from agent.store.schema_acts import Trail
from agent.store.states import FINAL


class Entry(NamedTuple):
    """One name with its answer, and on how many exams it stands. The suggestion must hold its reading. `decision`: the
    one that answered it in the job, where the job knows; else it is that of its cluster."""

    suggestion: Suggestion
    exams: int = 1
    decision: int | None = None


class Put(NamedTuple):
    """What came of it: distinct names; of them new ones; clusters made, put in the queue, settled by memory, put in
    question; exams counted, below 0 where a newer job of the same input says fewer than the one that counted before."""

    names: int = 0
    new_names: int = 0
    new_clusters: int = 0
    opened: int = 0
    remembered: int = 0
    contested: int = 0
    exams: int = 0

    def __add__(self, other: object) -> Put:
        """The sums."""
        if not isinstance(other, Put):
            return NotImplemented
        return Put(*(one + more for one, more in zip(self, other, strict=True)))


def put(session: Session, job_id: int, entries: Iterable[Entry], at: datetime, same: SameInput | None = None) -> Put:
    """Put answers in, in the transaction of the session, which the caller commits. `same`: of this job, kept by who
    puts in many times."""
    done = Put()
    same = same or SameInput(job_id)
    for piece in in_pieces(entries, MANY):
        done += _put(session, job_id, _items(piece), at, same)
    return done


def put_before(session: Session) -> int:
    """A mark of what was put in until now, for `put_since`."""
    return session.scalar(select(func.max(Trail.id))) or 0


def put_since(session: Session, job_id: int, mark: int) -> Put:
    """What came of all that a job put in after a mark. The trail tells it: each of its rows is of the transaction that
    put in what it tells of, so what a process had counted that was killed is in the sum, and nothing twice."""
    rows = select(col(Trail.after)).where(
        col(Trail.subject) == "job", col(Trail.subject_id) == job_id, col(Trail.action) == "put", col(Trail.id) > mark
    )
    return sum((Put(**row) for row in session.scalars(rows)), Put())


def _items(entries: Sequence[Entry]) -> list[Item]:
    """Distinct names in the order of their keys, exams added up."""
    found: dict[tuple[str, str], Item] = {}
    for suggestion, exams, decision in entries:
        query = suggestion.query
        text, institution = text_key(query.name, query.modality), institution_key(query.institution)
        item = found.get((text, institution))
        if item is None:
            reading = reading_key(suggestion)
            cluster = cluster_key(reading, institution)
            item = Item(suggestion, {}, text, reading, institution, cluster, digest_of(suggestion))
            found[text, institution] = item
        spelling = digest("spelling", list(query))[:16]
        item.spellings[spelling] = item.spellings.get(spelling, 0) + exams
        item.decision_id = decision if item.decision_id is None else item.decision_id
    return [found[key] for key in sorted(found)]


def _put(session: Session, job_id: int, items: list[Item], at: datetime, same: SameInput) -> Put:
    if not items:
        return Put()
    find_institutions(session, items)
    made: set[str] = set()
    while True:
        names, clusters, missing = _hold(session, items)
        if not missing:
            break
        made |= make_clusters(session, missing, at)
    kept = decided_among(session, {name.cluster_id for name in names.values()})
    tally = Tally()
    for cluster in clusters.values():
        if cluster.key not in made:
            tally.take(cluster)
    by_key = {cluster.key: cluster for cluster in clusters.values()}
    new_names = make_names(session, items, names, by_key, at)
    names = find_names(session, items)
    for key in new_names:
        clusters[names[key].cluster_id].names += 1
    _move(items, names, clusters, by_key, kept)
    fresh = make_suggestions(session, items, names, at)
    session.flush()
    statuses = Statuses(session, at)
    statuses.update(clusters.values(), fresh, made)
    exams = _count(session, job_id, items, names, clusters, same)
    for cluster in clusters.values():
        cluster.priority = cluster.exams * (1.0 - cluster.score)
    session.flush()
    gone = _drop_empty(session, clusters.values())
    for number, cluster in clusters.items():
        if number not in gone:
            tally.give(cluster)
    tally.write(session)
    done = Put(len(items), len(new_names), len(made), statuses.opened, statuses.remembered, statuses.contested, exams)
    if any(done[1:]):
        record(session, at, None, "job", job_id, "put", {}, done._asdict())
    return done


def _hold(session: Session, items: list[Item]) -> tuple[dict[NameKey, Name], dict[int, Cluster], list[Item]]:
    """The names there are, and all clusters concerned, kept from other writers; items whose cluster is to be made."""
    names = find_names(session, items)
    clusters = lock_clusters(session, {item.cluster for item in items}, {name.cluster_id for name in names.values()})
    names = find_names(session, items)  # as they are now that nobody moves them
    elsewhere = {name.cluster_id for name in names.values()} - set(clusters)
    if elsewhere:  # another one moved some between
        clusters |= lock_clusters(session, set(), elsewhere)
    kept = decided_among(session, {name.cluster_id for name in names.values()})
    there = {cluster.key for cluster in clusters.values()}
    missing = []
    for item in items:
        name = names.get((item.text, item.institution_id))
        if item.cluster not in there and (name is None or name.cluster_id not in kept):
            missing.append(item)
    return names, clusters, missing


def _move(
    items: list[Item],
    names: dict[NameKey, Name],
    clusters: dict[int, Cluster],
    by_key: dict[str, Cluster],
    kept: set[int],
) -> None:
    """Names whose reading changed go to its cluster."""
    for item in items:
        name = names[item.text, item.institution_id]
        old, new = clusters[name.cluster_id], by_key.get(item.cluster)
        if new is None or new is old or old.id in kept:
            continue
        for cluster, sign in ((old, -1), (new, 1)):
            cluster.names += sign
            cluster.exams += sign * name.exams
        name.cluster_id = new.id or 0


def _count(
    session: Session,
    job_id: int,
    items: list[Item],
    names: dict[NameKey, Name],
    clusters: dict[int, Cluster],
    same: SameInput,
) -> int:
    """Count each name once in the job, and once in all jobs of the same input: in the newest that has it. How many
    exams were counted now: below 0 where the newer of two such jobs says fewer."""
    by_id: dict[int, Name] = {}
    exams_of: dict[tuple[int, str], int] = {}
    rows = []
    for item in items:
        name = names[item.text, item.institution_id]
        cluster = clusters[name.cluster_id]
        assert name.id is not None
        by_id[name.id] = name
        own = cluster.decision_id if cluster.status in FINAL else None
        decision = own if item.decision_id is None else item.decision_id
        for spelling, exams in sorted(item.spellings.items()):
            exams_of[name.id, spelling] = exams
            rows.append(
                {
                    "job_id": job_id,
                    "name_id": name.id,
                    "spelling": spelling,
                    "exams": exams,
                    "decision_id": decision,
                }
            )
    insert = insert_into(session, Sighting).on_conflict_do_nothing(index_elements=["job_id", "name_id", "spelling"])
    before = _counted(session, same.ids(session), by_id)
    counted = session.execute(insert.returning(col(Sighting.name_id), col(Sighting.spelling)), rows).all()
    total = 0
    for name_id, spelling in counted:
        counted_by, held = before.get((name_id, spelling), (0, 0))
        if counted_by > job_id:
            continue  # this one was cut off, and goes on after the newer one
        exams = exams_of[name_id, spelling] - held
        by_id[name_id].exams += exams
        clusters[by_id[name_id].cluster_id].exams += exams
        total += exams
    return total


def _counted(
    session: Session, job_ids: Sequence[int], name_ids: Collection[int]
) -> dict[tuple[int, str], tuple[int, int]]:
    """By name and spelling, the newest of the jobs that has it, and its exams there."""
    if not job_ids:
        return {}
    found = select(col(Sighting.name_id), col(Sighting.spelling), col(Sighting.job_id), col(Sighting.exams))
    found = found.where(col(Sighting.job_id).in_(job_ids), col(Sighting.name_id).in_(name_ids))
    rows = session.execute(found.order_by(col(Sighting.job_id))).all()
    return {(name_id, spelling): (job, exams) for name_id, spelling, job, exams in rows}


def _drop_empty(session: Session, clusters: Iterable[Cluster]) -> set[int]:
    """Clusters that lost their last name, and that nobody ever decided on, are gone; their ids."""
    empty = {cluster.id or 0 for cluster in clusters if cluster.names == 0}
    if empty:
        empty -= decided_among(session, empty)
        session.execute(delete(SuggestionRow).where(col(SuggestionRow.cluster_id).in_(empty)))
        session.execute(delete(Cluster).where(col(Cluster.id).in_(empty)))
    return empty
