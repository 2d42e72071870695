"""What happens to words on the way: typing and scanning errors, pinyin, a character lost or said twice.

A damaged word keeps its meaning: characters that say much (左, 上, 动 …) are never touched, and a word that came out as
another word of the lexicon is left as it was.
"""

from __future__ import annotations

import csv
import random
from functools import cache

from training.forms import Forms
from training.shapes import DATA, DamageShapes, OneShares

TRIES = 12
LONGEST = 8  # characters of a form that a damaged word is searched for


@cache
def sounds() -> dict[str, tuple[str, str]]:
    """data/sounds.tsv: the pinyin of a character, and characters of the same sound."""
    with (DATA / "sounds.tsv").open(encoding="utf-8", newline="") as file:
        return {row["character"]: (row["pinyin"], row["same_sound"]) for row in csv.DictReader(file, delimiter="\t")}


@cache
def strange() -> str:
    """Characters that no word of the lexicon holds."""
    known = set(sounds())
    return "".join(sorted({char for _, same in sounds().values() for char in same} - known))


class Damage:
    """Compiled once."""

    def __init__(self, shapes: DamageShapes, shares: OneShares, forms: Forms) -> None:
        self._shares, self._forms, self._stray = shares, forms, shapes.stray
        self._endings = shapes.endings
        self._keep = set(shapes.keep)
        self._alike: dict[str, str] = {}
        for pair in shapes.look_alike:
            self._alike[pair[0]] = self._alike.get(pair[0], "") + pair[1]
        self._usual = sorted({char for char in sounds() if char not in self._keep})
        self._any = shares.typing + shares.look_alike + shares.dropped + shares.doubled

    def words(self, chance: random.Random, *words: str) -> list[str]:
        """The words, now and then one of them damaged."""
        found = [self._cut_short(chance, word) for word in words]
        share = chance.random()
        if share >= self._any:
            return found
        at = chance.choice([at for at, word in enumerate(found) if word] or [-1])
        if at >= 0:
            damaged = self._damaged(chance, found[at], share)
            if self._means_the_same(found[at], damaged):
                found[at] = damaged
        return found

    def _cut_short(self, chance: random.Random, word: str) -> str:
        """Now and then, the word without an ending that says little: 膝关节 is 膝, 平扫 is 平."""
        if chance.random() < self._shares.short_ending:
            for ending in self._endings:
                short = word.removesuffix(ending)
                if short and short != word and self._stays(word, short):
                    return short
        return word

    def _stays(self, word: str, short: str) -> bool:
        """Whether a shortened word is no word of its own, or one of the same element: 胸椎 is never 胸."""
        known = self._forms.elements_of
        return short not in known or bool(known[short] & known.get(word, set()))

    def pinyin(self, word: str) -> str:
        """The word in pinyin, where every character has one."""
        table = sounds()
        if any(char not in table for char in word):
            return word
        return "".join(table[char][0] for char in word).upper()

    def stray(self, chance: random.Random, text: str) -> str:
        """A character that says nothing, put in at the begin, the end, or between."""
        at = chance.choice([0, len(text), len(text), chance.randint(0, len(text))])
        return f"{text[:at]}{chance.choice(self._stray)}{text[at:]}"

    def nothing(self, chance: random.Random) -> str:
        """A word that means nothing here: two to five characters that no form of the lexicon is made of, or that are
        those of its words, put together so that no form stands in them."""
        count = chance.randint(2, 5)
        if chance.random() < 0.5:
            return "".join(chance.choice(strange()) for _ in range(min(count, 4)))
        word = ""
        for _ in range(TRIES):
            longer = word + chance.choice(self._usual)
            if not self._elements(longer):
                word = longer
            if len(word) == count:
                return word
        return word or chance.choice(strange())

    def _damaged(self, chance: random.Random, word: str, share: float) -> str:
        shares = self._shares
        places = [at for at, char in enumerate(word) if "\u4e00" <= char <= "\u9fff" and char not in self._keep]
        if not places:
            return word
        at = chance.choice(places)
        char = word[at]
        if share < shares.typing:
            same = [each for each in sounds().get(char, ("", ""))[1] if each not in self._keep]
            return word[:at] + chance.choice(same) + word[at + 1 :] if same else word
        if share < shares.typing + shares.look_alike:
            alike = self._alike.get(char)
            return word[:at] + chance.choice(alike) + word[at + 1 :] if alike else word
        if share < shares.typing + shares.look_alike + shares.dropped:
            return word[:at] + word[at + 1 :] if len(places) >= 3 else word
        return word[: at + 1] + word[at:] if chance.random() < 0.6 else word + word

    def _means_the_same(self, word: str, damaged: str) -> bool:
        """No form of another element stands in the damaged word that did not stand in the word."""
        return self._elements(damaged) <= self._elements(word)

    def _elements(self, text: str) -> set[str]:
        known = self._forms.elements_of
        found: set[str] = set()
        for start in range(len(text)):
            for end in range(start + 1, min(len(text), start + LONGEST) + 1):
                found |= known.get(text[start:end], set())
        return found
