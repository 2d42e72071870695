"""`yingma chat`: the dialogue in the terminal. The same answers as on the page; nothing is kept or written."""

from __future__ import annotations

import sys

from agent.chat.dialogue import Dialogue, Said, Who
from agent.chat.events import Choices, End, Piece
from agent.chat.opening import chat_model
from agent.chat.tools import Tools
from agent.chat.values import State
from agent.command_explain import shown
from agent.console import language, note, say
from agent.opening import open_pipeline
from agent.settings import load_settings


def run(edition: str | None, model: str) -> None:
    """Ask until the input ends; a blank line typed at a terminal ends it too."""
    settings = load_settings(model=model)
    talker = chat_model(settings)
    dialogue = Dialogue(Tools(open_pipeline(edition, model)), model=talker)
    state = State()
    if settings.model == "local" and talker is None:
        note(
            say(
                "影码自己的模型只填各段，不参与对话；对话按规则回答。",
                "Yingma's own model fills slots and does not talk; the dialogue goes by rules.",
            )
        )
    if sys.stdin.isatty():
        note(say("输入检查名称、编码或问题；空行结束。", "Type an exam name, a code or a question; a blank line ends."))
    for line in sys.stdin:
        text = line.strip()
        if not text and sys.stdin.isatty():
            break
        if text:
            state = _answer(dialogue, state, text)


def _answer(dialogue: Dialogue, state: State, text: str) -> State:
    """One turn: the answer drawn, its buttons as numbers."""
    said: list[str] = []
    buttons: list[str] = []
    for event in dialogue.turn(state, Said(text), Who(None, "viewer", ""), language()):
        if isinstance(event, Piece):
            said.append(event.text)
        elif isinstance(event, Choices):
            numbered = [each for each in event.options if each.id.isdecimal()]
            others = [each for each in event.options if not each.id.isdecimal()]
            buttons = [f"{each.id} {each.label}" for each in numbered] + [each.label for each in others]
        elif isinstance(event, End):
            state = event.state
    _draw("".join(said))
    if buttons:
        print("  ".join(f"[{shown(each)}]" for each in buttons))
    sys.stdout.flush()
    return state


def _draw(markdown: str) -> None:
    """Markdown for a person; as it is into a pipe."""
    if not sys.stdout.isatty():
        print(markdown.rstrip())
        return
    from rich.markdown import Markdown

    from agent.console import out

    out().print(Markdown(markdown, hyperlinks=False))
