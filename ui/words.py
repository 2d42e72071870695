"""Every word on the pages: texts.tsv. `words("id")` is chosen in the browser; `.text("id", lang)` here."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from agent.texts import Texts

TABLE = Path(__file__).parent / "texts.tsv"


class Words(Texts):
    """The texts, also for Gradio's components."""

    def __call__(self, name: str) -> Any:
        """A text that the browser shows in the language of the person. KeyError for an id that is not in the table."""
        if name not in self.rows:
            raise KeyError(name)
        return self.i18n()(name)

    def i18n(self) -> Any:
        """All texts, for Gradio."""
        return _i18n(self)

    def both(self, prefix: str) -> dict[str, dict[str, str]]:
        """All texts under a prefix in both languages: for a script, which takes `[YINGMA.lang]` of it."""
        return {"zh": self.of(prefix, "zh"), "en": self.of(prefix, "en")}


@cache
def _i18n(texts: Words) -> Any:
    import gradio as gr

    return gr.I18n(**{lang: {row.id: getattr(row, lang) for row in texts.rows.values()} for lang in ("zh", "en")})


@cache
def words() -> Words:
    """The texts, read once."""
    return Words(TABLE)
