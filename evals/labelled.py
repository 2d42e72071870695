"""Which labelled names a fit may see, and how much an accepted answer among them tells.

The sets that ship have corrected the tables that read them, all but those kept apart, so what is accepted of them is
right by now. data/first_sight.toml keeps what was wrong before that; names of other files count as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from evals.gold import GoldRow, read_gold
from standard.errors import InputError
from standard.lexicon import read_toml

DATA = Path(__file__).parent / "data"
FILE = DATA / "first_sight.toml"


class Seen(BaseModel):
    """Of a set: the answers accepted at first sight, and how many of them were wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    accepted: int = Field(gt=0)
    wrong: int = Field(ge=0)


class FirstSight(BaseModel):
    """first_sight.toml: sets by the stem of a file's name."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    recent: tuple[str, ...]
    apart: tuple[str, ...]
    sets: dict[str, Seen]

    def share(self, path: Path) -> float:
        """What is taken off an accepted answer of a file: nothing where it is no set that ships."""
        if path.stem not in self.sets:
            return 0.0
        recent = [self.sets[name] for name in self.recent]
        return sum(each.wrong for each in recent) / sum(each.accepted for each in recent)


@dataclass(frozen=True, slots=True)
class Labelled:
    """Names for a fit, each once, with the share of each that is taken off an accepted answer's truth; the files."""

    rows: tuple[GoldRow, ...]
    discount: tuple[float, ...]
    files: tuple[str, ...]


@cache
def first_sight() -> FirstSight:
    """What ships. DataError names what does not hold."""
    return read_toml(FILE, FirstSight)


def for_a_fit(given: Sequence[Path]) -> Labelled:
    """The names of these files, of the shipped ones where none is given. InputError for a set that is kept apart."""
    seen = first_sight()
    paths = list(given) or [path for path in sorted(DATA.glob("*.tsv")) if path.stem not in seen.apart]
    for path in paths:
        if path.stem in seen.apart:
            raise InputError(
                f"{path.name} 留作检验，不用来拟合；请去掉它，用 ./yingma eval 测量。",
                f"{path.name} is kept apart to measure with, and no fit may see it; "
                "leave it out and use it with: ./yingma eval",
            )
    rows: dict[tuple[str, str], tuple[GoldRow, float]] = {}
    for path in paths:
        for row in read_gold([path]):
            rows.setdefault((row.name, row.modality), (row, seen.share(path)))
    files = tuple(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}" for path in paths)
    return Labelled(tuple(row for row, _ in rows.values()), tuple(share for _, share in rows.values()), files)
