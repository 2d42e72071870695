"""What makes two names the same: hashes of canonical form, modality context, institution and reading.

    text_key     canonical form + modality context                  one name, wherever it is used
    reading_key  what was read, noise left out + modality context   names that differ only in noise
    cluster_key  reading_key + institution                          one decision

Identical is not the same: the same text in another modality or institution is another name and another cluster.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from agent.answer import Suggestion
from agent.reading import Reading
from agent.segments import DECISIVE
from agent.store.columns import storable
from standard.lexicon import load_lexicon
from standard.modality import ALL_FAMILIES, ModalityColumn
from standard.text import canonical

OPEN, CLOSE = ("separator", "open"), ("separator", "close")


def digest(*parts: Any) -> str:
    """A hash of plain values, the same on every machine."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(storable(text).encode("utf-8")).hexdigest()


def short(name: str) -> str:
    """An identifier that a client made, as it is where it fits its column; anything else as its hash."""
    return name if 0 < len(name) <= 64 and name.isascii() and name.isprintable() else digest("short", name)


@cache
def _column() -> ModalityColumn:
    return ModalityColumn(load_lexicon())


def modality_context(column: str) -> str:
    """The families that the text of a modality column allows, `+` between; empty for all of them."""
    families = _column()(column)
    return "" if families == ALL_FAMILIES else "+".join(sorted(families))


def institution_key(name: str) -> str:
    """Of an institution; names that differ in width, case or blanks are one."""
    return digest("institution", canonical(name).text)


def text_key(name: str, modality: str) -> str:
    """Of a name as it came and the text of its modality column."""
    return digest("text", canonical(name).text, modality_context(modality))


def reading_key(suggestion: Suggestion) -> str:
    """Of what was read in its modality context. ValueError for a suggestion without a reading."""
    if suggestion.reading is None:
        raise ValueError("a suggestion without its reading has no place in a cluster")
    return reading_key_of(suggestion.reading, suggestion.codes, suggestion.query.modality)


def reading_key_of(reading: Reading, codes: Sequence[str], modality: str) -> str:
    """Of a reading, the codes that a site makes of it, and the text of the modality column."""
    return digest("reading", signature(reading), _scanners(reading, codes), modality_context(modality))


def cluster_key(reading: str, institution: str) -> str:
    """Of a reading key and the key of an institution."""
    return digest("cluster", reading, institution)


def signature(reading: Reading) -> list[Any]:
    """What was read, as plain values, with nothing in it of noise, spelling or synonyms.

    A complete reading is its exams. Any other is also the sequence of what its words say, what separates them, the
    characters that nothing explains, and its problems: what a person will look at.
    """
    exams = [list(exam[:6]) for exam in reading.exams]
    if reading.complete:
        return [exams, [list(exam.rules) for exam in reading.exams]]
    words: list[tuple[str, str]] = []
    for span in reading.spans:
        if span.slot == "noise" and span.element not in DECISIVE:
            continue
        if span.slot in ("noise", "unexplained"):
            word = (span.slot, canonical(span.text).text)
        else:
            word = (span.slot, span.element)
        if span.slot == "modality" and word in words:
            continue  # [CT]…(CT)…: said twice is said once
        words.append(word)
    return [exams, _without_empty(words), [[problem.reason, problem.word] for problem in reading.problems]]


def _without_empty(words: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without brackets that hold nothing any more, and without separators at the ends or one after another."""
    kept: list[tuple[str, str]] = []
    for word in words:
        last = kept[-1] if kept else None
        if word == CLOSE and last == OPEN:
            kept.pop()
        elif word[0] == "separator" and word not in (OPEN, CLOSE) and (last is None or last in (word, OPEN)):
            continue
        else:
            kept.append(word)
    while kept and kept[-1][0] == "separator" and kept[-1] != CLOSE:
        kept.pop()
    return kept


def _scanners(reading: Reading, codes: Sequence[str]) -> list[str]:
    """The device of each code where a site asks for codes by scanner and the name says which; else nothing."""
    read = reading.codes
    same = [code[2:] for code in read] == [code[2:] for code in codes]
    return [code[:2] for code in codes] if same and read != tuple(codes) else []
