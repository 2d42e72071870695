"""Several views of one part in one name that no joint item holds: 骨盆正位+出入口位."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import combinations

from standard.lexicon import Lexicon
from training.exam import ExamWriter, Words
from training.forms import Forms
from training.joined import ByPart, Made, groups_of, joint_of
from training.shapes import Shapes
from training.wordings import Meaning, views_of


class PartViews:
    """Compiled once. `items`: by style, side and part."""

    def __init__(self, lexicon: Lexicon, shapes: Shapes, writer: ExamWriter, forms: Forms, items: ByPart) -> None:
        self._lexicon, self._shapes, self._writer, self._forms = lexicon, shapes, writer, forms
        self._items, self._groups = items, groups_of("XR", items, shapes)
        elements = forms.elements("position", "XR")
        self._together = {
            frozenset(views_of(element, lexicon)): element
            for element in elements
            if "、" in element and ";" not in element
        }
        self._lists = self._lists_of(elements)

    def make(self, chance: random.Random) -> Made | None:
        """Several views of one part that no joint item holds: 骨盆正位+出入口位."""
        if chance.random() < self._shapes.several.view_list:
            return self._list(chance)
        group = self._groups.pick(chance)
        chosen = chance.sample(group, min(len(group), 2 if chance.random() < 0.75 else 3))
        views = [set(views_of(each.slots.position, self._lexicon)) for each in chosen]
        joined = set[str]().union(*views)
        if not all(each.slots.position for each in chosen) or len(joined) < sum(map(len, views)):
            return None
        items = [set(views_of(each.slots.position, self._lexicon)) for each in group]
        if joined in items or any(one | other in items for one, other in combinations(views, 2)):
            return None
        if any("站立" in each or "负重" in each for each in views):  # said of both
            return None
        return self.told(chance, chosen)

    def told(self, chance: random.Random, chosen: Sequence[Meaning]) -> Made | None:
        """A name of these views of one part; None where one of them has no word."""
        joined = {view for each in chosen for view in views_of(each.slots.position, self._lexicon)}
        drawn = [self._writer.words(chance, each.wordings[0][1]) for each in chosen]
        said = [words.position for words in drawn]
        position = joint_of(chance, self._shapes, said).join(said)
        together = self._together.get(frozenset(joined)) or self._together.get(self._said_for(chosen))
        if together is not None and chance.random() < 0.6:  # 正侧位, of a part that has only the single ones
            position = self._forms.pick(chance, "position", together, "XR")
        return self._of_views(chance, drawn[0], position, chosen)

    def _list(self, chance: random.Random) -> Made | None:
        """Views that the lexicon has a word for together, and the edition an item each: 出入口位, 正位+出入口位."""
        style, group, element = chance.choice(self._lists)
        offered = {each.slots.position: each for each in group}
        chosen = [offered[view] for view in self._views_in(element, group[0].slots.part)]
        position = self._forms.pick(chance, "position", element, style)
        other = chance.choice(group)
        if chance.random() < 0.3 and other not in chosen and other.slots.position:
            said = [self._forms.pick(chance, "position", other.slots.position, style), position]
            views = set(views_of(other.slots.position, self._lexicon))
            if any(views & set(views_of(each.slots.position, self._lexicon)) for each in chosen):
                return None
            chosen, position = [other, *chosen], (joint_of(chance, self._shapes, said) or "+").join(said)
        words = self._writer.words(chance, chosen[0].wordings[0][1])
        return self._of_views(chance, words, position, chosen)

    def _of_views(self, chance: random.Random, lead: Words, position: str, chosen: Sequence[Meaning]) -> Made | None:
        """One part in several views; None where they would be without a word."""
        if not position or ";" in position:
            return None
        lead = lead.changed(position=position)
        if chance.random() < 0.45:
            lead = lead.changed(mod="")
        return self._writer.write(chance, lead), tuple(each.item.code for each in chosen), "XR", frozenset({"XR"})

    def _said_for(self, chosen: Sequence[Meaning]) -> frozenset[str]:
        """The views by which items are asked for: 正 and 侧 of the sternum, whose items are 后前位 and 侧位."""
        said = {
            row.to_position: row.position
            for row in self._lexicon.position_fallbacks
            if row.part == chosen[0].slots.part and ";" not in row.position + row.to_position
        }
        views = (said.get(each.slots.position, each.slots.position) for each in chosen)
        return frozenset(view for each in views for view in views_of(each, self._lexicon))

    def _views_in(self, element: str, part: str) -> list[str]:
        """The single items that views of a part said together are: 双斜位 of 骶髂关节 is its 左斜位 and 右斜位."""
        for row in self._lexicon.position_fallbacks:
            if row.position == element and row.part == part and ";" in row.to_position:
                return row.to_position.split(";")
        return element.split(";")

    def _lists_of(self, elements: Sequence[str]) -> list[tuple[str, list[Meaning], str]]:
        """Style, items of one part, and each element that stands for several of them."""
        found = []
        for (style, _, part), group in sorted(self._items.items()):
            offered = {each.slots.position for each in group}
            for element in elements if style in ("XR", "MG") else ():
                views = self._views_in(element, part)
                if len(views) > 1 and offered.issuperset(views):
                    found.append((style, group, element))
        return found
