"""Routes a reading: hard rules first, then the voices, then the score; and says why, as rows whose sum is the score.

Hard rules (standard/data/reasons.tsv, in order of gravity): a contradiction, a gap, a choice left open, an unexplained
character, a code that the edition lacks never pass by themselves. What passes them is accepted, unless the model and
the classifier agree that it is something else. Where only softer rules hold (column `fill`), the two may fill what the
reader could not complete, if they agree and stand far before their next answers (voices.toml).

The score is a documented weighting in log-odds (the weights stand in those tables), not yet a calibrated probability.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent.answer import Evidence, Route
from agent.opinions import Opinion, Opinions, sure, voice_rules
from agent.reading import Exam, Unexplained
from agent.reasons import conventions, evidence_rows, reasons
from agent.resolve import Issue

if TYPE_CHECKING:
    from agent.model.protocol import ModelOutcome

MOST = 10  # unexplained characters that count
NOBODY = Opinions()


@dataclass(frozen=True, slots=True)
class Routed:
    """Route, reason id, score in 0..1, and the rows it is the sum of (log-odds).

    `filled`: the codes that the voices agree on where the reader was not complete; None elsewhere. `open`: the model
    was not asked, and what it says can change the route. `before`: the reader's reason, where this one is about the
    model that gave no answer."""

    route: Route
    reason: str
    score: float
    evidence: tuple[Evidence, ...]
    filled: tuple[str, ...] | None = None
    open: bool = False
    before: str = ""


def unheard(routed: Routed, said: ModelOutcome) -> Routed:
    """What was open for the model, and the model gave no answer: never accepted. The evidence stays what it was."""
    if said.reason == "budget_spent":
        return replace(routed, route="review", reason="over_budget", before=routed.reason)
    if routed.route == "accepted" and said.kind != "skipped":
        return replace(routed, route="review", reason="model_silent", before=said.reason)
    return routed


class Router:
    """Compiled tables; `route` is a pure function of its arguments."""

    def __init__(self) -> None:
        self._reasons = reasons()
        self._gravity = {reason: rank for rank, reason in enumerate(self._reasons)}
        self._conventions = conventions()
        self._signals = {row.id: row.weight for row in evidence_rows().values()}
        self._rules = voice_rules()

    def route(
        self, exams: tuple[Exam, ...], issues: tuple[Issue, ...], unexplained: Unexplained, opinions: Opinions = NOBODY
    ) -> Routed:
        """The route of a reading, with what the voices that were asked say of the name."""
        found = [issue[0] for issue in issues]
        if unexplained.characters:
            found.append("unexplained_matters" if unexplained.matters else "unexplained")
        codes = {exam.code for exam in exams if exam.code}
        if not found and any(not exam.code for exam in exams):
            found.append("uncatalogued")
        elif not found and not codes:
            found.append("not_read")
        filled: tuple[str, ...] | None = None
        is_open = False
        if found:
            filled = self._filled(found, codes, opinions)
            grave = min(found, key=self._gravity.__getitem__)
            is_open = opinions.model is None and self._reasons[grave].ask == "model"
            if opinions.model is not None and set(opinions.model.codes) != codes:
                found.append("model_disagrees")
        else:
            doubt = self._doubt(codes, opinions)
            is_open = doubt == "open"
            if doubt and not is_open:
                found.append(doubt)
        if filled is not None:
            reason = "voices_agree"
        else:
            reason = min(found, key=self._gravity.__getitem__) if found else "complete"
        rows = self._evidence(exams, found, unexplained.characters, codes, opinions, filled is not None)
        total = sum(row.weight for row in rows)
        score = 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))
        return Routed(self._reasons[reason].route, reason, score, rows, filled, is_open)

    def _filled(self, found: list[str], codes: set[str], opinions: Opinions) -> tuple[str, ...] | None:
        """The codes that model and classifier agree on, where every reason of the reader lets them fill."""
        model, classifier, rule = opinions.model, opinions.classifier, self._rules.fill
        if model is None or classifier is None or not model.codes or set(model.codes) != set(classifier.codes):
            return None
        if not (sure(model, rule.model_margin) and sure(classifier, rule.classifier_margin)):
            return None
        for reason in found:
            fill = self._reasons[reason].fill
            if fill == "" or (fill == "same" and set(model.codes) != codes):
                return None
        return model.codes

    def _doubt(self, codes: set[str], opinions: Opinions) -> str:
        """Of a complete reading: a reason of the voices' against it, "open" where the model has to say, else ""."""
        model, classifier = opinions.model, opinions.classifier
        model_against = model is not None and set(model.codes) != codes
        if classifier is None:
            return "model_disagrees" if model_against else ""
        against = set(classifier.codes) != codes
        if model is None:
            return "open" if against and sure(classifier, self._rules.doubt.classifier_margin) else ""
        if not model_against:
            return ""
        rule = self._rules.veto
        same = set(model.codes) == set(classifier.codes)
        if same and sure(model, rule.model_margin) and sure(classifier, rule.classifier_margin):
            return "voices_disagree"
        told = model.margin is None or sure(model, self._rules.doubt.model_margin)
        return "model_disagrees" if told and against else ""

    def _evidence(
        self,
        exams: tuple[Exam, ...],
        found: list[str],
        unexplained: int,
        codes: set[str],
        opinions: Opinions,
        filled: bool,
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
        grave = [reason for reason in dict.fromkeys(found) if reason not in ("model_disagrees", "voices_disagree")]
        rows += [Evidence("reason", reason, self._reasons[reason].weight * signal["reason"]) for reason in grave]
        for voice, opinion in (("model", opinions.model), ("classifier", opinions.classifier)):
            if opinion is not None:
                rows.append(self._said(voice, opinion, codes))
        if filled:
            rows.append(Evidence("voices_agree", "", signal["voices_agree"]))
        return tuple(rows)

    def _said(self, voice: str, opinion: Opinion, codes: set[str]) -> Evidence:
        """What one voice says, beside the reader's codes."""
        which = f"{voice}_agrees" if set(opinion.codes) == codes else f"{voice}_disagrees"
        margin = "" if opinion.margin is None else f" ({opinion.margin:.1f})"
        return Evidence(which, ("+".join(opinion.codes) or "-") + margin, self._signals[which])
