"""标准: searching the standard, an item with its fields and the names it stands for, two editions compared.

The page is drawn by static/page_standard.js from /api/standard/… and /api/editions/….
"""

from __future__ import annotations

from agent.api.context import Context
from ui.words import Words


def page(context: Context, texts: Words) -> None:
    """Builds the tab."""
    import gradio as gr

    gr.HTML(
        value="",
        apply_default_css=False,
        html_template='<div class="standard"></div>',
        js_on_load="Standard(element.querySelector('.standard'), props.t)",
        t=texts.both("standard"),
    )
