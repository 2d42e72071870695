"""Lexicons with words left out at random: what tables know of a hospital that nobody has seen.

The labelled names have corrected the tables, so that today hardly anything in them is unexplained; with words left out
they are read as they would have been by tables without those words. data/thinned.toml says how many and of which slots.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from standard.lexicon import Form, Lexicon, read_toml

FILE = Path(__file__).parent / "data" / "thinned.toml"


class Plan(BaseModel):
    """thinned.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    share: float = Field(gt=0, lt=1)
    draws: tuple[str, ...]
    slots: frozenset[str]


@cache
def plan() -> Plan:
    """What ships. DataError names what does not hold."""
    return read_toml(FILE, Plan)


def thinned(lexicon: Lexicon) -> Iterator[Lexicon]:
    """One lexicon a draw; a draw leaves out the same words on every machine, whatever other words there are."""
    drawn = plan()
    for draw in drawn.draws:
        kept = tuple(form for form in lexicon.forms if _stays(form, draw, drawn))
        yield replace(lexicon, forms=kept, version=f"{lexicon.version}-{draw}")


def _stays(form: Form, draw: str, drawn: Plan) -> bool:
    own_name = form.surface == form.element
    return own_name or form.slot not in drawn.slots or _chance(draw, form.surface) >= drawn.share


def _chance(draw: str, surface: str) -> float:
    """In 0..1, of a word in a draw."""
    return int.from_bytes(hashlib.sha256(f"{draw} {surface}".encode()).digest()[:8]) / 2**64
