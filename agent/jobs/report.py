"""The report of a job: what was accepted and why not the rest, what nothing explains, where the time went, versions.

    answers of the job ──▶ report.json, in the job's folder when it is done ──▶ one page of HTML, in black and white

`job report NAME`, `GET /api/jobs/NAME/report` and the bulk page give it out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.answer import Query
from agent.jobs.folder import Folder, JobSpec
from agent.jobs.pieces import Piece
from agent.reasons import sentence
from agent.report_page import Page, framed, shown
from agent.texts import texts_in
from standard.errors import InputError, Lang

if TYPE_CHECKING:
    from agent.pipeline import Pipeline

FILE = "report.json"
TEXTS = Path(__file__).parent / "data" / "report.tsv"
UNEXPLAINED = frozenset({"unexplained", "unexplained_matters"})
REREAD = 5000  # names with unexplained characters that are read again to name them, those with the most exams
SHOWN = 40  # rows of a table that can be long


def make_report(
    spec: JobSpec,
    status: Mapping[str, Any],
    queries: Sequence[Query],
    counts: Sequence[int],
    pieces: Iterable[Piece],
    failures: Sequence[Sequence[str]],
    pipeline: Pipeline,
) -> dict[str, Any]:
    """The report as plain values. `counts`: exams of each name; `status`: as the job keeps it, with its seconds."""
    names: Counter[tuple[str, str]] = Counter()
    exams: Counter[tuple[str, str]] = Counter()
    unread: list[tuple[int, Query]] = []
    for piece in pieces:
        for place, answer in enumerate(piece.answers, piece.start):
            key = (answer[0], answer[4])
            names[key] += 1
            exams[key] += counts[place]
            if answer[4] in UNEXPLAINED:
                unread.append((counts[place], queries[place]))
    total = sum(exams.values())
    reasons = [
        {
            "route": key[0],
            "reason": key[1],
            "sentence": {"zh": sentence(key[1], "zh"), "en": sentence(key[1], "en")},
            "names": names[key],
            "exams": exams[key],
            "share": _share(exams[key], total),
        }
        for key in sorted(names, key=lambda key: (-exams[key], key))
    ]
    routes = [
        {
            "route": route,
            "names": sum(number for key, number in names.items() if key[0] == route),
            "exams": (whole := sum(number for key, number in exams.items() if key[0] == route)),
            "share": _share(whole, total),
        }
        for route in sorted({key[0] for key in names})
    ]
    unread.sort(key=lambda each: (-each[0], each[1]))
    seconds: dict[str, float] = status.get("seconds", {})
    done = {"answering": len(queries), "writing": sum(counts)}
    return {
        "job": spec.id,
        "file": spec.title or ", ".join(Path(each).name for each in spec.inputs),
        "output": Path(spec.output).name,
        "user": spec.user,
        "started": status.get("started"),
        "ended": status.get("ended"),
        "counts": dict(status["counts"]),
        "versions": dict(status.get("versions", {})),
        "routes": routes,
        "reasons": reasons,
        "unexplained": {
            "names": len(unread),
            "read": min(len(unread), REREAD),
            "top": _unexplained(unread[:REREAD], pipeline),
        },
        "steps": [
            {"step": step, "seconds": round(spent, 2), "rate": round(done[step] / spent, 1) if step in done else None}
            for step, spent in sorted(seconds.items(), key=lambda each: -each[1])
            if spent > 0
        ],
        "failures": [dict(zip(("name", "modality", "institution", "error"), row, strict=True)) for row in failures],
    }


def kept_report(folder: Folder) -> dict[str, Any]:
    """The report that was kept. InputError for a job that is not done, or was done before there were reports."""
    try:
        found: dict[str, Any] = folder.read(FILE)
    except (OSError, ValueError) as error:
        raise InputError(
            f"任务 {folder.id} 还没有报告；完成时生成。",
            f"The job {folder.id} has no report yet; it is made when it is done.",
        ) from error
    return found


def as_html(report: Mapping[str, Any], lang: Lang) -> str:
    """For people; every text from outside is shown as text."""
    t = Page(texts_in(TEXTS), lang)
    counts = report["counts"]
    facts = [
        *((t.word(key), report[key] or "") for key in ("job", "file", "output", "user", "started", "ended")),
        *((t.word(key), f"{counts.get(key, 0):,}") for key in ("rows", "names", "memory", "failed")),
    ]
    unexplained = report["unexplained"]
    parts = [
        f"<h1>{t.word('title')} {shown(report['job'])}</h1>",
        t.table((), facts),
        t.head("routes"),
        t.table(
            ("route", "names", "exams", "share"),
            [(t.known(each["route"]), *_figures(each)) for each in report["routes"]],
        ),
        t.head("reasons"),
        t.table(
            ("route", "reason", "names", "exams", "share"),
            [
                (t.known(each["route"]), f"{each['reason']}: {each['sentence'][lang]}", *_figures(each))
                for each in report["reasons"]
            ],
        ),
        t.head("unexplained"),
        f"<p>{t.word('unexplained_of', total=unexplained['names'], read=unexplained['read'])}</p>",
        t.table(
            ("characters", "names", "exams", "example"),
            [(each["characters"], each["names"], each["exams"], each["example"]) for each in unexplained["top"]],
        ),
        t.head("steps"),
        t.table(
            ("step", "seconds", "rate"),
            [(t.known(each["step"]), each["seconds"], each["rate"] or "") for each in report["steps"]],
        ),
        t.head("failures"),
        t.table(
            ("name", "modality", "error"),
            [(each["name"], each["modality"], each["error"]) for each in report["failures"][:SHOWN]],
        ),
        t.head("versions"),
        t.table((), sorted(report["versions"].items())),
    ]
    return framed(str(report["job"]), parts, lang)


def _figures(row: Mapping[str, Any]) -> tuple[object, ...]:
    return row["names"], row["exams"], f"{100 * row['share']:.1f} %"


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _unexplained(unread: Sequence[tuple[int, Query]], pipeline: Pipeline) -> list[dict[str, Any]]:
    """The pieces of names that nothing explains, the most frequent first, each with a name it stands in."""
    names: Counter[str] = Counter()
    exams: Counter[str] = Counter()
    example: dict[str, str] = {}
    for count, query in unread:
        spans = pipeline.reader.read(query.name, query.modality).spans
        for piece in sorted({span.text for span in spans if span.slot == "unexplained"}):
            names[piece] += 1
            exams[piece] += count
            example.setdefault(piece, query.name)
    order = sorted(names, key=lambda piece: (-exams[piece], piece))
    return [
        {"characters": each, "names": names[each], "exams": exams[each], "example": example[each]}
        for each in order[:SHOWN]
    ]
