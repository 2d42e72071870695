"""Where the standing audit stands: bounds of the last days, places under suspicion, stops, draws that wait.

summary(session, at)   all of it as plain values, for command line, API and the overview
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.audit import EVERYWHERE, Plan, Scope, load_plan, lower_bound
from agent.store.audit import Decided, accepted_since, counted, decided, flow_since, stops, tests_of, waiting
from agent.store.people import names_of_users
from agent.store.schema import Institution
from agent.store.schema_audit import AuditStop


def summary(session: Session, at: datetime) -> dict[str, Any]:
    """`all` and `modalities`: the bound of the last days and whether it `holds`; `suspects`: places where wrong answers
    were found, with their evidence as a share of what stops; `stops`: those that stand, with what was accepted there
    since it is in doubt."""
    plan = load_plan()
    start = at - timedelta(days=plan.bound.days)
    every = counted(session, plan, at)
    recent = [each for each in decided(session, at - timedelta(days=plan.detect.days)) if each.at > start]
    flow, exams = flow_since(session, start)
    modalities = sorted({*flow, *(one for each in recent for one in each.outcome.modalities)})
    standing = stops(session)
    return {
        "plan": plan.bound.model_dump() | {"draws": plan.draws()},
        "all": bound([each for each in recent if each.core], exams, plan),
        "names": by_names(recent),
        "modalities": [
            {"modality": one}
            | bound([each for each in recent if one in each.outcome.modalities], flow.get(one, 0), plan)
            for one in modalities
        ],
        "suspects": _suspects(session, plan, every),
        "waiting": len(waiting(session)),
        "overdue": len(waiting(session, before=at - timedelta(days=plan.draw.overdue))),
        "stops": [told(session, each) for each in standing],
    }


def bound(found: Sequence[Decided], exams: int, plan: Plan) -> dict[str, Any]:
    """Draws decided, wrong ones, the precision they prove, and whether that is what is wanted; exams they stand for."""
    wrong = sum(each.outcome.wrong for each in found)
    proven = lower_bound(len(found) - wrong, len(found), plan.bound.confidence)
    holds = proven >= plan.bound.precision
    return {"draws": len(found), "wrong": wrong, "proven": proven, "holds": holds, "exams": exams}


def by_names(found: Sequence[Decided]) -> float | None:
    """The share of right answers among names, each counted once however many exams it has (Hajek's estimate: draws
    weighted by 1 / chance); None without draws."""
    weights = [1 / each.chance for each in found]
    right = sum(weight for weight, each in zip(weights, found, strict=True) if not each.outcome.wrong)
    return right / sum(weights) if weights else None


def told(session: Session, stop: AuditStop) -> dict[str, Any]:
    """A stop with what is in doubt because of it."""
    names, exams = accepted_since(session, stop)
    place = session.get(Institution, stop.institution_id) if stop.institution_id is not None else None
    people = names_of_users(session, {stop.lifted_by_id})
    return {
        "id": stop.id,
        "modality": stop.modality,
        "institution": None if place is None else place.name,
        "at": _iso(stop.at),
        "since": _iso(stop.since),
        "draws": stop.evidence.get("draws"),
        "wrong": stop.evidence.get("wrong"),
        "names": names,
        "exams": exams,
        "lifted_at": _iso(stop.lifted_at),
        "lifted_by": people.get(stop.lifted_by_id or 0, ""),
        "why": stop.why,
    }


def _suspects(session: Session, plan: Plan, counting: Sequence[Decided]) -> list[dict[str, Any]]:
    """Places with a wrong draw, the most evidence first."""
    found = tests_of(plan, counting)
    places = _scopes(each for each in counting if each.outcome.wrong)
    rows = [(found.found(scope), scope) for scope in places if scope != EVERYWHERE]
    names = dict(
        session.execute(
            select(col(Institution.id), col(Institution.name)).where(
                col(Institution.id).in_([int(scope.institution) for _, scope in rows if scope.institution])
            )
        ).all()
    )
    return [
        {
            "modality": scope.modality,
            "institution": names.get(int(scope.institution)) if scope.institution else None,
            "draws": each.trials,
            "wrong": each.wrong,
            "evidence": each.evidence / plan.evidence,
        }
        for each, scope in sorted(rows, key=lambda row: (-row[0].evidence, row[1]))
    ]


def _scopes(found: Iterable[Decided]) -> Collection[Scope]:
    places: dict[Scope, None] = {}
    for each in found:
        own = each.outcome
        for modality in (*own.modalities, ""):
            places |= dict.fromkeys((Scope(modality, own.institution), Scope(modality)))
    return places


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
