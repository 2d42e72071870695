"""Routes a reading: hard rules first, then the voices, then the score; and says why, as rows whose sum is the score.

Hard rules (standard/data/reasons.tsv, in order of gravity): a contradiction, a gap, a choice left open, an unexplained
character, a code that the edition lacks never pass by themselves. What passes them is accepted, unless the model and
the classifier agree that it is something else. Where only softer rules hold (column `fill`), the two may fill what the
reader could not complete, if they agree and stand far before their next answers (voices.toml).

The score is the sum of the evidence (agent/evidence.py), fitted to labelled names. What would be accepted with a score
under the threshold (calibration.toml) goes to a person; a score never lets a name pass a rule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from agent.answer import Evidence, Route
from agent.calibration import Threshold, calibration, log_odds, probability
from agent.evidence import Weigher, Weights, shipped_weights
from agent.opinions import Opinions, sure, voice_rules
from agent.reading import Exam, Unexplained
from agent.reasons import reasons
from agent.resolve import Issue

if TYPE_CHECKING:
    from agent.model.protocol import ModelOutcome

NOBODY: Final = Opinions()
NO_MODEL: Final = "no_model"  # nobody was asked
Asks = Literal["", "classifier", "model"]
APART: Final = ["unexplained"]  # all that the reader found, where the classifier may settle a name without a model


@dataclass(frozen=True, slots=True)
class Routed:
    """Route, reason id, score in 0..1, and the rows it is the sum of (log-odds).

    `filled`: the codes that are accepted where the reader was not complete, which the voices agree on; None elsewhere.
    `asks`: who was not asked, and can change the route by what it says. `before`: the reader's reason, where this one
    is about the model that gave no answer."""

    route: Route
    reason: str
    score: float
    evidence: tuple[Evidence, ...]
    filled: tuple[str, ...] | None = None
    asks: Asks = ""
    before: str = ""


def unheard(routed: Routed, said: ModelOutcome) -> Routed:
    """What was open for the model, and the model gave no answer: never accepted. The evidence stays what it was."""
    if said.reason == "budget_spent":
        return replace(routed, route="review", reason="over_budget", before=routed.reason)
    if routed.route == "accepted" and said.reason != NO_MODEL:
        return replace(routed, route="review", reason="model_silent", before=said.reason)
    return routed


class Router:
    """Compiled tables; `route` is a pure function of its arguments."""

    def __init__(self, weights: Weights | None = None, threshold: Threshold | None = None) -> None:
        """With weights and threshold that ship, unless others are given (a fit is given its own)."""
        self._reasons = reasons()
        self._gravity = {reason: rank for rank, reason in enumerate(self._reasons)}
        self._weigher = Weigher(weights or shipped_weights())
        threshold = threshold or calibration().threshold
        self._every = log_odds(threshold.every)
        self._of_modality = {name: log_odds(least) for name, least in threshold.modality.items()}
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
        asks: Asks = ""
        reason = "complete"
        agreed = self._agreed(opinions)
        alone = self._alone(found, exams, codes, unexplained, opinions)
        if alone == "settled":
            filled, reason = tuple(dict.fromkeys(exam.code for exam in exams)), "stands_apart"
        elif found:
            filled = self._filled(found, codes, agreed)
            grave = min(found, key=self._gravity.__getitem__)
            if opinions.model is None and self._reasons[grave].ask == "model":
                asks = "classifier" if alone == "open" else "model"
            if opinions.model is not None and set(opinions.model.codes) != codes:
                found.append("model_disagrees")
            reason = "voices_agree" if filled is not None else min(found, key=self._gravity.__getitem__)
        else:
            doubt = self._doubt(codes, opinions)
            if doubt == "open":
                asks = "model"
            elif doubt:
                found, reason = [doubt], doubt
        rows = self._weigher.rows(exams, found, unexplained.characters, opinions, agreed, filled, alone == "settled")
        total = sum(row.weight for row in rows)
        if self._reasons[reason].route == "accepted" and total < self._least(exams):
            reason = "score_low"
        return Routed(self._reasons[reason].route, reason, probability(total), rows, filled, asks)

    def _least(self, exams: tuple[Exam, ...]) -> float:
        """The least evidence that accepts these exams, in log-odds."""
        if not self._of_modality:
            return self._every
        return max((self._of_modality.get(exam.family, self._every) for exam in exams), default=self._every)

    def _agreed(self, opinions: Opinions) -> tuple[str, ...]:
        """The codes that model and classifier agree on, both far enough before their next answers; empty for none."""
        model, classifier, rule = opinions.model, opinions.classifier, self._rules.fill
        if model is None or classifier is None or set(model.codes) != set(classifier.codes):
            return ()
        return model.codes if sure(model, rule.model_margin) and sure(classifier, rule.classifier_margin) else ()

    def _alone(
        self, found: list[str], exams: tuple[Exam, ...], codes: set[str], unexplained: Unexplained, opinions: Opinions
    ) -> Literal["", "open", "settled"]:
        """Whether the classifier settles, without a model, a name that was read but for what stands apart; "open" where
        it was not asked yet."""
        rule = self._rules.alone
        if found != APART or not unexplained.apart or opinions.model is not None or not 0 < len(exams) <= rule.exams:
            return ""
        if not all(exam.code for exam in exams):
            return ""
        if opinions.classifier is None:
            return "open"
        same = set(opinions.classifier.codes) == codes and sure(opinions.classifier, rule.classifier_margin)
        return "settled" if same else ""

    def _filled(self, found: list[str], codes: set[str], agreed: tuple[str, ...]) -> tuple[str, ...] | None:
        """What the voices agree on, where every reason of the reader lets them fill."""
        if not agreed:
            return None
        for reason in found:
            fill = self._reasons[reason].fill
            if fill == "" or (fill == "same" and set(agreed) != codes):
                return None
        return agreed

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
