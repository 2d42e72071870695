"""What a report of an evaluation holds, as typed values; how one that was kept is read.

`format` changes when an older program could not read what a newer one wrote.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from standard.errors import InputError

KIND: Literal["yingma-evaluation"] = "yingma-evaluation"
FORMAT: Literal[1] = 1
Route = Literal["accepted", "review"]


class Part(BaseModel):
    """Base: nothing unknown, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class GoldFile(Part):
    """A file of labelled names: its name, the hash of its bytes, its rows."""

    name: str
    sha256: str
    rows: int


class Options(Part):
    """How the names were asked."""

    modality_hidden: bool
    model: str
    edition: str | None


class Figures(Part):
    """The measures of one part of the rows (evals/metrics.py), each share with its interval."""

    part: str
    rows: int
    accepted: int
    right: int
    acceptable: int
    acceptable_right: int
    unsafe: int
    precision: float | None
    precision_interval: tuple[float, float]
    coverage: float | None
    coverage_interval: tuple[float, float]
    coverage_of_acceptable: float | None
    coverage_of_acceptable_interval: tuple[float, float]


class Answer(Part):
    """A labelled name and what was answered. `gold`: the alternatives, each a sorted set of codes."""

    id: str
    source: str
    modality: str
    name: str
    category: str
    gold: tuple[tuple[str, ...], ...]
    gold_route: Literal["auto", "review"]
    route: Route
    codes: tuple[str, ...]
    names: tuple[str, ...]
    score: float
    reason: str
    detail: str
    right: bool


class Pair(Part):
    """In how many names a slot has one value in the label and another in the answer ("" for none)."""

    gold: str
    answer: str
    names: int


class SlotErrors(Part):
    """A slot (data/slots.tsv) that differs from the label: in how many names, as what, and in which of them."""

    slot: str
    names: int
    pairs: tuple[Pair, ...]
    ids: tuple[str, ...]


class Confusion(Part):
    """Of the answers of one kind: how many there are, how many are not right, and the slots, the worst harm first.

    `accepted`: what was accepted. `offered`: what a person would be shown first, in review."""

    kind: Literal["accepted", "offered"]
    answers: int
    wrong: int
    slots: tuple[SlotErrors, ...]


class Point(Part):
    """The answers with at least this score: how many, how many of them are wrong, which shares that is."""

    score: float
    answers: int
    wrong: int
    coverage: float
    risk: float


class RiskCoverage(Part):
    """Risk against coverage over the score (curves.py). `aurc`: its area; `least`: that of the same answers sorted
    perfectly, so that what is above it is the score's own fault."""

    rows: int
    answers: int
    points: tuple[Point, ...]
    aurc: float | None
    least: float | None


class Bin(Part):
    """The answers with a score from `low` on and below `high`: mean score, share that is right, its interval."""

    low: float
    high: float
    answers: int
    right: int
    score: float
    share: float
    interval: tuple[float, float]


class Reliability(Part):
    """Score against right, of the answers of one kind."""

    kind: Literal["all", "accepted"]
    answers: int
    bins: tuple[Bin, ...]
    ece: float | None
    brier: float | None


class Difference(Part):
    """A slot of an answer that is not the label's."""

    slot: str
    gold: str
    answer: str


class Span(Part):
    """A piece of the name and what it says."""

    text: str
    slot: str
    element: str


class Evidence(Part):
    """One row of evidence."""

    signal: str
    value: str
    weight: float


class WrongAccept(Part):
    """An answer that was accepted and is wrong, with what led to it. `gold_names`: of the nearest alternative."""

    answer: Answer
    gold_names: tuple[str, ...]
    differences: tuple[Difference, ...]
    spans: tuple[Span, ...]
    evidence: tuple[Evidence, ...]


class At(Part):
    """What is accepted from a score on: its measures, and F1 of precision and recall (of all that have a code)."""

    threshold: float
    figures: Figures
    f1: float


class Baseline(Part):
    """A way of answering the same rows. `top_right`: its first answer is right. `at_precision`: the most it accepts at
    the wanted precision; `at_f1`: its best F1; both None where it never comes so far. `left_out`: why it could not be
    asked, in Chinese and English."""

    method: str
    filtered: bool
    top_right: int
    aurc: float | None
    at_precision: At | None
    at_f1: At | None
    left_out: tuple[str, str] | None = None


class Baselines(Part):
    """The other ways, and Yingma's own answers as they were routed, with no threshold chosen on these rows."""

    wanted: float
    rows: int
    own: At
    own_top_right: int
    own_aurc: float | None
    ways: tuple[Baseline, ...]


class Version(Part):
    """Something that answers are made with, that is not what it was; "" where it was not there."""

    key: str
    before: str
    now: str


class Change(Part):
    """A name whose answer is not what it was. `kind`: a row of data/changes.tsv, which are in order of harm."""

    kind: str
    before: Answer
    now: Answer


class Comparison(Part):
    """With another report: what it was made with, and what changed in the rows of both. Measures (each report by its
    own labels), and every answer that is not what it was, by harm."""

    made: str
    sha256: str
    versions: tuple[Version, ...]
    options: tuple[Version, ...]
    before: Figures
    now: Figures
    both: int
    only_before: int
    only_now: int
    relabelled: tuple[str, ...]
    changes: tuple[Change, ...]
    scores_moved: int
    farthest: float


class Report(Part):
    """The whole report."""

    kind: Literal["yingma-evaluation"] = KIND
    format: Literal[1] = FORMAT
    made: str
    gold: tuple[GoldFile, ...]
    options: Options
    versions: dict[str, str]
    all: Figures
    category: tuple[Figures, ...]
    source: tuple[Figures, ...]
    modality: tuple[Figures, ...]
    confusion: tuple[Confusion, ...]
    risk_coverage: RiskCoverage
    reliability: tuple[Reliability, ...]
    wrong: tuple[WrongAccept, ...]
    baselines: Baselines | None
    comparison: Comparison | None
    answers: tuple[Answer, ...]


def as_json(report: Report) -> bytes:
    """The file."""
    return (report.model_dump_json(indent=1) + "\n").encode("utf-8")


def read_report(path: Path) -> tuple[Report, str]:
    """A report that was kept, and the hash of its file. InputError where it is none, or of another format."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"报告 {path} 读不出来（{error.strerror or error}）；请检查路径。",
            f"The report {path} cannot be read ({error.strerror or error}); check the path.",
        ) from error
    try:
        return Report.model_validate_json(data), hashlib.sha256(data).hexdigest()
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(step) for step in fault["loc"]) or "JSON"
        raise InputError(
            f"{path} 不是本程序能读的评测报告（{where}：{fault['msg']}）；请换一个文件夹，或移走这个文件。",
            f"{path} is no report of an evaluation that this program reads ({where}: {fault['msg']}); "
            "choose another folder, or move the file away.",
        ) from error
