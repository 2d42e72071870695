"""Patterns are tried only where they can match, and nothing that they match is lost."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.lexer import EACH, GAP, LONG, UNEXPLAINED, lexer_of
from evals.gold import read_gold
from standard.lexicon import load_lexicon
from standard.patterns import Patterns, needs_of, words_of
from standard.text import canonical

DATA = Path(__file__).resolve().parent.parent.parent / "evals" / "data"
LEXICON = load_lexicon()
PATTERNS = [pattern.pattern for pattern in LEXICON.patterns]
FOUND = Patterns(PATTERNS, 0)
LEXER = lexer_of(LEXICON)
SEPARATORS = {word.surface for word in LEXER.words if word.kind not in ("slots", "noise")}
TEXTS = [canonical(row.name).text for row in read_gold(sorted(DATA.glob("*.tsv")))]
# What patterns are made of, digits that are not of ASCII, and pieces that match them.
LETTERS = sorted({char for pattern in PATTERNS for need in needs_of(pattern) for char in need} | set("胸部CT٣३ "))
PIECES = [
    "16排",
    "3.0T",
    "T1-2",
    "腰椎3、4",
    "第一颈椎",
    "(1)",
    "2024-01-02",
    "100元",
    "孕12+3周",
    "[妇科]",
    "99TC",
    "1、",
]


def every(text: str) -> list[tuple[int, int, int]]:
    """All matches of all patterns, none left out."""
    return [
        (form, *match.span())
        for form, pattern in enumerate(PATTERNS)
        for match in re.finditer(pattern, text)
        if match.end() > match.start()
    ]


@given(st.lists(st.sampled_from(LETTERS) | st.sampled_from(PIECES), max_size=12).map("".join))
@settings(deadline=None)  # every pattern of the lexicon is tried
def test_nothing_is_lost(text: str) -> None:
    assert FOUND.found(text) == every(text)


def test_nothing_is_lost_of_labelled_names() -> None:
    matches = 0
    for text in TEXTS:
        assert FOUND.found(text) == every(text)
        matches += len(every(text))
    assert matches > 500


@pytest.mark.parametrize(
    ("pattern", "needs"),
    [
        (r"\d+(排|层)(螺旋)?", ["0123456789", "层排"]),
        (r"(?<![A-Z])[TS]\d", ["ST", "0123456789"]),
        (r"a(bc|d)e?", ["a", "bd"]),
        (r"(a|b?)c*", []),
        (r"(ab){2,3}", ["a", "b"]),
        (r"[^a][一-龥].", []),
        (r"(?i)a", []),
        (r"(?i:a)b", ["b"]),
        (r"[\da]", []),
        (r"(?<=[甲乙])丙(?!丁)", ["乙甲", "丙"]),
    ],
)
def test_what_a_pattern_cannot_do_without(pattern: str, needs: list[str]) -> None:
    assert ["".join(sorted(need)) for need in needs_of(pattern)] == needs


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("凸阵探头|线阵探头", ["凸阵探头", "线阵探头"]),
        (r"(?<=平扫|增强)NPC$", ["NPC"]),  # fewer texts hold it than 平扫 or 增强
        (r"[甲乙]+(排|层)", ["甲排", "甲层", "乙排", "乙层"]),
        (r"\d+(排|层)", [f"{digit}{unit}" for digit in "0123456789" for unit in "排层"]),
        (r"(?<=[(\[])(肺|胃内?)", ["(肺", "[肺", "(胃", "[胃"]),
        (r"[(\[](左侧)?(肺|胃)", ["(左", "[左", "(肺", "[肺", "(胃", "[胃"]),
        (r"甲(?=[_-])", ["甲_", "甲-"]),
        (r"[甲乙]{2,3}丙?", ["甲甲", "甲乙", "乙甲", "乙乙"]),
        (r"甲(乙)?", []),  # what stands behind is not plain
        (r"甲(?!丙)[乙丁]", ["甲乙", "甲丁"]),
        ("(甲乙)?丙丁", ["丙丁"]),
        ("甲乙(丙|丁戊)", ["甲乙"]),
        ("(?!甲乙)丙[丁戊]", ["丙丁", "丙戊"]),
        ("(?i)NPC", []),
    ],
)
def test_words_of_which_a_match_holds_one(pattern: str, words: list[str]) -> None:
    assert sorted(words_of(pattern)) == sorted(words)


@pytest.mark.parametrize(
    "pattern",
    [
        "(甲[乙丙]){2}",
        "(?:甲|乙丙){2}",
        "(甲乙?){2}",
        "(?:(?=甲)){2}甲乙",
        "甲{2}乙",
        "[甲乙]{2,}丙",
        "(?<=甲)乙丙",
        "甲(?=乙)",
        "甲(?!乙)丙",
        "(甲|)乙丙",
        "甲(?i:乙)丙",
        "(甲)\\1乙",
        "甲+?乙",
        "(?:甲乙|丙)+甲",
        "^甲?乙$",
        "甲(乙|丙甲)?乙",
        "^甲(?!乙)丙",
        "^(?!甲)[乙丙]甲",
        "^(?=甲)[甲乙]{2}",
        "^甲?(乙|丙)乙",
        "甲|^乙丙",
        "^(?:甲|乙丙)$",
        "(?<!^)甲乙",
    ],
)
def test_a_match_always_holds_a_word(pattern: str) -> None:
    """Every text of five characters or fewer, against all matches of the expression itself."""
    expected = re.compile(pattern)
    patterns = Patterns([pattern], 0)
    for length in range(1, 6):
        for text in map("".join, product("甲乙丙", repeat=length)):
            spans = [match.span() for match in expected.finditer(text) if match.group()]
            assert [(start, end) for _, start, end in patterns.found(text)] == spans


@pytest.mark.parametrize("text", ["٣٢排CT胸部", "(٣)", "男٣٥胸部CT", "1٣岁", "胸部CT(६)"])
def test_digits_of_other_scripts_are_digits(text: str) -> None:
    found = {form for form, _, _ in Patterns(PATTERNS, 0).found(text)}
    assert found == {at for at, each in enumerate(PATTERNS) if any(map(re.Match.group, re.finditer(each, text)))}
    assert found


def cut(text: str) -> list[tuple[int, int, int]]:
    """The best cut as it is defined, step by step: the cheapest of all ways to an end, the first where two are."""
    forms = sorted(
        (word.surface, form) for form, word in enumerate(LEXER.words[: LEXER.first_pattern]) if word.surface in text
    )
    ways = [
        (form, match.start(), match.start() + len(surface))
        for surface, form in forms
        for match in re.finditer(f"(?={re.escape(surface)})", text)
        if not (re.match("[A-Z]", surface) and re.search("[A-Z]$", text[: match.start()]))
        and not (re.search("[A-Z]$", surface) and re.match("[A-Z]", text[match.start() + len(surface) :]))
        and not (re.match("[0-9]", surface) and re.search("[0-9]$", text[: match.start()]))
    ]
    for form, start, end in every(text):
        word = LEXER.words[LEXER.first_pattern + form]
        behind = text[start] in SEPARATORS and end > start + 1 and word.kind == "slots"  # 、颈椎
        ways.append((LEXER.first_pattern + form, start + behind, end))
    best: list[tuple[float, list[tuple[int, int, int]]]] = [(0.0, [])]
    for end in range(1, len(text) + 1):
        cost, tokens = best[end - 1]
        run = tokens[-1][0] if tokens and tokens[-1][2] == UNEXPLAINED else end - 1
        found = (cost + GAP, [*(tokens[:-1] if run < end - 1 else tokens), (run, end, UNEXPLAINED)])
        for form, start, until in sorted(ways, key=lambda way: way[1]):
            if until == end:
                total = best[start][0] + EACH - min(end - start, LONG) / LONG - start / 4096
                if total < found[0]:
                    found = (total, [*best[start][1], (start, end, form)])
        best.append(found)
    return best[-1][1]


@pytest.mark.parametrize("text", [*TEXTS[::17], *PIECES, "", "~", "甲乙丙丁", "X胸部CTX", "٣张 ٣"])
def test_the_cut_is_the_cheapest(text: str) -> None:
    assert [(each.start, each.end, each.form) for each in LEXER.tokens(text)] == cut(text)
