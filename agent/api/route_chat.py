"""The dialogue over HTTP: POST /api/chat says something and streams the answer, one JSON object a line.

    {"kind":"begun","conversation":3,"message":12}   {"kind":"text","text":"…"}   {"kind":"card","fact":{…}}
    {"kind":"options","options":[{"id":"12:1","label":"左侧"}],"question":true}   {"kind":"end"}

History is a person's own: nobody else reads or deletes it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

import anyio
from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request

from agent.api.context import CurrentContext
from agent.api.language import language_of
from agent.api.person import CurrentPerson
from agent.chat.dialogue import LONGEST, Said
from agent.chat.export import csv_of, table_of
from agent.chat.talk import Speaker, Turn
from agent.store.schema_chat import Message
from standard.errors import InputError, Lang

router = APIRouter(prefix="/api/chat")


class SayIn(BaseModel):
    """What is said: a text, or the id of a button; in a conversation, else in a new one. `lang`: of the answer."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(default="", max_length=LONGEST)
    option: str = Field(default="", max_length=60)
    conversation: int | None = Field(default=None, ge=1, le=2**31 - 1)
    modality: str = Field(default="", max_length=200)
    institution: str = Field(default="", max_length=200)
    lang: Lang | None = None


class ConversationOut(BaseModel):
    """A conversation in the list."""

    id: int
    title: str
    created_at: str
    changed_at: str


class MessageOut(BaseModel):
    """What was said. `whole`: the answer was not stopped."""

    id: int
    role: str
    text: str
    cards: list[Any]
    options: list[Any]
    whole: bool
    at: str


@router.post("")
def say(said: SayIn, person: CurrentPerson, context: CurrentContext, request: Request) -> StreamingResponse:
    """Say something; the answer comes line by line as it is made. Closing the connection stops it."""
    lang = said.lang or language_of(request.headers, context.lang)
    turn = context.talk.say(
        Speaker(person.id, person.role, lang),
        Said(said.text, said.option, said.modality, said.institution),
        said.conversation,
    )
    return StreamingResponse(_stream(turn), media_type="application/x-ndjson", headers={"x-accel-buffering": "no"})


@router.get("")
def conversations(person: CurrentPerson, context: CurrentContext) -> list[ConversationOut]:
    """One's own conversations, the newest first."""
    return [
        ConversationOut(
            id=each.id or 0,
            title=each.title,
            created_at=each.created_at.isoformat(),
            changed_at=each.changed_at.isoformat(),
        )
        for each in context.talk.list(person.id)
    ]


@router.get("/{conversation}")
def messages(conversation: int, person: CurrentPerson, context: CurrentContext) -> list[MessageOut]:
    """What was said in a conversation of one's own."""
    return [_message(each) for each in context.talk.open(person.id, _number(conversation))]


@router.delete("/{conversation}", status_code=204)
def delete(conversation: int, person: CurrentPerson, context: CurrentContext) -> Response:
    """Delete a conversation of one's own."""
    context.talk.delete(person.id, _number(conversation))
    return Response(status_code=204)


@router.get("/messages/{message}/table.csv")
def table(message: int, person: CurrentPerson, context: CurrentContext, request: Request) -> Response:
    """The table of an answer to a pasted column, for a spreadsheet."""
    found = table_of(context.talk.message(person.id, _number(message)).cards)
    if found is None:
        raise InputError("这条回答没有表格。", "This answer holds no table.")
    headers = {"content-disposition": f'attachment; filename="yingma-{message}.csv"'}
    return Response(csv_of(found, language_of(request.headers, context.lang)), media_type="text/csv", headers=headers)


def _lines(turn: Turn) -> Iterator[str]:
    yield _line({"kind": "begun", "conversation": turn.conversation_id, "message": turn.message_id})
    with closing(turn.events()) as events:
        for event in events:
            yield event.model_dump_json() + "\n"
    yield _line({"kind": "end"})


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


async def _stream(turn: Turn) -> AsyncIterator[str]:
    """The lines; what was answered is kept also when the caller goes away."""
    lines = _lines(turn)
    try:
        async for line in iterate_in_threadpool(lines):
            yield line
    finally:
        with anyio.CancelScope(shield=True):
            await run_in_threadpool(_close, lines)


def _close(lines: Iterator[str]) -> None:
    close = getattr(lines, "close", None)
    if close is not None:
        close()


def _number(number: int) -> int:
    if not 0 < number < 2**31:
        raise InputError("没有这个对话。", "There is no such conversation.")
    return number


def _message(each: Message) -> MessageOut:
    return MessageOut(
        id=each.id or 0,
        role=each.role,
        text=each.text,
        cards=each.cards,
        options=each.options,
        whole=each.whole,
        at=each.at.isoformat(),
    )
