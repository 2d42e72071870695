"""The page standard."""

from __future__ import annotations

from agent.api.context import Context
from ui.words import Words


def page(context: Context, texts: Words) -> None:
    """Builds the tab."""
    import gradio as gr

    gr.Markdown(texts("frame.later"))
