"""Order lines and brackets: where the words of a name stand, and where one line ends.

A bracket before any word of substance is a label for what follows; unmatched brackets are ends of lines. A line with
parts alone waits for the line that says what is done to them; one that says what is done waits for its part.
"""

from __future__ import annotations

from typing import Final

from agent.group import BOUNDARY, ROUTINE
from agent.lexer import Word

SOFT: Final = frozenset({"list", "slash", "plus", "under", "and", "dash"})  # separators inside an order line
NONEXAM: Final = "nonexam"  # words that make a name none of ours
SERVICE: Final = "service"  # words that do so where no scan is ordered: 会诊, 云胶片
NEGATION: Final = "negation"  # words that take back what stands beside them: 不含, 除外
DECISIVE: Final = frozenset({NONEXAM, SERVICE, NEGATION})  # noise that is looked at all the same
MODALITY: Final = frozenset({"modality"})
PART: Final = frozenset({"part"})
PART_OR_SIDE: Final = frozenset({"part", "side"})
ORDERS: Final = frozenset({"scan", "post", "position", "subitem"})
DONE: Final = ORDERS | {"modality"}
PLAIN: Final = frozenset({"平扫", ROUTINE})
BETWEEN: Final = SOFT - {"dash"}  # separators between exams; a dash stands as well between the words of one


class Placed:
    """A word of the name with its place among brackets; `word` is None where nothing explains the characters."""

    __slots__ = ("depth", "index", "tag", "word")

    def __init__(self, index: int, word: Word | None, depth: int, tag: bool) -> None:
        self.index = index
        self.word = word
        self.depth = depth
        self.tag = tag


BOUNDARY_WORD: Final = Word("|", (), BOUNDARY, "")
LIST_WORD: Final = Word("、", (), "list", "")


def place(words: list[Word | None]) -> list[Placed]:
    """Depth of each word; a bracket before any word of substance is a label; unmatched brackets are boundaries."""
    match = _matching(words)
    raws: list[Placed] = []
    depth = 0
    for index, word in enumerate(words):
        kind = word.kind if word is not None else "unexplained"
        if kind in ("open", "close"):
            if index in match:
                depth += 1 if kind == "open" else -1
            else:
                raws.append(Placed(index, BOUNDARY_WORD, 0, False))
            continue
        raws.append(Placed(index, word, depth, False))
    return raws


def order_lines(raws: list[Placed]) -> list[list[Placed]]:
    """Split at boundaries outside brackets, then mark labels. A segment of one bracket alone is opened."""
    segments: list[list[Placed]] = [[]]
    for raw in raws:
        if raw.depth == 0 and raw.word is not None and raw.word.kind == BOUNDARY:
            segments.append([])
        else:
            segments[-1].append(raw)
    kept: list[list[Placed]] = []
    carried: list[Placed] = []
    for segment in segments:
        if not any(has_slots(raw) for raw in segment):
            if kept and segment:
                kept[-1].extend(segment)
            continue
        segment = carried + segment
        carried = []
        if kept and _parts_only(segment) and not any(says(each, PART) for each in kept[-1]):
            kept[-1].extend(segment)  # a price line, then the part: CT平扫,甲状腺
            continue
        if _parts_only(segment) and segment is not segments[-1]:
            carried = [*segment, Placed(-1, LIST_WORD, 0, False)]
            continue
        kept.append(segment)
    if carried:
        kept.append(carried)
    for segment in kept:
        _mark(segment)
    return kept


def pieces(line: list[Placed]) -> list[list[Placed]]:
    """A line cut at its separators into pieces that each say a part and what is done to it.

    Parts alone wait for the piece that says what is done to them (颈椎、腰椎CT平扫 is one piece); what is done alone
    belongs to the piece before it (头颅平扫+增强), or, where there is none, to the one behind.
    """
    out: list[list[Placed]] = []
    waiting: list[Placed] = []
    for piece in _cut(line):
        waiting += piece
        if not any(says(raw, PART) for raw in waiting):
            if out:
                out[-1] += waiting
                waiting = []
        elif _is_whole(waiting):
            out.append(waiting)
            waiting = []
    if waiting and out:
        out[-1] += waiting
    elif waiting:
        out.append(waiting)
    return out


def _is_whole(piece: list[Placed]) -> bool:
    """It says what is done, or behind its part a modality (胸部CT+…); one in front may be that of the whole line."""
    first = next((at for at, raw in enumerate(piece) if says(raw, PART) and not raw.tag), len(piece))
    return any(says(raw, ORDERS) for raw in piece) or any(says(raw, MODALITY) for raw in piece[first:])


def _cut(line: list[Placed]) -> list[list[Placed]]:
    """At each separator outside brackets that may stand between exams, and before a modality that opens an exam as the
    one before it did (CT大腿(平扫) CT下肢(增强)); what opens a piece is its first word."""
    out: list[list[Placed]] = [[]]
    leads = False  # the piece began with its modality and has named its part
    for raw in line:
        if raw.depth == 0 and raw.word is not None:
            if raw.word.kind in BETWEEN or (leads and is_modality(raw)):
                out.append([])
                leads = False
            elif says(raw, PART):
                leads = any(map(is_modality, out[-1]))
        out[-1].append(raw)
    return out


def parts_alone(line: list[Placed]) -> bool:
    """A line that says parts, and nothing of what is done to them."""
    return any(says(raw, PART) for raw in line) and not any(says(raw, DONE) for raw in line)


def done_first(line: list[Placed]) -> bool:
    """A line that says what is done before it says the first part: 增强:垂体."""
    for raw in line:
        if says(raw, PART):
            return False
        if says(raw, ORDERS):
            return True
    return False


def done_then_part(line: list[Placed]) -> bool:
    """A line that begins with a special scan or a post-processing alone, and only behind a separator names its part
    (三维-甲状腺彩超): it may be of the line before."""
    first: list[Placed] = []
    for raw in line:
        if raw.depth == 0 and raw.word is not None and raw.word.kind in SOFT and any(map(has_slots, first)):
            break
        first.append(raw)
    said = {pair for raw in first if raw.word is not None for meaning in raw.word.meanings for pair in meaning.slots}
    special = any(slot in ("scan", "post") for slot, _ in said)
    alone = not any(slot in ("part", "modality") or element in PLAIN for slot, element in said)
    return special and alone and any(says(raw, PART) for raw in line)


def _matching(words: list[Word | None]) -> set[int]:
    """Indexes of the brackets that have their other half; one left open ends with the name (a name cut off)."""
    stack: list[int] = []
    matched: set[int] = set()
    for index, word in enumerate(words):
        if word is None:
            continue
        if word.kind == "open":
            stack.append(index)
        elif word.kind == "close" and stack:
            matched.update((stack.pop(), index))
    return matched.union(stack)


def is_noise_of(raw: Placed, kind: str) -> bool:
    return raw.word is not None and raw.word.noise == kind and not raw.word.meanings


def says_only(raw: Placed, slots: frozenset[str]) -> bool:
    """Every meaning of the word fills these slots alone."""
    return raw.word is not None and raw.word.slots <= slots


def says(raw: Placed, slots: frozenset[str]) -> bool:
    return raw.word is not None and not raw.word.slots.isdisjoint(slots)


def is_modality(raw: Placed) -> bool:
    """A word that says a modality and can say nothing else."""
    return has_slots(raw) and says_only(raw, MODALITY)


def has_slots(raw: Placed) -> bool:
    return raw.word is not None and bool(raw.word.meanings)


def _parts_only(segment: list[Placed]) -> bool:
    for raw in segment:
        if raw.word is None or raw.word.noise == NONEXAM or not says_only(raw, PART_OR_SIDE):
            return False
    return any(says(raw, PART) for raw in segment)


def _mark(segment: list[Placed]) -> None:
    """Labels: brackets before the first word of substance. Where there is nothing outside brackets, open them."""
    if not any(raw.depth == 0 and has_slots(raw) and not says_only(raw, MODALITY) for raw in segment):
        for raw in segment:
            raw.depth = max(0, raw.depth - 1)
        return
    for raw in segment:
        if raw.depth == 0 and has_slots(raw) and not says_only(raw, MODALITY):
            return
        raw.tag = raw.depth > 0
