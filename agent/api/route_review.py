"""The review screen's requests: hand out, decide, undo, edit, find, in bulk, progress, history. Thin over agent/review.

decide answers {r: ok | again | conflict | refused | gone, sentence, stale, told, prog}: `again` means that this key was
written before, `conflict` that somebody else was first and nothing was written, `stale` that it was refused because
other codes are suggested by now.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import col

from agent.api.context import Context, CurrentContext
from agent.api.desk import work_of
from agent.api.language import language_of
from agent.api.person import CurrentPerson, Person
from agent.reasons import reasons
from agent.review.editing import Wanted, plain
from agent.review.evidence import FAMILY
from agent.review.typeahead import entry, find, find_items
from agent.review.view import Viewer
from agent.review.work import Wish
from agent.store import Filter, Order, Outcome, now, peek
from agent.store.bulk import LISTED, Applied, Scope, apply, batches, preview, undo_bulk
from agent.store.keys import modality_context
from agent.store.people import names_of_users
from agent.store.queue import Sorting
from agent.store.schema import Cluster, Institution, Name, Suggestion
from agent.store.states import Action, word
from standard.errors import Lang

router = APIRouter(prefix="/api/review")

Id = Annotated[int, Field(ge=0, lt=2**63)]
Key = Annotated[str, Field(min_length=1, max_length=200)]
Code = Annotated[str, Field(min_length=1, max_length=40)]
Short = Annotated[str, Field(max_length=200)]
Comment = Annotated[str, Field(max_length=2000)]


class Body(BaseModel):
    """Of a request: nothing in it that is not known."""

    model_config = ConfigDict(extra="forbid")


class FilterBody(Body):
    """What of the queue."""

    status: Literal["open", "flagged", "second_look", "adjudication"] = "open"
    order: Sorting = "priority"
    institution: Id | None = None
    reason: Short | None = None
    modality: Short | None = None

    def filter(self) -> Filter:
        """As the store knows it."""
        return Filter(self.status, self.order, self.institution, self.reason, self.modality)


class NextBody(Body):
    """The next cards for a tab. `filter`: none for what is this person's. `only`: these, which were skipped."""

    tab: Key
    n: int = Field(default=5, ge=1, le=10)
    skip: list[Id] = Field(default=[], max_length=200)
    filter: FilterBody | None = None
    order: Sorting = "priority"
    only: list[Id] = Field(default=[], max_length=200)


class DecideBody(Body):
    """A decision on a card. `rev`, `turn` and `seen` (its `suggestion`): as the card has them; `key`: new for each."""

    id: Id
    rev: Id
    action: Literal["settle", "reject", "not_in_standard", "flag", "ask", "widen", "reopen"]
    key: Key
    codes: list[Code] = Field(default=[], max_length=20)
    why: Comment = ""
    turn: Short = ""
    seen: Id | None = None


class UndoBody(Body):
    """Take back: `of`, the key of one's own decision, or `decision`, one of the history."""

    tab: Key
    key: Key
    of: Short = ""
    decision: Id | None = None
    why: Comment = ""


class LeaseBody(Body):
    """What a tab keeps, and what it gives back."""

    tab: Key
    keep: list[Id] = Field(default=[], max_length=200)
    drop: list[Id] = Field(default=[], max_length=200)


class EditBody(Body):
    """One slot of what is wanted changed; or a whole code given."""

    code: Short = ""
    modality: Short = ""
    slots: dict[Short, Short] = Field(default={}, max_length=20)
    slot: Short = ""
    value: Short = ""


class ChoicesBody(Body):
    """The values of a slot that hold these words."""

    modality: Short
    slots: dict[Short, Short] = Field(default={}, max_length=20)
    slot: Short
    words: Short = ""


class FindBody(Body):
    """Items by words. `modality`: of one alone; `near`: of what a column or an exam says, which come first."""

    words: Short
    modality: Short = ""
    near: Short = ""


class CardBody(Body):
    """One cluster; of its names those after one."""

    id: Id
    after: Id = 0


class ListBody(Body):
    """A page of the queue to look at and choose from: the first, or the one after a cluster."""

    filter: FilterBody = FilterBody()
    after: Id | None = None


class PreviewBody(Body):
    """A selection or a whole filter."""

    key: Key
    action: Literal["settle", "reject", "not_in_standard"] = "settle"
    filter: FilterBody = FilterBody()
    ids: list[Id] = Field(default=[], max_length=2000)
    why: Comment = ""


class BatchBody(Body):
    """The next chunk of a bulk action, or of taking it back."""

    batch: Key
    why: Comment = ""


@router.post("/next")
def next_cards(body: NextBody, person: CurrentPerson, context: CurrentContext, request: Request) -> dict[str, Any]:
    """The next cards, leased to the tab."""
    viewer, at = _viewer(person, context, request), now()
    wanted = None if body.filter is None else body.filter.filter()
    wish = Wish(body.tab, body.n, body.skip, wanted, body.order, body.only)
    work = work_of(context)
    return {"rows": work.next(viewer, wish, at), "prog": work.progress(viewer, at)}


@router.post("/decide")
def decide(body: DecideBody, person: CurrentPerson, context: CurrentContext, request: Request) -> dict[str, Any]:
    """A decision: written once, or said why not."""
    viewer, at = _viewer(person, context, request), now()
    work = work_of(context)
    order = Order(body.id, body.rev, cast(Action, body.action), body.key, tuple(body.codes), body.why, seen=body.seen)
    outcome = work.decide(viewer, order, body.turn, at)
    return _answer(outcome, viewer.lang) | {"prog": work.progress(viewer, at, with_pace=False)}


@router.post("/undo")
def undo(body: UndoBody, person: CurrentPerson, context: CurrentContext, request: Request) -> dict[str, Any]:
    """Take one decision back, and the card again."""
    viewer, at = _viewer(person, context, request), now()
    work = work_of(context)
    outcome, cards = work.undo(viewer, body.tab, body.key, at, body.decision, body.of, body.why)
    prog = work.progress(viewer, at, with_pace=False)
    return _answer(outcome, viewer.lang) | {"row": cards[0] if cards else None, "prog": prog}


@router.post("/leases")
def leases(body: LeaseBody, context: CurrentContext) -> dict[str, int]:
    """Renew and release."""
    return {"kept": work_of(context).leases(body.tab, body.keep, body.drop, now())}


@router.post("/card")
def one_card(body: CardBody, person: CurrentPerson, context: CurrentContext, request: Request) -> dict[str, Any]:
    """One cluster, from a list or the history; not leased."""
    cards = work_of(context).cards(_viewer(person, context, request), [body.id])
    return {"row": cards[0] if cards else None}


@router.post("/names")
def names(body: CardBody, context: CurrentContext) -> dict[str, Any]:
    """The next page of names of a cluster."""
    return work_of(context).names(body.id, body.after)


@router.post("/edit")
def edit(body: EditBody, context: CurrentContext) -> dict[str, Any]:
    """The code derived anew."""
    editor = work_of(context).desk.editor
    wanted = editor.taken_apart(body.code) if body.code else Wanted(body.modality, body.slots)
    return plain(editor.change(wanted, body.slot, body.value) if body.slot else editor.edited(wanted))


@router.post("/split")
def split(body: EditBody, context: CurrentContext) -> dict[str, Any]:
    """One exam as two."""
    editor = work_of(context).desk.editor
    wanted = editor.taken_apart(body.code) if body.code else Wanted(body.modality, body.slots)
    return {"rows": [plain(each) for each in editor.split(wanted)]}


@router.post("/choices")
def choices(body: ChoicesBody, context: CurrentContext) -> dict[str, Any]:
    """The values of a slot, those that make an item first."""
    editor = work_of(context).desk.editor
    found = editor.choices(Wanted(body.modality, body.slots), body.slot)
    entries = ((entry(each.code, each.name), each) for each in found)
    return {"rows": [each._asdict() for each in find(entries, body.words, 100)]}


@router.post("/find")
def find_item(body: FindBody, context: CurrentContext) -> dict[str, Any]:
    """Items by words, initials, synonyms or code."""
    families = modality_context(body.near).split("+") if body.near else []
    first = {each for each in context.catalogue.modalities if FAMILY.get(each, each) in families}
    found = find_items(context.catalogue, body.words, body.modality, first=first)
    return {"rows": [{"code": each.code, "name": each.name, "listed": True} for each in found]}


@router.post("/list")
def listed(body: ListBody, context: CurrentContext) -> dict[str, Any]:
    """A page of the queue, nothing leased."""
    with context.store.reading() as session:
        after = None if body.after is None else session.get(Cluster, body.after)
        found = peek(session, body.filter.filter(), after)
        ids = [each.suggestion_id for each in found]
        codes = session.execute(select(col(Suggestion.id), col(Suggestion.codes)).where(col(Suggestion.id).in_(ids)))
        by_id = dict(codes.all())
        firsts = {
            each.id: session.scalars(
                select(col(Name.raw)).where(col(Name.cluster_id) == each.id).order_by(col(Name.id)).limit(1)
            ).first()
            for each in found
        }
    rows = []
    for each in found:
        given = list(by_id.get(each.suggestion_id, ()))
        items = [context.catalogue.get(code) for code in given]
        rows.append(
            {
                "id": each.id,
                "name": (firsts[each.id] or "")[:200],
                "names": each.names,
                "exams": each.exams,
                "score": each.score,
                "reason": each.reason,
                "codes": given,
                "items": [item.name if item is not None else "" for item in items],
            }
        )
    return {"rows": rows}


@router.post("/preview")
def preview_bulk(body: PreviewBody, person: CurrentPerson, context: CurrentContext) -> dict[str, Any]:
    """What a bulk action will settle; nothing is decided yet."""
    scope, at = Scope(body.filter.filter(), tuple(body.ids)), now()
    found = context.store.write(
        lambda session: preview(session, person.id, scope, cast(Action, body.action), body.key, at, body.why)
    )
    names = [
        [item.name if (item := context.catalogue.get(code)) else "" for code in each.codes] for each in found.by_code
    ]
    rows = [each._asdict() | {"items": items} for each, items in zip(found.by_code, names, strict=True)]
    return {
        "batch": found.batch,
        "clusters": found.clusters,
        "names": found.names,
        "exams": found.exams,
        "by_code": rows,
        "codes": found.codes,
        "without": found.without,
    }


@router.post("/apply")
def apply_bulk(body: BatchBody, person: CurrentPerson, context: CurrentContext) -> dict[str, Any]:
    """The next chunk of a bulk action; call again while something is left."""
    done: Applied = context.store.write(lambda session: apply(session, context.rules, person.id, body.batch, now()))
    return done._asdict()


@router.post("/unapply")
def undo_batch(body: BatchBody, person: CurrentPerson, context: CurrentContext) -> dict[str, Any]:
    """The next chunk of taking a bulk action back."""
    done: Applied = context.store.write(lambda session: undo_bulk(session, person.id, body.batch, now(), body.why))
    return done._asdict()


@router.get("/batches")
def bulk_actions(
    person: CurrentPerson, context: CurrentContext, request: Request, before: int | None = None
) -> dict[str, Any]:
    """One's own bulk actions, a page at a time; all of them for a lead. `more`: whether older ones may follow."""
    lang = language_of(request.headers, context.lang)
    with context.store.reading() as session:
        found = batches(session, None if person.at_least("lead") else person.id, before=before)
        names = names_of_users(session, {each.user_id for each in found})
        rows = [
            each.model_dump(exclude={"wanted"}, mode="json")
            | {"by": names.get(each.user_id, ""), "text": word("action", each.action, lang)}
            | {"own": each.user_id == person.id}
            for each in found
        ]
    return {"rows": rows, "more": len(rows) == LISTED}


@router.get("/history")
def history(
    person: CurrentPerson, context: CurrentContext, request: Request, before: int | None = None, all: bool = False
) -> dict[str, Any]:
    """Decisions, the newest first: one's own or everybody's."""
    return {"rows": work_of(context).history(_viewer(person, context, request), before, all)}


@router.get("/progress")
def progress(person: CurrentPerson, context: CurrentContext, request: Request) -> dict[str, Any]:
    """How far the work is, and one's own pace."""
    return work_of(context).progress(_viewer(person, context, request), now())


@router.get("/filters")
def filters(person: CurrentPerson, context: CurrentContext, request: Request) -> dict[str, Any]:
    """What the queue can be filtered by."""
    lang = language_of(request.headers, context.lang)
    with context.store.reading() as session:
        places = session.execute(
            select(col(Institution.id), col(Institution.name)).order_by(col(Institution.name)).limit(2000)
        ).all()
    return {
        "institutions": [{"id": number, "name": name} for number, name in places],
        "reasons": [
            {"id": row.id, "name": row.zh if lang == "zh" else row.en}
            for row in reasons().values()
            if row.route == "review"
        ],
        "modalities": ["CT", "MR", "XR", "US", "NM"],
    }


def _answer(outcome: Outcome, lang: Lang) -> dict[str, Any]:
    told = outcome.told
    return {
        "r": outcome.result,
        "id": outcome.cluster_id,
        "sentence": outcome.sentence(lang),
        "stale": outcome.refusal == "stale",
        "requeued": len(outcome.requeued),
        "answered": len(outcome.answered),
        "told": None
        if told is None or told.hidden
        else {"by": told.by, "action": told.action, "codes": list(told.codes)},
    }


def _viewer(person: Person, context: Context, request: Request) -> Viewer:
    return Viewer(person.id, person.role, language_of(request.headers, context.lang))
