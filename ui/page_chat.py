"""The page chat: one's conversations at the side, the dialogue, a line to type in. Keyboard alone is enough.

What is said and answered lies in the database (agent.chat.talk); the page holds only which conversation is open. A
button under an answer stands for `12:1`: answer 12, option 1; typing its number or its words does the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import gradio as gr  # at the top: Gradio reads the annotations of events by the names of the module

from agent.api.context import Context
from agent.api.gate import LINKED_FOR
from agent.chat.dialogue import LONGEST, Said
from agent.chat.events import Card, Choices, Piece
from agent.chat.export import table_of
from agent.chat.render import escape, sentences
from agent.chat.talk import Speaker, Talk, Turn
from agent.store.schema_chat import Message
from standard.errors import InputError, Lang, YingmaError
from ui.person import lang_of, person_of, told
from ui.words import Words

EXAMPLES = (
    "踝关节三维重建术",
    "[头部]16排以上螺旋X线计算机体层(CT)胸部平扫(医保)",
    "颅脑磁共振平扫+DWI+MRA_颈椎磁共振平扫_股骨头磁共振平扫",
    "20010701111100",
    "比较 左膝关节CT平扫 和 右膝关节CT平扫",
    "3.8 到 3.8.2 改了什么",
)
MODALITIES = ("", "CT", "MR", "DR", "超声", "核医学")
TAKE = "(...given) => window.Chat.take(...given)"  # empties the line at once (static/page_chat.js)
AT_ONCE = 16  # answers under way, of all people; one may wait for a language model
Shown = dict[str, Any]


def page(context: Context, texts: Words) -> None:
    """Builds the tab."""
    with gr.Row(elem_id="chat"):
        with gr.Column(scale=1, min_width=180, elem_id="chat-side"):
            new = gr.Button(texts("chat.new"), size="sm")
            history = gr.Radio(choices=[], label=texts("chat.history"), elem_id="chat-history", interactive=True)
            delete = gr.Button(texts("chat.delete"), size="sm", elem_id="chat-delete")
        with gr.Column(scale=6, elem_id="chat-main"):
            chatbot = gr.Chatbot(
                show_label=False,
                buttons=["copy"],
                elem_id="chat-said",
                latex_delimiters=[],
                sanitize_html=True,
                layout="panel",
                group_consecutive_messages=False,
                placeholder=texts("chat.empty"),
                examples=[{"text": each} for each in EXAMPLES],
            )
            with gr.Row(elem_id="chat-line"):
                modality = gr.Dropdown(
                    choices=[(each or "—", each) for each in MODALITIES],
                    value="",
                    label=texts("chat.modality"),
                    min_width=110,
                    scale=0,
                )
                institution = gr.Textbox(label=texts("chat.institution"), min_width=150, max_length=200, scale=0)
                box = gr.Textbox(
                    label=texts("chat.box"),
                    placeholder=texts("chat.hint"),
                    lines=1,
                    max_lines=8,
                    max_length=LONGEST,
                    scale=5,
                    autofocus=True,
                    submit_btn=True,
                    elem_id="chat-box",
                )
                stop = gr.Button(texts("chat.stop"), min_width=70, scale=0, elem_id="chat-stop")
    current = gr.Textbox("", visible=False)  # the conversation that is open; lies in the browser, so a restart keeps it

    def ask(what: Said, shown: list[Shown], open_now: str | None, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """The answer, piece by piece; at the end its buttons, and the list."""
        lang = lang_of(request, context)
        person = person_of(request)
        yield [*shown, _from_person(what.text)], gr.skip(), gr.skip()
        try:
            turn = context.talk.say(Speaker(person.id, person.role, lang), what, _number(open_now))
        except YingmaError as error:
            raise told(error, lang) from error
        answer: Shown = {"role": "assistant", "content": "", "options": []}
        number = str(turn.conversation_id)
        # Known and in the list from now on: stopped before the first word, it is this conversation that goes on.
        yield gr.skip(), number, _list(context.talk, person.id, number)
        for _ in _answer(turn, answer, person.id, lang):
            yield _screen(context.talk, person.id, turn, answer, lang), number, gr.skip()
        yield _screen(context.talk, person.id, turn, answer, lang), number, _list(context.talk, person.id, number)

    def say(
        text: str, shown: list[Shown], open_now: str | None, column: str, place: str, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        """What was typed."""
        if text.strip():
            yield from ask(Said(text, "", column or "", place or ""), shown, open_now, request)
        else:
            yield gr.skip(), gr.skip(), gr.skip()

    def press(
        event: gr.SelectData, shown: list[Shown], open_now: str | None, column: str, place: str, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        """A button under an answer."""
        option = str(event.value)
        label = next((o["label"] for m in shown for o in m.get("options") or [] if o["value"] == option), option)
        text = label.partition(" ")[2] if option.partition(":")[2].isdecimal() else label  # without its number
        yield from ask(Said(text, option, column or "", place or ""), shown, open_now, request)

    def example(
        event: gr.SelectData, shown: list[Shown], open_now: str | None, column: str, place: str, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        """An example of the empty page."""
        what = Said(str(event.value["text"]), "", column or "", place or "")
        yield from ask(what, shown, open_now, request)

    def load(open_now: str | None, request: gr.Request) -> Any:
        """The list of one's conversations."""
        return _list(context.talk, person_of(request).id, open_now or "")

    def show(chosen: str, request: gr.Request) -> tuple[list[Shown], str]:
        """A conversation of the list."""
        lang = lang_of(request, context)
        if not chosen:
            return [], ""
        person = person_of(request)
        try:
            kept = context.talk.open(person.id, int(chosen))
        except YingmaError as error:
            raise told(error, lang) from error
        return [_kept(each, person.id, lang) for each in kept], chosen

    def begin(request: gr.Request) -> tuple[list[Shown], str, Any]:
        """A new conversation."""
        return [], "", _list(context.talk, person_of(request).id, "")

    def remove(open_now: str | None, request: gr.Request) -> tuple[list[Shown], str, Any]:
        """Delete the conversation that is open."""
        person = person_of(request)
        number = _number(open_now)
        if number is not None:
            try:
                context.talk.delete(person.id, number)
            except YingmaError as error:
                raise told(error, lang_of(request, context)) from error
        return [], "", _list(context.talk, person.id, "")

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    into: list[Any] = [chatbot, current, modality, institution]
    out: list[Any] = [chatbot, current, history]
    answering: dict[str, Any] = {**quiet, "trigger_mode": "multiple", "concurrency_limit": AT_ONCE}
    running: list[Any] = [
        box.submit(say, [box, *into], out, js=TAKE, **answering),
        chatbot.option_select(press, into, out, **answering),
        chatbot.example_select(example, into, out, **answering),
    ]
    stop.click(None, None, None, cancels=running, **quiet)
    # A call of a session that has ended is left without an answer (static/page_chat.js): it must not hold up the next.
    at_once: dict[str, Any] = {**quiet, "queue": False, "trigger_mode": "multiple"}
    history.input(show, history, [chatbot, current], cancels=running, **at_once)
    new.click(begin, None, [chatbot, current, history], cancels=running, **at_once)
    delete.click(remove, current, [chatbot, current, history], cancels=running, **at_once)
    blocks = gr.context.Context.root_block
    assert blocks is not None
    blocks.load(load, current, history, queue=False, **quiet)


def _answer(turn: Turn, answer: Shown, user_id: int, lang: Lang) -> Iterator[None]:
    """Fills the answer, and gives a sign after each piece."""
    link = ""
    with closing(turn.events()) as events:
        for event in events:
            if isinstance(event, Piece):
                answer["content"] += event.text
                yield
            elif isinstance(event, Choices):
                answer["options"] = [_button(each.id, each.label) for each in event.options]
                yield
            elif isinstance(event, Card) and event.fact.kind == "table":
                link = _link(turn.message_id, user_id, lang)
    answer["content"] += link


def _screen(talk: Talk, user_id: int, turn: Turn, answer: Shown, lang: Lang) -> list[Shown]:
    """The conversation as it is kept, with the answer as far as it has come: who types on meanwhile loses nothing."""
    try:
        kept = talk.open(user_id, turn.conversation_id)
    except InputError:  # deleted meanwhile
        return []
    return [answer if each.id == turn.message_id else _kept(each, user_id, lang) for each in kept]


def _from_person(text: str) -> Shown:
    """What the person said, as text."""
    return {"role": "user", "content": "  \n".join(escape(line) for line in text.splitlines()[:200])}


def _kept(message: Message, user_id: int, lang: Lang) -> Shown:
    """A message of the database as the chatbot shows it."""
    if message.role == "user":
        return _from_person(message.text)
    content = message.text
    if table_of(message.cards) is not None:
        content += _link(message.id or 0, user_id, lang)
    if not message.whole:
        content += sentences().text("stopped", lang)
    options = [_button(each["id"], each["label"]) for each in message.options]
    return {"role": "assistant", "content": content, "options": options}


def _button(number: str, label: str) -> dict[str, str]:
    """A button; an answer to the question shows the number that may be typed for it."""
    option = number.partition(":")[2]
    return {"value": number, "label": f"{option} {label}" if option.isdecimal() else label}


def _link(message_id: int, user_id: int, lang: Lang) -> str:
    """Where the table of an answer is; it says whom the page was made for, as every link to a file."""
    where = f"/api/chat/messages/{message_id}/table.csv?{LINKED_FOR}={user_id}"
    return f"[{sentences().text('table.download', lang)}]({where})\n\n"


def _list(talk: Talk, user_id: int, chosen: str) -> Any:
    """The list with the conversation that is open."""
    found = talk.list(user_id)
    choices: Sequence[tuple[str, str]] = [(_title(each.title), str(each.id)) for each in found]
    known = {value for _, value in choices}
    return gr.update(choices=choices, value=chosen if chosen in known else None)


def _number(open_now: str | None) -> int | None:
    """The number of the conversation that is open."""
    text = open_now or ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _title(title: str) -> str:
    """A title as plain text, with nothing in it that turns the direction of writing."""
    shown = "".join(char if char.isprintable() else "·" for char in title)
    return shown or "·"
