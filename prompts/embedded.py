"""What Yingma's own small model is asked and what it may answer: prompt text, vocabulary, and the tree of answers.

    c:胸部CT平扫⇒   ->   {"e":[{"m":"CT",   "p":"胸部",   "s":"平扫","x":""   }]}
    hint : name          token                token         token               token

The reply is the slot schema's own JSON (schema.py), cut into tokens at the edges of its values, so that an answer costs
few tokens: one for the modality, one for the part, one for scan and extra, one to end. `AnswerTree` holds which tokens
may follow which, so that only items of an edition can be said: several exams one after the other, or none (a refusal).
Training and running share this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from prompts.rows import candidate_row
from prompts.schema import CandidateRow, Exam
from standard import Catalogue
from standard.lexicon import Lexicon
from standard.modality import ModalityColumn
from standard.text import canonical

LONGEST = 96  # characters of a name that are read
MOST_EXAMS = 6
MARK = "⇒"  # between the question and the answer
SPECIAL = ("<unk>", "<s>", "</s>")
UNK, BOS, EOS = 0, 1, 2
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
FIRST_TEXT = len(SPECIAL) + len(BYTES)
BLANK = "▁"  # how a GGUF of this kind spells a blank
LONGEST_TOKEN = 32  # bytes; the binding of llama.cpp loses longer ones when it makes text of tokens
# The modality column as the model sees it; lower case, so that no letter of a canonical name is one.
HINTS = {"CT": "c", "MR": "m", "XR": "x", "US": "u", "NM": "n"}
SEVERAL, NOTHING = "r", "?"
REFUSAL, END = '{"e":[]}', "}]}"


class Asker:
    """Makes the prompt of a name. Compiled once."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._column = ModalityColumn(lexicon)

    def hint(self, column: str) -> str:
        """The letter of a modality column: one family, several (`r`), or nothing said (`?`)."""
        families = self._column(column)
        if len(families) == 1:
            return HINTS[next(iter(families))]
        return NOTHING if len(families) == len(HINTS) else SEVERAL

    def question(self, name: str, column: str) -> str:
        """Hint and name, before the mark. Any text in: what the model sees is canonical and at most LONGEST long."""
        return f"{self.hint(column)}:{canonical(name).text[:LONGEST]}"


def pieces(text: str) -> list[str]:
    """A fragment of an answer as token texts of at most LONGEST_TOKEN bytes."""
    out, size = [""], 0
    for char in text:
        width = len(char.encode())
        if size + width > LONGEST_TOKEN:
            out.append("")
            size = 0
        out[-1] += char
        size += width
    return out


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def opening(modality: str, first: bool) -> str:
    """The fragment that begins an exam."""
    return f'{"{" + _json("e") + ":[" if first else "},"}{{"m":{_json(modality)},'


def rest(row: CandidateRow) -> list[str]:
    """The fragments of an exam behind its modality."""
    return [f'"p":{_json(row.part)},', f'"s":{_json(row.scan)},"x":{_json(row.extra)}']


@dataclass(frozen=True)
class Vocabulary:
    """The tokens: special ones, bytes, single characters, fragments of answers. `texts` are in the order of ids."""

    texts: tuple[str, ...]
    characters: int  # how many of them, behind the bytes, are single characters

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of each text."""
        return {text: at for at, text in enumerate(self.texts)}

    def encode(self, text: str) -> list[int]:
        """The tokens of a prompt: a character each, or its UTF-8 bytes. Never a fragment, whatever the text says."""
        ids, out = self.ids, []
        for char in text:
            known = ids.get(BLANK if char == " " else char, 0)
            if FIRST_TEXT <= known < FIRST_TEXT + self.characters:
                out.append(known)
            else:
                out += [len(SPECIAL) + byte for byte in char.encode("utf-8", "replace")]
        return out

    def fragments(self, text: str) -> list[int] | None:
        """The tokens of one fragment of an answer; None where the vocabulary lacks one."""
        found = [self.ids.get(piece) for piece in pieces(text)]
        return None if None in found else [each for each in found if each is not None]


def build_vocabulary(catalogues: Sequence[Catalogue], lexicon: Lexicon, characters: Iterable[str] = ()) -> Vocabulary:
    """The vocabulary of all editions and of the lexicon's characters; the same on every machine."""
    known = set(BLANK + MARK + ":" + SEVERAL + NOTHING + "".join(HINTS.values())).union(characters)
    known |= {chr(code) for code in range(33, 127) if not chr(code).islower()}
    for form in lexicon.forms:
        known |= set(form.surface)
    for idiom in lexicon.idioms:
        known |= set(idiom.surface)
    fragments = dict.fromkeys([REFUSAL, END])
    for catalogue in catalogues:
        for item in catalogue.items.values():
            known |= set(canonical(item.name).text)
            row = candidate_row(item)
            for text in (opening(row.modality, True), opening(row.modality, False), *rest(row)):
                fragments |= dict.fromkeys(pieces(text))
    known -= {" "}
    several = [text for text in fragments if len(text) > 1]
    singles = sorted(known.union(text for text in fragments if len(text) == 1))
    return Vocabulary((*SPECIAL, *BYTES, *singles, *several), len(singles))


@dataclass(slots=True)
class Node:
    """A place in an answer. `code` where an exam is complete; `tokens` may follow, in the order of `nodes`."""

    children: dict[int, Node] = field(default_factory=dict)
    code: str = ""
    exam: Exam | None = None
    tokens: np.ndarray | None = None

    def freeze(self) -> None:
        """Sort the children and keep their ids as an array, for picking among logits."""
        self.children = dict(sorted(self.children.items()))
        self.tokens = np.fromiter(self.children, dtype=np.int64, count=len(self.children))
        for node in self.children.values():
            if node.tokens is None:
                node.freeze()


class AnswerTree:
    """What may be answered in a catalogue, with the tokens of a vocabulary.

    `first` is where an answer begins (an exam's modality, or the refusal), `more` what follows an exam (another one, or
    the end). `left_out`: the items whose elements the vocabulary lacks (an edition the model was not trained on).
    """

    def __init__(self, catalogue: Catalogue, vocabulary: Vocabulary) -> None:
        self.first, self.more, self.left_out = Node(), Node(), []
        self.refusal, self.end = vocabulary.ids[REFUSAL], vocabulary.ids[END]
        self._answers: dict[str, tuple[list[int], list[int]]] = {}
        for item in catalogue.items.values():
            row = candidate_row(item)
            ways = [vocabulary.fragments(opening(row.modality, first)) for first in (True, False)]
            behind = [vocabulary.fragments(text) for text in rest(row)]
            if any(each is None for each in (*ways, *behind)):
                self.left_out.append(item.code)
                continue
            tail = [token for each in behind for token in each or ()]
            first, more = ([*(way or ()), *tail] for way in ways)
            exam = Exam(row.modality, row.part, row.scan, row.extra)
            for root, path in ((self.first, first), (self.more, more)):
                node = root
                for token in path:
                    node = node.children.setdefault(token, Node())
                node.code, node.exam = item.code, exam
            self._answers[item.code] = first, more
        self.first.children[self.refusal] = Node()
        self.more.children[self.end] = Node()
        self.first.freeze()
        self.more.freeze()

    def answer(self, codes: Sequence[str]) -> list[int]:
        """The tokens of an answer; the refusal for no codes. KeyError for a code that the tree does not hold."""
        if not codes:
            return [self.refusal]
        out = []
        for at, code in enumerate(codes):
            out += self._answers[code][at > 0]
        return [*out, self.end]
