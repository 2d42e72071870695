"""The family of a piece of a name (CT, MR, XR, US, NM): what its words say, what its column says, what they imply.

Families are bits, so that what words allow is one `and`. X-ray and mammography are one family, XR: a name says by its
words which of their devices is meant.
"""

from __future__ import annotations

from typing import Final

from agent.group import STANCES
from agent.lexer import Word
from agent.masks import ALL, FAMILY_OF, MASK, XRAY
from agent.resolve import Issue
from agent.segments import LIST_WORD, SOFT, Placed, has_slots

SINGLE: Final = {MASK["CT"]: "CT", MASK["MR"]: "MR", MASK["US"]: "US", MASK["NM"]: "NM"}
DEVICES: Final = {"CT": MASK["CT"], "MR": MASK["MR"], "US": MASK["US"]} | dict.fromkeys(
    ("PET/CT", "PET/MR", "SPECT"), MASK["NM"]
)
POSTURES: Final = frozenset(("position", stance) for stance in STANCES)


def said_modality(raws: list[Placed]) -> int:
    """The families that the modality words of the whole name allow; 0 where there is none, or they differ."""
    mask = ALL
    for raw in raws:
        mask &= raw.word.modality if raw.word is not None else ALL
    return 0 if mask == ALL else mask


def families(raws: list[Placed]) -> int:
    """The families that every word of substance can belong to."""
    mask = ALL
    for raw in raws:
        if raw.word is not None:
            mask &= raw.word.fits
    return mask


def no_film(raws: list[Placed]) -> bool:
    """Whether the words other than postures allow no film: 乳腺MR(俯卧位)."""
    others = [raw for raw in raws if raw.word is not None and POSTURES.isdisjoint(raw.word.pairs)]
    return not families(others) & XRAY


def other_rooms(piece: list[Placed], family: str) -> tuple[int, ...]:
    """Words that may be noise (CT室), and as a modality are another family's."""
    bit = mask_of_family(family)
    return tuple(raw.index for raw in piece if raw.word is not None and raw.word.noise and _excludes(raw.word, bit))


def _excludes(word: Word, bit: int) -> bool:
    said = word.pairs
    return bool(said) and all(slot == "modality" and not FAMILY_OF[element] & bit for slot, element in said)


def modality_alone(raws: list[Placed]) -> bool:
    """A modality word and no other word of substance (the DR of 腰椎MR/DR)."""
    slots = {slot for raw in raws if raw.word is not None for m in raw.word.meanings for slot, _ in m.slots}
    return (
        "modality" in slots
        and slots <= {"modality", "scan"}
        and all((raw.word.modality if raw.word is not None else ALL) != ALL for raw in raws if has_slots(raw))
    )


def family_name(mask: int) -> str:
    return SINGLE.get(mask, "XR" if mask and not mask & ~XRAY else "")


def bits_of(device: str) -> int:
    """The family of an item's or exam's device: MG, DR, SPECT."""
    return DEVICES.get(device, XRAY)


def mask_of_family(name: str) -> int:
    return XRAY if name == "XR" else MASK[name]


def family_of(piece: list[Placed], mask: int) -> tuple[str, Issue | None]:
    """The family of a piece: its modality words, else the column, else what its other words imply."""
    own = ALL
    where: list[int] = []
    for raw in piece:
        said = raw.word.modality if raw.word is not None else ALL
        if said != ALL:
            own &= said
            where.append(raw.index)
    if not own:
        return "", ("conflict_modality", tuple(where), "")
    both = own & mask
    if not both:
        return family_name(own), ("conflict_modality", tuple(where), "")
    if family_name(both):
        return family_name(both), None
    implied, everything = both, both
    for raw in piece:
        if raw.word is None or raw.word.noise or not raw.word.meanings:
            continue
        of = 0
        by_part = True
        for meaning in raw.word.meanings:
            of |= meaning.mask | (XRAY if meaning.mask & XRAY else 0)
            by_part = by_part and all(slot == "part" for slot, _ in meaning.slots)
        everything &= of
        if not by_part:
            implied &= of
    name = family_name(implied) or (family_name(everything) if implied != both else "")
    if name and not (everything & mask_of_family(name)):
        return name, ("conflict_modality", tuple(raw.index for raw in piece), "")
    return name, None if name else ("missing_modality", (), "")


def by_modality(segment: list[Placed]) -> list[list[Placed]]:
    """A segment whose words fit no one family falls apart at its separators (头颅CT平扫+胸部DR正位)."""
    if families(segment):
        return [segment]
    pieces: list[list[Placed]] = [[]]
    for raw in segment:
        if raw.depth == 0 and raw.word is not None and raw.word.kind in SOFT:
            pieces.append([])
        else:
            pieces[-1].append(raw)
    merged: list[list[Placed]] = []
    for piece in pieces:
        if merged and families([*merged[-1], *piece]):
            merged[-1] = [*merged[-1], Placed(-1, LIST_WORD, 0, False), *piece]
        elif piece:
            merged.append(piece)
    return merged
