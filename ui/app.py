"""The whole application: the pages mounted on the API's.

A page is a module with `page(context, texts)`, which builds one tab, and a line in pages.py.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from agent.api.app import create_app
from agent.api.context import Context
from agent.api.person import person_in
from ui.files import Files
from ui.head import Head
from ui.pages import PAGES
from ui.static_files import STATIC, bundle
from ui.stubs import without_stubs
from ui.words import Words, words

if TYPE_CHECKING:
    import gradio

CALM = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "GRADIO_SSR_MODE": "False",
    "GRADIO_RUN_HISTORY": "False",
}
FONTS = ["Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "sans-serif"]
MONO = ["Noto Sans Mono CJK SC", "Menlo", "Consolas", "monospace"]
LARGEST_UPLOAD = "500mb"


def make_app(context: Context) -> FastAPI:
    """The whole application: the API, with the pages under /ui/ and what they load under /static/."""
    os.environ.update(CALM)  # before gradio is imported: nothing leaves the server
    uploads = Path(os.environ.setdefault("GRADIO_TEMP_DIR", str(context.settings.home / "uploads")))
    uploads.mkdir(mode=0o700, parents=True, exist_ok=True)
    with without_stubs():
        import gradio as gr

    texts = words()
    blocks = build(context, texts)
    app = create_app(context, [Files, Head])
    scripts, styles = bundle("js"), bundle("css")

    @app.get("/static/all.js", include_in_schema=False)
    def all_scripts(request: Request) -> Response:
        return scripts.answer(request.url.query)

    @app.get("/static/all.css", include_in_schema=False)
    def all_styles(request: Request) -> Response:
        return styles.answer(request.url.query)

    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    @app.get("/favicon.ico", include_in_schema=False)
    def favicon() -> FileResponse:
        return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml")

    def user(request: Request) -> str | None:
        try:
            return person_in(request.scope).name
        except LookupError:
            return None

    mounted: FastAPI = gr.mount_gradio_app(
        app,
        blocks,
        path="/ui",
        auth_dependency=user,
        theme=theme(),
        head=f'<link rel="stylesheet" href="{styles.url}">',  # once more (head.py): after Gradio's, ours decide
        i18n=texts.i18n(),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        show_error=False,  # the words of an exception are for the log; pages raise gr.Error
        max_file_size=LARGEST_UPLOAD,
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )
    return mounted


def build(context: Context, texts: Words) -> gradio.Blocks:
    """All tabs."""
    import gradio as gr

    blocks: gradio.Blocks
    with gr.Blocks(title="影码 Yingma", analytics_enabled=False, delete_cache=(3600, 86400)) as blocks:
        gr.HTML('<div id="bar"></div>', apply_default_css=False, elem_id="bar-frame")
        with gr.Tabs(elem_id="pages"):
            for each in PAGES:
                with gr.Tab(texts(f"page.{each.id}"), id=each.id, elem_id=f"tab-{each.id}"):
                    import_module(each.module).page(context, texts)
    return blocks


def theme() -> Any:
    """Dense and quiet: 13 px, grey, no shadows, no round corners."""
    import gradio as gr

    base = gr.themes.Base(
        text_size="sm",
        spacing_size="sm",
        radius_size="none",
        neutral_hue="gray",
        primary_hue="slate",
        font=FONTS,
        font_mono=MONO,
    )
    # Gradio's own grey for what is said beside (400) is too pale to read all day on white.
    return base.set(
        layout_gap="6px", block_padding="4px 6px", block_border_width="0px", body_text_color_subdued="*neutral_500"
    )
