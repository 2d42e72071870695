"""From labelled names and their answers to the report."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from agent.answer import Suggestion
from evals.gold import GoldRow, read_gold
from evals.metrics import Pair, by, measure
from evals.report.compare import compare
from evals.report.confusion import Slots, confusions
from evals.report.curves import reliability, risk_coverage
from evals.report.figures import figures
from evals.report.model import (
    Answer,
    Baselines,
    Evidence,
    GoldFile,
    Options,
    Report,
    Span,
    WrongAccept,
)
from standard import Catalogue
from standard.lexicon import Lexicon


def gold_files(paths: Sequence[Path]) -> tuple[GoldFile, ...]:
    """What was measured on. InputError as read_gold raises it."""
    return tuple(
        GoldFile(name=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), rows=len(read_gold([path])))
        for path in paths
    )


def build(
    pairs: Sequence[Pair],
    gold: tuple[GoldFile, ...],
    options: Options,
    versions: dict[str, str],
    catalogue: Catalogue,
    lexicon: Lexicon,
    baselines: Baselines | None = None,
    before: tuple[Report, str] | None = None,
) -> Report:
    """The report of some answers; `before`: an earlier report with the hash of its file, to compare with."""
    slots = Slots(catalogue, lexicon)
    answers = tuple(answer_of(row, answer) for row, answer in pairs)
    scored = [(each.score, each.right) for each in answers if each.codes]
    accepted = [(each.score, each.right) for each in answers if each.route == "accepted" and each.codes]
    return Report(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        gold=gold,
        options=options,
        versions=versions,
        all=figures(measure("all", pairs)),
        category=tuple(figures(each) for each in by(pairs, lambda row: row.category)),
        source=tuple(figures(each) for each in by(pairs, lambda row: row.source)),
        modality=tuple(figures(each) for each in by(pairs, lambda row: row.modality)),
        confusion=confusions(pairs, slots),
        risk_coverage=risk_coverage(scored, len(answers)),
        reliability=(reliability("all", scored), reliability("accepted", accepted)),
        wrong=tuple(
            wrong_accept(row, answer, slots, catalogue)
            for row, answer in pairs
            if answer.route == "accepted" and not row.right(answer.codes)
        ),
        baselines=baselines,
        comparison=None if before is None else compare(*before, answers, versions, options),
        answers=answers,
    )


def answer_of(row: GoldRow, answer: Suggestion) -> Answer:
    """A labelled name and what was answered, as kept."""
    return Answer(
        id=row.id,
        source=row.source,
        modality=row.modality,
        name=row.name,
        category=row.category,
        gold=tuple(tuple(sorted(each)) for each in row.alternatives),
        gold_route=row.route,
        route=answer.route,
        codes=answer.codes,
        names=answer.names,
        score=answer.score,
        reason=answer.reason,
        detail=answer.detail,
        right=row.right(answer.codes),
    )


def wrong_accept(row: GoldRow, answer: Suggestion, slots: Slots, catalogue: Catalogue) -> WrongAccept:
    """A wrong answer with what led to it: what each word said, the evidence, the slots that differ from the label."""
    items = (catalogue.get(code) for code in slots.nearest(row, answer.codes))
    spans = answer.reading.spans if answer.reading is not None else ()
    return WrongAccept(
        answer=answer_of(row, answer),
        gold_names=tuple(item.name for item in items if item is not None),
        differences=tuple(slots.differences(row, answer.codes)),
        spans=tuple(Span(text=span.text, slot=span.slot, element=span.element) for span in spans),
        evidence=tuple(Evidence(signal=each.signal, value=each.value, weight=each.weight) for each in answer.evidence),
    )
