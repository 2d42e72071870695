"""The standard name of an item, put together from its elements by the naming rules of the publications.

    CT  颅脑  (平扫 + 三维重建)          radiology CT, MR: device, part, then scan and post in brackets (rules 2, 8)
    DR  颈椎  正位                       X-ray: device, part, scan, position, no brackets (rule 3)
    经阴道  子宫  三维  超声检查          ultrasound: way, part, sub-item, scan, then the fixed words (rule 13)

What an element prints, which scans stand in brackets and which words are not doubled (rule 9) is data. Names that the
rules do not make are in exceptions.tsv.
"""

from __future__ import annotations

from collections.abc import Mapping

from standard.edition import Element
from standard.layout import Naming


def compose_name(naming: Naming, elements: Mapping[str, Element]) -> str:
    """The name of an item with these elements (by slot; none means: nothing there), without the leading mark."""
    head_words = [elements[slot].printed for slot in naming.head if slot in elements]
    head = "".join(head_words)
    tail = "+".join(word for word in (elements[slot].printed for slot in naming.tail if slot in elements) if word)
    part_is_named = sum(1 for word in head_words if word) > 1
    if naming.brackets and part_is_named and any(elements[slot].bracket for slot in naming.tail if slot in elements):
        return f"{head}({tail}){naming.suffix}"
    for word in naming.doubled:
        if head.endswith(word) and tail.startswith(word):
            tail = tail[len(word) :]
            break
    return f"{head}{tail}{naming.suffix}"
