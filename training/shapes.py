"""The shapes of names (data/shapes.toml, data/refusals.toml), read into typed tables. DataError names a wrong entry."""

from __future__ import annotations

import random
import re
import tomllib
from bisect import bisect
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from standard.errors import DataError

DATA = Path(__file__).parent / "data"
T = TypeVar("T")


class Weighted(Generic[T]):
    """Values drawn by weight."""

    __slots__ = ("_sums", "values")

    def __init__(self, pairs: Sequence[tuple[float, T]]) -> None:
        self.values = [value for _, value in pairs]
        self._sums = list(accumulate(weight for weight, _ in pairs))

    def pick(self, chance: random.Random) -> T:
        """One of the values."""
        return self.values[min(bisect(self._sums, chance.random() * self._sums[-1]), len(self.values) - 1)]


_NUMBER = re.compile(r"\{([a-z]+)\}")


def filled(chance: random.Random, word: str, numbers: dict[str, list[str]]) -> str:
    """A word with its numbers drawn: {slices}排 is 64排."""
    return _NUMBER.sub(lambda match: chance.choice(numbers[match[1]]), word) if "{" in word else word


def _weighted(pairs: Any) -> Any:
    """[[weight, value], …] as Weighted."""
    if isinstance(pairs, Weighted):
        return pairs
    if not isinstance(pairs, list) or not pairs or any(not isinstance(p, list) or len(p) != 2 for p in pairs):
        raise ValueError("must be a list of [weight, value]")
    if any(not isinstance(p[0], int | float) or p[0] <= 0 for p in pairs):
        raise ValueError("a weight must be a number above 0")
    return Weighted([(float(weight), value) for weight, value in pairs])


Words = Annotated[Weighted[str], BeforeValidator(_weighted)]
Numbers = Annotated[Weighted[int], BeforeValidator(_weighted)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class OneShares(_Table):
    """How often each thing happens to a name of one exam."""

    english: float
    bilingual: float
    translated: float
    foreign_part: float
    bracket_part: float
    heading: float
    synonym: float
    includes: float
    side_of_view: float
    unsaid_both: float
    echo: float
    other_echo: float
    typing: float
    look_alike: float
    dropped: float
    doubled: float
    cut: float
    stray: float
    uncertain: float
    short: float
    element: float
    unsaid_scan: float
    unsaid_modality: float
    unsaid_position: float
    side_not_coded: float
    side_last: float
    spread: float
    short_ending: float
    open_choice: float
    bedside: float
    noise: list[float]


class Shares(_Table):
    """Shares of the kinds of names."""

    several: float
    refusal: float
    of_one: OneShares


class Column(_Table):
    """What stands in the modality column."""

    said: float
    department: float
    CT: list[str]
    MR: list[str]
    XR: list[str]
    RF: list[str]
    MG: list[str]
    US: list[str]
    NM: list[str]
    departments: list[str]

    def words(self, style: str) -> list[str]:
        """The words of a family, or of RF and MG."""
        found: list[str] = getattr(self, style)
        return found


class Orders(_Table):
    """In which order the pieces of an exam stand."""

    CT: Words
    MR: Words
    XR: Words
    RF: Words
    MG: Words
    US: Words
    NM: Words
    US_price: list[str]
    US_scan: Words
    side: Words
    side_last: Words
    english: Words
    english_side: Words
    scan_post: Words
    views: Words
    members: Words
    joints: Words

    def of(self, style: str) -> Weighted[str]:
        """The orders of a family, or of RF and MG."""
        found: Weighted[str] = getattr(self, style)
        return found


class SeveralShapes(_Table):
    """Names of several exams."""

    exams: Numbers
    modes: Words
    family: Words
    noise_each: float
    other_part: float
    other_family: float
    same_words: float
    part_again: float
    mixed_joints: float
    of_no_part: float
    view_list: float
    headed: float
    beside: dict[str, list[str]]
    scans: dict[str, float]


class Share(_Table):
    """How often something happens, of all names."""

    share: float


class UsualParts(_Table):
    """Parts that are drawn `times` as often as others."""

    times: float
    parts: list[str]


class PartList(_Table):
    """A list of parts."""

    parts: list[str]


class Bedside(_Table):
    """The bed. `words`: how it is said of an exam that is not another one for it, {name} is the exam. Of the parts that
    have a bedside item: `views` and `texts` (in place of the part) that its names say."""

    words: list[str]
    views: dict[str, list[str]]
    texts: dict[str, list[str]]


class WithPlain(_Table):
    """Scans that are said together with 平扫 and are no other for it, how often, and in which orders."""

    share: float
    scans: list[str]
    orders: list[str]


class Spread(_Table):
    """Names whose words stand each for itself: what is between them, and how often their order is any."""

    any_order: float
    between: list[str]


class Levels(_Table):
    """Levels of the spine, by part: said behind it, or in its place. Numbers in braces are those of [numbers]."""

    behind_share: float
    behind: dict[str, list[str]]
    instead_share: float
    instead: dict[str, list[str]]


class English(_Table):
    """English names: words of the modality by style, of the plain scan, and what joins views."""

    modality: dict[str, list[str]]
    plain: list[str]
    views: list[str]


class Gut(_Table):
    """Words that say a contrast study of the gut only, and its parts."""

    words: list[str]
    parts: list[str]


class Segment(_Table):
    """Words for a piece of a bone, said behind these parts."""

    parts: list[str]
    share: float
    words: list[str]


class NoiseShape(_Table):
    """Noise of one kind of the lexicon: how often, where it stands, what is left out and what is added."""

    weight: float
    place: Words
    kind: str
    families: list[str] = []
    without: list[str] = []
    also: list[str] = []


class DamageShapes(_Table):
    """What is never damaged, endings that are left out, pairs of characters that look alike, stray characters."""

    keep: str
    endings: list[str]
    look_alike: list[str]
    stray: list[str]


class Shapes(_Table):
    """data/shapes.toml."""

    def times(self, part: str) -> float:
        """How much oftener than others a part is drawn."""
        return next((tier.times for tier in self.usual_parts if part in tier.parts), 1.0)

    share: Shares
    column: Column
    family: dict[str, float]
    usual: dict[str, float]
    usual_parts: list[UsualParts]
    plain_and_contrast: Share
    orders: Orders
    several: SeveralShapes
    both: dict[str, list[str]]
    with_plain: WithPlain
    paired: PartList
    noise: list[NoiseShape]
    segment: Segment
    gut: Gut
    bedside: Bedside
    levels: Levels
    spread: Spread
    english: English
    counted: dict[str, list[str]]
    headings: list[str]
    numbers: dict[str, list[str]]
    damage: DamageShapes


class Refusals(_Table):
    """data/refusals.toml. `share`: of each kind, its weight and what it is."""

    share: dict[str, tuple[float, str]]
    words: list[str]
    behind: list[str]
    fees: list[str]
    procedures: list[str]
    complaints: list[str]
    complaint_places: list[str]
    cancelled: list[str]
    cancelled_places: list[str]
    joined: float
    english: float


S = TypeVar("S", bound=BaseModel)


def read_shapes(path: Path, model: type[S]) -> S:
    """A file of shapes. Raises DataError with the entry that does not hold."""
    try:
        return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        problem = (f"不是合法的 TOML：{error}", f"is not valid TOML: {error}")
        raise DataError(path.name, None, None, path.name, problem) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise DataError(path.name, None, where, first.get("input"), (first["msg"], first["msg"])) from error


@cache
def load_shapes() -> Shapes:
    """The shapes that ship."""
    return read_shapes(DATA / "shapes.toml", Shapes)


@cache
def load_refusals() -> Refusals:
    """The refusals that ship."""
    return read_shapes(DATA / "refusals.toml", Refusals)
