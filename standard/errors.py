"""Every error that Yingma raises on purpose, as one tree.

    YingmaError
    ├── DataError      a data file of Yingma's own (edition, lexicon, prompt) does not hold; its editor mends it
    ├── InputError     a file, column, option or setting that the user gave does not hold; the user mends it
    ├── CodeError      slots or a code that the edition does not have
    ├── IndexError_    the retrieval index cannot be built or read
    ├── ModelError     the language model failed; the name goes to review, the run goes on
    ├── StoreError     the database cannot be opened, is too new, or is busy for too long; nothing was written
    ├── PausedError    a long run cannot go on for now; what it did is kept, and the sentence says how it goes on
    └── StoppedError   a person stopped a long run; the sentence says how it goes on

Each carries one sentence in Chinese and one in English; `sentence(lang)` picks one. A bug in the program is never a
YingmaError: it stays the exception that Python raised.
"""

from __future__ import annotations

from typing import Literal

Lang = Literal["zh", "en"]


class YingmaError(Exception):
    """Base of all. `zh` and `en` are whole sentences that name what is wrong, where, and the remedy."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en

    def sentence(self, lang: Lang = "zh") -> str:
        """The sentence in the language asked for."""
        return self.zh if lang == "zh" else self.en


class DataError(YingmaError):
    """A fault in a data file: names file, row (1 = header), column, value and remedy."""

    def __init__(self, file: str, row: int | None, column: str | None, value: object, problem: tuple[str, str]) -> None:
        zh_where = f"{file}" + (f" 第 {row} 行" if row else "") + (f" 列 {column}" if column else "")
        en_where = f"{file}" + (f", row {row}" if row else "") + (f", column {column}" if column else "")
        super().__init__(f"{zh_where}：{value!r} {problem[0]}", f"{en_where}: {value!r} {problem[1]}")
        self.file, self.row, self.column, self.value = file, row, column, value


class InputError(YingmaError):
    """What the user gave does not hold; nothing was written."""


class CodeError(YingmaError):
    """Slots that make no code of the edition, or a code that the edition does not have."""


class IndexError_(YingmaError):  # noqa: N801, N818 (IndexError is Python's own)
    """The retrieval index cannot be built, opened or searched."""


class ModelError(YingmaError):
    """A language model could not be loaded or asked."""


class StoreError(YingmaError):
    """The database cannot be opened, or was made by a newer version, or stays locked."""


class PausedError(YingmaError):
    """A long run cannot go on for now (what it asks is down); what it did so far is kept."""


class StoppedError(YingmaError):
    """A long run was stopped (Ctrl-C); what it did so far is kept."""
