"""The page review: a frame for static/review*.js, which does all the rest over /api/review."""

from __future__ import annotations

from agent.api.context import Context
from ui.words import Words


def page(context: Context, texts: Words) -> None:
    """Builds the tab."""
    import gradio as gr

    gr.HTML(
        value="",
        apply_default_css=False,
        html_template='<div class="review" tabindex="-1"></div>',
        js_on_load="Review.start(element.querySelector('.review'), props.words)",
        words=texts.both("review"),
        elem_id="review-frame",
    )
