"""The canonical text of a name, with a way back to the characters it came from.

Canonical: full-width and compatibility forms folded (NFKC), Greek and Cyrillic capitals that look like Latin ones as
Latin, traditional characters simplified (OpenCC), upper case,
brackets of every kind as () or [], control characters and blanks gone except one blank between two Latin words. The
lexicon's forms are written in it, so that a form is written once.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from opencc import OpenCC

PUNCTUATION: Final = str.maketrans(
    {
        "【": "[",
        "】": "]",
        "〔": "[",
        "〕": "]",
        "［": "[",
        "］": "]",
        "｛": "(",
        "｝": ")",
        "{": "(",
        "}": ")",
        "《": "[",
        "》": "]",
        "〈": "[",
        "〉": "]",
        "〖": "[",
        "〗": "]",
        "『": "[",
        "』": "]",
        "「": "[",
        "」": "]",
        "（": "(",
        "）": ")",
        "，": ",",
        "；": ";",
        "：": ":",
        "＋": "+",
        "－": "-",
        "–": "-",
        "—": "-",
        "―": "-",
        "−": "-",
        "‐": "-",
        "‑": "-",
        "·": "·",
        "•": "·",
        "、": "、",
        "。": ".",
        "？": "?",
        "！": "!",
        "“": '"',
        "”": '"',
        "‘": "'",
        "’": "'",
        "～": "~",
        "〜": "~",
        "∕": "/",
        "⁄": "/",
        "／": "/",
        "＼": "/",
        "\\": "/",
        "×": "*",
        "¥": "元",
        "￥": "元",
    }
)
# Greek and Cyrillic capitals that look like Latin ones, typed or recognised in their place: МRI, СT
ALIKE: Final = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕЅІЈКМНОРСТХ", "ABEZHIKMNOPTYXABESIJKMHOPCTX")
LINE_BREAKS: Final = "\n\r\x0b\x0c\x85\u2028\u2029"


class Canonical(NamedTuple):
    """`text`, and for each of its characters the index in the raw name (None where they are the same)."""

    text: str
    origin: tuple[int, ...] | None

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """The half-open span in the raw name of a half-open span in the text."""
        if self.origin is None:
            return start, end
        return self.origin[start], self.origin[end - 1] + 1

    def blank_before(self, raw: str, index: int) -> bool:
        """Whether a blank of the raw name, which the text does not hold, stands before a character of the text."""
        if self.origin is None or not 0 < index < len(self.text):
            return False
        return any(char.isspace() for char in raw[self.origin[index - 1] + 1 : self.origin[index]])


class _Fold(dict[int, str]):
    """Folds one character at a time, once: for str.translate."""

    def __missing__(self, point: int) -> str:
        char = chr(point)
        folded = _fold(char)
        self[point] = folded
        return folded


@cache
def _converter() -> OpenCC:
    from opencc import OpenCC

    return OpenCC("t2s")


def _fold(char: str) -> str:
    if char in LINE_BREAKS:
        return ";"  # a line is an exam of its own; | parts the fields of one
    if char == "\t":
        return " "
    category = unicodedata.category(char)
    if category in ("Cc", "Cf"):
        return ""
    if category == "Cs":  # half a pair, as JSON may bring it: no text, and nothing can encode it
        return "\ufffd"
    text = char.translate(PUNCTUATION)
    text = unicodedata.normalize("NFKC", text).upper().translate(PUNCTUATION).translate(ALIKE)
    if "\u3400" <= text <= "\u9fff":
        text = str(_converter().convert(text))
    return " " if text.isspace() else text


_FOLD: Final = _Fold()


def _latin(char: str) -> bool:
    return ("A" <= char <= "Z") or ("0" <= char <= "9")


def _spelled(chars: list[str], index: int) -> bool:
    """A blank between two letters that stand alone: `C T` is CT."""
    before = [*"  ", *chars[:index]][-2:]
    after = [*chars[index + 1 :], *"  "][:2]
    alone = all(char == " " or not char.isascii() for char in (before[0], after[1]))
    return before[1].isalpha() and after[0].isalpha() and alone


def canonical(raw: str) -> Canonical:
    """The canonical text of a raw name. Total: any string in, never an error."""
    text = raw.translate(_FOLD)
    if len(text) == len(raw) and " " not in text:
        return Canonical(text, None)
    origin: list[int] = []
    chars: list[str] = []
    for index, char in enumerate(raw):
        for piece in _FOLD[ord(char)]:
            chars.append(piece)
            origin.append(index)
    kept: list[int] = []
    for index, char in enumerate(chars):
        if char == " ":
            before = chars[kept[-1]] if kept else ""
            after = next((c for c in chars[index + 1 :] if c != " "), "")
            if not (before and _latin(before) and after and _latin(after)) or _spelled(chars, index):
                continue
        kept.append(index)
    return Canonical("".join(chars[i] for i in kept), tuple(origin[i] for i in kept))
