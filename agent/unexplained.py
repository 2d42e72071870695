"""What nothing explains in a name: how much it is, whether it may change the meaning, whether it stands apart.

Hospitals write words into a name that no table has: a campaign, a disease, a person, a room. What stands apart from the
words that say the exam (in a bracket of its own, as a label, behind a blank) is such a word nearly always; what touches
them, or is an item of a list, may be part of a body part or an exam more. The rules are data (voices.toml).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.lexer import UNEXPLAINED, Token, Word
from agent.masks import ALL, MASK
from agent.opinions import UnexplainedRule
from agent.reading import Unexplained
from agent.segments import PART_OR_SIDE
from standard.text import Canonical

NOTHING: Final = Unexplained()
BODY: Final = ALL & ~MASK["NM"]  # names of nuclear medicine are whole examinations
SHORT: Final = 3  # characters of a word that may be a part nobody wrote down, where all of them stand in names of parts


class UnexplainedRuns:
    """Compiled for the words of a lexer; `of` is a pure function of its arguments."""

    def __init__(self, words: Sequence[Word], first_pattern: int, rule: UnexplainedRule) -> None:
        """`words[first_pattern:]` are patterns."""
        self._matters, self._orders = rule.pattern, rule.whole
        parts = (word for word in words[:first_pattern] if word.slots <= PART_OR_SIDE and word.fits & BODY)
        self._of_parts = {char for word in parts if word.parts for char in word.surface if not char.isascii()}
        self._of_parts -= rule.elsewhere
        self._behind = [not word.slots.isdisjoint(rule.behind) for word in words]
        self._bounds = [_bounds(word, rule) for word in words]
        self._noise = [word.kind == "noise" for word in words]

    def of(self, name: str, text: Canonical, tokens: Sequence[Token]) -> Unexplained:
        """Of a name with its canonical text and the cut of it."""
        runs = [at for at, token in enumerate(tokens) if token.form == UNEXPLAINED]
        if not runs:
            return NOTHING
        count, matters, apart = 0, False, True
        for at in runs:
            start, end = tokens[at].start, tokens[at].end
            run = text.text[start:end]
            count += end - start
            matters = matters or self._matters.search(run) is not None
            before = -1 if at == 0 or text.blank_before(name, start) else tokens[at - 1].form
            after = -1 if at + 1 == len(tokens) or text.blank_before(name, end) else tokens[at + 1].form
            matters = matters or (before >= 0 and self._behind[before])
            if run.isdigit():  # a room, a ward, a quantity
                continue
            matters = matters or (len(run) <= SHORT and self._of_parts.issuperset(run))
            apart = apart and all(form < 0 or self._bounds[form] for form in (before, after))
            word = self._word(name, text, tokens, at)
            apart = apart and not self._matters.search(word) and not self._orders.search(word)
        return Unexplained(count, matters, apart and not matters)

    def _word(self, name: str, text: Canonical, tokens: Sequence[Token], at: int) -> str:
        """A run with the noise that touches it, which may be one word with it: 之一, 空号."""
        first = last = at
        while first and not text.blank_before(name, tokens[first].start) and self._is_noise(tokens[first - 1]):
            first -= 1
        end = len(tokens) - 1
        while last < end and not text.blank_before(name, tokens[last].end) and self._is_noise(tokens[last + 1]):
            last += 1
        return text.text[tokens[first].start : tokens[last].end]

    def _is_noise(self, token: Token) -> bool:
        return token.form == UNEXPLAINED or self._noise[token.form]


def _bounds(word: Word, rule: UnexplainedRule) -> bool:
    """A word that a run may touch and still stand apart: noise, some separators, and words of some slots alone."""
    return word.slots <= rule.beside if word.kind == "slots" else word.kind == "noise" or word.kind in rule.separators
