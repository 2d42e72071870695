"""The generator checks itself: names that ask the same and are answered differently.

Two items can come to the same words (头颅平扫 of no modality, a word damaged into another). Such a name teaches
nothing, so training leaves out all of its readings, and a test holds that there are few.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prompts.embedded import Asker
from training.generator import TrainingName


def contradictions(names: Iterable[TrainingName], asker: Asker) -> dict[str, set[frozenset[str]]]:
    """The questions (as the model sees a name and its column) that have several answers, with those answers."""
    answers: dict[str, set[frozenset[str]]] = {}
    for each in names:
        answers.setdefault(asker.question(each.name, each.modality), set()).add(frozenset(each.codes))
    return {question: found for question, found in answers.items() if len(found) > 1}


def consistent(names: Sequence[TrainingName], asker: Asker) -> list[TrainingName]:
    """The names without those that contradict another one, in order."""
    wrong = contradictions(names, asker)
    return [each for each in names if asker.question(each.name, each.modality) not in wrong]
