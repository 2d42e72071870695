"""Who a Gradio event comes from. Events can be called past their page: each asks for the role that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.api.context import Context
from agent.api.language import language_of
from agent.api.person import Person, person_in
from agent.store import owns_upload
from standard.errors import InputError, Lang, YingmaError

if TYPE_CHECKING:
    import gradio as gr


def person_of(request: gr.Request, role: str = "viewer") -> Person:
    """The person behind an event. InputError where his role is lower than the one that is needed."""
    assert request.request is not None
    person = person_in(request.request.scope)
    if not person.at_least(role):
        raise InputError("您的角色不能做这件事；请找管理员。", "Your role may not do this; ask an administrator.")
    return person


def lang_of(request: gr.Request, context: Context) -> Lang:
    """The language of the person behind an event."""
    assert request.request is not None
    return language_of(request.request.headers, context.lang)


def own_file(request: gr.Request, context: Context, path: str) -> str:
    """The path of an uploaded file, if the person behind the event uploaded it. InputError for anybody else's."""
    person = person_of(request)
    with context.store.reading() as session:
        if owns_upload(session, person.id, path):
            return path
    raise InputError("没有这个文件，或者不是您上传的。", "There is no such file, or it is not yours.")


def told(error: YingmaError, lang: Lang) -> gr.Error:
    """One of Yingma's own errors for the screen; every other error says only that there was one. Raise it."""
    import gradio as gr

    return gr.Error(error.sentence(lang), print_exception=False)
