"""A query in, a suggestion out: reader, classifier, model where it is still open, coder's stock, router.

    reader ─▶ classifier ─▶ router ─▶ settled? ─ yes ─────────────────────▶ suggestion
                                         └─ no ─▶ (candidates ─▶) model ─▶ router ─▶ suggestion

Beside a model, reader and classifier read every name, and the model is asked where what it says can still change the
route; without one the classifier is asked only about names that it can settle (second.py). The model's answer is
shown to the person who looks and stands in for codes that the reader did not find. It never makes a name pass a hard
rule. Yingma's own model needs no candidates; another one is given those that retrieval finds.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from agent.answer import Query, Suggestion
from agent.asking import Asking, Question
from agent.audit.place import STOPPED, score_in_review
from agent.device import DeviceReader
from agent.memory import Memory, answered, edition_of, name_of, score_of, verdict
from agent.opinions import Opinion, Opinions
from agent.reader import KEPT, Outcome, Reader
from agent.reading import Exam, Unexplained
from agent.resolve import Issue
from agent.router import Routed, Router, unheard
from agent.second import SecondVoice, opinions_of
from standard import Catalogue
from standard.lexicon import DATA, Lexicon, load_lexicon

if TYPE_CHECKING:
    from agent.classifier import Classifier
    from agent.model import Exam as SlotExam
    from agent.model import Model, ModelOutcome, ModelRequest
    from agent.model.kept import KeptAnswers
    from agent.reading import Reading
    from retrieval import Candidate, Retriever

CANDIDATES = 10
OWN = "yingma-embedded"  # the name of Yingma's own model
Compact = tuple[str, str, str, str, str, str, str]  # route, codes, names, score, reason, edition, detail


class _Read(NamedTuple):
    """A name that was read and routed; the model may have a say yet."""

    query: Query
    opinion: Opinion | None
    reading: Reading
    issues: tuple[Issue, ...]
    routed: Routed


class Pipeline:
    """Compiled once; an answer is a pure function of the query, the catalogue, the tables and the models."""

    def __init__(
        self,
        catalogue: Catalogue,
        model: Model | None = None,
        retriever: Retriever | None = None,
        lexicon: Lexicon | None = None,
        device_codes: bool = False,
        classifier: Classifier | None = None,
        memory: Memory | None = None,
        kept: KeptAnswers | None = None,
        second: SecondVoice | None = None,
    ) -> None:
        """`classifier` reads every name, beside a model; `second` is the same without one (second.py)."""
        self.catalogue = catalogue
        self.lexicon = lexicon or load_lexicon()
        self.reader = Reader(catalogue, self.lexicon)
        self.router = Router()
        self.devices = DeviceReader(catalogue, self.lexicon) if device_codes else None
        self.model = model
        self.classifier = classifier
        self.second = second
        self.retriever = retriever
        self.memory = memory  # of the names of a run; whoever runs it sets it
        self.asking = Asking(threads=getattr(model, "concurrency", 1))  # how it puts its questions
        self.kept = kept  # what the model answered before
        self.default_edition = "+".join(edition.id for edition in catalogue.editions)
        self._compact: dict[tuple[tuple[Exam, ...], tuple[Issue, ...], Unexplained], tuple[Compact, bool]] = {}
        self._resolve: Callable[[SlotExam], str | None] | None = None
        self._preparing = threading.Lock()  # questions are put at once, and made one by one

    @cached_property
    def versions(self) -> dict[str, str]:
        """What every answer was made with."""
        found = {"catalogue": self.catalogue.id, "lexicon": self.lexicon.version, "router": _hash(DATA)}
        if self.model is not None:
            found |= {f"model.{key}": value for key, value in self.model.provenance.items()}
        if self.classifier is not None:
            found |= {f"classifier.{key}": value for key, value in self.classifier.provenance.items()}
        if self.second is not None:
            found["classifier.hash"] = self.second.version
        if self.retriever is not None:
            found["retrieval"] = self.retriever.version
        return found

    @property
    def own_model(self) -> bool:
        """The model is Yingma's own: it may be opened in many processes, and gives the same answers in each."""
        return self.model is not None and self.model.name == OWN

    def answer(self, queries: Sequence[Query]) -> list[Suggestion]:
        """The suggestion of each query, in order, with reading and evidence; candidates where a model needed them."""
        return [self._recalled(each) for each in self.fresh(queries)]

    def fresh(self, queries: Sequence[Query]) -> list[Suggestion]:
        """The same as if nobody had decided anything: what the store is given."""
        return self._suggested(queries, candidates=False)

    def explain(self, query: Query) -> Suggestion:
        """One suggestion with everything that can be told, candidates included where there is a retriever."""
        return self._recalled(self._suggested([query], candidates=True)[0])

    def answer_compact(self, queries: Sequence[Query]) -> list[Compact]:
        """The answers as text for a table: route, codes and names joined, score, reason id, edition, detail."""
        if self.devices is not None:
            return [self._as_text(suggestion) for suggestion in self.answer(queries)]
        fresh = self._fresh_compact(queries)
        if self.memory is None:
            return fresh
        return [self._recalled_compact(query, each) for query, each in zip(queries, fresh, strict=True)]

    def _fresh_compact(self, queries: Sequence[Query]) -> list[Compact]:
        if self.model is not None or self.classifier is not None:
            return self._compact_with_voices(queries)
        out: list[Compact] = []
        kept = self._compact
        open_ones: list[tuple[int, Outcome, Unexplained]] = []  # that the second voice may settle
        for at, query in enumerate(queries):
            outcome, unexplained = self.reader.answer(query.name, query.modality)
            key = outcome.exams, outcome.issues, unexplained
            found = kept.get(key)
            if found is None:
                if len(kept) > KEPT:
                    kept.clear()
                routed = self.router.route(outcome.exams, outcome.issues, unexplained)
                text = self._text(routed, _codes(outcome.exams), outcome.issues)
                found = kept[key] = text, routed.asks == "classifier"
            out.append(found[0])
            if found[1]:
                open_ones.append((at, outcome, unexplained))
        if self.second is not None and open_ones:
            said = self.second.opinions([queries[at] for at, _, _ in open_ones])
            for (at, outcome, unexplained), opinion in zip(open_ones, said, strict=True):
                routed = self.router.route(outcome.exams, outcome.issues, unexplained, Opinions(opinion))
                out[at] = self._text(routed, _codes(outcome.exams), outcome.issues)
        return out

    # -- parts -----------------------------------------------------------------------------------------------------

    def _recalled(self, fresh: Suggestion) -> Suggestion:
        """As memory answers it."""
        return fresh if self.memory is None else answered(self.memory, self.catalogue, fresh)

    def _recalled_compact(self, query: Query, fresh: Compact) -> Compact:
        """The same for a table."""
        assert self.memory is not None
        codes = tuple(fresh[1].split("+")) if fresh[1] else ()
        held = None
        if self.memory.decided:  # else it only tells where acceptance is stopped, and no name is read again for it
            held = self.memory.find(query, self.reader.read(query.name, query.modality), codes)
        found = None if held is None else verdict(held, self.catalogue, fresh[0], codes)
        if found is None:
            if fresh[0] == "accepted" and self.memory.stops(self.catalogue, query.institution, codes):
                return (
                    "review",
                    *fresh[1:3],
                    f"{score_in_review(float(fresh[3]), STOPPED):.4f}",
                    STOPPED,
                    fresh[5],
                    "",
                )
            return fresh
        route, reason, said, detail = found
        return (
            route,
            "+".join(said),
            " + ".join(self._name(code) for code in said),
            f"{score_of(route):.4f}",
            reason,
            edition_of(self.catalogue, said) or fresh[5],
            detail,
        )

    def _compact_with_voices(self, queries: Sequence[Query]) -> list[Compact]:
        read: list[tuple[Opinion | None, Outcome, Unexplained, Routed]] = []
        for query, opinion in zip(queries, self._classified(queries), strict=True):
            outcome, unexplained = self.reader.answer(query.name, query.modality)
            routed = self.router.route(outcome.exams, outcome.issues, unexplained, Opinions(opinion))
            read.append((opinion, outcome, unexplained, routed))
        places = [place for place, each in enumerate(read) if self.model is not None and each[3].asks]
        said = self.asking.outcomes(
            [Question(queries[at], partial(self._asked, queries[at], read[at][0], None, None)) for at in places]
        )
        heard = dict(zip(places, said, strict=True))
        out = []
        for place, (opinion, outcome, unexplained, routed) in enumerate(read):
            codes = _codes(outcome.exams)
            if place in heard:
                answer = heard[place]
                if _speaks(answer):
                    opinions = Opinions(opinion, _opinion(answer))
                    routed = self.router.route(outcome.exams, outcome.issues, unexplained, opinions)
                    codes = routed.filled or codes or answer.codes
                else:
                    routed = unheard(routed, answer)
            out.append(self._text(routed, codes, outcome.issues))
        return out

    def _suggested(self, queries: Sequence[Query], candidates: bool) -> list[Suggestion]:
        """Suggestions; `candidates`: also of names that the model is not asked about."""
        read = self._settled([self._read(*each) for each in zip(queries, self._classified(queries), strict=True)])
        asks = [place for place, each in enumerate(read) if self.model is not None and each.routed.asks]
        found: dict[int, tuple[Candidate, ...]] = {}
        if self.retriever is not None:
            looked = range(len(read)) if candidates else asks
            texts = [(queries[place].name, queries[place].modality) for place in looked]
            found = dict(
                zip(looked, map(tuple, self.retriever.search(texts, CANDIDATES) if texts else ()), strict=True)
            )
        questions = [
            Question(each.query, partial(self._asked, each.query, each.opinion, each.reading, found.get(at, ())))
            for at, each in ((at, read[at]) for at in asks)
        ]
        said = dict(zip(asks, self.asking.outcomes(questions), strict=True))
        return [self._suggestion(each, found.get(place, ()), said.get(place)) for place, each in enumerate(read)]

    def _read(self, query: Query, opinion: Opinion | None) -> _Read:
        reading = self.reader.read(query.name, query.modality)
        issues = tuple((problem.reason, (), problem.word) for problem in reading.problems)
        routed = self.router.route(reading.exams, issues, reading.unexplained, Opinions(opinion))
        return _Read(query, opinion, reading, issues, routed)

    def _settled(self, read: list[_Read]) -> list[_Read]:
        """With what the second voice says of those that it may settle."""
        places = [at for at, each in enumerate(read) if each.routed.asks == "classifier"]
        if self.second is None or not places:
            return read
        for at, opinion in zip(places, self.second.opinions([read[at].query for at in places]), strict=True):
            reading, issues = read[at].reading, read[at].issues
            routed = self.router.route(reading.exams, issues, reading.unexplained, Opinions(opinion))
            read[at] = read[at]._replace(opinion=opinion, routed=routed)
        return read

    def _suggestion(self, read: _Read, found: tuple[Candidate, ...], said: ModelOutcome | None) -> Suggestion:
        query, opinion, reading, issues, routed = read
        codes = reading.codes
        if said is not None:
            if _speaks(said):
                opinions = Opinions(opinion, _opinion(said))
                routed = self.router.route(reading.exams, issues, reading.unexplained, opinions)
                codes = routed.filled or codes or said.codes
            else:
                routed = unheard(routed, said)
        site = codes if self.devices is None else self.devices.applied(reading.canonical, codes)
        return Suggestion(
            query=query,
            route=routed.route,
            codes=site,
            names=tuple(self._name(code) for code in site),
            score=routed.score,
            reason=routed.reason,
            edition=self._edition(codes),
            detail=_detail(routed, issues),
            evidence=routed.evidence,
            reading=reading,
            candidates=found,
            model=said,
            classifier=opinion,
            versions=self.versions,
        )

    def _classified(self, queries: Sequence[Query]) -> Sequence[Opinion | None]:
        """What the classifier says of each query; None of each without one."""
        if self.classifier is None:
            return [None] * len(queries)
        return opinions_of(self.classifier, queries)

    def _asked(
        self,
        query: Query,
        opinion: Opinion | None,
        reading: Reading | None,
        candidates: tuple[Candidate, ...] | None,
    ) -> ModelOutcome:
        """What the model says; reading and candidates are looked up where it wants them and they are not given."""
        model = self.model
        assert model is not None
        with self._preparing:
            bare = self._request(query, opinion, reading)

        def asked() -> ModelOutcome:
            request = bare
            if self.retriever is not None:
                with self._preparing:
                    request = self._with_candidates(bare, candidates)
            return model.fill(request)

        return asked() if self.kept is None else self.kept.ask(bare, asked)

    def _request(self, query: Query, opinion: Opinion | None, reading: Reading | None) -> ModelRequest:
        """What the model is asked, without candidates."""
        from agent.model import ModelRequest, ReaderSpan
        from prompts.rows import resolver

        if self.retriever is None:  # the model needs no candidates, nor what was read
            draft = opinion.codes if opinion is not None and len(opinion.codes) < 2 else None  # in the order of a name
            return ModelRequest(query.name, query.modality, draft=draft)
        if reading is None:
            reading = self.reader.read(query.name, query.modality)
        if self._resolve is None:
            self._resolve = resolver(self.catalogue)
        spans = tuple(
            ReaderSpan(span.slot, span.text, span.element)
            for span in reading.spans
            if span.slot not in ("noise", "separator", "unexplained")
        )
        return ModelRequest(query.name, query.modality, spans, resolve=self._resolve)

    def _with_candidates(self, request: ModelRequest, candidates: tuple[Candidate, ...] | None) -> ModelRequest:
        """The request with its candidates, which are looked up where they are not given."""
        from prompts.rows import candidate_row

        assert self.retriever is not None
        if candidates is None:
            candidates = tuple(self.retriever.search([(request.name, request.modality)], CANDIDATES)[0])
        rows = tuple(candidate_row(self.catalogue.items[candidate.code]) for candidate in candidates)
        return replace(request, candidates=rows)

    def _name(self, code: str) -> str:
        return name_of(self.catalogue, code)

    def _edition(self, codes: Sequence[str]) -> str:
        return "+".join(dict.fromkeys(self.catalogue.items[code].edition for code in codes)) or self.default_edition

    def _text(self, routed: Routed, codes: Sequence[str], issues: Sequence[Issue]) -> Compact:
        return (
            routed.route,
            "+".join(codes),
            " + ".join(self.catalogue.items[code].name for code in codes),
            f"{routed.score:.4f}",
            routed.reason,
            self._edition(codes),
            _detail(routed, issues),
        )

    def _as_text(self, suggestion: Suggestion) -> Compact:
        return (
            suggestion.route,
            "+".join(suggestion.codes),
            " + ".join(suggestion.names),
            f"{suggestion.score:.4f}",
            suggestion.reason,
            suggestion.edition,
            suggestion.detail,
        )


def _codes(exams: Sequence[Exam]) -> tuple[str, ...]:
    """The codes of the exams, each once."""
    return tuple(dict.fromkeys(exam.code for exam in exams if exam.code))


def _speaks(outcome: ModelOutcome) -> bool:
    """An answer; or a refusal of a model that tells how sure it is, which says that no code is right."""
    return outcome.kind == "answered" or (outcome.kind == "refused" and outcome.logprob is not None)


def _opinion(outcome: ModelOutcome) -> Opinion:
    """What a model said; its margin where it tells log-probabilities."""
    if outcome.logprob is None or outcome.runner_up_logprob is None:
        return Opinion(outcome.codes)
    return Opinion(outcome.codes, outcome.logprob - outcome.runner_up_logprob)


def _detail(routed: Routed, issues: Sequence[Issue]) -> str:
    """The word that the reason is about; of one that is about the model, the reader's own reason."""
    return routed.before or next((word for reason, _, word in issues if reason == routed.reason and word), "")


def _hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in ("reasons.tsv", "conventions.tsv", "evidence.tsv", "calibration.toml", "voices.toml"):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:12]
