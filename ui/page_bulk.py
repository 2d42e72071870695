"""批量: upload a file, see its first rows, say which column is which, start; jobs as they go, and their history.

The page is drawn by static/page_bulk.js from /api/uploads and /api/jobs.
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
        html_template='<div class="bulk"></div>',
        js_on_load="Bulk(element.querySelector('.bulk'), props.t, props.limit)",
        t=texts.both("bulk"),
        limit=context.settings.upload_limit_mb,
    )
