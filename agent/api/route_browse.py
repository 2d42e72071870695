"""What the page of the standard asks for: a page of items, the tree of parts, an item with the names it stands for."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from agent import browse, usage
from agent.api.context import CurrentContext

router = APIRouter(prefix="/api/standard", include_in_schema=False)
Words = Annotated[str, Query(max_length=200)]
Page = Annotated[int, Query(ge=0, le=100_000)]


@router.get("/items")
def items(
    context: CurrentContext,
    words: Words = "",
    modality: Words = "",
    part: Annotated[list[str] | None, Query(max_length=4)] = None,
    scan: Words = "",
    page: Page = 0,
) -> dict[str, Any]:
    """A page of the items that fit."""
    wanted = browse.Wanted(words, modality, tuple(part or ()), scan, page)
    found, total = browse.items(context.catalogue, wanted)
    return {
        "items": [[each.code, each.name, each.modality, each.edition] for each in found],
        "total": total,
        "page": page,
        "size": browse.PAGE,
    }


@router.get("/filters")
def filters(context: CurrentContext, modality: Words = "") -> dict[str, Any]:
    """What can be chosen: modalities, scans, the tree of parts."""
    catalogue = context.catalogue
    return {
        "modalities": list(catalogue.modalities),
        "scans": list(browse.scans(catalogue, modality)),
        "tree": list(browse.tree(catalogue, modality)),
    }


@router.get("/item/{code}")
def item(code: str, context: CurrentContext) -> dict[str, Any]:
    """An item with its fields, and how many names go with it."""
    told = browse.item(context.catalogue, code)
    with context.store.reading() as session:
        told["totals"] = {kind: total._asdict() for kind, total in usage.totals(session, told["code"]).items()}
    return told


@router.get("/item/{code}/names")
def names(code: str, context: CurrentContext, kind: usage.Kind = "settled", page: Page = 0) -> dict[str, Any]:
    """A page of the names that go with an item."""
    with context.store.reading() as session:
        found = usage.names_with(session, code, kind, page)
    return {"names": [each._asdict() for each in found], "page": page, "size": usage.PAGE}
