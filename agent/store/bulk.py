"""Settling a selection or a whole filter: shown first, then done in chunks as one batch, which can be undone alone.

    Scope ──▶ preview ──▶ Preview: clusters, names, exams, by code; a batch is opened, nothing is decided
              batch ──▶ apply ──▶ apply ──▶ … ──▶ done      a chunk is a transaction of its own, so others come between

What came or changed after the preview was shown is left alone, and so is what another person has on the screen. The
same chunk sent again, or a run that goes on after a crash, decides nothing twice: the key of each decision is made of
batch and cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store.deciding import Order, Rules, decide
from agent.store.keys import digest, short
from agent.store.ledger import record
from agent.store.people import acting
from agent.store.queue import Filter, filtered
from agent.store.schema import Cluster, Suggestion
from agent.store.schema_acts import Decision
from agent.store.schema_review import Bulk
from agent.store.states import Action, Step, cell
from agent.store.undoing import undo
from standard.errors import InputError

CHUNK = 100  # clusters in one transaction
SHOWN = 50  # different codes in a preview
MOST = 2000  # ids in a selection
LISTED = 20  # bulk actions on a page of them
ACTIONS: tuple[Action, ...] = ("settle", "reject", "not_in_standard")


class Scope(NamedTuple):
    """Which clusters: those of a filter of what is open, or a selection of ids."""

    wanted: Filter = Filter()
    ids: tuple[int, ...] = ()


class ByCode(NamedTuple):
    """So many clusters, names and exams will get these codes."""

    codes: tuple[str, ...]
    clusters: int
    names: int
    exams: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a bulk action will settle. `without`: clusters in scope without a suggested code."""

    batch: str
    clusters: int
    names: int
    exams: int
    by_code: tuple[ByCode, ...]
    codes: int
    without: int


class Applied(NamedTuple):
    """How far a bulk action is. `left`: whether more chunks are to come."""

    batch: str
    done: int
    left_out: int
    left: bool


def preview(
    session: Session, user_id: int, scope: Scope, action: Action, key: str, at: datetime, why: str = ""
) -> Preview:
    """What settling these clusters as they are suggested, or rejecting them, would settle; writes down the batch.

    InputError where the role may not, the action is none of ACTIONS, or the selection is too long.
    """
    user = acting(session, user_id)
    if user is None or action not in ACTIONS or cell(Step("open", action), user.role) == "-":
        raise _not_for_role()
    if len(scope.ids) > MOST:
        raise InputError(
            f"一次最多选 {MOST} 组；请改用筛选。", f"A selection has {MOST} clusters at most; use a filter."
        )
    batch = digest("bulk", user_id, key)
    sums = (func.count(), func.sum(col(Cluster.names)), func.sum(col(Cluster.exams)))
    grouped: Any = select(col(Suggestion.codes), *sums)
    rows: Sequence[Any] = session.execute(
        _scoped(grouped, scope)
        .outerjoin(Suggestion, col(Suggestion.id) == col(Cluster.suggestion_id))
        .group_by(col(Suggestion.codes))
        .order_by(None)
    ).all()
    found = [ByCode(tuple(codes or ()), int(number), int(n), int(e)) for codes, number, n, e in rows]
    without = sum(each.clusters for each in found if not each.codes) if action == "settle" else 0
    if action == "settle":
        found = [each for each in found if each.codes]
    found.sort(key=lambda each: (-each.exams, each.codes))
    clusters = sum(each.clusters for each in found)
    names, exams = sum(each.names for each in found), sum(each.exams for each in found)
    row = session.scalars(select(Bulk).where(col(Bulk.batch) == batch)).one_or_none()
    if row is None:
        row = Bulk(batch=batch, user_id=user_id, action=action, wanted={}, created_at=at)
        session.add(row)
    if row.state == "shown":
        row.wanted = {"filter": scope.wanted._asdict(), "ids": list(scope.ids)}
        row.action, row.why, row.created_at = action, why, at
        row.clusters, row.names, row.exams = clusters, names, exams
    session.flush()
    return Preview(batch, clusters, names, exams, tuple(found[:SHOWN]), len(found), without)


def apply(session: Session, rules: Rules, user_id: int, batch: str, at: datetime, size: int = CHUNK) -> Applied:
    """The next chunk of a bulk action that was shown to this person, in the transaction of the session."""
    row = _locked(session, user_id, batch)
    if row.state in ("done", "undone"):
        return Applied(batch, row.done, row.left_out, False)
    if row.state == "shown":
        row.state = "running"
        shown = {"action": row.action, "clusters": row.clusters, "names": row.names, "exams": row.exams}
        record(session, at, user_id, "bulk", row.id or 0, "start", {}, shown, row.why)
    scope = Scope(Filter(**row.wanted["filter"]), tuple(row.wanted["ids"]))
    statement = _scoped(select(Cluster), scope).where(col(Cluster.id) > row.after_id).order_by(None)
    clusters = session.scalars(statement.order_by(col(Cluster.id)).limit(size)).all()
    codes = dict(
        session.execute(
            select(col(Suggestion.id), col(Suggestion.codes)).where(
                col(Suggestion.id).in_([each.suggestion_id for each in clusters])
            )
        ).all()
    )
    for cluster in clusters:
        assert cluster.id is not None
        given = tuple(codes.get(cluster.suggestion_id, ())) if row.action == "settle" else ()
        row.after_id = cluster.id
        if row.action == "settle" and not given:
            continue
        if not _as_shown(cluster, row, user_id, at):
            row.left_out += 1
            continue
        order = Order(
            cluster.id,
            cluster.revision,
            row.action,  # type: ignore[arg-type]
            digest("bulk", batch, cluster.id),
            given,
            row.why,
            batch,
        )
        outcome = decide(session, rules, user_id, order, at)
        if outcome.result == "ok":
            row.done += 1
        elif outcome.result != "again":
            row.left_out += 1
    left = len(clusters) == size
    if not left:
        row.state, row.ended_at = "done", at
        counts = {"done": row.done, "left_out": row.left_out}
        record(session, at, user_id, "bulk", row.id or 0, "end", {}, counts)
    session.flush()
    return Applied(batch, row.done, row.left_out, left)


def undo_bulk(session: Session, user_id: int, batch: str, at: datetime, why: str = "", size: int = CHUNK) -> Applied:
    """Take the next chunk of a bulk action back: each decision that still stands, as `undo` does, in order.

    One's own, or another's for who may retract, with a comment. InputError for any other, and nothing is changed.

    `left_out`: those that could not be taken back; when all is through, the next call tries them again. The caller goes
    on while something is left.
    """
    row = session.scalars(select(Bulk).where(col(Bulk.batch) == short(batch)).with_for_update()).one_or_none()
    user = acting(session, user_id)
    own = row is not None and row.user_id == user_id
    may = user is not None and cell(Step("settled", "undo" if own else "retract"), user.role) == "back"
    if row is None or not (own or may):
        raise _no_batch()
    if not may:
        raise _not_for_role()
    if not own and not why.strip():
        raise InputError("撤回他人的批量操作要写明理由。", "Taking back somebody else's bulk action wants a comment.")
    if row.state != "undone":
        row.state, row.after_id, row.left_out, row.done, row.ended_at = "undone", 0, 0, 0, None
    elif row.ended_at is not None and row.left_out:
        row.after_id, row.left_out, row.ended_at = 0, 0, None
    undone = select(col(Decision.undoes_id)).where(col(Decision.undoes_id).is_not(None))
    found = session.scalars(
        select(col(Decision.id))
        .where(col(Decision.batch) == row.batch, col(Decision.id) > row.after_id, col(Decision.id).not_in(undone))
        .order_by(col(Decision.id))
        .limit(size)
    ).all()
    for number in found:
        assert number is not None
        outcome = undo(session, user_id, number, digest("undo", batch, number), at, why)
        row.after_id = number
        if outcome.result in ("ok", "again"):
            row.done += 1
        else:
            row.left_out += 1
    left = len(found) == size
    if not left:
        row.ended_at = at
        record(session, at, user_id, "bulk", row.id or 0, "undo", {}, {"done": row.done, "left_out": row.left_out}, why)
    session.flush()
    return Applied(batch, row.done, row.left_out, left)


def batches(
    session: Session, user_id: int | None = None, count: int = LISTED, before: int | None = None
) -> Sequence[Bulk]:
    """The newest bulk actions that were begun, of one person or of all, a page at a time: those with a smaller id."""
    found = select(Bulk).where(col(Bulk.state) != "shown").order_by(col(Bulk.id).desc()).limit(count)
    if before is not None:
        found = found.where(col(Bulk.id) < before)
    return session.scalars(found if user_id is None else found.where(col(Bulk.user_id) == user_id)).all()


def _scoped(statement: Select[Any], scope: Scope) -> Select[Any]:
    """Only what is open: the rest waits for a particular person."""
    statement = filtered(statement.select_from(Cluster), scope.wanted._replace(status="open"))
    return statement.where(col(Cluster.id).in_(scope.ids)) if scope.ids else statement


def _as_shown(cluster: Cluster, row: Bulk, user_id: int, at: datetime) -> bool:
    """Whether a cluster is as it was when the action was shown, and on nobody else's screen."""
    leased = cluster.lease_until is not None and cluster.lease_until >= at and cluster.lease_user_id != user_id
    return not leased and max(cluster.created_at, cluster.changed_at) <= row.created_at


def _locked(session: Session, user_id: int, batch: str) -> Bulk:
    row = session.scalars(select(Bulk).where(col(Bulk.batch) == short(batch)).with_for_update()).one_or_none()
    if row is None or row.user_id != user_id:
        raise _no_batch()
    return row


def _no_batch() -> InputError:
    return InputError("没有这个批量操作；请重新预览。", "There is no such bulk action; preview it again.")


def _not_for_role() -> InputError:
    return InputError("你的角色不能批量这样做。", "Your role may not do this in bulk.")
