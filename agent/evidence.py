"""The rows of evidence for an answer: what speaks for its codes and against them, each with a weight in log-odds.

Their sum is the score: the probability, fitted to labelled names (docs/trust.md), that the codes offered are right.
A row is a signal of evidence.tsv, a convention or a reason of its table. Doubt never raises the score: the sign of each
weight is the expert's, and what a voice says counts the more, the farther it stands before its next answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

from agent.answer import Evidence
from agent.opinions import Opinion, Opinions
from agent.reading import Exam
from agent.reasons import conventions, evidence_rows, reasons

MOST: Final = 10  # unexplained characters that count, and nats of a margin
# What the router concludes of the voices and the score is told by their own rows.
CONCLUDED: Final = ("model_disagrees", "voices_disagree", "score_low")
# Reasons of the audit: they say nothing of the codes, so no fit touches their weight, which makes a card middling.
NEVER_FITTED: Final = frozenset({"to_confirm", "acceptance_stopped"})


class Weights(NamedTuple):
    """Of each table, by the id of a row."""

    evidence: dict[str, float]
    convention: dict[str, float]
    reason: dict[str, float]


def shipped_weights() -> Weights:
    """As they ship. DataError for a fitted weight that does not hold."""
    return Weights(
        {row.id: row.weight for row in evidence_rows().values()},
        {row.id: row.weight for row in conventions().values()},
        {row.id: row.weight for row in reasons().values()},
    )


def expert_weights() -> Weights:
    """As an expert set them: where a fit begins, and what holds for a row that no labelled name shows."""
    return Weights(
        {row.id: row.expert for row in evidence_rows().values()},
        {row.id: row.expert for row in conventions().values()},
        {row.id: row.expert for row in reasons().values()},
    )


class Weigher:
    """Weighs answers; `rows` is a pure function of its arguments."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._bare = {signal: Evidence(signal, "", weight) for signal, weight in weights.evidence.items()}
        self._causes = {reason: Evidence("reason", reason, weight) for reason, weight in weights.reason.items()}

    def rows(
        self,
        exams: Sequence[Exam],
        found: Collection[str],
        unexplained: int,
        opinions: Opinions,
        agreed: tuple[str, ...] = (),
        filled: tuple[str, ...] | None = None,
        settled: bool = False,
    ) -> tuple[Evidence, ...]:
        """For the codes that are offered: those that the voices filled, else the reader's, else the model's.

        `agreed`: what model and classifier say alike and surely, whether it fills anything or not. `settled`: the
        classifier settled it without a model."""
        read = {exam.code for exam in exams if exam.code}
        alone = not read and filled is None
        said = opinions.model.codes if opinions.model is not None else ()
        offered = set(filled or read or said)
        causes = [reason for reason in dict.fromkeys(found) if reason not in CONCLUDED] if found else []
        rows = [self._bare["prior"]]
        codes = [exam.code for exam in exams]
        if codes and all(codes):
            rows.append(Evidence("coded", "+".join(codes), self._weights.evidence["coded"]))
            if not causes:
                rows.append(self._bare["complete"])
        if unexplained:
            rows.append(self._row("unexplained_each", str(unexplained), min(unexplained, MOST)))
        if len(exams) > 1:
            rows.append(Evidence("several_exams", str(len(exams)), self._weights.evidence["several_exams"]))
        rules = dict.fromkeys(rule for exam in exams for rule in exam.rules)
        rows += [Evidence("convention", rule, self._weights.convention[rule]) for rule in rules]
        rows += [self._causes[reason] for reason in causes]
        if not offered:
            rows.append(self._bare["nothing_offered"])
        else:
            if opinions.model is not None:
                rows += self._said("model", "model_alone" if alone else "", opinions.model, offered)
            if opinions.classifier is not None:
                rows += self._said("classifier", "", opinions.classifier, offered)
            if offered == set(agreed):
                rows.append(self._bare["voices_agree"])
            if settled:
                rows.append(self._bare["stands_apart"])
        return tuple(rows)

    def _row(self, signal: str, value: str, amount: float) -> Evidence:
        return Evidence(signal, value, round(self._weights.evidence[signal] * amount, 4))

    def _said(self, voice: str, instead: str, opinion: Opinion, offered: set[str]) -> Iterator[Evidence]:
        """What one voice says of the codes that are offered, and how far it stands before its next answer.

        `instead`: the signal where the codes are the voice's own, so that it cannot agree or disagree."""
        agrees = set(opinion.codes) == offered
        which = instead or f"{voice}_{'agrees' if agrees else 'disagrees'}"
        yield Evidence(which, "+".join(opinion.codes) or "-", self._weights.evidence[which])
        if opinion.margin is not None:
            signal = f"{voice}_margin" if agrees else f"{voice}_margin_against"
            yield self._row(signal, f"{opinion.margin:.1f}", min(max(opinion.margin, 0.0), MOST))
