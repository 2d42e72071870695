"""What stands around an exam in a name and says nothing of it: devices, payers, prices, places, wishes."""

from __future__ import annotations

import random

from standard.lexicon import Lexicon
from training.damage import Damage
from training.shapes import Shapes, Weighted, filled

PART = "{part}"
LONGEST = 3  # characters of a part in a history


class _Kind:
    """One kind of noise: its words and where they stand."""

    def __init__(self, words: list[str], also: list[str], places: Weighted[str], families: list[str]) -> None:
        self.words, self.also, self.places, self.families = words, also, places, families
        self.history = any(PART in word for word in also)


class Noise:
    """Compiled once. The lexicon's noise of each kind, less what means something, and the shapes' own."""

    def __init__(self, lexicon: Lexicon, shapes: Shapes, damage: Damage) -> None:
        self._damage = damage
        parts = {
            form.surface
            for form in lexicon.of("part")
            if len(form.surface) <= LONGEST and not form.surface.isascii() and tuple(form.modality) != ("NM",)
        }
        self._numbers = shapes.numbers | {"part": sorted(parts)}  # {part}癌术后
        self._cut = shapes.share.of_one.cut * 3
        meaning = {form.surface for form in lexicon.forms if form.slot not in ("noise", "separator", "modality")}
        pairs = []
        for shape in shapes.noise:
            left_out = set(shape.without) | meaning
            words = [
                form.surface
                for form in lexicon.of("noise")
                if form.element == shape.kind and form.surface not in left_out
            ]
            pairs.append((shape.weight, _Kind(words, shape.also, shape.place, shape.families)))
        self._kinds = Weighted(pairs)
        self._counts = Weighted([(share, count) for count, share in enumerate(shapes.share.of_one.noise)])

    def around(self, chance: random.Random, name: str, family: str, part: bool = True) -> str:
        """The name with no, one or several pieces of noise around it. `part`: it says one."""
        for _ in range(self._counts.pick(chance)):
            name = self.one(chance, name, family, part)
        return name

    def one(self, chance: random.Random, name: str, family: str, part: bool = True) -> str:
        """The name with one piece of noise. The part of a history would be that of a name that says none."""
        kind = self._kinds.pick(chance)
        if (kind.families and family not in kind.families) or (kind.history and not part):
            return name
        pools = [pool for pool in (kind.words, kind.words, kind.also) if pool]
        if pools:
            word = filled(chance, chance.choice(chance.choice(pools)), self._numbers)
        else:
            word = self._damage.nothing(chance)
        place = kind.places.pick(chance)
        placed = self._placed(place, name, word)
        if place.startswith("{name}") and chance.random() < self._cut:  # cut at a length: noise loses its end
            placed = placed[: len(placed) - chance.randint(1, max(1, len(word)))]
        return placed

    @staticmethod
    def _placed(place: str, name: str, word: str) -> str:
        left, _, right = place.partition("{name}")
        joined = f"{left.replace('{}', word)}{name}{right.replace('{}', word)}"
        # 2 + 64排, AX + DR: what would run together into another word is kept apart
        at = len(left.replace("{}", word))
        if at and _runs(joined[at - 1], joined[at : at + 1]):
            joined = f"{joined[:at]} {joined[at:]}"
        end = len(joined) - len(right.replace("{}", word))
        if end < len(joined) and _runs(joined[end - 1 : end], joined[end]):
            joined = f"{joined[:end]} {joined[end:]}"
        return joined


def _runs(before: str, after: str) -> bool:
    return before.isascii() and after.isascii() and before.isalnum() and after.isalnum()
