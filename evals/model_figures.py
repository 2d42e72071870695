"""How often Yingma's own model is right, by itself: on generated names that it did not see, and on labelled names.

Right is a whole answer: the set of codes is the truth, or one of the alternatives of a label; where no code can be
right, the refusal. Neither reader nor rules take part, so these are no figures of Yingma's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from evals.gold import GoldRow, read_gold
from standard.errors import InputError
from training.card import Figure
from training.generator import TrainingName

Answers = Callable[[Sequence[tuple[str, str]]], list[tuple[str, ...]]]  # names with their modality column, to codes
SHIPPED = Path(__file__).parent / "data"
GENERATED = "generated"
KINDS = ("one", "several", "refusal")


def gold_files(given: Iterable[Path]) -> list[Path]:
    """The labelled names that come along, and those given. InputError for one that does not hold."""
    paths = [*sorted(SHIPPED.glob("*.tsv")), *given]
    stems = [path.stem for path in paths]
    for path in paths:
        if stems.count(path.stem) > 1 or path.stem == GENERATED:
            raise InputError(
                f"标注文件 {path} 与别的同名；请改名。",
                f"The file of labelled names {path} is called like another; give it another name.",
            )
        read_gold([path])
    return paths


def measure_model(answers: Answers, names: Sequence[TrainingName], gold: Sequence[Path]) -> list[Figure]:
    """The figures of each set, by what the right answer is: one exam, several, the refusal."""
    told = answers([(name.name, name.modality) for name in names])
    right = [set(got) == set(name.codes) for name, got in zip(names, told, strict=True)]
    figures = _by_kind(GENERATED, [name.kind for name in names], right)
    for path in gold:
        rows = read_gold([path])
        told = answers([(row.name, row.modality) for row in rows])
        right = [row.right(got) if row.alternatives else not got for row, got in zip(rows, told, strict=True)]
        figures += _by_kind(path.stem, [_kind(row) for row in rows], right)
    return figures


def _kind(row: GoldRow) -> str:
    if not row.alternatives:
        return "refusal"
    return "one" if len(row.alternatives[0]) == 1 else "several"


def _by_kind(name: str, kinds: Sequence[str], right: Sequence[bool]) -> list[Figure]:
    pairs = list(zip(kinds, right, strict=True))
    counted = [(kind, [good for each, good in pairs if each == kind]) for kind in KINDS]
    return [Figure(set=name, part=kind, names=len(good), right=sum(good)) for kind, good in counted]
