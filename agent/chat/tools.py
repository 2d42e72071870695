"""The tools of the dialogue: typed questions to the pipeline and the standard, facts back. They change nothing.

What writes (queue, decision) is in saving.py, and is never given to a language model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from agent.answer import Query, Suggestion
from agent.chat.facts import (
    ChangeFact,
    CodeFact,
    CompareFact,
    CompareIn,
    DecodeIn,
    EditionsFact,
    EditionsIn,
    FieldFact,
    ItemFact,
    LineFact,
    NameFact,
    ResolveIn,
    SearchFact,
    SearchIn,
    Sentence,
    SideFact,
    SpanFact,
    TableFact,
    WeightFact,
)
from agent.chat.nearest import Nearest
from agent.chat.question import Asker
from agent.chat.slots import Slots
from agent.chat.values import Draft
from agent.memory import REASONS, remembered
from agent.pipeline import Pipeline
from agent.reasons import conventions, reasons
from agent.store import Store
from standard import Catalogue, Edition, Item, decode, edition_ids, load_edition, search, validate
from standard.coder import split
from standard.errors import CodeError, InputError
from standard.text import canonical

Answer = Callable[[Sequence[Query]], list[Suggestion]]
LINES = 200  # of a pasted column that are answered at once; more is a job
CHANGES = 8  # of each kind that are told
NEAREST = 5


class Tools:
    """For one pipeline; the store is asked what was decided before, where there is one."""

    def __init__(
        self,
        pipeline: Pipeline,
        store: Store | None = None,
        answer: Answer | None = None,
        kept: Answer | None = None,
    ) -> None:
        """`answer`: how the pipeline is asked, where several threads share it; `kept`: what the store is given."""
        self.pipeline = pipeline
        self.catalogue: Catalogue = pipeline.catalogue
        self.store = store
        self._answer = answer or pipeline.fresh
        self._kept = kept or self._answer
        self.slots = Slots(pipeline)
        self.nearest = Nearest(pipeline, self.slots)
        self.asker = Asker(self.slots, self.nearest)

    # -- a name ----------------------------------------------------------------------------------------------------

    def suggest(self, given: ResolveIn) -> Suggestion:
        """The pipeline's own answer, as if nobody had decided anything."""
        return self._answer([Query(given.name, given.modality, given.institution)])[0]

    def kept(self, given: ResolveIn) -> Suggestion:
        """The answer that goes into the store: with everything that the site's settings ask for."""
        return self._kept([Query(given.name, given.modality, given.institution)])[0]

    def recalled(self, fresh: Sequence[Suggestion]) -> list[Suggestion]:
        """Answers as memory gives them: what a person decided in the same context stands."""
        if self.store is None or not fresh:
            return list(fresh)
        with self.store.reading() as session:
            return remembered(session, self.catalogue, fresh)

    def draft(self, suggestion: Suggestion) -> Draft:
        """The draft of an answer; what a person decided is not asked again."""
        draft = self.asker.draft(suggestion)
        decided = suggestion.route == "accepted" and suggestion.reason in REASONS.values()
        return draft.model_copy(update={"decided": True}) if decided else draft

    def resolve(self, given: ResolveIn) -> NameFact:
        """What is answered to a name."""
        return self.name_fact(self.recalled([self.suggest(given)])[0])

    def name_fact(self, suggestion: Suggestion) -> NameFact:
        """A suggestion as facts."""
        query, reading = suggestion.query, suggestion.reading
        rules = dict.fromkeys(rule for exam in (reading.exams if reading else ()) for rule in exam.rules)
        problems = dict.fromkeys(each.reason for each in (reading.problems if reading else ()))
        near = [] if suggestion.route == "accepted" else self.nearest(query.name, query.modality)
        return NameFact(
            name=query.name,
            modality=query.modality,
            route=suggestion.route,
            score=suggestion.score,
            reason=reason(suggestion.reason),
            detail=suggestion.detail,
            items=self.items(suggestion.codes),
            spans=tuple(
                SpanFact(text=s.text, slot=s.slot, element=s.element) for s in (reading.spans if reading else ())
            ),
            conventions=tuple(
                Sentence(id=each, zh=conventions()[each].zh, en=conventions()[each].en) for each in rules
            ),
            problems=tuple(reason(each) for each in problems),
            evidence=tuple(WeightFact(signal=e.signal, value=e.value, weight=e.weight) for e in suggestion.evidence),
            candidates=self.items([code for code in near if code not in suggestion.codes][:NEAREST], fields=False),
            remembered=_remembered(suggestion),
            settled=suggestion.route == "accepted",
            edition=suggestion.edition,
        )

    def codes_of(self, draft: Draft) -> tuple[str, ...]:
        """The codes of a draft, told apart by scanner where the site asks for it and the name says which."""
        devices = self.pipeline.devices
        return draft.codes if devices is None else tuple(devices.applied(canonical(draft.name).text, draft.codes))

    def table(self, names: Sequence[str], modality: str = "", institution: str = "") -> TableFact:
        """Several names, each answered by itself; at most LINES of them."""
        asked = [Query(name, modality, institution) for name in names[:LINES]]
        lines = [
            LineFact(
                name=each.query.name,
                route=each.route,
                codes=each.codes,
                names=each.names,
                reason=reason(each.reason),
                score=each.score,
                remembered=_remembered(each),
            )
            for each in self.recalled(self._answer(asked))
        ]
        return TableFact(lines=tuple(lines), left_out=max(0, len(names) - LINES))

    # -- a code ----------------------------------------------------------------------------------------------------

    def decode(self, given: DecodeIn) -> CodeFact:
        """A code taken apart; where it does not hold, which field is wrong, and the nearest items."""
        code = given.code.strip()
        problems = tuple(Sentence(id=each.id, zh=each.zh, en=each.en) for each in validate(self.catalogue, code))
        fields, modality, edition = self._fields(code)
        near = self.items(self._nearest_codes(code), fields=bool(fields)) if problems else ()
        own = {each.slot: each.characters for each in fields}
        differs = tuple(
            f.slot for f in (near[0].fields if near else ()) if own.get(f.slot, f.characters) != f.characters
        )
        try:
            found = decode(self.catalogue, code)
        except CodeError:
            return CodeFact(
                code=code,
                modality=modality,
                edition=edition,
                fields=fields,
                problems=problems,
                nearest=near,
                differs=differs,
            )
        base = found.base if found.base is not None and found.item is None else None
        return CodeFact(
            code=code,
            name=found.name,
            modality=found.modality,
            edition=found.edition,
            listed=found.item is not None,
            base=self.item(base) if base is not None else None,
            fields=fields,
            problems=problems,
            nearest=near,
            differs=differs,
        )

    def _fields(self, code: str) -> tuple[tuple[FieldFact, ...], str, str]:
        """The fields of a code of the right length, also where they do not hold; modality and edition if known."""
        for edition in self.catalogue.editions:
            device = edition.device_of(code)
            layout = edition.layout(device.modalities[0]) if device is not None else None
            if device is None or layout is None:
                continue
            modality = device.modalities[0]
            if len(code) != layout.length:
                return (), modality, edition.id
            slots = split(layout, code)
            fields = []
            for each in layout.fields:
                full = slots[each.slot]
                element = edition.element(each.slot, modality, full)
                holds = element is not None or full == each.none or each.kind == "addition"
                name = element.name if element is not None else each.none_zh if full == each.none else ""
                own = full[len(full) - each.length :]
                fields.append(
                    FieldFact(slot=each.slot, zh=each.zh, en=each.en, characters=own, code=full, name=name, holds=holds)
                )
            return tuple(fields), modality, edition.id
        return (), "", ""

    def _nearest_codes(self, code: str) -> list[str]:
        from rapidfuzz.distance import OSA

        begin = code[:2]
        pool = [each for each in self.catalogue.items if each.startswith(begin)] or list(self.catalogue.items)
        return sorted(pool, key=lambda each: (OSA.distance(code, each), -_shared(code, each), each))[:NEAREST]

    # -- comparing, searching --------------------------------------------------------------------------------------

    def compare(self, given: CompareIn) -> CompareFact:
        """Two items side by side; each is a code, an item's name, or a name that the pipeline reads."""
        a, b = self._side(given.a.strip()), self._side(given.b.strip())
        differ: list[str] = []
        if len(a.items) == 1 and len(b.items) == 1:
            one = {field.slot: field.code for field in a.items[0].fields}
            other = {field.slot: field.code for field in b.items[0].fields}
            slots = [field.slot for field in (*a.items[0].fields, *b.items[0].fields)]
            differ = [slot for slot in dict.fromkeys(slots) if one.get(slot) != other.get(slot)]
        return CompareFact(a=a, b=b, differ=tuple(differ))

    def _side(self, given: str) -> SideFact:
        if given in self.catalogue.items:
            return SideFact(given=given, items=self.items([given]))
        by_name = self._by_name.get(given.lstrip("*＊ "))
        if by_name is not None:
            return SideFact(given=given, items=self.items([by_name]))
        suggestion = self.suggest(ResolveIn(name=given))
        return SideFact(given=given, items=self.items(suggestion.codes), reason=reason(suggestion.reason))

    @cached_property
    def _by_name(self) -> dict[str, str]:
        return {item.name: code for code, item in self.catalogue.items.items()}

    def search(self, given: SearchIn) -> SearchFact:
        """The items that hold all words, the best first."""
        modality = given.modality.upper() if given.modality.upper() in self.catalogue.modalities else None
        found = search(self.catalogue, given.words, modality=modality, limit=0)
        items = tuple(self.item(each, fields=False) for each in found[: given.limit])
        return SearchFact(words=given.words, total=len(found), items=items)

    def editions(self, given: EditionsIn) -> EditionsFact:
        """What changed from one edition to another. InputError for one that there is not, or that has none before."""
        from standard.diff import compare

        new = edition_of(given.new) if given.new else load_edition(newest())
        found = compare(edition_of(given.old) if given.old else load_edition(before(new.id)), new)
        changes = [
            *(ChangeFact(what="added", code=each.code, name=each.name) for each in found.added[:CHANGES]),
            *(ChangeFact(what="removed", code=each.code, name=each.name) for each in found.removed[:CHANGES]),
            *(
                ChangeFact(what="renamed", code=each.code, name=each.new_name, was=each.old_name)
                for each in found.renamed[:CHANGES]
            ),
            *(
                ChangeFact(what="recoded", code=each.new_code, name=each.name, was=each.old_code)
                for each in found.recoded[:CHANGES]
            ),
        ]
        kinds = ("added", "removed", "renamed", "recoded")
        return EditionsFact(
            old=found.old,
            new=found.new,
            counts=found.counts,
            by_modality={kind: found.by_modality(kind) for kind in kinds},
            changes=tuple(changes),
            elements=tuple(f"{each.code} {each.new_name}" for each in found.elements_added),
        )

    # -- items -----------------------------------------------------------------------------------------------------

    def items(self, codes: Sequence[str], fields: bool = True) -> tuple[ItemFact, ...]:
        """Items by their codes; a site's device codes too."""
        found = []
        for code in codes:
            item = self.catalogue.get(code)
            if item is not None:
                found.append(self.item(item, fields))
            else:
                known = decode(self.catalogue, code)
                drawn = self._fields(code)[0] if fields else ()
                found.append(
                    ItemFact(code=code, name=known.name, modality=known.modality, edition=known.edition, fields=drawn)
                )
        return tuple(found)

    def item(self, item: Item, fields: bool = True) -> ItemFact:
        """One item, its code drawn where `fields` asks for it."""
        drawn = self._fields(item.code)[0] if fields else ()
        return ItemFact(code=item.code, name=item.name, modality=item.modality, edition=item.edition, fields=drawn)


def _remembered(suggestion: Suggestion) -> str:
    """Who decided a name before, when, and the number of the decision; empty where nobody did."""
    return next((each.value for each in suggestion.evidence if each.signal.startswith("memory")), "")


def reason(name: str) -> Sentence:
    """A reason with its sentences."""
    row = reasons()[name]
    return Sentence(id=name, zh=row.zh, en=row.en)


def edition_of(given: str) -> Edition:
    """An edition by its id, or by the version of radiology (3.8). InputError names those there are."""
    name = given.strip().lstrip("Vv")
    known = edition_ids()
    for each in (f"radiology-{name}", name):
        if each in known:
            return load_edition(each)
    raise InputError(
        f"没有版本 {given}；可用：{'、'.join(known)}。", f"There is no edition {given}; there are {', '.join(known)}."
    )


def newest() -> str:
    """The id of the newest edition that has one before it; radiology first. InputError where there is none."""
    found = sorted((not each.startswith("radiology-"), each) for each in edition_ids() if _earlier(each))
    if not found:
        raise InputError(
            "只有一个版本，没有可比较的；可用 ./yingma editions import 导入。",
            "There is one edition only, so nothing to compare; import another with ./yingma editions import.",
        )
    same = [each for other, each in found if other == found[0][0]]
    return max(same, key=_version)


def before(edition: str) -> str:
    """The id of the edition before this one. InputError where there is none."""
    earlier = _earlier(edition)
    if not earlier:
        known = "、".join(edition_ids())
        raise InputError(
            f"{edition} 之前没有别的版本；可用：{known}。",
            f"There is no edition before {edition}; there are {', '.join(edition_ids())}.",
        )
    return max(earlier, key=_version)


def _earlier(edition: str) -> list[str]:
    """The editions of the same standard with a smaller version."""
    kind = edition.rpartition("-")[0]
    return [each for each in edition_ids() if each.rpartition("-")[0] == kind and _version(each) < _version(edition)]


def _version(edition: str) -> tuple[int, ...]:
    """The version at the end of an id, as numbers; empty for an id without one."""
    parts = edition.rpartition("-")[2].split(".")
    return tuple(map(int, parts)) if all(part.isascii() and part.isdecimal() for part in parts) else ()


def _shared(one: str, other: str) -> int:
    """How many characters two codes have in common from the left."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
