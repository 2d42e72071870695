"""The tabs, in order. A page is a module with `page(context, texts)`, which builds one."""

from __future__ import annotations

from typing import NamedTuple


class Page(NamedTuple):
    """A tab: its id, its module, the lowest role that sees it."""

    id: str
    module: str
    role: str


PAGES = (
    Page("review", "ui.page_review", "clerk"),
    Page("chat", "ui.page_chat", "viewer"),
    Page("bulk", "ui.page_bulk", "clerk"),
    Page("standard", "ui.page_standard", "viewer"),
    Page("overview", "ui.page_overview", "viewer"),
)
