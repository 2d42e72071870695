"""`encode` is the only function that composes a code.

Two ways to see it: every code that the package gives out was made by `encode` or given to it, and no other function of
the repository puts codes of slots together.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import standard.catalogue
import standard.coder
from standard import Edition, with_addition, with_device
from standard.catalogue import read_edition
from standard.coder import encode as real_encode
from standard.coder import standard_code

ROOT = Path(__file__).parents[2]
PACKAGES = ("standard", "retrieval", "prompts", "training", "agent", "ui", "evals")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The codes that `encode` composed, wherever it is called from."""
    codes: list[str] = []

    def recording(edition: Edition, modality: str, slots: Mapping[str, str], *, listed: bool = True) -> str:
        codes.append(real_encode(edition, modality, slots, listed=listed))
        return codes[-1]

    monkeypatch.setattr(standard.coder, "encode", recording)
    monkeypatch.setattr(standard.catalogue, "encode", recording)
    return codes


@pytest.mark.parametrize("edition_id", ["radiology-3.8.2", "ultrasound-1.1", "nuclear-2.0"])
def test_every_code_of_an_edition_was_made_by_encode(edition_id: str, made: list[str]) -> None:
    edition = read_edition(standard.catalogue.EDITIONS / edition_id)
    assert list(made) == [*dict.fromkeys(made)]
    assert set(edition.items) == set(made)


def test_every_derived_code_was_made_by_encode(tiny: Edition, made: list[str]) -> None:
    for derived in (
        with_device(tiny, "A1111070", "B"),
        with_addition(tiny, "A1111070", "5"),
        standard_code(tiny, "B1111075"),
    ):
        assert derived in made


def composing(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Expressions that put two or more codes of slots together: joined, added, or side by side in an f-string."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            values = [v for v in node.values if isinstance(v, ast.FormattedValue)]
            adjacent = len(values) == len(node.values)
            found = adjacent and sum(_is_slot_code(value.value) for value in values) > 1
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            found = _is_slot_code(node.left) and _is_slot_code(node.right)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "join":
            glue = node.func.value
            joined = isinstance(glue, ast.Constant) and glue.value == ""
            found = joined and any(_is_slot_code(part) for argument in node.args for part in ast.walk(argument))
        else:
            continue
        if found:
            owner: ast.AST | None = node
            while owner is not None and not isinstance(owner, ast.FunctionDef):
                owner = parents.get(owner)
            yield (owner.name if isinstance(owner, ast.FunctionDef) else "<module>"), node.lineno


def _is_slot_code(node: ast.AST) -> bool:
    """Whether an expression takes a code out of slots: slots[...], x.slots[...], slots.get(...), x.slots.values(),
    or cuts the own characters of a field."""
    if isinstance(node, ast.Subscript):
        return _names(node.value) == "slots"
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "values"):
            return _names(node.func.value) == "slots"
        return _names(node.func) == "_own_characters"
    return False


def _names(node: ast.AST) -> str:
    """The last name of `a.b.c` or `c`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_no_other_function_puts_codes_of_slots_together() -> None:
    found = set()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found |= {(path.relative_to(ROOT).as_posix(), function) for function, _ in composing(tree)}
    assert found == {("standard/coder.py", "encode")}


@pytest.mark.parametrize(
    "line",
    [
        'code = slots["device"] + slots["part3"]',
        'code = f"{item.slots[a]}{item.slots[b]}"',
        'code = "".join(slots.values())',
        'code = "".join(slots[slot] for slot in order)',
        'code = "".join([slots.get("device", ""), "00"])',
    ],
)
def test_the_check_finds_what_it_looks_for(line: str) -> None:
    tree = ast.parse(f"def sneaky(slots, item, order, a, b):\n    {line}\n    return code\n")
    assert [function for function, _ in composing(tree)] == ["sneaky"]


@pytest.mark.parametrize("line", ['name = f"{part}{scan}"', 'text = "+".join(slots.values())', 'x = slots["a"] + "x"'])
def test_the_check_leaves_other_text_alone(line: str) -> None:
    assert list(composing(ast.parse(line))) == []
