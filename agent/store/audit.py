"""Keeps the standing audit: what was accepted unseen, what was drawn of it, what came of that, where it stopped.

    job ──▶ record_flow ──▶ rates ──▶ keep_draws ──▶ the queue ──▶ a decision ──▶ outcomes ──▶ judge ──▶ a stop

A draw is right where the decision that stands on its name gives the codes that were accepted, wrong where it gives
others or none. While nobody decided, or a second person has to, it is neither; nor is one that was settled in bulk,
since nobody looked at it. `judge` runs in the transaction of a decision that makes a draw wrong, so the stop is there
when the decision is.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.audit import Detectors, Outcome, Plan, Rates, Scope, covers, load_plan, rates_of
from agent.store.intake_rows import make_institutions
from agent.store.keys import institution_key
from agent.store.ledger import in_pieces, insert_into, record
from agent.store.people import acting
from agent.store.schema import Cluster, Institution, Name
from agent.store.schema_acts import Decision
from agent.store.schema_audit import AuditDraw, AuditFlow, AuditKey, AuditStop
from agent.store.states import ANSWERS, FINAL, WAITING
from standard.errors import InputError

LEADS = ("lead", "admin")


class Draw(NamedTuple):
    """A name that a job accepted and that was drawn; the keys of its text and institution (keys.py)."""

    text: str
    institution: str
    modalities: tuple[str, ...]
    codes: tuple[str, ...]
    exams: int
    chance: float
    core: bool


class Decided(NamedTuple):
    """A draw that a person decided on: whether what was accepted is right, when that was decided, when it was drawn."""

    outcome: Outcome  # a step of the tests; its id is that of the draw
    name_id: int
    cluster_id: int
    chance: float
    core: bool
    drawn: datetime
    at: datetime


def audit_key(session: Session) -> str:
    """The key of the hash, made the first time."""
    value = {"id": 1, "key": secrets.token_hex(16)}
    session.execute(insert_into(session, AuditKey).values(value).on_conflict_do_nothing(index_elements=["id"]))
    return session.scalars(select(col(AuditKey.key))).one()


def record_flow(
    session: Session, job_id: int, flow: Mapping[tuple[str, str], tuple[int, int]], at: datetime, plan: Plan
) -> Rates:
    """Write down what a job accepted unseen (names and exams by institution, as it is named, and modalities); the rates
    at which it is drawn, their institutions by key. Written once: a job that is run again keeps its rows."""
    ids = make_institutions(session, {institution for institution, _ in flow})
    rows: list[dict[str, Any]] = [
        {
            "job_id": job_id,
            "institution_id": ids[institution_key(institution)],
            "modality": modality,
            "names": names,
            "exams": exams,
            "at": at,
        }
        for (institution, modality), (names, exams) in sorted(flow.items())
    ]
    if rows:
        insert = insert_into(session, AuditFlow)
        session.execute(insert.on_conflict_do_nothing(index_elements=["job_id", "institution_id", "modality"]), rows)
    by_modality, total = flow_since(session, at - timedelta(days=plan.bound.days))
    ids_of = {str(number): key for key, number in ids.items()}
    watched = [
        Scope(each.modality, ids_of[each.institution] if each.institution else "")
        for each in tests(session, plan, at).watched(plan.detect.watch)
        if not each.institution or each.institution in ids_of
    ]
    return rates_of(plan, by_modality, total, watched)


def keep_draws(session: Session, job_id: int, draws: Sequence[Draw], at: datetime) -> int:
    """Write down what was drawn of names that were put in before, in this transaction; how many are new.

    A cluster is drawn once, and only while it waits for a decision.
    """
    wanted = {(each.text, each.institution): each for each in draws}
    kept = 0
    for piece in in_pieces(sorted(wanted)):
        there = session.execute(
            select(col(Name.id), col(Name.text_key), col(Name.cluster_id), col(Institution.key), col(Institution.id))
            .join(Institution, col(Institution.id) == col(Name.institution_id))
            .join(Cluster, col(Cluster.id) == col(Name.cluster_id))
            .where(col(Name.text_key).in_({text for text, _ in piece}), col(Cluster.status).in_(["open"]))
            .order_by(col(Name.id))
        ).all()
        rows = [row for row in there if (row.text_key, row.key) in wanted]
        known = set(_drawn_among(session, {row.cluster_id for row in rows}))
        values: list[dict[str, Any]] = []
        for name_id, text, cluster_id, institution, institution_id in rows:
            if cluster_id in known:
                continue
            known.add(cluster_id)
            draw = wanted[text, institution]
            values.append(
                {
                    "name_id": name_id,
                    "job_id": job_id,
                    "institution_id": institution_id,
                    "modality": "+".join(draw.modalities),
                    "codes": list(draw.codes),
                    "exams": draw.exams,
                    "chance": draw.chance,
                    "core": draw.core,
                    "at": at,
                }
            )
        if values:
            insert = insert_into(session, AuditDraw).on_conflict_do_nothing(index_elements=["name_id"])
            kept += len(session.scalars(insert.returning(col(AuditDraw.id)), values).all())
    return kept


def waiting(session: Session, *statuses: str, before: datetime | None = None) -> list[int]:
    """Clusters with a draw that waits for people (in one of the statuses), the oldest draw first; drawn before a
    moment."""
    found = (
        select(col(Name.cluster_id))
        .select_from(AuditDraw)
        .join(Name, col(Name.id) == col(AuditDraw.name_id))
        .join(Cluster, col(Cluster.id) == col(Name.cluster_id))
        .where(col(Cluster.status).in_(statuses or sorted(WAITING)))
        .order_by(col(AuditDraw.id))
    )
    if before is not None:
        found = found.where(col(AuditDraw.at) < before)
    return list(dict.fromkeys(session.scalars(found)))


def contradicts(session: Session, cluster_id: int, action: str, codes: Collection[str]) -> bool:
    """Whether an answer says that what was accepted and drawn is wrong. Not of a cluster that was not drawn."""
    if action not in ANSWERS:
        return False
    found = select(col(AuditDraw.codes)).join(Name, col(Name.id) == col(AuditDraw.name_id))
    drawn = session.scalars(found.where(col(Name.cluster_id) == cluster_id)).all()
    return any(action != "settle" or set(each) != set(codes) for each in drawn)


def decided(session: Session, since: datetime) -> list[Decided]:
    """The draws since a moment that count, in the order in which they were decided; of a cluster the first."""
    draw = AuditDraw
    rows: Any = session.execute(
        select(
            *(col(draw.id), col(draw.name_id), col(draw.modality), col(draw.institution_id), col(draw.codes)),
            *(col(draw.chance), col(draw.core), col(draw.at).label("drawn"), col(Cluster.id).label("cluster_id")),
            *(col(Decision.action), col(Decision.codes).label("decided"), col(Decision.at)),
        )
        .select_from(AuditDraw)
        .join(Name, col(Name.id) == col(AuditDraw.name_id))
        .join(Cluster, col(Cluster.id) == col(Name.cluster_id))
        .join(Decision, col(Decision.id) == col(Cluster.decision_id))
        .where(col(Cluster.status).in_(sorted(FINAL)), col(Decision.batch).is_(None), col(AuditDraw.at) >= since)
        .order_by(col(AuditDraw.id))
    )
    found: dict[int, Decided] = {}
    for row in rows:
        wrong = row.action != "settle" or set(row.decided) != set(row.codes)
        outcome = Outcome(_modalities(row.modality), str(row.institution_id), wrong, row.id)
        one = Decided(outcome, row.name_id, row.cluster_id, row.chance, row.core, row.drawn, row.at)
        found.setdefault(row.cluster_id, one)
    return sorted(found.values(), key=lambda each: (each.at, each.outcome.id))


def tests(session: Session, plan: Plan, at: datetime) -> Detectors:
    """The tests, fed with what was found; without what lies in a stop that stands, or was lifted since it was drawn."""
    return tests_of(plan, counted(session, plan, at))


def counted(session: Session, plan: Plan, at: datetime) -> list[Decided]:
    """The decided draws that are steps of the tests."""
    made = stops(session, standing=False)
    return [
        each
        for each in decided(session, at - timedelta(days=plan.detect.days))
        if not any(
            (stop.lifted_at is None or each.drawn < stop.lifted_at)
            and covers(scope_of(stop), each.outcome.modalities, each.outcome.institution)
            for stop in made
        )
    ]


def judge(session: Session, cluster: Cluster, at: datetime) -> list[AuditStop]:
    """After a decision on a cluster: where acceptance stops because of it. Nothing but a wrong draw makes it stop."""
    decision = session.get(Decision, cluster.decision_id) if cluster.status in FINAL else None
    if decision is None or not contradicts(session, cluster.id or 0, decision.action, decision.codes):
        return []
    plan = load_plan()
    found = {each.outcome.id: each for each in counted(session, plan, at)}
    lifted: dict[Scope, list[datetime]] = {}
    for stop in stops(session, standing=False):
        if stop.lifted_at is not None:
            lifted[scope_of(stop)] = [stop.lifted_at]  # the last one
    made_now = []
    for broken in tests_of(plan, found.values()).broken:
        draws = [found[each.id] for each in broken.draws]
        before = [found[broken.before.id].drawn] if broken.before is not None else lifted.get(broken.scope, [])
        values = {
            "place": f"{broken.scope.modality}@{broken.scope.institution}",
            "modality": broken.scope.modality,
            "institution_id": int(broken.scope.institution) if broken.scope.institution else None,
            "at": at,
            "since": min([*before, *(each.drawn for each in draws)]) if before else None,
            "evidence": {
                "draws": len(draws),
                "wrong": sum(each.outcome.wrong for each in draws),
                "evidence": round(broken.evidence),
                "limit": round(plan.evidence),
                "names": [each.name_id for each in draws if each.outcome.wrong],
            },
            "why": "",
        }
        insert = insert_into(session, AuditStop).values(values).on_conflict_do_nothing()
        made = session.scalars(insert.returning(col(AuditStop.id))).one_or_none()
        if made is not None:
            stop = session.get_one(AuditStop, made)
            record(session, at, None, "audit", made, "stop", {}, _told(stop))
            made_now.append(stop)
    return made_now


def lift(session: Session, stop_id: int, user_id: int, why: str, at: datetime) -> AuditStop:
    """Acceptance goes on where it stopped. InputError for who is no lead, without a reason, or where nothing stands."""
    user = acting(session, user_id)
    if user is None or user.role not in LEADS:
        raise InputError("只有组长或管理员可以恢复自动接受。", "Only a lead or an admin can lift a stop.")
    if not why.strip():
        raise InputError("请写明恢复的理由。", "Say why it is lifted.")
    stop = session.get(AuditStop, stop_id, with_for_update=True)
    if stop is None or stop.lifted_at is not None:
        raise InputError(f"没有生效中的暂停 {stop_id}。", f"There is no stop {stop_id} that stands.")
    before = _told(stop)
    stop.lifted_at, stop.lifted_by_id, stop.why = at, user_id, why.strip()
    session.flush()
    record(session, at, user_id, "audit", stop_id, "lift", before, _told(stop), stop.why)
    return stop


def stops(session: Session, standing: bool = True) -> Sequence[AuditStop]:
    """The stops, those that stand or all, in the order of time."""
    found = select(AuditStop).order_by(col(AuditStop.id))
    return session.scalars(found.where(col(AuditStop.lifted_at).is_(None)) if standing else found).all()


def stopped_scopes(session: Session) -> list[Scope]:
    """Where acceptance is stopped, institutions by their keys."""
    rows = session.execute(
        select(col(AuditStop.modality), col(Institution.key))
        .outerjoin(Institution, col(Institution.id) == col(AuditStop.institution_id))
        .where(col(AuditStop.lifted_at).is_(None))
        .order_by(col(AuditStop.id))
    )
    return [Scope(modality, institution or "") for modality, institution in rows]


def find_stop(session: Session, number: int) -> AuditStop:
    """A stop, one that was lifted too. InputError where there is none."""
    stop = session.get(AuditStop, number)
    if stop is None:
        raise InputError(
            f"没有暂停 {number}；见 ./yingma audit status。", f"There is no stop {number}; see ./yingma audit status."
        )
    return stop


def scope_by_key(session: Session, stop: AuditStop) -> Scope:
    """Where a stop holds, the institution by its key: the same in every database."""
    place = None if stop.institution_id is None else session.get_one(Institution, stop.institution_id)
    return Scope(stop.modality, "" if place is None else place.key)


def scope_of(stop: AuditStop) -> Scope:
    """Where a stop holds, the institution by its number."""
    return Scope(stop.modality, "" if stop.institution_id is None else str(stop.institution_id))


def accepted_since(session: Session, stop: AuditStop) -> tuple[int, int]:
    """Names (counted in each job) and exams that jobs accepted unseen in the place of a stop since it is in doubt."""
    found = select(AuditFlow)
    if stop.institution_id is not None:
        found = found.where(col(AuditFlow.institution_id) == stop.institution_id)
    if stop.since is not None:
        drawn_since = select(col(AuditDraw.job_id)).where(col(AuditDraw.at) >= stop.since)  # after its flow was told
        found = found.where(or_(col(AuditFlow.at) >= stop.since, col(AuditFlow.job_id).in_(drawn_since)))
    rows = session.scalars(found).all()
    inside = [each for each in rows if covers(Scope(stop.modality), _modalities(each.modality), "")]
    return sum(each.names for each in inside), sum(each.exams for each in inside)


def flow_since(session: Session, since: datetime) -> tuple[dict[str, int], int]:
    """Exams accepted unseen by jobs since a moment: by modality, and in all."""
    rows = session.execute(
        select(col(AuditFlow.modality), func.sum(col(AuditFlow.exams)))
        .where(col(AuditFlow.at) > since)
        .group_by(col(AuditFlow.modality))
    ).all()
    found: dict[str, int] = {}
    for modality, exams in rows:
        for each in _modalities(modality):
            found[each] = found.get(each, 0) + int(exams)
    return found, sum(int(exams) for _, exams in rows)


# -- parts ----------------------------------------------------------------------------------------------------------


def tests_of(plan: Plan, found: Iterable[Decided]) -> Detectors:
    """The tests, fed with these."""
    made = Detectors(plan.allowed, plan.detect.wrong, plan.evidence)
    made.extend(each.outcome for each in found)
    return made


def _drawn_among(session: Session, clusters: Collection[int]) -> Sequence[int]:
    """Those of the clusters that have a draw."""
    found = select(col(Name.cluster_id)).join(AuditDraw, col(AuditDraw.name_id) == col(Name.id))
    return session.scalars(found.where(col(Name.cluster_id).in_(clusters)).distinct()).all()


def _modalities(joined: str) -> tuple[str, ...]:
    return tuple(each for each in joined.split("+") if each)


def _told(stop: AuditStop) -> dict[str, Any]:
    return {
        "modality": stop.modality,
        "institution": stop.institution_id,
        "since": None if stop.since is None else stop.since.isoformat(),
        "lifted": None if stop.lifted_at is None else stop.lifted_at.isoformat(),
        **stop.evidence,
    }
