"""Items of a catalogue as the model sees them: four values (modality, part, scan, extra) that determine the item.

    CT胸部(平扫+三维重建)   CT | 胸部 | 平扫 | 三维重建          DR左膝关节正位   DR | 左膝关节 |  | 正位
    经阴道…超声检查         US | part | scan | way+subitem

That the four values do determine the item is a test over every edition.
"""

from __future__ import annotations

from collections.abc import Callable

from prompts.schema import CandidateRow, Exam
from standard import Catalogue, Item

# The finest part that a layout has, and the slots whose names make `extra`, in the order in which they are written.
PART_SLOTS = ("part3", "part", "part2", "part1")
EXTRA_SLOTS = ("way", "subitem", "post", "position", "process", "dose", "addition")
ANY_DEVICE = "不区分设备"


def candidate_row(item: Item) -> CandidateRow:
    """The row of one item. Its modality is the device's name where the code names a device (移动DR)."""
    elements = item.elements
    device = elements.get("device", "")
    return CandidateRow(
        code=item.code,
        name=item.name,
        modality=item.modality if not device or device.endswith(ANY_DEVICE) else device,
        part=next((elements[slot] for slot in PART_SLOTS if elements.get(slot)), ""),
        scan=elements.get("scan", ""),
        extra="+".join(elements[slot] for slot in EXTRA_SLOTS if elements.get(slot)),
    )


def resolver(catalogue: Catalogue) -> Callable[[Exam], str | None]:
    """The code of four values in the whole catalogue, or None: what a ModelRequest's `resolve` wants. Make it once."""
    rows = map(candidate_row, catalogue.items.values())
    codes = {Exam(row.modality, row.part, row.scan, row.extra): row.code for row in rows}
    return codes.get
