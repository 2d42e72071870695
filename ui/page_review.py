"""The page review: a place for static/review*.js, which does all the rest over /api/review."""

from __future__ import annotations

from agent.api.context import Context
from ui.words import Words


def page(context: Context, texts: Words) -> None:
    """Builds the tab."""
    import gradio as gr

    gr.HTML(
        value="",
        apply_default_css=False,
        html_template='<div class="desk"></div>',
        js_on_load="Review.settle(element.querySelector('.desk'))",
        elem_id="review-frame",
    )
