"""Other ways of answering the same rows, each at its own best threshold.

Each gives its first answer and a score. A threshold is chosen twice on these very rows: the lowest one at which
precision is still what is wanted, and the one with the best F1. That flatters them: a threshold that was chosen on the
rows that it is judged by will do worse on others, while Yingma's routes are as they are. So what stands there is an
upper bound of what the way can do.

Ways: those of evals/plain.py (the first answer; of the fused one the score is the mean of the two cosines, as ranks say
nothing of how sure it is), our own retrieval, and our own model and classifier, each alone (the score is the
probability that it gives its answer).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evals.gold import GoldRow
from evals.metrics import Measures, measure
from evals.metrics import Pair as Answered
from evals.report.curves import risk_coverage
from evals.report.figures import f1, figures
from evals.report.model import At, Baseline, Baselines
from standard.errors import ModelError

if TYPE_CHECKING:
    from retrieval.embeddings import Embedder
    from standard.edition import Catalogue
    from standard.lexicon import Lexicon

DIGITS = 6  # of a score: what is equal on one machine is equal on another
Asked = Sequence[tuple[str, str]]  # name and modality column


class Said(NamedTuple):
    """The first answer to a name (no codes: none), and its score."""

    codes: tuple[str, ...]
    score: float


class Way(NamedTuple):
    """What a way says of each row; `why`: why it could not be asked, in Chinese and English."""

    method: str
    filtered: bool
    said: Sequence[Said]
    why: tuple[str, str] | None = None


def compare_ways(pairs: Sequence[Answered], ways: Sequence[Way], wanted: float) -> Baselines:
    """Each way at its best, beside the answers of Yingma as routed."""
    rows = [row for row, _ in pairs]
    own = measure("", pairs)
    answered = [(answer.score, row.right(answer.codes)) for row, answer in pairs if answer.codes]
    least = min((answer.score for _, answer in pairs if answer.route == "accepted"), default=1.0)
    return Baselines(
        wanted=wanted,
        rows=len(rows),
        own=At(threshold=least, figures=figures(own), f1=f1(own, _codable(rows))),
        own_top_right=sum(hit for _, hit in answered),
        own_aurc=risk_coverage(answered, len(rows)).aurc,
        ways=tuple(at_best(rows, way, wanted) for way in ways),
    )


def at_best(rows: Sequence[GoldRow], way: Way, wanted: float) -> Baseline:
    """A way at the threshold that accepts the most with the wanted precision, and at that with the best F1.

    Of equal ones, the higher threshold.
    """
    if way.why is not None:
        return Baseline(
            method=way.method,
            filtered=way.filtered,
            top_right=0,
            aurc=None,
            at_precision=None,
            at_f1=None,
            left_out=way.why,
        )
    codable = _codable(rows)
    points = thresholds(rows, way.said)
    precise = [at for at in points if (at[1].precision or 0) >= wanted]
    most = max(precise, key=lambda at: at[1].accepted, default=None)
    best = max(points, key=lambda at: f1(at[1], codable), default=None)
    answered = [(said.score, row.right(said.codes)) for row, said in zip(rows, way.said, strict=True) if said.codes]
    return Baseline(
        method=way.method,
        filtered=way.filtered,
        top_right=sum(hit for _, hit in answered),
        aurc=risk_coverage(answered, len(rows)).aurc,
        at_precision=_at(most, codable),
        at_f1=_at(best, codable),
    )


def thresholds(rows: Sequence[GoldRow], said: Sequence[Said]) -> list[tuple[float, Measures]]:
    """What would be accepted from each score on, the highest first."""
    acceptable = sum(row.route == "auto" for row in rows)
    answers = [(each, row) for each, row in zip(said, rows, strict=True) if each.codes]
    answers.sort(key=lambda each: -each[0].score)
    accepted = right = acceptable_right = unsafe = 0
    found = []
    for score, group in groupby(answers, key=lambda each: each[0].score):
        for each, row in group:
            hit = row.right(each.codes)
            accepted += 1
            right += hit
            acceptable_right += hit and row.route == "auto"
            unsafe += row.route == "review"
        found.append((score, Measures("", len(rows), accepted, right, acceptable, acceptable_right, unsafe)))
    return found


def ask_ways(names: Asked, catalogue: Catalogue, lexicon: Lexicon, home: Path) -> list[Way]:
    """Every way, asked. Model or classifier that cannot be opened here are left out with the reason.

    IndexError_ where the embeddings or the index of retrieval cannot be had.
    """
    from retrieval.embeddings import E5

    embedder = E5()
    ways = _plain(names, catalogue, lexicon, embedder)
    return [*ways, _retrieval(names, catalogue, lexicon, embedder, home), *_voices(names, catalogue)]


def _plain(names: Asked, catalogue: Catalogue, lexicon: Lexicon, embedder: Embedder) -> list[Way]:
    from evals.plain import FUSED, plain_scores

    plain = plain_scores(names, catalogue, lexicon, embedder, fuzzy=True)
    found = []
    for way in plain.ways:
        for filtered in (False, True):
            first = plain.scores(way, filtered).argmax(axis=1).tolist()
            of = [plain.raw[each] for each in (FUSED if way == "fused" else (way,))]
            scores = [sum(float(each[at, column]) for each in of) / len(of) for at, column in enumerate(first)]
            said = [Said((plain.codes[column],), _rounded(score)) for column, score in zip(first, scores, strict=True)]
            found.append(Way(way, filtered, said))
    return found


def _retrieval(names: Asked, catalogue: Catalogue, lexicon: Lexicon, embedder: Embedder, home: Path) -> Way:
    from retrieval import Retriever

    with Retriever.open(catalogue, home, lexicon, embedder) as retriever:
        found = retriever.search(names, 1)
    return Way("retrieval", True, [Said((each[0].code,), each[0].score) if each else Said((), 0.0) for each in found])


def _voices(names: Asked, catalogue: Catalogue) -> list[Way]:
    from math import exp

    from agent.classifier import Classifier
    from agent.model.embedded import EmbeddedModel, own_in_use

    ways = []
    own = own_in_use()
    try:
        model = EmbeddedModel(catalogue, own)
    except ModelError as error:
        ways.append(Way("model", True, (), (error.zh, error.en)))
    else:
        try:
            walks = [model.walk(name, column, runner_up=False) for name, column in names]
        finally:
            model.close()
        ways.append(Way("model", True, [Said(each.codes, _rounded(exp(each.logprob))) for each in walks]))
    try:
        voices = Classifier.open(catalogue, own.parent if own.is_file() else own).answer(names)
    except ModelError as error:
        ways.append(Way("classifier", True, (), (error.zh, error.en)))
    else:
        ways.append(Way("classifier", True, [Said(each.codes, _rounded(exp(each.logprob))) for each in voices]))
    return ways


def _at(point: tuple[float, Measures] | None, codable: int) -> At | None:
    return None if point is None else At(threshold=point[0], figures=figures(point[1]), f1=f1(point[1], codable))


def _codable(rows: Sequence[GoldRow]) -> int:
    return sum(bool(row.alternatives) for row in rows)


def _rounded(score: float) -> float:
    return round(score, DIGITS)
