"""What makes the exams of a name doubtful though every word was read: words that may belong to another exam.

Each function looks at the words of a name in their order (None where nothing is known) and at the exams that were read;
it gives the word that the doubt is about, or "". Whether a name has what a doubt is about at all, as ultrasound alone,
a bracket, or several exams, is asked once for all of them (beside.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from agent.lexer import Word
from agent.reading import Exam
from agent.segments import MODALITY, PART_OR_SIDE

Words = Sequence[Word | None]

COMPLAINT: Final = "wish"  # noise of the patient's history: 外伤, 术后, 占位
CONDITION: Final = "condition"  # noise before what is not ordered, or not yet: 必要时, 对比
INCLUDING: Final = "including"  # noise before what an exam holds: 含, 包括
FEW: Final = 1  # parts that a word includes, besides its own; a list says all of them
PARTS: Final = "parts"  # noise that counts parts, more than one: 两部位
SEQUENCE: Final = "sequence"  # noise of plain MR: T1WI, FLAIR
DENIED: Final = "denied"  # noise that takes contrast back: 不增强, 不注药
CONTRAST: Final = ("增强", "CTA", "CTV", "CTU", "CTP", "造影")  # of the names of scans that have no other way
SHEET: Final = "sheet"  # noise of the film that an exam is printed on: 胶片
AGENT: Final = "agent"  # noise of a contrast agent: 碘海醇, 钆喷酸葡胺
PLACE: Final = "anatomy"  # noise that says a place
ADDED: Final = frozenset({"plus", "and", "comma"})  # separators of exams
PLUS: Final = frozenset({"plus", "and"})
SUMS: Final = ADDED | {"list"}
MEMBERS: Final = SUMS | {"slash"}
HEADS: Final = frozenset({"dash", "under", "slash"})  # what stands behind a heading
ORDERS: Final = frozenset({"scan", "post", "position", "subitem", "way", "vessel"})
ORDERED: Final = frozenset({"part", "scan", "subitem", "modality"})
EXAMINED: Final = frozenset({"scan", "modality"})
SCAN: Final = frozenset({"scan"})
VESSEL: Final = frozenset({"vessel"})
VESSELS: Final = ("动脉", "静脉", "血管", "心")  # of a part's name
BY_SKULL: Final = "经颅"  # a way that looks at vessels by itself
DONE_BY: Final = frozenset({"scan", "position"})
PLAIN: Final = frozenset({"平扫", "常规"})
# scans that a part may have apart from the one that a sum says
USUAL: Final = frozenset({"平扫", "增强", "平扫+增强", "平扫|增强", "常规", "常规扫描", "成像", "床旁"})
SIDE: Final = frozenset({"side"})
SIDES: Final = ("左", "右", "双")
BARE: Final = frozenset({"平扫", "增强", "平扫+增强", "平扫+DWI"})  # scans of MR that T1WI and T2WI are sequences of
PLAIN_SCAN: Final = "平扫"
DEFAULT_VIEW: Final = "position_default"  # the rule that fills a view which is not said
MOBILE: Final = "42"  # what the codes of films at the bed begin with


def names_part(word: Word | None) -> bool:
    """Whether a word says a part, with or without its side, and nothing else."""
    return word is not None and "part" in word.slots and word.slots <= PART_OR_SIDE


def _kind(word: Word | None) -> str:
    return "" if word is None else word.kind


def pieces_between(words: Words, separators: Collection[str]) -> list[list[Word | None]]:
    """The words between separators of some kinds."""
    pieces: list[list[Word | None]] = [[]]
    for word in words:
        if _kind(word) in separators:
            pieces.append([])
        else:
            pieces[-1].append(word)
    return pieces


def slots_of(words: Iterable[Word | None]) -> set[str]:
    """All slots that some words can fill."""
    return {slot for word in words if word is not None for slot in word.slots}


def _sides(words: Iterable[Word | None]) -> set[str]:
    """All sides that some words can say."""
    return {element for word in words if word is not None for slot, element in word.pairs if slot == "side"}


def _first_noise(words: Words, noise: str) -> str:
    """The first word that can be noise of a kind; "" where there is none."""
    return next((word.surface for word in words if word is not None and word.noise == noise), "")


def _special_scan(words: Iterable[Word | None]) -> str:
    """The first scan that a part may not have apart; "" where there is none."""
    pairs = (pair for word in words if word is not None for pair in word.pairs)
    return next((name for slot, name in pairs if slot == "scan" and name not in USUAL), "")


def before_sum(words: Words, exams: Sequence[Exam]) -> str:
    """A scan, other than the plain one, that a sum says apart from the part that it is of: MRCP+上腹, MRI+MRA BRAIN,
    四维彩超+胎儿心脏. The part's plain exam may be ordered too."""
    parted = pieces_between(words, ADDED)
    pieces = [slots_of(piece) for piece in parted]
    scans = [_special_scan(piece) for piece in parted]
    if len(exams) >= sum(not piece.isdisjoint(ORDERED) for piece in pieces):
        return ""
    for at, (before, after) in enumerate(pairwise(pieces)):
        if scans[at] and "part" not in before and "part" in after and after.isdisjoint(DONE_BY):
            return scans[at]
        if before == MODALITY and scans[at + 1] and "part" in after:
            return scans[at + 1]
    return ""


def history(words: Words, exams: Sequence[Exam]) -> str:
    """A part with a complaint behind it, that became an exam beside that of another part, 直肠癌术后胸部CT平扫, or one
    exam together with it, 甲状腺癌术后颈部淋巴结彩超."""
    read = {part for exam in exams for part in exam.part.split("+")}
    if len(read) < 2:
        return ""
    sound = all(exam.family == "US" for exam in exams)
    depth = 0
    for at, word in enumerate(words[:-1]):
        depth += (_kind(word) == "open") - (_kind(word) == "close")
        if depth or word is None or not names_part(word):
            continue
        over = at + 1
        while over < len(words) and (found := words[over]) is not None and found.noise == PLACE and not found.slots:
            over += 1
        behind = words[over] if over < len(words) else None
        if behind is None or behind.noise != COMPLAINT or behind.slots:
            continue
        own = _elements(word)
        named = [other for other in words if other is not None and other is not word and names_part(other)]
        others = {part for other in named for part in _elements(other)}
        as_another = sound and read - others  # 腹部 of ultrasound is an exam by another name
        if others and not own <= others and (own & read or as_another):
            return word.surface
    return ""


def _elements(word: Word) -> set[str]:
    """The parts that a word names, one by one: 颈腰椎 names two."""
    return {each for part in word.parts for each in part.replace("+", ";").split(";")}


def cut_off(words: Words) -> str:
    """A sum of which the last member is missing: 胸部CT+."""
    last = words[-1]
    return last.surface if last is not None and last.kind in PLUS else ""


def condition(words: Words) -> str:
    """What stands behind a word that orders nothing yet: 胸部CT平扫,必要时头颅CT; 胸部CT平扫,可加做增强."""
    waiting = ""
    for word in words:
        if word is None:
            continue
        if word.noise == CONDITION and not word.slots:
            waiting = word.surface
        elif waiting and not word.slots.isdisjoint(ORDERS | {"part", "modality"}):
            return waiting
    return ""


def side(words: Words, exams: Sequence[Exam]) -> str:
    """A side that no exam has though others have one (右侧:左膝), that may be of the part before it as well as of the
    one behind (膝(左)踝(右)), or whose alone an order behind a comma is (双膝MR平扫,左侧增强)."""
    have = {exam.side for exam in exams} - {""}
    if not have:
        return ""
    said = _sides(words)
    if len(said) < 2:
        return ""
    for piece in pieces_between(words, ADDED)[1:]:
        own = _sides(piece)
        if own and own != have and not (slots := slots_of(piece)).isdisjoint(ORDERS) and "part" not in slots:
            return min(own)
    both = {"左", "右"} <= have or "双" in have
    for each in SIDES:
        if each in said and each not in have and not both:
            return each
    return _between(words)


def _between(words: Words) -> str:
    """A side straight behind a part that has none, before another part that nothing separates from it."""
    before: Word | None = None
    bare = alone = False  # the last part has no side before it; a side stands behind it
    for word in words:
        if word is None or word.kind in ("open", "close"):
            continue
        if word.slots == SIDE:
            alone = bare and before is not None and ("part" in before.slots or before.slots == MODALITY)
        elif "part" in word.slots:
            if alone and "side" not in word.slots:
                return word.surface
            bare, alone = "side" not in word.slots and (before is None or before.slots != SIDE), False
        elif word.kind in SUMS or not word.slots.isdisjoint(ORDERS):
            alone = False
        before = word
    return ""


def spread(words: Words, exams: Sequence[Exam]) -> str:
    """A scan that became that of an exam which had a modality of its own and no scan: 头颅CT 胸部CT增强."""
    if exams[0].family not in ("CT", "MR") or len({(exam.scan, exam.extra) for exam in exams}) > 1:
        return ""
    if exams[0].scan in PLAIN and not exams[0].extra:
        return ""
    pieces: list[set[str]] = []
    for word in words:
        if word is not None and "part" in word.slots:
            pieces.append(set())
        if word is not None and pieces:
            pieces[-1] |= word.slots
    for at, piece in enumerate(pieces[:-1]):
        done = any(not later.isdisjoint(ORDERS) for later in pieces[at + 1 :])
        if done and "modality" in piece and piece.isdisjoint(ORDERS):
            return exams[0].scan
    return ""


def listed(words: Words, exams: Sequence[Exam]) -> str:
    """A part without a side of its own, where another is said of both sides: 左膝、踝+右踝."""
    sided = {exam.part for exam in exams if exam.side}
    if len(sided) < 2:
        return ""
    found: dict[str, set[str]] = {}
    bare: list[str] = []
    before = ""
    for word in words:
        if word is None:
            continue
        said = next((element for slot, element in word.pairs if slot == "side"), "")
        if "part" in word.slots:
            for part in word.parts & sided:
                if said or before:
                    found.setdefault(part, set()).add(said or before)
                else:
                    bare.append(part)
        before = said if word.slots == SIDE else ""
    if len(set().union(*found.values())) < 2:
        return ""
    twice = [part for part in bare if part in found] or (bare if any(len(each) > 1 for each in found.values()) else [])
    return twice[0] if twice else ""


def headed(words: Words, exams: Sequence[Exam]) -> str:
    """A part that has its modality, and so is an order, but became the heading of what follows: 头颅CT-鼻骨三维."""
    read = {exam.part for exam in exams}
    for at in range(len(words) - 3):
        first, second, third, fourth = words[at : at + 4]
        if first is None or second is None or third is None or fourth is None:
            continue
        order = names_part(first) and second.slots == MODALITY and third.kind in HEADS
        if order and "part" in fourth.slots and first.parts.isdisjoint(read) and not fourth.parts.isdisjoint(read):
            return first.surface
    return ""


def region(words: Words, exams: Sequence[Exam], own: Collection[str]) -> str:
    """A region that is an exam of its own in ultrasound (`own`), lost before an organ that nothing separates from it:
    腹部双肾彩超."""
    read = {exam.part for exam in exams if exam.family == "US"}
    for first, second in pairwise(words):
        if first is None or second is None or not names_part(first):
            continue
        if second.surface.isascii():  # 心脏 TTE says it twice
            continue
        lost = not first.parts.isdisjoint(own) and first.parts.isdisjoint(read)
        if lost and not second.parts.isdisjoint(read):
            return first.surface
    return ""


def enclosed(words: Words) -> str:
    """An examination of ultrasound in a bracket of its own, which may only say how, or why, that before it is done:
    卵泡监测(腹部B超), 甲状腺彩超(三级)."""
    before = False  # an exam stands before the bracket
    inside: list[Word] | None = None
    for word in words:
        kind = _kind(word)
        if kind == "open" or word is None:
            inside = [] if kind == "open" and before else None
        elif kind == "close":
            said = inside or []
            parts = [each for each in said if "part" in each.slots]
            if parts and any(not each.slots.isdisjoint(EXAMINED) for each in said):
                return parts[0].surface
            subitem = next((each for each in said if "subitem" in each.slots), None)
            if subitem is not None and not parts:
                return subitem.surface
            inside = None
        elif inside is not None:
            inside.append(word)
        else:
            before = before or not word.slots.isdisjoint({"part", "subitem"})
    return ""


def including(words: Words, exams: Sequence[Exam]) -> str:
    """A word for a region of which only what it includes became an exam (腹部彩超(含双肾)), or what is included with a
    scan of its own, and became none (肋骨CT三维(含胸部平扫))."""
    at = next(at for at, word in enumerate(words) if word is not None and word.noise == INCLUDING)
    read = {exam.part for exam in exams}
    outer = [word for word in words[:at] if word is not None and "part" in word.slots]
    end = next((end for end, word in enumerate(words) if end > at and _kind(word) == "close"), len(words))
    inner = [word for word in words[at + 1 : end] if word is not None and not word.slots.isdisjoint({"part", "scan"})]
    inside = [word for word in inner if "part" in word.slots]
    lost = bool(outer) and all(word.parts.isdisjoint(read) for word in outer)
    if lost and len(inside) <= FEW and 0 < sum(not word.parts.isdisjoint(read) for word in inside) >= len(exams):
        return outer[0].surface
    if len(inner) > len(inside) and inside and all(word.parts.isdisjoint(read) for word in inside):
        return inside[0].surface
    return ""


def counted(words: Words) -> str:
    """A word that counts several parts, in a name of one exam: 胸部CT平扫(两部位). How many it counts is not asked."""
    return _first_noise(words, PARTS)


def within(words: Words) -> str:
    """A special examination of ultrasound, said in a bracket of one part, that became that of the part before it:
    肝胆胰脾(肝弹性)."""
    outer: set[str] = set()
    inner: list[Word] = []
    depth = 0
    for word in words:
        if word is None:
            continue
        depth = max(0, depth + (word.kind == "open") - (word.kind == "close"))
        if depth:
            inner.append(word)
            continue
        if word.kind == "close":
            scan = _special_scan(inner)
            parts = {part for each in inner for part in each.parts}
            if scan and parts and outer and parts != outer:
                return scan
            inner = []
        outer |= word.parts
        if _special_scan([word]):
            return ""
    return ""


def vessels(words: Words, exams: Sequence[Exam]) -> str:
    """Vessels that a name of ultrasound says, of which no exam came: 甲状腺及颈部血管."""
    if any(BY_SKULL in exam.extra or any(each in exam.part for each in VESSELS) for exam in exams):
        return ""
    return next(
        (
            word.surface
            for word in words
            if word is not None and (word.slots == VESSEL or (word.slots == SCAN and "血管" in word.surface))
        ),
        "",
    )


def summed(words: Words, exams: Sequence[Exam], headings: Collection[str]) -> str:
    """What a sum of ultrasound adds that became no exam: a word that heads others (`headings`; 产科+子宫附件), a way
    (TTE+TEE), a special examination beside a sub-item (NT+四维)."""
    if None in words:
        return ""
    pieces = [[word for word in piece if word is not None] for piece in pieces_between(words, PLUS)]
    if len(exams) >= len(pieces):
        return ""
    read = {exam.part for exam in exams}
    for at, piece in enumerate(pieces):
        slots = slots_of(piece)
        named = [word for word in piece if "part" in word.slots]
        heads = all(not word.parts.isdisjoint(headings) for word in named)
        if named and heads and not any(part in each for word in named for part in word.parts for each in read):
            return named[0].surface
        before = slots_of(pieces[at - 1]) if at else set()
        if {"way", "part"} <= slots and "part" in before and "way" not in before:
            return piece[0].surface
        if slots == SCAN and "subitem" in before:
            return piece[0].surface
    return ""


def lateral(words: Words, exams: Sequence[Exam]) -> str:
    """A side at the end of a film whose view is not said, of a part without sides: 胸部左侧 may be the lateral view."""
    # noise behind it, as in 胸部左侧(医保), says nothing of the view
    last = next((word for word in reversed(words) if word is not None and (word.slots or word.kind in SUMS)), None)
    if last is None or last.slots != SIDE or not last.surface.endswith("侧"):
        return ""
    open_view = any(exam.family == "DR" and not exam.side and DEFAULT_VIEW in exam.rules for exam in exams)
    return last.surface if open_view else ""


def bedside(exams: Sequence[Exam]) -> str:
    """Films of which one is at the bed and one is not, in one name: 床旁胸片+骨盆正位."""
    films = [exam for exam in exams if exam.code]
    beds = [exam for exam in films if exam.code.startswith(MOBILE)]
    return beds[0].part if beds and len(beds) < len(films) else ""


def adrift(words: Words, exams: Sequence[Exam]) -> str:
    """A special scan of MR that a sum or a list says alone behind two parts, and so may be of either:
    头颅MRA+颈部MRA+DWI."""
    if any(exam.family != "MR" for exam in exams):
        return ""
    parts: set[frozenset[str]] = set()
    for piece in pieces_between(words, MEMBERS):
        said = {word.parts for word in piece if word is not None and names_part(word)}
        if not said and len(parts) > 1 and (scan := _special_scan(piece)):
            return scan
        parts |= said
    return ""


def sequence(words: Words, exams: Sequence[Exam]) -> str:
    """A sequence of plain MR beside special scans alone, so that the plain exam may be ordered too:
    头颅MR(T1WI、T2WI、DWI)."""
    if any(exam.family != "MR" or exam.scan in BARE for exam in exams):
        return ""
    return _first_noise(words, SEQUENCE)


def agent(words: Words, exams: Sequence[Exam]) -> str:
    """A contrast agent in a piece of which no scan is said, so that the plain one is a convention or another piece's:
    胸部CT(碘海醇)+头颅CT平扫."""
    if not any(exam.family in ("CT", "MR") and exam.scan == PLAIN_SCAN for exam in exams):
        return ""
    for piece in pieces_between(words, MEMBERS):
        word = next((word for word in piece if word is not None and word.noise == AGENT), None)
        if word is not None and not any(other is not None and "scan" in other.slots for other in piece):
            return word.surface
    return ""


def sold(words: Words) -> str:
    """A film before the part that it is of, or behind one of which no scan or view is said by then, which may be all
    that is sold: 胶片(胸部CT平扫), 胸部CT胶片, 颅脑MR平扫,腰椎MR胶片."""
    for piece in pieces_between(words, MEMBERS):
        sheet, ordered, parted = "", False, False
        for word in piece:
            if word is None:
                continue
            if word.noise == SHEET and not word.slots:
                sheet = word.surface
                if parted and not ordered:
                    return sheet
            if "part" in word.slots:
                if sheet:
                    return sheet
                ordered, parted = ordered and not parted, True
            ordered = ordered or not word.slots.isdisjoint(ORDERS)
    return ""


def denied(words: Words, exams: Sequence[Exam]) -> str:
    """A word that takes contrast back beside an exam that has it: 垂体MR动态增强(不注药)."""
    if not any(scan in exam.scan for exam in exams for scan in CONTRAST):
        return ""
    return _first_noise(words, DENIED)


def dropped(words: Words, exams: Sequence[Exam], regions: Collection[str]) -> str:
    """A member of a sum of which no exam came, only a word that says a place, or heads any part (`regions`):
    心脏+四肢血管彩超."""
    read = {exam.part for exam in exams}
    depth = 0
    for piece in pieces_between(words, MEMBERS):
        said: list[Word] = []
        unsure = False  # a word stands in a bracket, or is unknown
        for word in piece:
            depth += (_kind(word) == "open") - (_kind(word) == "close")
            if word is None:
                unsure = True
            elif word.kind not in ("open", "close"):
                said.append(word)
                unsure = unsure or depth > 0
        named = [word for word in said if "part" in word.slots]
        if named and all(not (parts := word.parts).isdisjoint(regions) and parts.isdisjoint(read) for word in named):
            return named[0].surface
        slots = slots_of(said)
        places = [word for word in said if word.noise == PLACE and not word.slots]
        if places and not unsure and slots.isdisjoint(ORDERS - {"scan"} | {"part"}):
            return places[0].surface
    return ""


def exclusive(exams: Sequence[Exam], groups: Mapping[str, Sequence[frozenset[str]]]) -> str:
    """A sub-item that no patient has together with an earlier one (`groups` by family): 早孕期超声11-13周."""
    for at, exam in enumerate(exams):
        for group in groups.get(exam.family, ()):
            own = group.intersection(exam.extra.split("、"))
            if own and any(group.intersection(each.extra.split("、")) - own for each in exams[:at]):
                return min(own)
    return ""
