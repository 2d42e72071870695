"""The exam said once more in English: 双侧颈动脉彩超 Carotid Ultrasound, CT 胸部低剂量 Chest Low Dose.

What stands in English behind or before the Chinese is read for itself. Where each of its exams is one of the Chinese
ones, or says less of it, it is a translation and adds nothing; where it names the same part with another scan, the two
contradict each other. Anything else is read as one name, as if all were of one language.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from agent.lexer import Token, Word
from agent.reading import Exam
from agent.relations import Containment

BEHIND = re.compile(r"(?<=[一-龥)\]])[A-Z][A-Z0-9 &/+.,_'()\-]{4,}$")
BEFORE = re.compile(r"^[A-Z][A-Z0-9 &/+.,_'()\-]{4,}(?=[一-龥])")
UNSAID = {"plain_scan_default", "position_default"}  # conventions that fill what a half does not say
JOINTS = frozenset({"plus", "and", "list", "comma", "slash", "or"})  # what adds one exam to another
XRAY_DEVICES = ("DR", "MG", "RF", "移动DR")


class Halves(NamedTuple):
    """The words of a name in Chinese, and those of its English end or beginning, with the text of each."""

    chinese: list[Token]
    english: list[Token]
    chinese_text: str
    english_text: str


class Gloss:
    """Compares the two halves of a name, in the words of a lexer."""

    def __init__(self, words: list[Word], containment: Containment) -> None:
        self._parts = frozenset(at for at, word in enumerate(words) if "part" in word.slots)
        self._joints = frozenset(at for at, word in enumerate(words) if word.kind in JOINTS)
        self._containment = containment

    def halves(self, tokens: list[Token], text: str) -> Halves | None:
        """The halves of a canonical text; None where it names no part in English at an end.

        Behind the Chinese, the English begins with its first part: 头颈CTA | Head & Neck."""
        behind = BEHIND.search(text)
        found = behind or BEFORE.search(text)
        if found is None:
            return None
        start, end = found.span()
        parts = [token.start for token in tokens if start <= token.start < end and token.form in self._parts]
        if not parts:
            return None
        start = parts[0] if behind else start
        english = [token for token in tokens if start <= token.start and token.end <= end]
        chinese = [token for token in tokens if token.end <= start or token.start >= end]
        if not english or not chinese or len(english) + len(chinese) < len(tokens):
            return None  # a word lies across the border
        if (chinese if behind else english)[-1].form in self._joints:  # DR(CXR)+肋骨前后位: one exam more
            return None
        return Halves(chinese, english, text[:start] + text[end:], text[start:end])

    def repeats(self, said: tuple[Exam, ...], again: tuple[Exam, ...]) -> bool:
        """Whether each exam in English is one of the Chinese, or says less of it."""
        return bool(again) and all(any(self._says_less(less, exam) for exam in said) for less in again)

    def contradicts(self, said: tuple[Exam, ...], again: tuple[Exam, ...]) -> bool:
        """Whether both name a scan or view of one part, and not the same."""
        return any(
            exam.part == other.part
            and UNSAID.isdisjoint((*exam.rules, *other.rules))
            and not (self._says_less(exam, other) or self._says_less(other, exam))
            for exam in said
            for other in again
        )

    def _says_less(self, less: Exam, exam: Exam) -> bool:
        if less.family != exam.family or (less.side and less.side != exam.side):
            return False
        family = "XR" if less.family in XRAY_DEVICES else less.family
        same = less.part == exam.part or self._containment.heads(family, less.part, exam.part)
        if not same and not self._containment.adjoining(family, less.part, exam.part):
            return False
        if not UNSAID.isdisjoint(less.rules):
            return True
        scan = less.scan == exam.scan or self._containment.general(less.scan, exam.scan)
        return scan and less.extra in ("", exam.extra)
