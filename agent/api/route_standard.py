"""The standard: a code taken apart, items searched, editions listed and compared."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from agent.api.context import CurrentContext
from agent.command_standard import editions_object, either, item_object
from standard import decode as take_apart
from standard import search as find
from standard.diff import compare
from standard.errors import InputError

router = APIRouter(prefix="/api")
LONGEST = 200
Words = Annotated[str, Query(max_length=LONGEST)]


@router.get("/decode/{code}")
def decode(code: str, context: CurrentContext) -> dict[str, Any]:
    """A code field by field."""
    return take_apart(context.catalogue, code[:LONGEST].strip()).to_dict()


@router.get("/search")
def search(
    context: CurrentContext,
    words: Words = "",
    code: Words = "",
    modality: Words = "",
    part: Words = "",
    scan: Words = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> list[dict[str, Any]]:
    """The items that fit all that is given, the best first."""
    if not any((words.strip(), code, modality, part, scan)):
        raise InputError(
            "请给出要查的词、编码、检查类型、部位或扫描方式。",
            "Say what to search for: words, code, modality, part or scan.",
        )
    found = find(context.catalogue, words, code or None, modality or None, part or None, scan or None, limit)
    return [item_object(item) for item in found]


@router.get("/editions")
def editions() -> dict[str, Any]:
    """The editions, and which are used together."""
    return editions_object()


@router.get("/editions/diff")
def diff(old: Words, new: Words) -> dict[str, Any]:
    """What differs between two editions."""
    return compare(either(old), either(new)).to_dict()
