"""Routes a reading: hard rules first, then the score; and says why, as rows whose sum is the score.

Hard rules (standard/data/reasons.tsv, in order of gravity): a contradiction, a gap, a choice left open, an unexplained
character, a code that the edition lacks, a model that reads otherwise never pass. What passes them is accepted. The
score is a documented weighting in log-odds (the weights stand in those tables), not yet a calibrated probability.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent.answer import Evidence, Route
from agent.reading import Exam
from agent.reasons import conventions, evidence_rows, reasons
from agent.resolve import Issue

MOST = 10  # unexplained characters that count


@dataclass(frozen=True, slots=True)
class Routed:
    """Route, reason id, score in 0..1, and the rows it is the sum of (log-odds)."""

    route: Route
    reason: str
    score: float
    evidence: tuple[Evidence, ...]


class Router:
    """Compiled tables; `route` is a pure function of its arguments."""

    def __init__(self) -> None:
        self._reasons = reasons()
        self._gravity = {reason: rank for rank, reason in enumerate(self._reasons)}
        self._conventions = conventions()
        self._signals = {row.id: row.weight for row in evidence_rows().values()}

    def route(
        self,
        exams: tuple[Exam, ...],
        issues: tuple[Issue, ...],
        unexplained: int,
        model_codes: tuple[str, ...] | None = None,
    ) -> Routed:
        """The route of a reading. `model_codes`: what the model answered, None where it was not asked."""
        found = [issue[0] for issue in issues]
        if unexplained:
            found.append("unexplained")
        codes = {exam.code for exam in exams if exam.code}
        if not found and any(not exam.code for exam in exams):
            found.append("uncatalogued")
        elif not found and not codes:
            found.append("not_read")
        if model_codes is not None and set(model_codes) != codes:
            found.append("model_disagrees")
        reason = min(found, key=self._gravity.__getitem__) if found else "complete"
        rows = self._evidence(exams, found, unexplained, model_codes is not None)
        total = sum(row.weight for row in rows)
        score = 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))
        return Routed(self._reasons[reason].route, reason, score, rows)

    def _evidence(
        self, exams: tuple[Exam, ...], found: list[str], unexplained: int, asked: bool
    ) -> tuple[Evidence, ...]:
        signal = self._signals
        rows = [Evidence("prior", "", signal["prior"])]
        if exams and all(exam.code for exam in exams):
            rows.append(Evidence("complete", "+".join(exam.code for exam in exams), signal["complete"]))
        if unexplained:
            rows.append(
                Evidence("unexplained_each", str(unexplained), signal["unexplained_each"] * min(unexplained, MOST))
            )
        else:
            rows.append(Evidence("explained", "", signal["explained"]))
        if len(exams) > 1:
            rows.append(Evidence("several_exams", str(len(exams)), signal["several_exams"]))
        rules = dict.fromkeys(rule for exam in exams for rule in exam.rules)
        rows += [Evidence("convention", rule, self._conventions[rule].weight * signal["convention"]) for rule in rules]
        grave = [reason for reason in dict.fromkeys(found) if reason != "model_disagrees"]  # a signal of its own
        rows += [Evidence("reason", reason, self._reasons[reason].weight * signal["reason"]) for reason in grave]
        if asked:
            which = "model_disagrees" if "model_disagrees" in found else "model_agrees"
            rows.append(Evidence(which, "", signal[which]))
        return tuple(rows)
