"""Risk against coverage over the score, with its area; and score against right, with ECE and Brier.

Risk–coverage (El-Yaniv and Wiener, JMLR 11, 2010): the answers sorted by score, of the first k the share that is wrong.
Coverage is k of all rows, those without an answer too. AURC is the mean of that risk over k (Geifman, Uziel, El-Yaniv,
ICLR 2019); answers with the same score come together, so within them the mean over all their orders is taken. `least`
is the area of the same answers with all right ones first: what is above it, the score could have avoided.

Reliability, ECE and Brier are those of evals/reliability.py; here every bin has the interval of its share.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Literal

from evals import reliability as measured
from evals.metrics import clopper_pearson
from evals.report.model import Bin, Point, Reliability, RiskCoverage

Scored = tuple[float, bool]  # the score of an answer, and whether it is right


def risk_coverage(answers: Sequence[Scored], rows: int) -> RiskCoverage:
    """The curve of some answers to so many rows. No answers: no points, no area."""
    points: list[Point] = []
    done = wrong = 0
    area = 0.0
    for score, group in groupby(sorted(answers, key=lambda each: -each[0]), key=lambda each: each[0]):
        hits = [hit for _, hit in group]
        share = hits.count(False) / len(hits)
        area += sum((wrong + share * place) / (done + place) for place in range(1, len(hits) + 1))
        done, wrong = done + len(hits), wrong + hits.count(False)
        points.append(Point(score=score, answers=done, wrong=wrong, coverage=done / rows, risk=wrong / done))
    right = done - wrong
    least = sum((place - right) / place for place in range(right + 1, done + 1))
    return RiskCoverage(
        rows=rows,
        answers=done,
        points=tuple(points),
        aurc=area / done if done else None,
        least=least / done if done else None,
    )


def reliability(kind: Literal["all", "accepted"], answers: Sequence[Scored]) -> Reliability:
    """Score against right, of answers with scores in 0..1. Bins without an answer are left out."""
    found = measured.reliability([score for score, _ in answers], [hit for _, hit in answers])
    return Reliability(
        kind=kind,
        answers=found.rows,
        bins=tuple(
            Bin(
                low=each.low,
                high=each.high,
                answers=each.rows,
                right=each.right,
                score=each.score,
                share=each.share,
                interval=clopper_pearson(each.right, each.rows),
            )
            for each in found.bins
        ),
        ece=found.error if found.rows else None,
        brier=found.brier if found.rows else None,
    )
