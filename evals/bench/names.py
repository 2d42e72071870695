"""Exam names for the benchmarks: many, distinct, always the same for a seed.

A name is a core (an exam as hospitals write it: part, modality word and scan or position, in several orders) with what
stands around it in price lists: departments, payers, devices, counts, wishes, a second exam, typing errors, stray
characters. The pieces are in `evals/data/bench_names.toml`, written down from how hospitals name exams, without the
lexicon: some it does not know, some no reader can read. Some names are no exams.

Pieces stand in the order of how common they are, and are drawn so. The reader may remember what it worked out for names
that differ only in noise, as it does in real work; how many different cores a run has is therefore part of its result.
10,000 names have about 6,000, so most are alone with their core, which is harder than a real export (there, four in ten
CT names are one exam).
"""

from __future__ import annotations

import random
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

FORMS = Path(__file__).parent.parent / "data" / "bench_names.toml"
SEED = 20_261_124
KINDS = (("CT", 0.36), ("DR", 0.26), ("MR", 0.2), ("US", 0.14), ("other", 0.04))
FULL_WIDTH = str.maketrans({chr(point): chr(point + 0xFEE0) for point in range(0x21, 0x7F)})


class BenchName(NamedTuple):
    """A name with its context columns; `core` is what it was made around."""

    name: str
    modality: str
    institution: str
    core: str


def bench_names(count: int, seed: int = SEED) -> list[BenchName]:
    """`count` distinct names; the first n of a longer list are the list of n."""
    forms, chance = _forms(), random.Random(seed)
    names: list[BenchName] = []
    seen: set[str] = set()
    while len(names) < count:
        made = _name(forms, chance)
        if made.name not in seen:
            seen.add(made.name)
            names.append(made)
    return names


@cache
def _forms() -> dict[str, Any]:
    return tomllib.loads(FORMS.read_text(encoding="utf-8"))


def _name(forms: dict[str, Any], chance: random.Random) -> BenchName:
    share, around = forms["share"], forms["around"]

    def happens(kind: str) -> bool:
        return chance.random() < float(share[kind])

    kind = chance.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS])[0]
    if happens("no_exam"):
        core = chance.choice(around["no_exam"])
    elif happens("english"):
        core = _core(forms["english"], chance)
    else:
        core = _core(forms[kind], chance)
    name = core
    if happens("second_exam"):
        name = f"{name}{chance.choice(around['joint'])}{_core(forms[kind], chance)}"
        core = name
    if happens("prefix"):
        name = chance.choice(around["prefix"]) + name
    if happens("suffix"):
        name += chance.choice(around["suffix"])
    if happens("wish"):
        name += chance.choice(around["wish"])
    if happens("number"):
        name += str(chance.randrange(1000))
    if happens("typing_error"):
        name = _mistyped(name, chance)
    if happens("stray"):
        at = chance.randrange(len(name) + 1)
        name = name[:at] + chance.choice(around["stray"]) + name[at:]
    if happens("full_width"):
        name = name.translate(FULL_WIDTH)
    if happens("blanks"):
        at = chance.randrange(len(name) + 1)
        name = f"{name[:at]} {name[at:]}"
    modality = "" if happens("no_modality") else chance.choice(forms[kind]["column"])
    return BenchName(name, modality, f"inst{chance.randrange(137):03d}", core)


def _core(forms: dict[str, Any], chance: random.Random) -> str:
    """One exam: a whole name, or part, modality word and scan in one of the usual orders."""
    if "names" in forms:
        return _common(forms["names"], chance)
    part, scan, word = (_common(forms[key], chance) for key in ("parts", "scans", "words"))
    order = chance.random()
    if order < 0.6:
        return f"{part}{word}{scan}"
    if order < 0.8:
        return f"{word}{part}{scan}"
    if order < 0.92:
        return f"{part}{scan}{word}"
    return f"{word}{part}({scan})" if scan else f"{part}({word})"


def _common(pieces: list[str], chance: random.Random) -> str:
    """One of the pieces, the first ones more often."""
    return pieces[int(len(pieces) * chance.random() ** 2)]


def _mistyped(name: str, chance: random.Random) -> str:
    """A character missing, doubled, or changed with its neighbour."""
    at = chance.randrange(len(name))
    kind = chance.randrange(3)
    if kind == 0 and len(name) > 1:
        return name[:at] + name[at + 1 :]
    if kind == 1:
        return name[: at + 1] + name[at:]
    return name[:at] + name[at : at + 2][::-1] + name[at + 2 :]
