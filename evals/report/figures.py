"""The measures of evals/metrics.py as values of a report: every share with its interval."""

from __future__ import annotations

from evals.metrics import Measures, clopper_pearson
from evals.report.model import Figures


def figures(measures: Measures) -> Figures:
    """Of some rows."""
    return Figures(
        part=measures.part,
        rows=measures.rows,
        accepted=measures.accepted,
        right=measures.right,
        acceptable=measures.acceptable,
        acceptable_right=measures.acceptable_right,
        unsafe=measures.unsafe,
        precision=measures.precision,
        precision_interval=measures.interval,
        coverage=measures.coverage,
        coverage_interval=clopper_pearson(measures.accepted, measures.rows),
        coverage_of_acceptable=measures.coverage_of_acceptable,
        coverage_of_acceptable_interval=clopper_pearson(measures.acceptable_right, measures.acceptable),
    )


def f1(measures: Measures, codable: int) -> float:
    """Of precision, and recall over the rows for which a code is right; 0 where nothing is right."""
    whole = measures.accepted + codable
    return 2 * measures.right / whole if whole else 0.0
