"""概览: how far the work is. Drawn by static/page_overview.js from /api/overview; for the lead also how good it is."""

from __future__ import annotations

from agent.api.context import Context
from ui.words import Words


def page(context: Context, texts: Words) -> None:
    """Builds the tab."""
    import gradio as gr

    gr.HTML(
        value="",
        apply_default_css=False,
        html_template='<div class="overview"></div>',
        js_on_load="Overview(element.querySelector('.overview'), props.t)",
        t=texts.both("overview"),
    )
