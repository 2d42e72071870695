"""Opens the dialogue of a server: tools over its pipeline and store, and the language model where one can talk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.chat.dialogue import Dialogue
from agent.chat.model_turn import ChatModel
from agent.chat.talk import Talk
from agent.chat.tools import Tools
from agent.settings import Settings

if TYPE_CHECKING:
    from agent.api.context import Context


def chat_model(settings: Settings) -> ChatModel | None:
    """The model that chooses tools: the endpoint of a URL. Yingma's own and GGUF files fill slots, so none for them."""
    if settings.model.startswith(("http://", "https://")) and settings.model_name:
        return ChatModel(settings)
    return None


def open_talk(context: Context) -> Talk:
    """The conversations of a server."""
    settings = context.settings
    tools = Tools(context.pipeline, context.store, context.fresh)
    dialogue = Dialogue(tools, settings.second_look_share, chat_model(settings))
    return Talk(context.store, dialogue, settings.chat_days)
