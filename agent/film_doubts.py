"""What makes the exams of plain films doubtful though every word was read, as doubts.py does for all exams."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from agent.doubts import COMPLAINT, PLUS, SIDE, SUMS, Words, names_part, pieces_between, slots_of
from agent.lexer import Word
from agent.reading import Exam

ENDS: Final = frozenset({"position", "modality"})  # what a word that ends a film says: 正侧位, 胸片
FILM: Final = "film"  # noise: 片
WHOLE: Final = frozenset({"part", "position"})  # what a word that is a whole film says: 骨龄
LABELS: Final = ("dash", "under", "open")  # behind which stands what is said of the film before, or another one


def trailing(words: Words) -> str:
    """A part straight behind a finished film, with no view of its own: 左手正斜位 拇指, 腰椎正侧位含骶尾, 胸片 拇指."""
    part = film = False  # a part was said; the last word, but for noise and a side, ends its film
    for at, word in enumerate(words):
        if word is None or word.kind not in ("slots", "noise"):
            film = False
        elif not word.slots.isdisjoint(ENDS):
            part = part or "part" in word.slots
            film = part and (film or "position" in word.slots or "part" in word.slots)
        elif names_part(word):
            if film and not _has_view(words[at + 1 :]) and not _is_history(words[at + 1 :]):
                return word.surface
            part, film = True, False
        elif word.slots and word.slots != SIDE:
            film = False
    return ""


def _is_history(words: Words) -> bool:
    """Whether a complaint of the part stands straight behind it, which beside.py looks at: 左肘正侧位·右肘骨折."""
    return bool(words) and words[0] is not None and words[0].noise == COMPLAINT


def _has_view(words: Words) -> bool:
    """Whether a view is said before the next part, or what adds one."""
    for word in words:
        if word is not None and "position" in word.slots:
            return True
        if word is not None and (names_part(word) or word.kind in SUMS):
            return False
    return False


def beside(words: Words) -> str:
    """A word that is a whole film, in a bracket or behind a dash, of another part than the film before it: the bone age
    of 左膝关节正侧位(骨龄), which may say what that film is for."""
    said: frozenset[str] = frozenset()
    between = ""
    for word in words:
        if word is None:
            continue
        if word.slots >= WHOLE and said and between in LABELS and word.parts.isdisjoint(said):
            return word.surface
        if "part" in word.slots:
            said |= word.parts
            between = ""
        elif word.kind == "close":
            between = ""
        elif word.kind not in ("slots", "noise") and between != "open":
            between = word.kind
    return ""


def unsaid(words: Words) -> str:
    """A view that a sum adds to a film of which no view is said: 骨盆平片+双侧闭孔斜位, 胸片+侧位, 腰椎片+双斜位; or
    that of another part which is shared with it, 腰椎片+胸部侧位."""
    for piece, added in pairwise(pieces_between(words, PLUS)):
        said, more = slots_of(piece), slots_of(added)
        ends = piece[-1] is not None and piece[-1].noise == FILM if piece else False
        film = "modality" in said or any(word is not None and word.noise == FILM for word in piece)
        alone = "part" not in more or ends
        if film and alone and "part" in said and "position" not in said and "position" in more:
            return next(word.surface for word in added if word is not None and "position" in word.slots)
    return ""


def in_bracket(words: Words, exams: Sequence[Exam]) -> str:
    """A film with its view in a bracket, of a part that became no exam: 双髋关节正位(骨盆正位)."""
    read = {exam.part for exam in exams}
    before = False  # a part stands before the bracket
    inside: list[Word] | None = None
    for word in words:
        if word is None:
            continue
        if word.kind == "open":
            inside = [] if before else None
        elif word.kind == "close":
            parts = [each for each in inside or () if names_part(each)]
            if parts and "position" in slots_of(inside or ()) and all(each.parts.isdisjoint(read) for each in parts):
                return parts[0].surface
            inside = None
        elif inside is not None:
            inside.append(word)
        else:
            before = before or "part" in word.slots
    return ""
