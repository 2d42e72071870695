"""The report as one page for people: in one language, without script or network, to be read in black and white.

What harms most comes first: the measures, wrong accepts, the slots that differ, what changed since the last report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from agent.reasons import conventions, evidence_rows, reasons
from agent.report_page import Figure, Page, framed, shown
from agent.texts import texts_in
from evals.report.compare import WAYS, Way, change_name, change_rows, way_of
from evals.report.confusion import slot_name
from evals.report.drawing import Chart, ceiling
from evals.report.model import (
    Answer,
    At,
    Baseline,
    Baselines,
    Change,
    Comparison,
    Confusion,
    Evidence,
    Figures,
    Reliability,
    Report,
    RiskCoverage,
    WrongAccept,
)
from standard.errors import Lang

TEXTS = Path(__file__).parent / "data" / "texts.tsv"
PAIRS = 4  # values of a slot that are named; the JSON has all
IDS = 6  # names of a slot that are named
STEPS = 10  # rows beside the risk–coverage curve
OPTION_WORDS = {"modality_hidden": "hidden", "model": "model", "edition": "catalogue"}  # and what they are called
MEASURES = (
    "rows",
    "accepted",
    "right",
    "precision",
    "interval",
    "coverage",
    "interval",
    "acceptable",
    "interval",
    "unsafe",
)
STYLE = (
    "body{max-width:88em}table{margin:.2em 0 .7em}"
    ".pair{display:flex;flex-wrap:wrap;gap:1em 2.5em;align-items:flex-start}"
    "svg.chart{font-family:sans-serif;max-width:100%;height:auto}.scroll{overflow-x:auto}"
    "section.name{border:1px solid #999;padding:.4em .8em;margin:.6em 0;break-inside:avoid}"
    "section.name h3{font-size:1em;margin:.1em 0}td{overflow-wrap:break-word}"
    "td.n,th{white-space:nowrap}h2{border-top:2px solid #111;padding-top:.3em}h3{font-size:1em;margin:1em 0 .2em}"
    "p.first{color:#111;font-weight:600}"
    "@media print{body{margin:0;max-width:none;font-size:11px}tr,svg{break-inside:avoid}h2,h3{break-after:avoid}"
    ".scroll{overflow:visible}th,td{padding-right:10px}}"
)


def as_html(report: Report, sha256: str, lang: Lang) -> str:
    """The page. `sha256`: of the JSON that is kept beside it."""
    page = _Report(lang)
    parts = [
        f"<h1>{page.word('title')}</h1>",
        *page.made(report, sha256),
        *page.measures(report),
        *page.wrong(report),
        *page.confusion(report.confusion),
        *page.comparison(report.comparison),
        *page.curves(report),
        *page.baselines(report.baselines),
        *page.cuts(report),
        page.head("versions"),
        page.wide((), sorted(report.versions.items())),
    ]
    return framed(page.known("title"), parts, lang, STYLE)


class _Report(Page):
    """The sections."""

    def __init__(self, lang: Lang) -> None:
        super().__init__(texts_in(TEXTS), lang)

    def wide(self, head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
        """A table that may be wider than the page."""
        return f'<div class="scroll">{self.table(head, rows)}</div>'

    def note(self, name: str, **values: object) -> str:
        """A paragraph of ours."""
        return f"<p>{self.word(name, **values)}</p>"

    # -- what, and how good --------------------------------------------------------------------------------------------

    def made(self, report: Report, sha256: str) -> list[str]:
        """What was measured, how, and which file this page shows."""
        files = "; ".join(f"{each.name} ({each.rows}, {each.sha256[:12]})" for each in report.gold)
        options = report.options
        return [
            self.table(
                (),
                [
                    (self.known("made"), report.made),
                    (self.known("gold"), files),
                    (self.known("catalogue"), report.versions.get("catalogue", "")),
                    (self.known("model"), options.model),
                    (self.known("hidden"), self.known("yes" if options.modality_hidden else "no")),
                    ("report.json", sha256[:12]),
                ],
            )
        ]

    def measures(self, report: Report) -> list[str]:
        """All rows."""
        table = self.wide(("part", *MEASURES), [self._figures(report.all, self.known("all"))])
        return [self.head("measures"), self.note("measures_note"), table]

    def cuts(self, report: Report) -> list[str]:
        """The same by category, source and modality."""
        cuts = (("category", report.category), ("source", report.source), ("modality", report.modality))
        groups = [(self.known(cut), [self._figures(each, each.part) for each in found]) for cut, found in cuts]
        return [self.head("cuts"), f'<div class="scroll">{self.grouped(("part", *MEASURES), groups)}</div>']

    def _figures(self, each: Figures, name: str) -> tuple[object, ...]:
        return (
            name,
            each.rows,
            each.accepted,
            each.right,
            _share(each.precision),
            _interval(each.precision_interval, each.accepted),
            _share(each.coverage),
            _interval(each.coverage_interval, each.rows),
            _share(each.coverage_of_acceptable),
            _interval(each.coverage_of_acceptable_interval, each.acceptable),
            each.unsafe,
        )

    # -- what is wrong -------------------------------------------------------------------------------------------------

    def wrong(self, report: Report) -> list[str]:
        """Every wrong accept with its explanation, then the right ones that the label sends to a person."""
        unsafe = [each for each in report.answers if each.route == "accepted" and each.gold_route == "review"]
        beside = [each for each in unsafe if each.right]
        return [
            self.head("wrong"),
            f'<p class="first">{self.word("wrong_count", number=len(report.wrong), accepted=report.all.accepted)}</p>',
            *(self._wrong(each) for each in report.wrong),
            f"<h3>{self.word('unsafe_right')}</h3>",
            self.wide(
                ("id", "source", "name", "answer", "reason"),
                [(each.id, each.source, self._asked(each), _said(each), self._reason(each)) for each in beside],
            ),
        ]

    def _wrong(self, each: WrongAccept) -> str:
        answer = each.answer
        gold = self._label(answer)
        names = " + ".join(each.gold_names)
        total = sum(row.weight for row in each.evidence)
        return "".join(
            (
                '<section class="name">',
                f"<h3>{shown(self._asked(answer))}</h3>",
                f"<p>{shown(f'{answer.source} · {answer.id} · {answer.category}')}</p>",
                self.wide(
                    (),
                    [
                        (self.known("answer"), _said(answer)),
                        (self.known("label"), f"{gold}  {names}"),
                        (self.known("reason"), self._reason(answer)),
                        (self.known("score"), f"{answer.score:.4f}"),
                    ],
                ),
                '<div class="pair">',
                self.table(
                    ("slot", "label", "answer"),
                    [(slot_name(one.slot, self.lang), one.gold or "–", one.answer or "–") for one in each.differences],
                ),
                self.table(("text", "slot", "element"), [(one.text, one.slot, one.element) for one in each.spans]),
                self.table(
                    ("evidence", "value", "weight"),
                    [
                        *((self._signal(one), self._value(one), Figure(f"{one.weight:+.2f}")) for one in each.evidence),
                        (self.known("sum"), "", Figure(f"{total:+.2f}")),
                    ],
                ),
                "</div></section>",
            )
        )

    def confusion(self, found: Iterable[Confusion]) -> list[str]:
        """The slots that differ, by harm, of accepted answers and of those offered."""
        parts = [self.head("confusion"), self.note("confusion_note")]
        for each in found:
            parts.append(f"<h3>{self.word(f'confusion_{each.kind}', answers=each.answers, wrong=each.wrong)}</h3>")
            rows = [
                (
                    slot_name(slot.slot, self.lang),
                    slot.names,
                    Figure(f"{100 * slot.names / each.answers:.2f} %"),
                    self._some([f"{one.gold or '–'} → {one.answer or '–'} ×{one.names}" for one in slot.pairs], PAIRS),
                    self._some(slot.ids, IDS),
                )
                for slot in each.slots
                if each.answers and (slot.names or slot.slot in ("side", "contrast"))
            ]
            parts.append(self.wide(("slot", "names", "share", "label_answer", "ids"), rows))
        return parts

    def _some(self, texts: Sequence[str], most: int) -> str:
        """The first ones, and how many more there are."""
        more = f" (+{len(texts) - most})" if len(texts) > most else ""
        return "; ".join(texts[:most]) + more

    # -- what changed --------------------------------------------------------------------------------------------------

    def comparison(self, found: Comparison | None) -> list[str]:
        """What is not as it was in the report before."""
        if found is None:
            return [self.head("comparison"), self.note("comparison_none")]
        ways = Counter((each.kind, way_of(each)) for each in found.changes)
        kinds = [
            (
                change_name(kind, self.lang),
                sum(ways[kind, way] for way in WAYS),
                "; ".join(f"{self._way(way)} ×{ways[kind, way]}" for way in WAYS if ways[kind, way]),
            )
            for kind in change_rows()
        ]
        parts = [
            self.head("parity" if found.versions else "comparison"),
            self.note("compared", made=found.made, sha256=found.sha256[:12]),
            self.table(
                ("version", "before", "now"),
                [(each.key, each.before or "–", each.now or "–") for each in found.versions],
            )
            if found.versions
            else self.note("versions_same"),
        ]
        if found.options:
            rows = [
                (self.known(OPTION_WORDS[each.key]), self._option(each.before), self._option(each.now))
                for each in found.options
            ]
            parts += [self.note("options_differ"), self.table(("option", "before", "now"), rows)]
        if found.only_before or found.only_now or found.relabelled:
            parts.append(
                self.note(
                    "rows_differ",
                    both=found.both,
                    before=found.only_before,
                    now=found.only_now,
                    relabelled=len(found.relabelled),
                )
            )
        parts += [
            self.table(
                ("measure", "before", "now"),
                [
                    (self.known(key), _share(getattr(found.before, key)), _share(getattr(found.now, key)))
                    for key in ("precision", "coverage", "coverage_of_acceptable")
                ],
            ),
            f'<p class="first">{self.word("changed", number=len(found.changes), both=found.both)}</p>',
            self.table(("change", "names", "way"), kinds),
            self.note("scores_moved", number=found.scores_moved, farthest=f"{found.farthest:.4f}"),
            f'<div class="scroll">{self._changes(found.changes)}</div>',
        ]
        return parts

    def _option(self, value: str) -> str:
        return self.known({"true": "yes", "false": "no"}[value]) if value in ("true", "false") else value or "–"

    def _changes(self, changes: Sequence[Change]) -> str:
        """Every change, under its kind."""
        groups = [
            (change_name(kind, self.lang), [self._change(each) for each in changes if each.kind == kind])
            for kind in change_rows()
        ]
        return self.grouped(("way", "name", "before", "now", "label", "id"), groups)

    def _way(self, way: Way) -> str:
        return " → ".join(self.known(f"state_{state}") for state in way)

    def _change(self, each: Change) -> tuple[object, ...]:
        before, now = each.before, each.now
        return (
            self._way(way_of(each)),
            self._asked(now),
            f"{_said(before)} ({before.reason})",
            f"{_said(now)} ({now.reason})",
            self._label(now),
            f"{now.source} {now.id}",
        )

    # -- the score -----------------------------------------------------------------------------------------------------

    def curves(self, report: Report) -> list[str]:
        """The two charts, each with its table."""
        return [
            self.head("risk_coverage"),
            self.note("risk_coverage_note", answers=report.risk_coverage.answers, rows=report.risk_coverage.rows),
            self.note("aurc", aurc=_four(report.risk_coverage.aurc), least=_four(report.risk_coverage.least)),
            f'<div class="pair">{self._risk_chart(report.risk_coverage, report.all)}'
            f"{self._risk_table(report.risk_coverage)}</div>",
            self.head("reliability"),
            self.note("reliability_note"),
            f'<div class="pair">{self._reliability_chart(report.reliability)}'
            f"<div>{''.join(self._reliability_table(each) for each in report.reliability)}</div></div>",
        ]

    def _risk_chart(self, found: RiskCoverage, every: Figures) -> str:
        risks = [each.risk for each in found.points]
        chart = Chart(
            self.known("risk_coverage"),
            self.known("axis_coverage"),
            self.known("axis_risk"),
            top=ceiling(max(risks, default=0)),
        )
        right = found.answers - (found.points[-1].wrong if found.points else 0)
        steps = range(right, found.answers + 1)
        best = [(0.0, 0.0), *((place / found.rows, (place - right) / place) for place in steps if place)]
        chart.line(best, "dotted", 1.5, self.known("line_best"))
        chart.line(
            [(0.0, risks[0] if risks else 0.0), *((each.coverage, each.risk) for each in found.points)],
            "solid",
            2,
            self.known("line_score"),
        )
        if every.precision is not None and every.coverage is not None:
            chart.mark(every.coverage, 1 - every.precision, "diamond", True, self.known("mark_routed"))
        return chart.svg()

    def _risk_table(self, found: RiskCoverage) -> str:
        """The points nearest to even steps of coverage, and the last one."""
        kept = {}
        for step in range(1, STEPS + 1):
            wanted = step / STEPS * found.answers
            point = next((each for each in found.points if each.answers >= wanted - 1e-9), None)
            if point is not None:
                kept[point.score] = point
        return self.table(
            ("least_score", "answers", "wrong_answers", "coverage", "risk"),
            [
                (Figure(f"{each.score:.4f}"), each.answers, each.wrong, _share(each.coverage), _share(each.risk, 2))
                for each in kept.values()
            ],
        )

    def _reliability_chart(self, found: Iterable[Reliability]) -> str:
        chart = Chart(self.known("reliability"), self.known("axis_score"), self.known("axis_right"))
        chart.line([(0, 0), (1, 1)], "dashed", 1, self.known("line_calibrated"))
        for each in found:
            accepted = each.kind == "accepted"
            for number, one in enumerate(each.bins):
                if not accepted:
                    chart.whisker(one.score, *one.interval)
                label = self.known(f"mark_{each.kind}") if number == 0 else ""
                chart.mark(one.score, one.share, "square" if accepted else "circle", accepted, label)
        return chart.svg()

    def _reliability_table(self, each: Reliability) -> str:
        rows = [
            (
                Figure(f"{one.low:.2f}–{one.high:.2f}"),
                one.answers,
                one.right,
                Figure(f"{one.score:.3f}"),
                Figure(f"{one.share:.3f}"),
                _interval(one.interval, one.answers),
            )
            for one in each.bins
        ]
        title = self.word(
            f"reliability_{each.kind}", answers=each.answers, ece=_four(each.ece), brier=_four(each.brier)
        )
        head = ("score", "answers", "right", "mean_score", "share_right", "interval")
        return f"<h3>{title}</h3>{self.table(head, rows)}"

    # -- the others ----------------------------------------------------------------------------------------------------

    def baselines(self, found: Baselines | None) -> list[str]:
        """Each way at its best, at the wanted precision and by F1."""
        if found is None:
            return [self.head("baselines"), self.note("baselines_none")]
        wanted = f"{100 * found.wanted:g} %"
        parts = [self.head("baselines"), f'<p class="first">{self.word("flatters")}</p>', self.note("baselines_note")]
        head = ("method", "filter", "first_right", "aurc_short", "threshold", "accepted", "precision", "interval",
                "acceptable", "unsafe", "f1")  # fmt: skip
        own = (self.known("own"), "", found.own_top_right, _four(found.own_aurc), Figure("–"), *self._at(found.own))
        for at in ("at_precision", "at_f1"):
            rows = [own, *(self._baseline(each, getattr(each, at)) for each in found.ways)]
            parts += [f"<h3>{self.word(at, wanted=wanted)}</h3>", self.wide(head, rows)]
        parts += [
            f"<p>{self.word(f'way_{each.method}')}: {escape(each.left_out[0 if self.lang == 'zh' else 1])}</p>"
            for each in found.ways
            if each.left_out is not None
        ]
        return parts

    def _baseline(self, each: Baseline, at: At | None) -> tuple[object, ...]:
        name = self.known(f"way_{each.method}")
        filtered = self.known("yes" if each.filtered else "no")
        if each.left_out is not None:
            return (name, filtered, *[Figure("–")] * 9)
        threshold = Figure("–") if at is None else Figure(f"{at.threshold:.4f}")
        return (name, filtered, each.top_right, _four(each.aurc), threshold, *self._at(at))

    def _at(self, at: At | None) -> tuple[object, ...]:
        if at is None:
            return (0, *[Figure("–")] * 5)
        each = at.figures
        return (
            each.accepted,
            _share(each.precision),
            _interval(each.precision_interval, each.accepted),
            _share(each.coverage_of_acceptable),
            each.unsafe,
            Figure(f"{at.f1:.3f}"),
        )

    # -- words ---------------------------------------------------------------------------------------------------------

    def _asked(self, answer: Answer) -> str:
        return answer.name + (f" [{answer.modality}]" if answer.modality else "")

    def _label(self, answer: Answer) -> str:
        return " / ".join(" + ".join(codes) for codes in answer.gold) or self.known("no_code")

    def _reason(self, answer: Answer) -> str:
        row = reasons().get(answer.reason)  # a report before may hold reasons that are no more
        said = answer.reason if row is None else f"{answer.reason}: {row.zh if self.lang == 'zh' else row.en}"
        return f"{said} ({answer.detail})" if answer.detail else said

    def _signal(self, each: Evidence) -> str:
        return self._sentence(evidence_rows(), each.signal)

    def _value(self, each: Evidence) -> str:
        return self._sentence(conventions() if each.signal == "convention" else reasons(), each.value)

    def _sentence(self, table: Mapping[str, object], key: str) -> str:
        row = table.get(key)
        return key if row is None else str(getattr(row, self.lang))


def _said(answer: Answer) -> str:
    """Codes and names of an answer."""
    return " + ".join(f"{code} {name}" for code, name in zip(answer.codes, answer.names, strict=False)) or "–"


def _share(share: float | None, digits: int = 1) -> Figure:
    return Figure("–" if share is None else f"{100 * share:.{digits}f} %")


def _interval(interval: tuple[float, float], of: int) -> Figure:
    return Figure(f"{100 * interval[0]:.1f}–{100 * interval[1]:.1f}" if of else "–")


def _four(value: float | None) -> Figure:
    return Figure("–" if value is None else f"{value:.4f}")
