"""The page review: a frame for static/review*.js, which does all the rest over /api/review."""

from __future__ import annotations

from agent.api.context import Context
from ui.words import Words

SCRIPTS = ("review", "review_send", "review_draw", "review_edit", "review_keys", "review_panels", "review_bulk")
HEAD = '<link rel="stylesheet" href="/static/review.css">' + "".join(
    f'<script src="/static/{name}.js"></script>' for name in SCRIPTS
)
# The scripts come in any order; the page begins when the last of them is there.
START = """
const begin = () => {
  if (!window.Review || Review.parts !== PARTS) return setTimeout(begin, 10);
  Review.start(element.querySelector('.review'), props.words);
};
begin();
""".replace("PARTS", str(len(SCRIPTS)))


def page(context: Context, texts: Words) -> None:
    """Builds the tab."""
    import gradio as gr

    gr.HTML(
        value="",
        apply_default_css=False,
        html_template='<div class="review" tabindex="-1"></div>',
        js_on_load=START,
        head=HEAD,
        words=texts.both("review"),
        elem_id="review-frame",
    )
