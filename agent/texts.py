"""Words on the screen as a table: id, Chinese, English."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from standard.errors import DataError, Lang
from standard.lexicon import read_rows
from standard.lexicon_rows import Row


class TextRow(Row):
    """A text in both languages; {name} stands for a value that is put in."""

    id: str
    zh: str
    en: str


class Texts:
    """The texts of a table."""

    def __init__(self, path: Path) -> None:
        """Reads the table. DataError where a line is empty or stands twice."""
        self.rows: dict[str, TextRow] = {}
        for number, row in read_rows(path, TextRow):
            if row.id in self.rows:
                raise DataError(path.name, number, "id", row.id, ("出现两次；请删去一行", "stands twice; drop one"))
            self.rows[row.id] = row

    def text(self, name: str, lang: Lang, **values: object) -> str:
        """One text with its values in it. KeyError for an id that is not in the table."""
        row = self.rows[name]
        found = row.zh if lang == "zh" else row.en
        return found.format(**values) if values else found

    def of(self, prefix: str, lang: Lang) -> dict[str, str]:
        """All texts whose id begins with a prefix and a dot, by the rest of the id: for a script of a page."""
        start = prefix + "."
        return {name.removeprefix(start): self.text(name, lang) for name in self.rows if name.startswith(start)}


@cache
def texts_in(path: Path) -> Texts:
    """The texts of a table, read once."""
    return Texts(path)
