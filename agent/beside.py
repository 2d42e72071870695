"""What stands beside the exams of a name: the patient's history, levels of the spine, words that fit other parts.

They are noise, or next to noise, and so are looked at before the noise is left out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from agent import doubts, film_doubts
from agent.lexer import UNEXPLAINED, Lexer, Token, Word
from agent.reading import Exam
from agent.resolve import Issue
from agent.segments import SERVICE, SOFT
from standard.lexicon import Lexicon, split

CHILD: Final = "child"  # noise that says a child: 小儿, 新生儿
POSITION: Final = frozenset({"position"})
FILM: Final = frozenset({"part", "position"})  # a word that is a whole film: 骨龄, 胸片
APART: Final = (SOFT - {"dash"}) | {"comma", "open", "close"}  # what may stand between two parts
TWICE: Final = re.compile(r"([一-龥])\1")
LEVELS: Final = re.compile(r"T(\d+)\D+(\d+)")
WEIGHTINGS: Final = 2  # T1 and T2 are weightings of MR as well as vertebrae

# What a word may bring that a doubt is about, as bits: a doubt is asked for only where a name has what it is about.
OPEN: Final = 1
ADDED: Final = 2
PLUS: Final = 4
MEMBERS: Final = 8
HEADS: Final = 16
COMPLAINT: Final = 32
CONDITION: Final = 64
HISTORY: Final = COMPLAINT | CONDITION
INCLUDING: Final = 128
PARTS: Final = 256
SIDE: Final = 512
DETAIL: Final = 1024  # noise beside parts of its own regions
SEQUENCE: Final = 2048
AGENT: Final = 4096
DENIED: Final = 8192
SHEET: Final = 16384
OF_KIND: Final = (
    ("open", OPEN),
    *(
        (kind, bit)
        for kinds, bit in ((doubts.ADDED, ADDED), (doubts.PLUS, PLUS), (doubts.MEMBERS, MEMBERS), (doubts.HEADS, HEADS))
        for kind in kinds
    ),
)
OF_NOISE: Final = {
    doubts.COMPLAINT: COMPLAINT,
    doubts.CONDITION: CONDITION,
    doubts.INCLUDING: INCLUDING,
    doubts.PARTS: PARTS,
    doubts.SEQUENCE: SEQUENCE,
    doubts.AGENT: AGENT,
    doubts.DENIED: DENIED,
    doubts.SHEET: SHEET,
}


class Beside:
    """Compiled for a lexer; `noise` says of each of its forms whether it is left out."""

    def __init__(self, lexer: Lexer, noise: list[bool], lexicon: Lexicon) -> None:
        self._words = lexer.words
        self._first_pattern = lexer.first_pattern
        self._noise = noise
        self._complained = self._forms_of(doubts.COMPLAINT) | self._forms_of(doubts.CONDITION)
        self._details, self._children_of = map(self._forms_of, (doubts.PLACE, CHILD))
        regions = {row.surface: frozenset(row.regions.split(";")) for row in lexicon.details}
        self._children = {(family, row.part) for row in lexicon.children for family in split(row.modality)}
        self._childish = {(family, row.child) for row in lexicon.children for family in split(row.modality)}
        self._regions = {row.heading for row in lexicon.headings if row.members == "*"}
        self._headings = {row.heading for row in lexicon.headings if "US" in split(row.modality)}
        self._own = {row.heading for row in lexicon.headings if row.own == "yes" and "US" in split(row.modality)}
        self._together = _by_family([(row.modality, row.together) for row in lexicon.touching])
        self._exclusive = _by_family([(row.modality, row.subitems) for row in lexicon.exclusives])
        self._detailed = {at: regions[word.surface] for at, word in enumerate(lexer.words) if word.surface in regions}
        self._brings = [self._brought(at) for at in range(len(lexer.words))]

    def _forms_of(self, noise: str) -> frozenset[int]:
        """The words of one kind of noise."""
        return frozenset(at for at, word in enumerate(self._words) if word.noise == noise)

    def _brought(self, form: int) -> int:
        """What a word brings, as bits."""
        word = self._words[form]
        bits = OF_NOISE.get(word.noise, 0)
        for kind, bit in OF_KIND:
            bits |= bit if word.kind == kind else 0
        if form in self._detailed:
            bits |= DETAIL
        return bits | (SIDE if "side" in word.slots else 0)

    def brought(self, tokens: list[Token]) -> int:
        """What the words of a name bring, as bits (OPEN, ADDED, …)."""
        brings, bits = self._brings, 0
        for token in tokens:
            if token.form != UNEXPLAINED:
                bits |= brings[token.form]
        return bits

    def _is_noise(self, token: Token) -> bool:
        return token.form != UNEXPLAINED and self._noise[token.form]

    def doubt(self, tokens: list[Token], text: str, exams: tuple[Exam, ...], brought: int) -> Issue | None:
        """What makes exams that were read doubtful all the same; None for nothing. `brought`: by the words."""
        if tokens and self._sells(tokens):
            return "not_an_exam", (), self._words[tokens[-1].form].surface
        touched = self._touching(tokens, exams) if len(exams) > 1 else ""
        if touched:
            return "combo_unclear", (), touched
        words = [None if token.form == UNEXPLAINED else self._words[token.form] for token in tokens]
        found = self._doubt_of(tokens, words, exams, brought)
        if found is not None:
            return found[0], (), self._as_written(found[1], tokens, text)
        grown = next((exam.part for exam in exams if (exam.family, exam.part) in self._children), "")
        if grown and self._young(tokens, exams):
            return "uncertain_part", (), grown
        return None

    def _as_written(self, word: str, tokens: list[Token], text: str) -> str:
        """What a doubt is about: a word, or what stands in the text where it is a pattern."""
        for token in tokens:
            if token.form >= self._first_pattern and self._words[token.form].surface == word:
                return text[token.start : token.end]
        return word

    def _doubt_of(
        self, tokens: list[Token], words: list[Word | None], exams: tuple[Exam, ...], brought: int
    ) -> tuple[str, str] | None:
        """Reason and word of the first doubt that holds; each is asked for where a name has what it is about."""
        several = len(exams) > 1
        of_sound = sum([exam.family == "US" for exam in exams])
        sound = of_sound == len(exams)
        if brought & ADDED and (word := doubts.before_sum(words, exams)):
            return "combo_unclear", word
        if several and brought & MEMBERS and (word := doubts.adrift(words, exams)):
            return "combo_unclear", word
        if brought & COMPLAINT and (word := doubts.history(words, exams)) and not self.histories(tokens):
            return "conflict_part", word
        if brought & CONDITION and (word := doubts.condition(words)):
            return "combo_unclear", word
        if brought & PLUS and (word := doubts.cut_off(words)):
            return "combo_unclear", word
        if brought & SIDE and (word := doubts.side(words, exams)):
            return "conflict_side", word
        if several and brought & SIDE and (word := doubts.listed(words, exams)):
            return "conflict_side", word
        if several and (word := doubts.exclusive(exams, self._exclusive)):
            return "combo_unclear", word
        if several and (word := doubts.spread(words, exams)):
            return "combo_unclear", word
        if brought & HEADS and (word := doubts.headed(words, exams)):
            return "combo_unclear", word
        if of_sound and (word := doubts.region(words, exams, self._own)):
            return "combo_unclear", word
        if sound and several and brought & OPEN and (word := doubts.enclosed(words)):
            return "combo_unclear", word
        if brought & INCLUDING and (word := doubts.including(words, exams)):
            return "combo_unclear", word
        if not several and brought & PARTS and (word := doubts.counted(words)):
            return "combo_unclear", word
        if sound and (word := self._of_sound(words, exams, brought)):
            return "combo_unclear", word
        if brought & SIDE and (word := doubts.lateral(words, exams)):
            return "missing_position", word
        if several and (word := doubts.bedside(exams)):
            return "combo_unclear", word
        if any(exam.family == "DR" for exam in exams) and (word := self._of_film(words, exams, brought, several)):
            return "combo_unclear", word
        if brought & SEQUENCE and (word := doubts.sequence(words, exams)):
            return "combo_unclear", word
        if brought & SHEET and (word := doubts.sold(words)):
            return "not_an_exam", word
        if brought & DENIED and (word := doubts.denied(words, exams)):
            return "conflict_scan", word
        if brought & AGENT and (word := doubts.agent(words, exams)):
            return "uncertain_word", word
        if brought & MEMBERS and (word := doubts.dropped(words, exams, self._regions)):
            return "combo_unclear", word
        return None

    def _of_sound(self, words: list[Word | None], exams: tuple[Exam, ...], brought: int) -> str:
        """The word of the first doubt about exams that are all of ultrasound."""
        return (
            (doubts.within(words) if brought & OPEN else "")
            or doubts.vessels(words, exams)
            or (doubts.summed(words, exams, self._headings) if brought & PLUS else "")
        )

    def _of_film(self, words: list[Word | None], exams: tuple[Exam, ...], brought: int, several: bool) -> str:
        """The word of the first doubt about films."""
        return (
            (film_doubts.trailing(words) if several else "")
            or (film_doubts.beside(words) if several else "")
            or (film_doubts.unsaid(words) if brought & PLUS else "")
            or (film_doubts.in_bracket(words, exams) if brought & OPEN else "")
        )

    def _sells(self, tokens: list[Token]) -> bool:
        """A name that ends in a service, straight behind the exam that it is about: 胸部CT平扫会诊."""
        return (
            len(tokens) > 1
            and tokens[-1].form != UNEXPLAINED
            and self._words[tokens[-1].form].noise == SERVICE
            and self._says(tokens[-2])
        )

    def _touching(self, tokens: list[Token], exams: tuple[Exam, ...]) -> str:
        """A part that touches the one before it, and is an exam more only because a longer word is in no table: the
        head of 肱骨头. "" where there is none, or where the two are said together (rules/touching.tsv)."""
        for before, after in pairwise(tokens):
            if UNEXPLAINED in (before.form, after.form):
                continue
            one, other = self._words[before.form], self._words[after.form]
            if one.slots == POSITION and other.slots >= FILM:
                return other.surface  # 左手正位骨龄
            if not (doubts.names_part(one) and doubts.names_part(other)):
                continue
            if not one.parts.isdisjoint(other.parts):  # Brain 颅脑
                continue
            for family in {exam.family if exam.family in self._together else "XR" for exam in exams}:
                if family == "US" and len(one.surface) > 1 and len(other.surface) > 1:
                    continue
                if not any({one.surface, other.surface} <= together for together in self._together[family]):
                    return other.surface
        return ""

    def _young(self, tokens: list[Token], exams: tuple[Exam, ...]) -> bool:
        """Whether a child is said apart, or is in another exam of the name: 小儿髋关节+心脏."""
        if any(token.form in self._children_of for token in tokens):
            return True
        return any((exam.family, exam.part) in self._childish for exam in exams)

    def astray(self, tokens: list[Token], regions: set[str]) -> str:
        """A word, noise beside parts of its own regions (椎体 of the spine), that fits none of `regions`."""
        for form in sorted({token.form for token in tokens} & self._detailed.keys()):
            if self._detailed[form].isdisjoint(regions):
                return self._words[form].surface
        return ""

    def doubled(self, tokens: list[Token], text: str) -> str:
        """The text without a character that stands twice, once at the end of a word that says something and once at the
        beginning of the next such: 胸胸椎 may be 胸椎, typed badly. "" where there is none."""
        if TWICE.search(text) is None:
            return ""
        for before, after in pairwise(tokens):
            end = before.end
            if TWICE.match(text, end - 1, end + 1) and self._says(before) and self._says(after):
                return text[:end] + text[end + 1 :]
        return ""

    def _says(self, token: Token) -> bool:
        return token.form != UNEXPLAINED and bool(self._words[token.form].meanings)

    def levels(self, tokens: list[Token], text: str) -> bool:
        """Whether levels of the thoracic spine (T7-T9) stand apart from any part, and so are the part themselves.

        T1 and T2 are weightings of MR as well."""
        if LEVELS.search(text) is None:
            return False
        level = part = False
        for token in [*tokens, Token(0, 0, UNEXPLAINED)]:
            start, end, form = token.start, token.end, token.form
            word = None if form == UNEXPLAINED else self._words[form]
            if end == 0 or (word is not None and word.kind in APART):
                if level and not part:
                    return True
                level = part = False
            elif word is not None and form >= self._first_pattern and word.noise == doubts.PLACE:
                found = LEVELS.match(text, start, end)
                level = level or (found is not None and max(map(int, found.groups())) > WEIGHTINGS)
            elif word is not None:
                part = part or "part" in word.slots
        return False

    def histories(self, tokens: list[Token]) -> tuple[int, ...]:
        """Places, in the sequence, of the parts that are named alone and with a complaint behind, where another part is
        said: in a bracket, 头颅CT平扫(颈部外伤), at the end, 泌尿系·肾积水随访, or before all, 左膝痛,右膝正侧位."""
        brackets: defaultdict[int, list[tuple[int, bool]]] = defaultdict(list)  # parts: place, complained of or not
        number, depth, at, parts = 0, 0, 0, 0
        told: list[int] = []
        for index, token in enumerate(tokens):
            word = None if token.form == UNEXPLAINED else self._words[token.form]
            if word is not None and word.kind == "open":
                number, depth = number + (depth == 0), depth + 1
            elif word is not None and word.kind == "close":
                number, depth = number + 1, max(0, depth - 1)
            elif word is not None and doubts.names_part(word):
                over = self._complaints(tokens, index + 1)
                if depth:
                    brackets[number].append((at, over > index + 1))
                elif over > index + 1 and self._ends(tokens, over, parts > 0):
                    told.append(at)
                parts += 1
            at += not self._is_noise(token)
        told += [only[0][0] for only in brackets.values() if len(only) == 1 and only[0][1]]
        return tuple(sorted(told)) if len(told) < parts else ()

    def _ends(self, tokens: list[Token], index: int, last: bool) -> bool:
        """Whether a complaint is over there: at the end behind another part, or, before all, at a comma or a dash."""
        if index == len(tokens):
            return last
        form = tokens[index].form
        return not last and form != UNEXPLAINED and self._words[form].kind in ("comma", "dash", "under")

    def _complaints(self, tokens: list[Token], start: int) -> int:
        """Where the complaint is over that begins there, with the noise around it, in brackets or not; `start` where
        none begins."""
        index = start
        while index < len(tokens) and tokens[index].form in self._details:  # 右股骨中下段活动受限
            index += 1
        if index == len(tokens) or tokens[index].form not in self._complained:
            return start
        while index < len(tokens) and (self._is_noise(tokens[index]) or self._is_bracket(tokens[index])):
            index += 1
        return index

    def _is_bracket(self, token: Token) -> bool:
        return token.form != UNEXPLAINED and self._words[token.form].kind in ("open", "close")


def _by_family(rows: Iterable[tuple[str, str]]) -> defaultdict[str, list[frozenset[str]]]:
    """The sets (joined by `;`) of rows, by each family of a row's modality."""
    found: defaultdict[str, list[frozenset[str]]] = defaultdict(list)
    for modality, joined in rows:
        for family in split(modality):
            found[family].append(frozenset(joined.split(";")))
    return found
