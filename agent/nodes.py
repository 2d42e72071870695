"""What stands at and behind a word of a name: questions that the grouping of words asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agent.group import LISTS, ROUTINE, SEPARATORS, Group, Node

APART: Final = SEPARATORS - {"dash"}  # what may stand between one exam and the next


def is_modality(node: Node, family: str) -> bool:
    """A modality and no scan; in ultrasound the routine scan (彩超) is its modality's name."""
    slots = dict(node.slots)
    return slots.get("scan") == ROUTINE if family == "US" else "modality" in slots and "scan" not in slots


def is_film(node: Node) -> bool:
    """A word that says a part and its modality: 胸片, CXR."""
    return {"part", "modality"} <= {slot for slot, _ in node.slots}


def has_part(node: Node) -> bool:
    return any(slot == "part" for slot, _ in node.slots)


def next_is_part(nodes: list[Node], position: int, bracketed: bool = False) -> bool:
    for node in nodes[position:]:
        if node.kind == "slots" and (bracketed or not node.depth):
            slots = [slot for slot, _ in node.slots]
            if "part" in slots:
                return True
            if "scan" in slots or "position" in slots:
                return False
    return False


def scan_after_separator(nodes: list[Node], position: int, group: Group) -> bool:
    """A scan behind a separator, of the same part: 头颅MRI+MRA, 脑部核磁和脑血管MRA."""
    said = {part.element for part in group.parts}
    for node in behind_separator(nodes, position):
        slots = dict(node.slots) if node.kind == "slots" else {}
        if "scan" in slots:
            return True
        if not slots or not slots.keys() <= {"part", "vessel"} or slots.get("part", "") not in {"", *said}:
            return False
    return False


def modality_and_scan(nodes: list[Node], group: Group, family: str) -> bool:
    """A modality, and behind a separator a scan of the same part: MRI+MRA."""
    return any(is_modality(node, family) and scan_after_separator(nodes, at, group) for at, node in enumerate(nodes, 1))


def part_after_separator(nodes: list[Node], position: int) -> bool:
    """A separator, and a part with or without its side."""
    following = behind_separator(nodes, position)
    return any(map(has_part, [node for node in following if "side" not in dict(node.slots)][:1]))


def behind_separator(nodes: list[Node], position: int) -> list[Node]:
    """What follows where a separator between exams stands; nothing where none does."""
    apart = position < len(nodes) and nodes[position].kind in APART
    return nodes[position + 1 :] if apart else []


def added(group: Group, inside: Group, general: Callable[[str, str], bool]) -> set[int]:
    """The words of a bracket that say what the group before it does not say yet: those of 平扫+增强(三期) do not.

    `general`: whether a scan says less than another."""
    said = {element for slot in LISTS for element, _ in group.slot(slot)}
    said.update(each for element in list(said) for each in element.split("+"))
    return {
        at
        for slot in LISTS
        for element, at in inside.slot(slot)
        if element not in said and not any(general(element, each) for each in said)
    }
