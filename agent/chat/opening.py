"""Opens the dialogue of a server: tools over its pipeline and store, and the language model where one can talk.

With a model behind a URL the dialogue answers by the reader alone, so that nobody waits for an endpoint that hangs; the
model chooses tools, and what goes into the store is answered by the whole pipeline. A GGUF file in this process answers
with the pipeline, and so a turn may wait for it twice: to choose, and to fill slots.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.answer import Query, Suggestion
from agent.chat.dialogue import Dialogue
from agent.chat.model_turn import ChatModel
from agent.chat.talk import Talk
from agent.chat.tools import Answer, Tools
from agent.model.embedded import own_model
from agent.pipeline import Pipeline
from agent.second import SecondVoice
from agent.settings import Settings

if TYPE_CHECKING:
    from agent.api.context import Context


URLS = ("http://", "https://")


def chat_model(settings: Settings) -> ChatModel | None:
    """The model that chooses tools: an endpoint, or a GGUF file of one's own. Yingma's own fills slots and no more.

    ModelError where it cannot be opened. Imports openai or llama_cpp only when they are needed."""
    if settings.model.startswith(URLS) and settings.model_name:
        from agent.chat.choosing_hosted import HostedChooser

        return ChatModel(HostedChooser(settings))
    if settings.model == "local" and own_model(settings.model_path) is None:
        from agent.chat.choosing_local import LocalChooser

        return ChatModel(LocalChooser(settings))
    return None


def open_talk(context: Context) -> Talk:
    """The conversations of a server."""
    settings = context.settings
    if settings.model.startswith(URLS):
        second = SecondVoice(context.catalogue)
        reader = Pipeline(context.catalogue, device_codes=settings.device_codes, second=second)
        tools = Tools(reader, context.store, _one_at_a_time(reader), context.fresh)
    else:
        tools = Tools(context.pipeline, context.store, context.fresh)
    dialogue = Dialogue(tools, settings.second_look_share, chat_model(settings))
    return Talk(context.store, dialogue, settings.chat_days)


def _one_at_a_time(pipeline: Pipeline) -> Answer:
    """How a pipeline is asked that several threads share."""
    lock = threading.Lock()

    def answer(queries: Sequence[Query]) -> list[Suggestion]:
        with lock:
            return pipeline.fresh(queries)

    return answer
