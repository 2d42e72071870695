"""The frame of a report as one page of HTML: words and tables in one language, black on white, nothing from outside.

No script and no network; every text that is not ours is shown as text, and characters that steer a screen are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from agent.defuse import drawn
from agent.texts import Texts
from standard.errors import Lang

STYLE = (
    "body{font:14px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#111}h1{font-size:1.3em}"
    "h2{font-size:1.05em;margin:1.6em 0 .3em}table{border-collapse:collapse}"
    "th,td{text-align:left;padding:2px 20px 2px 0;border-bottom:1px solid #ddd;vertical-align:top}"
    "th{font-weight:600;color:#555}th.n,td.n{text-align:right}"
    "td:first-child{white-space:nowrap}p{margin:.2em 0;color:#555}"
)


class Figure(str):
    """A figure that is written out already (99.8 %): stands to the right as numbers do."""


def framed(title: str, parts: Sequence[str], lang: Lang, style: str = "") -> str:
    """A page of parts that are HTML already. `title` is text; `style` comes after that of all reports."""
    return (
        f'<!doctype html>\n<html lang="{lang}"><meta charset="utf-8"><title>{shown(title)}</title>'
        f"<style>{STYLE}{style}</style>\n" + "\n".join(parts) + "\n</html>\n"
    )


def shown(value: object) -> str:
    """A value from outside as text of a page."""
    return escape(drawn(str(value)))


class Page:
    """Words and tables in one language."""

    def __init__(self, texts: Texts, lang: Lang) -> None:
        self._texts, self.lang = texts, lang

    def word(self, name: str, **values: object) -> str:
        """A text of ours; the values in it may be from outside."""
        return shown(self.known(name, **values))

    def known(self, name: str, **values: object) -> str:
        """A word of the program, not escaped yet."""
        return self._texts.text(name, self.lang, **values)

    def head(self, name: str) -> str:
        """A heading."""
        return f"<h2>{self.word(name)}</h2>"

    def table(self, head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
        """Rows of values; numbers stand to the right. For no rows the text `nothing`."""
        return self.grouped(head, [("", rows)])

    def grouped(self, head: Sequence[str], groups: Sequence[tuple[str, Sequence[Sequence[object]]]]) -> str:
        """The same in groups, each under its title ("" for none; a text). Groups without rows are left out."""
        found = [(title, rows) for title, rows in groups if rows]
        if not found:
            return f"<p>{self.word('nothing')}</p>"
        first = found[0][1][0]
        heads = "".join(
            f"<th{_kind(value)}>{self.word(each)}</th>" for each, value in zip(head, first, strict=bool(head))
        )
        body = []
        for title, rows in found:
            if title:
                body.append(f'<tr><th colspan="{len(first)}">{shown(title)}</th></tr>')
            body += [f"<tr>{''.join(_cell(each) for each in row)}</tr>" for row in rows]
        return f"<table>{f'<tr>{heads}</tr>' if head else ''}{''.join(body)}</table>"


def _cell(value: object) -> str:
    text = f"{value:,}" if isinstance(value, int | float) else shown(value)
    return f"<td{_kind(value)}>{text}</td>"


def _kind(value: object) -> str:
    return ' class="n"' if isinstance(value, int | float | Figure) else ""
