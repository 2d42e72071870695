"""A cluster as the review screen shows it, as plain values.

    card of the store ──▶ Desk.view ──▶ names (first page, spans slot by slot), context, reason in a sentence, evidence,
                                        exams (code field by field, or as far as it was read; candidates with rows),
                                        decisions (unless the look is blind), who may do what

A Desk is compiled once for a catalogue; what it gives is a function of the card, the person's role and the language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from agent.pipeline import CANDIDATES, Pipeline
from agent.reading import Exam
from agent.reasons import conventions, evidence_rows, reasons
from agent.review.editing import Edited, Editor, Wanted, plain
from agent.review.evidence import Candidate, Weigher, signals, voices_of
from agent.store.queue import Card
from agent.store.replay import standing
from agent.store.schema import Name, Suggestion
from agent.store.schema_acts import Decision
from agent.store.states import ACTIONS, SECOND, Step, cell, word
from standard.errors import Lang

NAMES = 20  # of the first page
LONGEST = 600  # characters of a name that are sent; the rest is told as a number
FEWER = 6  # candidates for each exam where a name has several
Retrieved = Sequence[Mapping[str, Any]]
Retrieve = Callable[[str, str], Retrieved]


class Viewer(NamedTuple):
    """Who looks: id, role, language."""

    user_id: int
    role: str
    lang: Lang = "zh"


class Desk:
    """What the screen needs of a catalogue. Safe to call from several threads."""

    def __init__(self, pipeline: Pipeline, retrieve: Retrieve | None = None) -> None:
        self.pipeline = pipeline
        self.catalogue = pipeline.catalogue
        self.editor = Editor(pipeline.catalogue, pipeline.lexicon)
        self.weigher = Weigher(pipeline.catalogue, pipeline.lexicon)
        self._retrieve = retrieve

    def retrieved(self, suggestion: Suggestion | None) -> Retrieved:
        """The candidates of a suggestion: as stored, else as retrieval finds them now; none without retrieval."""
        if suggestion is None:
            return ()
        if suggestion.candidates or self._retrieve is None:
            return suggestion.candidates
        query = suggestion.content.get("query") or {}
        return self._retrieve(query.get("name", ""), query.get("modality", ""))[:CANDIDATES]

    def view(self, card: Card, viewer: Viewer, users: Mapping[int, str], retrieved: Retrieved = ()) -> dict[str, Any]:
        """The whole card. `users`: names of who decided, by id."""
        cluster, suggestion = card.cluster, card.suggestion
        content = suggestion.content if suggestion is not None else {}
        query = content.get("query") or {}
        column = query.get("modality", "") or cluster.modality
        why = "memory_disagrees" if card.contested else cluster.reason
        reason = reasons().get(why)
        return {
            "id": cluster.id,
            "rev": cluster.revision,
            "suggestion": None if suggestion is None else suggestion.id,
            "status": cluster.status,
            "status_text": word("status", cluster.status, viewer.lang),
            "institution": card.institution,
            "modality": query.get("modality", "") or cluster.modality,
            "count": {"names": cluster.names, "exams": cluster.exams},
            "reason": {
                "id": why,
                "text": (reason.zh if viewer.lang == "zh" else reason.en) if reason else why,
                "detail": "" if card.contested else content.get("detail", ""),  # it is the reading's, of its own reason
            },
            "score": cluster.score,
            "evidence": [_told(row, viewer.lang) for row in content.get("evidence") or ()],
            "codes": list(suggestion.codes) if suggestion is not None else [],
            "names": self.names(card.names, column),
            "more": len(card.names) < cluster.names,
            "exams": self._exams(content, suggestion, retrieved, viewer.lang),
            "decisions": [decision_row(each, card.decisions, users, viewer.lang) for each in card.decisions],
            "blind": card.blind,
            "may": self._may(card, viewer),
            "versions": dict(suggestion.versions) if suggestion is not None else {},
        }

    def names(self, names: Iterable[Name], column: str) -> list[dict[str, Any]]:
        """Raw names with what each of their characters says."""
        rows = []
        for name in names:
            reading = self.pipeline.reader.read(name.raw, column)
            spans = [[span.start, span.end, span.slot, span.element] for span in reading.spans if span.start < LONGEST]
            rows.append(
                {
                    "id": name.id,
                    "raw": name.raw[:LONGEST],
                    "cut": max(0, len(name.raw) - LONGEST),
                    "exams": name.exams,
                    "spans": spans,
                }
            )
        return rows

    def exam(self, code: str) -> dict[str, Any]:
        """One code, taken apart and drawn field by field. InputError for one that no edition can have."""
        return plain(self.editor.edited(self.editor.taken_apart(code)))

    # -- parts -------------------------------------------------------------------------------------------------------

    def _exams(
        self, content: Mapping[str, Any], suggestion: Suggestion | None, retrieved: Retrieved, lang: Lang
    ) -> list[dict[str, Any]]:
        """Each exam of the suggestion: its code, or what was read of it, and its candidates."""
        read = [_exam(each) for each in (content.get("reading") or {}).get("exams") or ()]
        codes = list(suggestion.codes) if suggestion is not None else []
        known = {exam.code for exam in read if exam.code}
        if (
            set(codes) != known and codes
        ):  # filled by the model, or for a scanner: the reading does not say which is which
            bare = {exam.code[2:]: exam for exam in read if exam.code}
            read = [
                bare.get(code[2:], Exam(self._family(code), "", "", "", "", ""))._replace(code=code) for code in codes
            ]
        read = list(dict.fromkeys(read)) or [self._from_spans(content)]
        parts = [each["element"] for each in _spans(content) if each["slot"] == "part"]
        voices = voices_of(content, retrieved)
        most = CANDIDATES if len(read) == 1 else FEWER
        column = {self._family(each["code"]) for each in retrieved}  # retrieval keeps to the modality column
        found = []
        for exam in read:
            told = exam._replace(family=next(iter(column))) if not exam.family and len(column) == 1 else exam
            candidates = self.weigher.candidates(told, parts if len(read) == 1 else (), voices, most)
            edited = self._start(exam)
            shown = plain(edited) if edited is not None else _blank()
            found.append(
                {
                    **shown,
                    "said": " ".join(filter(None, (exam.family, exam.side, exam.part, exam.scan, exam.extra))),
                    "candidates": [_candidate(each, lang) for each in candidates],
                }
            )
        return found

    def _start(self, exam: Exam) -> Edited | None:
        """An exam as the first thing to edit; None where nothing of it was read."""
        if exam.code:
            return self.editor.edited(self.editor.taken_apart(exam.code))
        wanted: Wanted | None = self.editor.of_reading(exam) if exam.family else None
        return None if wanted is None else self.editor.edited(wanted)

    def _from_spans(self, content: Mapping[str, Any]) -> Exam:
        """What single words say where no exam was read."""
        said: dict[str, str] = {}
        for span in _spans(content):
            said.setdefault(span["slot"], span["element"])
        said["extra"] = said.get("post") or said.get("position") or ""
        part, side, scan, extra = (said.get(slot, "") for slot in ("part", "side", "scan", "extra"))
        return Exam(said.get("modality", ""), part, side, scan, extra, "")

    def _family(self, code: str) -> str:
        item = self.catalogue.get(code)
        return item.modality if item is not None else ""

    def _may(self, card: Card, viewer: Viewer) -> dict[str, bool]:
        """Which actions this person may order on the cluster as it is."""
        own = card.cluster.status in SECOND and any(each.user_id == viewer.user_id for each in standing(card.decisions))
        return {
            action: not own and cell(Step(card.cluster.status, action), viewer.role) not in ("-", "back")
            for action in ACTIONS
            if action not in ("undo", "retract", "contest")
        }


def decision_row(
    decision: Decision, decisions: Iterable[Decision], users: Mapping[int, str], lang: Lang
) -> dict[str, Any]:
    """One decision for a list."""
    return {
        "id": decision.id,
        "by": users.get(decision.user_id or 0, "影码"),
        "at": decision.at.isoformat(),
        "action": decision.action,
        "text": word("action", decision.action, lang),
        "codes": list(decision.codes),
        "why": decision.why,
        "undone": any(each.undoes_id == decision.id for each in decisions),
        "undoes": decision.undoes_id,
        "batch": decision.batch,
    }


def users_of(decisions: Iterable[Decision]) -> set[int]:
    """Whose names are needed to show decisions."""
    return {each.user_id for each in decisions if each.user_id is not None}


def _candidate(each: Candidate, lang: Lang) -> dict[str, Any]:
    rows = [
        [row.signal, row.value, row.weight, signals()[row.signal].zh if lang == "zh" else signals()[row.signal].en]
        for row in each.rows
    ]
    return {"code": each.item.code, "name": each.item.name, "score": each.score, "total": each.total, "rows": rows}


def _told(row: Mapping[str, Any], lang: Lang) -> list[Any]:
    """A row of a suggestion's evidence: signal, value, weight, sentence."""
    signal, value = row["signal"], row["value"]
    tables: dict[str, Mapping[str, Any]] = {"reason": reasons(), "convention": conventions()}
    known = tables.get(signal, {}).get(value) or evidence_rows().get(signal)
    text = signal if known is None else known.zh if lang == "zh" else known.en
    return [signal, value, row["weight"], text]


def _spans(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list((content.get("reading") or {}).get("spans") or ())


def _exam(each: Mapping[str, Any]) -> Exam:
    return Exam(**{**each, "rules": tuple(each.get("rules") or ())})


def _blank() -> dict[str, Any]:
    """An exam of which nothing is known yet."""
    return {
        "modality": "",
        "slots": {},
        "code": "",
        "name": "",
        "listed": False,
        "fields": [],
        "near": [],
        "dropped": [],
        "problem": {"zh": "没有读出这个检查；请选候选或查找项目", "en": "no exam was read; take a candidate or search"},
    }
