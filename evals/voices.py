"""What each voice says by itself, and what their agreement is worth: reader, own model, classifier, on labelled names.

A voice is right where its set of codes is an alternative of the label; where no code can be right (a refusal), where it
gives none. Rows are of one kind: one exam, several exams, refusal. Two voices that are wrong with the same answer are
the danger of accepting what agrees, so those are counted and named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from evals.gold import GoldRow
from evals.metrics import clopper_pearson

KINDS = ("one", "several", "refusal")
Answers = Mapping[str, Sequence[frozenset[str]]]  # of each voice, the codes of each row


@dataclass(frozen=True, slots=True)
class Alone:
    """One voice: (right, rows) of each kind and of all."""

    voice: str
    one: tuple[int, int]
    several: tuple[int, int]
    refusal: tuple[int, int]
    all: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Together:
    """Voices that agree on a code or more: of how many rows, how often right; the same of rows with route auto.

    `same_wrong`: rows on which they agree on an answer that is wrong."""

    voices: tuple[str, ...]
    rows: int
    agree: int
    right: int
    auto: int
    auto_agree: int
    auto_right: int
    same_wrong: tuple[str, ...]

    @property
    def precision(self) -> float | None:
        """Of the rows they agree on, the share that is right."""
        return self.right / self.agree if self.agree else None

    @property
    def interval(self) -> tuple[float, float]:
        """Of the precision (Clopper and Pearson, 95 %)."""
        return clopper_pearson(self.right, self.agree)


@dataclass(frozen=True, slots=True)
class VoiceReport:
    """The ablation of voices."""

    alone: tuple[Alone, ...]
    together: tuple[Together, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "alone": [asdict(each) for each in self.alone],
            "together": [
                {**asdict(each), "precision": each.precision, "precision_interval": list(each.interval)}
                for each in self.together
            ],
        }


def kind_of(row: GoldRow) -> str:
    """Which kind a row is of: by the shortest of its alternatives."""
    if not row.alternatives:
        return "refusal"
    return "one" if min(map(len, row.alternatives)) == 1 else "several"


def ask_voices(names: Sequence[tuple[str, str]], edition: str | None = None) -> Answers:
    """What reader, own model and classifier (of YINGMA_MODEL_PATH, where that is one of Yingma's own) say of (name,
    modality column), each by itself.

    ModelError where the model or the classifier is not there.
    """
    from agent.classifier import Classifier
    from agent.model.embedded import EmbeddedModel, own_in_use
    from agent.opening import open_catalogue
    from agent.reader import Reader

    catalogue = open_catalogue(edition)
    reader, model = Reader(catalogue), EmbeddedModel(catalogue, own_in_use())
    try:
        classifier = Classifier.open(catalogue, model.path.parent)
        return {
            "reader": [frozenset(reader.read(name, column).codes) for name, column in names],
            "model": [frozenset(model.walk(name, column).codes) for name, column in names],
            "classifier": [frozenset(voice.codes) for voice in classifier.answer(names)],
        }
    finally:
        model.close()


def compare_voices(rows: Sequence[GoldRow], answers: Answers) -> VoiceReport:
    """The report of some voices' answers to the rows, each in the order of the rows."""
    hits = {
        voice: [_right(row, said) for row, said in zip(rows, given, strict=True)] for voice, given in answers.items()
    }
    kinds = [kind_of(row) for row in rows]
    alone = []
    for voice in answers:
        one, several, refusal = (_count(hits[voice], kinds, kind) for kind in KINDS)
        alone.append(Alone(voice, one, several, refusal, (sum(hits[voice]), len(rows))))
    sets = [chosen for size in range(1, len(answers) + 1) for chosen in combinations(answers, size)]
    return VoiceReport(tuple(alone), tuple(_together(rows, answers, chosen) for chosen in sets))


def _right(row: GoldRow, said: frozenset[str]) -> bool:
    return said in row.alternatives if row.alternatives else not said


def _count(hits: Sequence[bool], kinds: Sequence[str], kind: str) -> tuple[int, int]:
    mine = [hit for hit, each in zip(hits, kinds, strict=True) if each == kind]
    return sum(mine), len(mine)


def _together(rows: Sequence[GoldRow], answers: Answers, voices: tuple[str, ...]) -> Together:
    agree = right = auto = auto_agree = auto_right = 0
    wrong: list[str] = []
    for at, row in enumerate(rows):
        said = {answers[voice][at] for voice in voices}
        answer = next(iter(said))
        agreed = len(said) == 1 and bool(answer)
        hit = agreed and _right(row, answer)
        auto += row.route == "auto"
        if agreed:
            agree += 1
            right += hit
            auto_agree += row.route == "auto"
            auto_right += hit and row.route == "auto"
            if not hit:
                wrong.append(row.id)
    return Together(voices, len(rows), agree, right, auto, auto_agree, auto_right, tuple(wrong))
