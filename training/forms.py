"""What an element is called: forms drawn at random from the lexicon, the reader's own table of surface forms."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from standard.lexicon import Lexicon
from standard.lexicon_rows import MODALITIES
from standard.text import canonical
from training.shapes import OneShares

_SIDES = {"左", "右"}
LATIN_IN_CHINESE = 5  # characters of a Latin form (CTA, MRCP) that stands among Chinese words like one of them


@dataclass(slots=True)
class _Said:
    """The forms of one element: sure ones that stand among Chinese words, English ones, uncertain ones."""

    chinese: list[str] = field(default_factory=list)
    english: list[str] = field(default_factory=list)
    uncertain: list[str] = field(default_factory=list)


class Forms:
    """The forms by slot, element and family; compiled once."""

    def __init__(self, lexicon: Lexicon, shares: OneShares) -> None:
        self._shares = shares
        self._said: dict[tuple[str, str, str], _Said] = {}
        self.elements_of: dict[str, set[str]] = {}  # what each surface can mean, of any slot but noise
        for form in lexicon.forms:
            if form.slot in ("noise", "separator"):
                continue
            if form.slot == "position" and _SIDES & set(form.surface) - set(form.element):
                continue  # 左侧位, of 侧位: a side that is not the part's
            self.elements_of.setdefault(form.surface, set()).add(form.element)
            for modality in form.modality or MODALITIES:
                said = self._said.setdefault((form.slot, form.element, modality), _Said())
                latin = form.surface.isascii()
                if form.certainty:
                    said.uncertain.append(form.surface)
                elif latin and len(form.surface) > LATIN_IN_CHINESE:
                    said.english.append(form.surface)
                else:
                    said.chinese.append(form.surface)
                    if latin:
                        said.english.append(form.surface)

    def has(self, slot: str, element: str, family: str) -> bool:
        """Whether the lexicon has a form of it."""
        return (slot, element, family) in self._said

    def elements(self, slot: str, family: str) -> list[str]:
        """The elements that a family has forms for, sorted."""
        return sorted(element for kind, element, of in self._said if (kind, of) == (slot, family))

    def english(self, slot: str, element: str, family: str) -> list[str]:
        """The English forms; none for no element."""
        said = self._said.get((slot, element, family))
        return said.english if said is not None else []

    def pick(self, chance: random.Random, slot: str, element: str, family: str) -> str:
        """A form of the element for a Chinese name; "" for no element."""
        if not element:
            return ""
        said = self._said.get((slot, element, family))
        if said is None or chance.random() < self._shares.element:
            return canonical(element).text
        if said.uncertain and (not said.chinese or chance.random() < self._shares.uncertain):
            return chance.choice(said.uncertain)
        if not said.chinese:
            return chance.choice(said.english) if said.english else canonical(element).text
        form = chance.choice(said.chinese)
        if chance.random() < self._shares.short:  # people say the short ones oftener
            return min(form, chance.choice(said.chinese), key=len)
        return form
