"""What makes the exams of plain films doubtful though every word was read, as doubts.py does for all exams."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from agent.doubts import PLUS, SUMS, Words, names_part, pieces_between
from agent.lexer import Word
from agent.reading import Exam
from agent.segments import MODALITY


def trailing(words: Words) -> str:
    """A part straight behind the view of another one, with no view of its own: 左手正斜位 拇指, 腰椎正侧位含骶尾."""
    part = view = False  # one was said; the last word, but for noise, is its view
    for at, word in enumerate(words):
        if word is None or word.kind not in ("slots", "noise"):
            view = False
        elif "position" in word.slots:
            part, view = part or "part" in word.slots, part
        elif names_part(word):
            if view and not _has_view(words[at + 1 :]):
                return word.surface
            part, view = True, False
        elif word.slots:
            view = False
    return ""


def _has_view(words: Words) -> bool:
    """Whether a view is said before the next part, or what adds one."""
    for word in words:
        if word is not None and "position" in word.slots:
            return True
        if word is not None and (names_part(word) or word.kind in SUMS):
            return False
    return False


def unsaid(words: Words) -> str:
    """A view that a sum adds to a film of which no view is said: 骨盆平片+双侧闭孔斜位, 胸部DR+侧位."""
    for piece, added in pairwise(pieces_between(words, PLUS)):
        said, more = _slots(piece), _slots(added)
        film = any(word is not None and word.slots == MODALITY for word in piece)
        if film and "part" in said and "position" not in said and "position" in more and "part" not in more:
            return next(word.surface for word in added if word is not None and "position" in word.slots)
    return ""


def _slots(words: Words) -> frozenset[str]:
    return frozenset[str]().union(*(word.slots for word in words if word is not None))


def enclosed(words: Words, exams: Sequence[Exam]) -> str:
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
            if parts and "position" in _slots(inside or ()) and all(each.parts.isdisjoint(read) for each in parts):
                return parts[0].surface
            inside = None
        elif inside is not None:
            inside.append(word)
        else:
            before = before or "part" in word.slots
    return ""
