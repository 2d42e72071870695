"""The exam said once more in English: 双侧颈动脉彩超 Carotid Ultrasound, CT 胸部低剂量 Chest Low Dose.

What stands in English behind or before the Chinese is read for itself. Where each of its exams is one of the Chinese
ones, or leaves out what the Chinese says, it is a translation and adds nothing. Where it names one of their parts, or
one that holds or lies in it, and says another side, scan or size, a person looks. Anything else is read as one name, as
if all were of one language. In a bracket (骨盆增强 (Pelvis C+)) or behind a dash, what is no translation must change
nothing, else a person looks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.families import bits_of, family_name
from agent.lexer import Token, Word
from agent.reading import Exam
from agent.relations import Containment
from agent.resolve import Issue

BEHIND: Final = re.compile(r"(?<=[一-龥)\]])[A-Z][A-Z0-9 &/+.,_'()\-]{4,}$")
ENCLOSED: Final = re.compile(r"(?<=.)[(\[]([A-Z][A-Z0-9 &/+.,_'\-]{2,})[)\]]$")
PARTED: Final = re.compile(r"(?<=[一-龥)\]])[-_|:] ?([A-Z][A-Z0-9 &/+.,_'()\-]{2,})$")
ENGLISH: Final = re.compile(r"[A-Z][A-Z0-9 &/+.,_'()\-]{2}")  # what each of these holds
CHINESE: Final = re.compile(r"[一-龥]")
BEFORE: Final = re.compile(r"^[A-Z][A-Z0-9 &/+.,_'()\-]{4,}(?=[一-龥])")
# what a translation may leave open
MISSING: Final = frozenset({"missing_side", "missing_position", "uncertain_part", "vessel_no_scan"})
JOINTS: Final = frozenset({"plus", "and", "list", "comma", "slash", "or"})  # what adds one exam to another


class Halves(NamedTuple):
    """The words of a name in Chinese, and those of its English end or beginning, with the text of each. `apart`: a
    bracket or a dash stands between."""

    chinese: list[Token]
    english: list[Token]
    chinese_text: str
    english_text: str
    apart: bool = False


class Gloss:
    """Compares the two halves of a name, in the words of a lexer."""

    def __init__(self, words: list[Word], containment: Containment) -> None:
        self._parts = frozenset(at for at, word in enumerate(words) if "part" in word.slots)
        self._sides = frozenset(at for at, word in enumerate(words) if word.slots == {"side"})
        self._joints = frozenset(at for at, word in enumerate(words) if word.kind in JOINTS)
        self._containment = containment

    def halves(self, tokens: list[Token], text: str) -> Halves | None:
        """The halves of a canonical text; None where it names no part in English at an end.

        Behind the Chinese, the English begins with its first part or side: 头颈CTA | Head & Neck."""
        if ENGLISH.search(text) is None:
            return None
        apart = ENCLOSED.search(text) or PARTED.search(text)
        if apart is not None and CHINESE.search(text, 0, apart.start()):
            halves = self._apart(tokens, text, apart)
            if halves is not None:
                return halves
        behind = BEHIND.search(text)
        found = behind or BEFORE.search(text)
        if found is None:
            return None
        start, end = found.span()
        inside = [token for token in tokens if start <= token.start < end]
        if not any(token.form in self._parts for token in inside):
            return None
        if behind:
            start = next(token.start for token in inside if token.form in self._parts | self._sides)
        english = [token for token in tokens if start <= token.start and token.end <= end]
        chinese = [token for token in tokens if token.end <= start or token.start >= end]
        if not english or not chinese or len(english) + len(chinese) < len(tokens):
            return None  # a word lies across the border
        if (chinese if behind else english)[-1].form in self._joints:  # DR(CXR)+肋骨前后位: one exam more
            return None
        return Halves(chinese, english, text[:start] + text[end:], text[start:end])

    def _apart(self, tokens: list[Token], text: str, found: re.Match[str]) -> Halves | None:
        """The halves where brackets or a dash stand between them, which are of neither."""
        start, end = found.span(1)
        english = [token for token in tokens if start <= token.start and token.end <= end]
        chinese = [token for token in tokens if token.end <= found.start()]
        across = any(token.start < edge < token.end for token in tokens for edge in (found.start(), start, end))
        if across or not chinese or not any(token.form in self._parts for token in english):
            return None
        if chinese[-1].form in self._joints:
            return None
        return Halves(chinese, english, text[: found.start()], text[start:end], True)

    def repeats(self, said: Sequence[Exam], again: Sequence[Exam], issues: Sequence[Issue]) -> bool:
        """Whether each exam in English is one of the Chinese, or leaves out what it says. `issues` of the English."""
        if not again or not {reason for reason, _, _ in issues} <= MISSING:
            return False
        return all(any(_says_less(less, exam) for exam in said) for less in again)

    def contradicts(self, said: Sequence[Exam], again: Sequence[Exam]) -> bool:
        """Whether the English says otherwise of a part whose scan the Chinese says, or of one beside or inside it."""
        return any(
            "plain_scan_default" not in exam.rules and self._related(exam, other) for exam in said for other in again
        )

    def _related(self, exam: Exam, other: Exam) -> bool:
        return self._containment.related(family_name(bits_of(exam.family)), exam.part, other.part)


def _says_less(less: Exam, exam: Exam) -> bool:
    if (less.family, less.part) != (exam.family, exam.part) or (less.side and less.side != exam.side):
        return False
    if "position_default" in less.rules:
        return True
    return less.extra in ("", exam.extra) and ("plain_scan_default" in less.rules or less.scan == exam.scan)
