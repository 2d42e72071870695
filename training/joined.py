"""What names of several exams have in common: the items by part, and what stands between two exams."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence

from training.shapes import Shapes, Weighted
from training.wordings import Meaning, Wordings

Made = tuple[str, tuple[str, ...], str, frozenset[str]]  # text, codes, family ("" for several), families implied
ByPart = Mapping[tuple[str, str, str], list[Meaning]]  # the items of each style, side and part
CLEAR_ORDERS = Weighted(
    [
        (30.0, "{body}{mod}{scan}"),
        (20.0, "{mod}{body}{scan}"),
        (8.0, "{mod}{body}({scan})"),
        (8.0, "{body}{mod}({scan})"),
    ]
)


def by_part(wordings: Wordings) -> ByPart:
    """The items of each style, side and part."""
    found: dict[tuple[str, str, str], list[Meaning]] = defaultdict(list)
    for meaning in wordings.meanings:
        slots = meaning.slots
        found[wordings.style(meaning.item), slots.side, slots.part].append(meaning)
    return found


def groups_of(style: str, items: ByPart, shapes: Shapes) -> Weighted[list[Meaning]]:
    """The items of one part, where there are several; common parts oftener."""
    return Weighted(
        [(shapes.times(part), each) for (of, _, part), each in sorted(items.items()) if of == style and len(each) > 1]
    )


def joint_of(chance: random.Random, shapes: Shapes, texts: Sequence[str]) -> str:
    """What stands between; never nothing between words that would run together."""
    joint = shapes.orders.joints.pick(chance)
    if not joint and any(text[:1].isascii() or text[-1:].isascii() for text in texts):
        return "+"
    return joint or ("" if chance.random() < 0.4 else "+")


def mixed(chance: random.Random, shapes: Shapes, joint: str, texts: Sequence[str]) -> str:
    """The texts with what stands between them, now and then with something else at one place: 平扫+DWI及MRA."""
    out = texts[0]
    for at in range(1, len(texts)):
        other = len(texts) > 2 and chance.random() < shapes.several.mixed_joints
        out += (joint_of(chance, shapes, texts[at - 1 : at + 1]) if other else joint) + texts[at]
    return out
