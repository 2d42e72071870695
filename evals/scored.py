"""What the scores of some answers are worth: reliability, and what their accepted answers promise.

Of labelled names that neither tables nor fit have seen, this is the measure of a hospital that nobody has seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.answer import Suggestion
from agent.calibration import calibration
from agent.console import out, say
from evals.gold import GoldRow
from evals.metrics import Pair
from evals.reliability import Reliability, reliability
from evals.tables import share, table
from evals.threshold import Promise, promise, promise_sentence

PARTS = (("all", "全部"), ("accepted", "采用"), ("review", "待审"))


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """Of answers that offer codes: reliability of all, of the accepted, of those for review; what is promised of the
    accepted, of all and by modality; of what the rules accept, how many the score stopped, and how many of them right.

    `silent`: answers without codes, which can be neither right nor wrong."""

    parts: Mapping[str, Reliability]
    promise: Promise
    modalities: Mapping[str, Promise]
    stopped: int
    stopped_right: int
    silent: int

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "reliability": {name: each.to_dict() for name, each in self.parts.items()},
            "promise": self.promise.to_dict(),
            "promise_by_modality": {name: each.to_dict() for name, each in self.modalities.items()},
            "stopped_by_score": self.stopped,
            "stopped_by_score_right": self.stopped_right,
            "silent": self.silent,
            "threshold": calibration().threshold.model_dump(),
        }


def score_report(pairs: Sequence[Pair]) -> ScoreReport:
    """The report, with target and confidence of the threshold that ships."""
    offered = [(row, answer, row.right(answer.codes)) for row, answer in pairs if answer.codes]
    wanted = {"all": ("accepted", "review"), "accepted": ("accepted",), "review": ("review",)}
    parts = {}
    for name, routes in wanted.items():
        mine = [(answer.score, right) for _, answer, right in offered if answer.route in routes]
        parts[name] = reliability([score for score, _ in mine], [right for _, right in mine])
    accepted: dict[str, list[bool]] = {}
    for row, answer, right in offered:
        if answer.route == "accepted":
            accepted.setdefault(modality_of(row, answer), []).append(right)
    stopped = [right for _, answer, right in offered if answer.reason == "score_low"]
    return ScoreReport(
        parts,
        _promised([right for each in accepted.values() for right in each]),
        {modality: _promised(each) for modality, each in sorted(accepted.items())},
        len(stopped),
        sum(stopped),
        len(pairs) - len(offered),
    )


def modality_of(row: GoldRow, answer: Suggestion) -> str:
    """The modalities that were read, joined by +; the column's word where none was."""
    families = dict.fromkeys(exam.family for exam in answer.reading.exams) if answer.reading is not None else {}
    return "+".join(families) or row.modality or "-"


def _promised(right: Sequence[bool]) -> Promise:
    bound = calibration().bound
    return promise(len(right), len(right) - sum(right), bound.target, bound.confidence)


def tell_scores(found: ScoreReport) -> None:
    """The report, on stdout."""
    console = out()
    compared = table(
        say("得分作为概率有多准（给出编码的答案）", "How good the scores are as probabilities (answers with codes)"),
        say("去向|答案|平均得分|其中对|校准误差|Brier", "route|answers|mean score|right|ECE|Brier"),
    )
    for name, zh in PARTS:
        each = found.parts[name]
        if each.rows:
            mean = sum(one.rows * one.score for one in each.bins) / each.rows
            numbers = (str(each.rows), f"{mean:.4f}", str(each.right), f"{each.error:.4f}", f"{each.brier:.4f}")
            compared.add_row(say(zh, name), *numbers)
    console.print(compared)
    tell_reliability(found.parts["all"], say("可靠性", "Reliability"))
    console.print(
        say(
            f"得分拦下规则采用的 {found.stopped} 个，其中对 {found.stopped_right} 个。",
            f"The score stopped {found.stopped} that the rules accept, {found.stopped_right} of them right.",
        )
    )
    console.print(say(*promise_sentence(found.promise)))
    tell_promises(found.modalities)


def tell_promises(found: Mapping[str, Promise]) -> None:
    """What is promised of each modality, and how many right answers are missing to promise the target."""
    promises = table(
        say("按检查类型能承诺的准确率", "Precision that can be promised, by modality"),
        say("检查类型|采用|错|下限|还需正确的答案", "modality|accepted|wrong|at least|right answers missing"),
    )
    for modality, said in found.items():
        missing = say("没有达到", "target missed") if said.missed else str(said.missing)
        promises.add_row(modality, str(said.accepted), str(said.wrong), f"{100 * said.lower:.2f}%", missing)
    out().print(promises)


def tell_reliability(found: Reliability, title: str) -> None:
    """The bins of a reliability table."""
    bins = table(title, say("得分|答案|平均得分|其中对|对的比例", "score|answers|mean score|right|share right"))
    for each in found.bins:
        bins.add_row(
            f"{each.low:g}-{each.high:g}", str(each.rows), f"{each.score:.3f}", str(each.right), share(each.share)
        )
    out().print(bins)
