"""What a job run again would change, as one page: what differs, how many of each kind, the most harmful first.

`job changes NAME` and `GET /api/jobs/NAME/changes` give it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.jobs.report import TEXTS
from agent.jobs.rerun import KINDS
from agent.report_page import Page, framed, shown
from agent.texts import texts_in
from standard.errors import Lang

SHOWN = 200  # changes of one kind on the page; the JSON has all


def as_html(changes: Mapping[str, Any], lang: Lang) -> str:
    """For people. `changes`: as `rerun.as_objects` gives them; every text from outside is shown as text."""
    t = Page(texts_in(TEXTS), lang)
    counts, versions = changes["counts"], changes["versions"]
    changed = sum(each["names"] for each in counts.values())
    parts = [
        f"<h1>{t.word('changes_title')} {shown(changes['job'])}</h1>",
        f"<p>{t.word('adopted' if changes['adopted'] else 'not_adopted', job=changes['job'])}</p>",
        t.table(
            (),
            [
                (t.known("of"), changes["of"]),
                (t.known("names"), changes["names"]),
                (t.known("exams"), changes["exams"]),
                (t.known("changed"), changed),
                (
                    t.known("differ"),
                    " / ".join(t.known(f"differ_{each}") for each in changes["differ"]) or "-",
                ),
            ],
        ),
        t.head("kinds"),
        t.table(
            ("kind", "names", "exams"),
            [(t.known(kind), counts[kind]["names"], counts[kind]["exams"]) for kind in KINDS],
        ),
    ]
    for kind in KINDS[:-1]:
        rows = [each for each in changes["changes"] if each["kind"] == kind]
        if rows:
            parts.append(t.head(kind))
            if len(rows) > SHOWN:
                parts.append(f"<p>{t.word('first_of', shown=SHOWN, all=len(rows))}</p>")
            parts.append(t.table(("name", "modality", "exams", "before", "after", "because"), _rows(t, rows[:SHOWN])))
    keys = sorted({*versions["before"], *versions["after"]})
    before, after = versions["before"], versions["after"]
    rows = [(key, before.get(key, ""), after.get(key, "")) for key in keys if before.get(key) != after.get(key)]
    parts += [t.head("versions"), t.table(("version", "before", "after"), rows)]
    return framed(str(changes["job"]), parts, lang)


def _rows(t: Page, rows: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    return [
        (
            each["name"],
            each["modality"],
            each["exams"],
            _told(t, each["before"]),
            _told(t, each["after"]),
            " / ".join(t.known(f"differ_{cause}") for cause in each["because"]),
        )
        for each in rows
    ]


def _told(t: Page, answer: Mapping[str, str]) -> str:
    """An answer in one cell: codes and what they are called; of one for review, why."""
    said = f"{answer['codes']} {answer['names']}".strip() or "-"
    return said if answer["route"] == "accepted" else f"{t.known('review')} ({answer['reason']}): {said}"
