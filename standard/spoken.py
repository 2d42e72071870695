"""What an item may be called: names in the forms that hospitals use, made from the lexicon's tables.

They are documents of retrieval, beside the item's own name; no rule of reading looks at them. From the plain form
(side, part, modality, scan, post-processing or position) one slot at a time says another of its forms, and the part
together with the usual forms of the scan. At most LIMIT an item, the plainest first, always in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from standard.edition import Item
from standard.item_slots import ItemSlots, item_slots
from standard.lexicon import Lexicon
from standard.lexicon_rows import MODALITIES

LIMIT = 112
MOST = {"part": 40, "scan": 36, "post": 6, "position": 16, "subitem": 6, "way": 4, "side": 4}
CROSSED = 6  # forms of the scan that are said with every form of the part

Forms = dict[tuple[str, str, str], tuple[str, ...]]


def spoken_names(item: Item, lexicon: Lexicon) -> tuple[str, ...]:
    """The names beside the standard one that an item may be called by, the plainest first; none twice.

    Empty for an item whose modality or part is unknown to the lexicon's tables.
    """
    slots = item_slots(item, lexicon)
    if slots is None:
        return ()
    names = dict.fromkeys(_names(slots, lexicon))
    names.pop(item.name, None)
    return tuple(islice(names, LIMIT))


_TABLES: dict[int, tuple[Lexicon, Forms]] = {}


def _arrange(lexicon: Lexicon) -> Forms:
    """Surfaces by slot, element and modality: sure ones first, Chinese before Latin, short before long, in the order of
    the table, at whose end typing errors stand."""
    found: dict[tuple[str, str, str], set[tuple[bool, bool, int, int, str]]] = {}
    for form in lexicon.forms:
        rank = (form.certainty != "", form.surface.isascii(), len(form.surface), form.row, form.surface)
        for modality in form.modality or MODALITIES:
            found.setdefault((form.slot, form.element, modality), set()).add(rank)
    return {key: tuple(rank[-1] for rank in sorted(ranks)) for key, ranks in found.items()}


def _table(lexicon: Lexicon) -> Forms:
    """The forms of a lexicon, arranged once."""
    table = _TABLES.get(id(lexicon))
    if table is None or table[0] is not lexicon:
        table = lexicon, _arrange(lexicon)
        _TABLES.clear()
        _TABLES[id(lexicon)] = table
    return table[1]


def _said(slot: str, element: str, family: str, lexicon: Lexicon) -> list[str]:
    """The element and its forms, at most MOST of the slot; [""] for no element."""
    if not element:
        return [""]
    forms = _table(lexicon).get((slot, element, family), ())
    return list(dict.fromkeys([element, *forms]))[: MOST[slot]]


def _names(slots: ItemSlots, lexicon: Lexicon) -> Iterator[str]:
    """All names, the plainest first, with repetitions."""
    family = slots.family
    parts = _said("part", slots.part, family, lexicon)
    sides = [slots.side, f"{slots.side}侧"] if slots.side else [""]
    sides = list(dict.fromkeys([*sides, *_said("side", slots.side, family, lexicon)]))
    scans = _scans(slots, lexicon)
    posts = _said("post", slots.post, family, lexicon)
    positions = _positions(slots, lexicon)
    subitems = _said("subitem", slots.subitem, family, lexicon)
    ways = _said("way", slots.way, family, lexicon)

    def say(
        part: str,
        scan: str,
        post: str = posts[0],
        end: str = positions[0],
        side: str = slots.side,
        word: str | None = None,
    ) -> str:
        return _compose(slots, ways[0], side, part, subitems[0], scan, post, end, slots.word if word is None else word)

    plain = (parts[0], scans[0])
    yield say(*plain)
    for scan in scans[:CROSSED]:
        for end in positions[:2]:
            yield say(parts[0], scan, end=end)
    yield from _idioms(slots, lexicon)
    if slots.scan == "平扫" and slots.post:  # 三维重建 without a scan means 平扫+三维重建
        yield from (say(parts[0], "", post, word=word) for post in posts for word in (slots.word, ""))
    for part in parts[1:]:
        yield say(part, scans[0])
    yield from (say(*plain, end=end) for end in positions[1:])
    yield from (say(parts[0], scan) for scan in scans[CROSSED:])
    yield from (say(*plain, post) for post in posts[1:])
    yield from (say(*plain, side=side) for side in sides[1:])
    for subitem in subitems[1:]:
        yield _compose(slots, ways[0], slots.side, parts[0], subitem, scans[0], posts[0], positions[0], slots.word)
    for way in ways[1:]:
        yield _compose(slots, way, slots.side, parts[0], subitems[0], scans[0], posts[0], positions[0], slots.word)
    if family == "US" and slots.scan != "常规":  # 床旁肝脏彩超, 肝脏彩超三维
        for part in parts[:12]:
            yield from (f"{scan}{ways[0]}{slots.side}{part}{subitems[0]}彩超" for scan in scans[:CROSSED])
            yield from (f"{ways[0]}{slots.side}{part}{subitems[0]}彩超{scan}" for scan in scans[:CROSSED])
    for region, scan in _vessels(slots, lexicon):
        yield say(region, scan, word="")
    for part in parts[1:]:
        yield from (say(part, scan) for scan in scans[1:CROSSED])
    for part in _fallen_back(slots, lexicon):
        yield say(part, scans[0])


def _compose(
    slots: ItemSlots, way: str, side: str, part: str, subitem: str, scan: str, post: str, position: str, word: str
) -> str:
    """One name in the order that names have: 经腹 左 肾 CT 平扫 + 三维重建, 左 手 DR 正位, 肝脏 穿刺 介入."""
    done = "+".join(each for each in (scan, post) if each)
    named = "" if part == "非指定部位" else f"{side}{part}"
    return f"{way}{named}{subitem}{word}{done}{position}"


def _scans(slots: ItemSlots, lexicon: Lexicon) -> list[str]:
    """The scan and its forms; 平扫 and the vessels' own scan may stay unsaid."""
    said = _said("scan", slots.scan, slots.family, lexicon)
    short = [row for row in lexicon.angiographies if slots.scan in (row.by_kind_A, row.by_kind_V)]
    if slots.scan == "平扫" and slots.family in ("CT", "MR"):
        said.insert(1, "")
    if any(row.kind != "?" for row in short):
        ends = ("血管成像", "成像") if any(row.kind == "A" for row in short) else ()
        said[1:1] = ends
    return list(dict.fromkeys(said))


def _positions(slots: ItemSlots, lexicon: Lexicon) -> list[str]:
    """The position, its forms, and what falls back on it for this part."""
    if not slots.position:
        return [""]
    said = _said("position", slots.position, slots.family, lexicon)
    if any((row.part, row.position) == (slots.part, slots.position) for row in lexicon.position_defaults):
        said.insert(1, "")
    said += [
        row.position
        for row in lexicon.position_fallbacks
        if (row.part, row.to_position) == (slots.part, slots.position)
    ]
    return list(dict.fromkeys(said))


def _vessels(slots: ItemSlots, lexicon: Lexicon) -> Iterator[tuple[str, str]]:
    """The regions whose angiography is of this vessel part, with the short names of it: 头颅 CTA."""
    mine = {kind for row in lexicon.angiographies for kind, scan in (("A", row.by_kind_A), ("V", row.by_kind_V))
            if row.kind == "?" and row.modality == slots.family and scan == slots.scan}  # fmt: skip
    for row in lexicon.vessels:
        if row.element != slots.part or row.kind not in mine or slots.family not in row.modality.split("/"):
            continue
        shorts = [f"{slots.family}{row.kind}"]
        shorts += ["血管成像", "血管"] if row.kind == "A" else ["静脉成像"]
        for region in _said("part", row.region, slots.family, lexicon)[:12]:
            yield from ((region, short) for short in shorts)


def _idioms(slots: ItemSlots, lexicon: Lexicon) -> Iterator[str]:
    """Forms that say several slots at once, where they fill nothing that the item lacks."""
    own = {"part": slots.part, "side": slots.side, "scan": slots.scan, "position": slots.position}
    own |= {"way": slots.way, "subitem": slots.subitem}
    for row in lexicon.idioms:
        if row.modality and slots.family not in row.modality.split("/"):
            continue
        said = dict(each.split("=", 1) for each in row.slots.split(";"))
        said.pop("modality", None)
        rest = _rest(own, said)
        if rest is not None:
            yield f"{'移动DR' if slots.word == '移动DR' else ''}{row.surface}{rest}"


def _rest(own: dict[str, str], said: dict[str, str]) -> str | None:
    """What is left to say after an idiom; None where the idiom says something else or too little."""
    for slot, element in said.items():
        if own.get(slot) != element and not (slot == "side" and not own["side"]):
            return None
    if "part" not in said or (own["side"] and "side" not in said and own["side"] != "双"):
        return None
    left = [slot for slot in ("scan", "position", "way", "subitem") if own[slot] and slot not in said]
    implied = {"scan": ("平扫", "常规"), "position": ("正位",)}
    return "" if all(own[slot] in implied.get(slot, ()) for slot in left) else None


def _fallen_back(slots: ItemSlots, lexicon: Lexicon) -> Iterable[str]:
    """Parts that the edition may lack and that are sought here instead."""
    rows: Sequence[str] = [
        row.part
        for row in lexicon.fallbacks
        if row.to_part == slots.part and slots.family in row.modality.split("/") and row.to_scan in ("=", slots.scan)
    ]
    return rows
