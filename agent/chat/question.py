"""Which one question settles a name that is not settled, and what its answers are.

    reading ──▶ draft: exams by slots, what is open ──▶ question (data/questions.tsv, in that order)
                  ▲                                         │ options: each tried, kept where the edition has the item
                  └───────────── the option chosen ◀────────┘

An option holds the draft as it is after the answer. Nothing here reads a text that was put together: side, scan,
position, part and vessel are changed as slots (slots.py), the modality is the name's column.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from agent.answer import Suggestion
from agent.chat.slots import NOTHING, SCANS, Found, Slots, family_of
from agent.chat.values import Answered, Draft, Open, Option, Question, Slotted
from agent.families import family_name
from agent.masks import ALL
from agent.reading import Exam, Reading
from agent.stock import UNSPECIFIED
from standard.lexicon import read_rows
from standard.lexicon_rows import Row

DATA = Path(__file__).parent / "data"
MOST = 9  # options of a question
WORDS = {"左": ("左侧", "Left"), "右": ("右侧", "Right"), "双": ("双侧", "Both sides")}
VESSELS = {"A": ("动脉", "Artery"), "V": ("静脉", "Vein"), "AV": ("动脉和静脉", "Both")}
UNSAID = ("没有部位", "No part")
NONE = ("都不是", "None of these")
MORE = frozenset(  # reasons that are not in a reading
    {
        "model_disagrees",
        "voices_disagree",
        "model_silent",
        "over_budget",
        "score_low",
        "acceptance_stopped",
        "to_confirm",
        "memory_disagrees",
        "memory_in_question",
        "memory_not_in_edition",
        "failed",
    }
)
COMPLETE = frozenset(  # of these, reasons why a complete reading is not accepted
    {"model_disagrees", "voices_disagree", "model_silent", "over_budget", "score_low", "acceptance_stopped"}
)
Kind = Literal[
    "modality",
    "parts",
    "part",
    "vessel",
    "vessel_scan",
    "scan",
    "choice",
    "position",
    "side",
    "together",
    "confirm",
    "nearest",
    "none",
]
Nearest = Callable[[str, str], Sequence[str]]  # name, modality column -> codes, the nearest first


class QuestionRow(Row):
    """A line of questions.tsv: what is asked for a reason. The order of the lines is the order of asking."""

    reason: str
    kind: Kind
    zh: str
    en: str


class UsualRow(Row):
    """A part that is often examined, offered as a button."""

    family: str
    part: str


class ModalityRow(Row):
    """A family, the text of a modality column that says it, and its button."""

    id: str
    column: str
    zh: str
    en: str


@cache
def questions() -> dict[str, QuestionRow]:
    """By reason, in the order of asking."""
    return {row.reason: row for _, row in read_rows(DATA / "questions.tsv", QuestionRow)}


@cache
def usual_parts() -> tuple[UsualRow, ...]:
    """In order."""
    return tuple(row for _, row in read_rows(DATA / "usual_parts.tsv", UsualRow))


@cache
def modalities() -> tuple[ModalityRow, ...]:
    """In order."""
    return tuple(row for _, row in read_rows(DATA / "modalities.tsv", ModalityRow))


class Asker:
    """Drafts and questions for a pipeline; pure functions of their arguments."""

    def __init__(self, slots: Slots, nearest: Nearest) -> None:
        self.slots = slots
        self._nearest = nearest
        self._makers: dict[str, Callable[[Draft, Open], list[Option]]] = {
            "modality": self._modality,
            "parts": self._parts,
            "part": self._part,
            "vessel": self._vessel,
            "vessel_scan": self._vessel_scan,
            "scan": self._scan,
            "choice": self._choice,
            "position": self._position,
            "side": self._side,
            "together": self._together,
            "confirm": self._confirm,
            "nearest": self._near,
        }

    # -- drafts ----------------------------------------------------------------------------------------------------

    def draft(self, suggestion: Suggestion) -> Draft:
        """The draft of an answer of the pipeline: all is open that a person has to look at."""
        query, reading = suggestion.query, suggestion.reading
        if reading is None:
            return Draft(name=query.name, modality=query.modality, institution=query.institution)
        exams, opened = self._of_reading(reading)
        if suggestion.route == "accepted":
            if suggestion.codes != reading.codes:  # filled by the voices, or a site's device codes
                exams = tuple(Slotted(family="", code=code) for code in suggestion.codes)
            opened = ()
        elif suggestion.reason in COMPLETE:
            opened = (*opened, Open(reason=suggestion.reason))
        return Draft(name=query.name, modality=query.modality, institution=query.institution, exams=exams, open=opened)

    def _of_reading(self, reading: Reading) -> tuple[tuple[Slotted, ...], tuple[Open, ...]]:
        exams = tuple(Slotted.of(self.slots.full(exam)) for exam in reading.exams)
        opened = [
            Open(reason=each.reason, word=each.word, pieces=tuple(span.text for span in each.spans))
            for each in reading.problems
        ]
        if reading.unexplained.characters:
            reason = "unexplained_matters" if reading.unexplained.matters else "unexplained"
            pieces = tuple(span.text for span in reading.spans if span.slot == "unexplained")
            opened.append(Open(reason=reason, pieces=pieces))
        if not opened and not all(exam.code for exam in exams):
            opened.append(Open(reason="uncatalogued"))
        elif not opened and not exams:
            opened.append(Open(reason="not_read"))
        return exams, tuple(dict.fromkeys(opened))

    # -- the question ----------------------------------------------------------------------------------------------

    def ask(self, draft: Draft) -> Question | None:
        """The one question that is asked next; None where nothing is open, or no question can settle it."""
        if draft.done or draft.given_up or any(questions()[each.reason].kind == "none" for each in draft.open):
            return None
        order = {reason: place for place, reason in enumerate(questions())}
        for each in sorted(draft.open, key=lambda one: order[one.reason]):
            row = questions()[each.reason]
            options = self._makers[row.kind](draft, each)
            if options:
                return self._question(draft, row, each, options)
        rest = Open(reason="not_read")
        options = self._near(draft, rest)
        return self._question(draft, questions()["not_read"], rest, options) if options else None

    def part_answer(self, draft: Draft, question: Question, text: str) -> Draft | None:
        """The draft with the part that a person typed; None where the text says anything else, or no item has it."""
        said, clean = self.slots.said(text, question.family)
        if not clean or not any(slot == "part" for slot, _ in said) or any(s not in ("part", "side") for s, _ in said):
            return None
        parts = [element for slot, element in said if slot == "part"]
        side = [element for slot, element in said if slot == "side"]
        found = self._with_parts(draft, question.family, parts, side)
        opened = next((each for each in draft.open if each.reason == question.reason), None)
        if not found.exams or opened is None:
            return None
        return self._after(draft, opened, found, (text.strip(), text.strip()))

    def _question(self, draft: Draft, row: QuestionRow, opened: Open, options: list[Option]) -> Question:
        words = "、".join(f"「{piece}」" for piece in dict.fromkeys(opened.pieces))
        of = self._concerned(draft, opened)
        word = words or opened.word or (of[0].part if of else "")
        same = {"parts": "part", "part": "part", "side": "side", "scan": "scan", "position": "position"}
        slot = same.get(row.kind, "")
        if row.kind == "choice":
            slot = "scan" if any(option.typed and option.typed[0].startswith("scan") for option in options) else "side"
        if row.kind == "modality":
            slot = "modality"
        family = self._family(draft)
        numbered = [option.model_copy(update={"id": str(at)}) for at, option in enumerate(options, 1)]
        return Question(
            kind=row.kind,
            reason=row.reason,
            zh=row.zh.format(word=word, words=words),
            en=row.en.format(word=word, words=words),
            slot=slot,  # type: ignore[arg-type]
            family=family,
            options=tuple(numbered),
        )

    # -- options, by kind ------------------------------------------------------------------------------------------

    def _modality(self, draft: Draft, opened: Open) -> list[Option]:
        """Each family in which the name, with it as its column, says anything of the edition."""
        options = []
        for row in modalities():
            reading = self.slots.reader.read(draft.name, row.column)
            reasons = {each.reason for each in reading.problems}
            if reasons & {"missing_modality", "conflict_modality", "not_an_exam", "too_long"}:
                continue
            exams, left = self._of_reading(reading)
            if not exams or {"uncatalogued", "not_in_edition", "missing_part"} & {each.reason for each in left}:
                continue
            if not all(exam.code or self.slots.sides(exam.exam) for exam in exams):
                continue
            after = Draft(
                name=draft.name,
                modality=row.column,
                institution=draft.institution,
                exams=exams,
                open=left,
                answered=(*draft.answered, Answered(reason=opened.reason, zh=row.zh, en=row.en)),
            )
            typed = (f"modality={row.id}",)
            options.append(Option(id="", zh=row.zh, en=row.en, typed=typed, draft=after))
        if opened.reason == "conflict_modality" and not options:
            return self._confirm(draft, opened)
        return options

    def _parts(self, draft: Draft, opened: Open) -> list[Option]:
        """Each part that was said, and all of them together."""
        family = self._family(draft)
        tried: dict[str, Found] = {}
        for piece in dict.fromkeys(opened.pieces):
            said, _ = self.slots.said(piece, family)
            for part in (element for slot, element in said if slot == "part"):
                found = self._with_parts(draft, family, [part], [])
                if found.exams:
                    tried.setdefault(part, found)
        options = [self._option(draft, opened, (part, part), found, f"part={part}") for part, found in tried.items()]
        if len(tried) > 1:
            every = tuple(dict.fromkeys(exam for found in tried.values() for exam in found.exams))
            left = tuple(dict.fromkeys(each for found in tried.values() for each in found.left))
            options.append(self._option(draft, opened, ("都做", "All of them"), Found(every, left)))
        return options or self._confirm(draft, opened)

    def _part(self, draft: Draft, opened: Open) -> list[Option]:
        """Parts that are often examined and that the edition has with this scan; any other can be typed."""
        family = self._family(draft)
        options: list[Option] = []
        of_device = {exam.family for exam in draft.exams} or {family}
        if family == "XR":
            of_device = {"DR"} if of_device == {"XR"} else of_device
        for row in usual_parts():
            if row.family in of_device and len(options) < MOST:
                found = self._with_parts(draft, family, [row.part], [])
                if found.exams:
                    options.append(self._option(draft, opened, (row.part, row.part), found, f"part={row.part}"))
        if options and len(draft.exams) == 1 and draft.exams[0].code:  # the edition has the scan without a part
            found = Found((draft.exams[0].exam,))
            options.append(self._option(draft, opened, UNSAID, found))
        return options or self._near(draft, opened)

    def _vessel(self, draft: Draft, opened: Open) -> list[Option]:
        """Artery, vein or both of the region, in the place of what the reader took it for."""
        family = self._family(draft)
        said, _ = self.slots.said(draft.name, family)
        if len(draft.exams) > 1:
            said = [("part", opened.word)] if opened.word else []
        tried: dict[Found, str] = {}
        taken = self.slots.exams_of(said, family, scan=["血管成像"], vessel=["A"]) if family != "US" else NOTHING
        for kind in VESSELS:
            scan = {} if len(draft.exams) < 2 else {"scan": ["血管成像"]}
            found = self.slots.exams_of(said, family, vessel=list(kind), **scan) if said else NOTHING
            if found.exams and len(draft.exams) > 1:
                old = next((e for e in draft.exams if e.code in {exam.code for exam in taken.exams}), None)
                found = NOTHING if old is None else found._replace(exams=self._replaced(draft, old, found.exams))
            if found.exams:
                tried.setdefault(found, kind)
        if len(tried) < 2:
            return self._confirm(draft, opened)
        return [self._option(draft, opened, VESSELS[kind], found) for found, kind in tried.items()]

    def _vessel_scan(self, draft: Draft, opened: Open) -> list[Option]:
        family = self._family(draft)
        said, _ = self.slots.said(draft.name, family)
        tried = [
            (("血管成像", "Angiography"), self._changed(draft, family, said, scan=["血管成像"], vessel=["A"], post=[])),
            (("不做血管成像", "No angiography"), self._changed(draft, family, said, vessel=[])),
        ]
        options = [self._option(draft, opened, name, found) for name, found in tried if found.exams]
        return options if len(options) > 1 else self._confirm(draft, opened)

    def _scan(self, draft: Draft, opened: Open) -> list[Option]:
        """The plain scan, the one with contrast, or both; and each scan that was said."""
        family = self._family(draft)
        said, _ = self.slots.said(draft.name, family)
        own = [element for slot, element in said if slot == "scan"]
        options = []
        for scan in dict.fromkeys([*(SCANS if family in ("CT", "MR") else ()), *own]):
            found = self._changed(draft, family, said, scan=[scan])
            if found.exams and {exam.scan for exam in found.exams} == {scan}:
                options.append(self._option(draft, opened, (scan, scan), found, f"scan={scan}"))
        return options or self._confirm(draft, opened)

    def _choice(self, draft: Draft, opened: Open) -> list[Option]:
        if any(exam.side == "?" or (not exam.code and self.slots.sides(exam.exam)) for exam in draft.exams):
            return self._side(draft, opened)
        if self._family(draft) in ("CT", "MR") and (not draft.exams or "平扫/增强" in opened.word):
            return self._scan(draft, opened)
        return self._together(draft, opened)

    def _position(self, draft: Draft, opened: Open) -> list[Option]:
        of = self._concerned(draft, opened)
        if not of:
            return self._confirm(draft, opened)
        options = []
        for name, found in self.slots.positions(of[0].exam)[:MOST]:
            exams = Found(self._replaced(draft, of[0], found))
            views = self.slots.stock.views(name)
            options.append(self._option(draft, opened, (name, name), exams, *(f"position={each}" for each in views)))
        return options or self._confirm(draft, opened)

    def _side(self, draft: Draft, opened: Open) -> list[Option]:
        """Each side that gives an item for every exam concerned: 下肢血管 asks once for artery and vein."""
        of = self._concerned(draft, opened)
        if not of:
            return self._confirm(draft, opened)
        options = []
        for side, words in WORDS.items():
            exams: tuple[Exam, ...] = tuple(exam.exam for exam in draft.exams)
            for each in of:
                found = dict(self.slots.sides(each.exam)).get(side, ())
                if not found:
                    break
                exams = tuple(new for one in exams for new in (found if one == each.exam else (one,)))
            else:
                options.append(self._option(draft, opened, words, Found(exams), f"side={side}"))
        return options or self._confirm(draft, opened)

    def _together(self, draft: Draft, opened: Open) -> list[Option]:
        """All exams; each of them alone; and two films as the one item that the edition has for both."""
        coded = [exam.exam for exam in draft.exams if exam.code]
        if len(coded) < 2 or len(coded) < len(draft.exams):
            return self._confirm(draft, opened)
        every = " + ".join(self._name(exam.code) for exam in coded)
        options = [
            self._option(
                draft, opened, (f"{len(coded)} 项：{every}", f"{len(coded)} exams: {every}"), Found(tuple(coded))
            )
        ]
        one, other = coded[0], coded[1]
        if len(coded) == 2 and one.family == other.family == "DR" and (one.part, one.side) == (other.part, other.side):
            joined = one._replace(extra=f"{one.extra}、{other.extra}", code="", rules=())
            found = self.slots.find(joined)
            if found and all(each.code for each in found):
                name = " + ".join(self._name(each.code) for each in found)
                options.append(self._option(draft, opened, (name, name), Found(found)))
        for exam in coded:
            name = self._name(exam.code)
            options.append(self._option(draft, opened, (name, name), Found((exam,))))
        return [*options[: MOST - 1], self._none(draft)]

    def _confirm(self, draft: Draft, opened: Open) -> list[Option]:
        """What was read, and the nearest other items; one answer settles all that is only to be confirmed."""
        options = []
        if draft.codes and all(exam.code for exam in draft.exams):
            name = " + ".join(self._name(code) for code in draft.codes)
            as_read = Found(tuple(exam.exam for exam in draft.exams))
            options.append(self._option(draft, opened, (name, name), as_read))
        if len(draft.exams) < 2:
            options += [each for each in self._items(draft, opened) if each.zh not in {one.zh for one in options}]
        return [*options[:5], self._none(draft)] if options else []

    def _near(self, draft: Draft, opened: Open) -> list[Option]:
        """The nearest items; where one exam of several has no code, in its place."""
        options = self._items(draft, opened)
        return [*options[:5], self._none(draft)] if options else []

    # -- parts -----------------------------------------------------------------------------------------------------

    def _items(self, draft: Draft, opened: Open) -> list[Option]:
        lacking = [exam for exam in draft.exams if not exam.code]
        options = []
        for code in self._nearest(draft.name, draft.modality):
            exam = self.slots.of_code(code)
            if exam is None:
                continue
            own = draft.exams[0] if len(draft.exams) == 1 else None
            if own is not None and own.side in WORDS and own.part == exam.part and own.side != exam.side:
                continue
            several = bool(lacking) and len(draft.exams) > 1
            exams = self._replaced(draft, lacking[0], [exam]) if several else (exam,)
            name = self._name(code)
            options.append(self._option(draft, opened, (name, name), Found(exams)))
        return options

    def _none(self, draft: Draft) -> Option:
        return Option(id="", zh=NONE[0], en=NONE[1], draft=draft.model_copy(update={"given_up": True}))

    def _with_parts(self, draft: Draft, family: str, parts: Sequence[str], side: Sequence[str]) -> Found:
        if len(draft.exams) > 1:  # of several exams, the one whose part is not known
            old = next((exam for exam in draft.exams if exam.part in ("", UNSPECIFIED)), None)
            if old is None:
                return NOTHING
            exams = self.slots.find(old.exam._replace(part=parts[0], side=side[0] if side else "", code=""))
            return Found(self._replaced(draft, old, exams)) if exams else NOTHING
        said, _ = self.slots.said(draft.name, family)
        instead = {"part": parts, **({"side": side} if side else {})}
        found = self._changed(draft, family, said, **instead)
        if found.exams or not draft.exams:
            return found
        first = draft.exams[0].exam  # what the resolver will not take with these words may stand on the slots alone
        exams = self.slots.find(first._replace(part=parts[0], side=side[0] if side else "", code=""))
        return Found(exams) if all(each.code or self.slots.sides(each) for each in exams) else NOTHING

    def _changed(self, draft: Draft, family: str, said: Sequence[tuple[str, str]], **instead: Sequence[str]) -> Found:
        if not family or len(draft.exams) > 1:  # the words of several exams are not one order's
            return NOTHING
        kept = [pair for pair in said if pair != ("part", UNSPECIFIED)]
        return self.slots.exams_of(kept, family, **instead)

    def _replaced(self, draft: Draft, old: Slotted, new: Sequence[Exam]) -> tuple[Exam, ...]:
        return tuple(each for exam in draft.exams for each in (new if exam == old else (exam.exam,)))

    def _concerned(self, draft: Draft, opened: Open) -> list[Slotted]:
        """The exams that a reason is about: those of the same words that have no code yet, else the first."""
        lacking = [exam for exam in draft.exams if not exam.code and self.slots.sides(exam.exam)]
        if opened.reason in ("missing_side", "open_choice"):
            same = {one.word for one in draft.open if one.reason == opened.reason and one.pieces == opened.pieces}
            found = [exam for exam in lacking if exam.part in same]
            return found or lacking[:1] or [exam for exam in draft.exams if exam.part == opened.word][:1]
        named = [exam for exam in draft.exams if opened.word and exam.part == opened.word]
        return named[:1] or list(draft.exams[:1])

    def _option(self, draft: Draft, opened: Open, label: tuple[str, str], found: Found, *typed: str) -> Option:
        return Option(id="", zh=label[0], en=label[1], typed=typed, draft=self._after(draft, opened, found, label))

    def _after(self, draft: Draft, opened: Open, found: Found, label: tuple[str, str]) -> Draft:
        """The draft after an answer: its reason is settled, with all that asks the same."""
        slotted = tuple(Slotted.of(exam) for exam in dict.fromkeys(found.exams))
        kind = questions()[opened.reason].kind
        settles = {"confirm", "together", "nearest"} if kind in ("confirm", "together", "nearest") else {kind}
        if kind == "parts":
            settles |= {"part", "confirm"}
        left = []
        lacking = {exam.part for exam in slotted if not exam.code}
        for each in draft.open:
            asks = questions()[each.reason].kind
            if each.reason == "missing_side":
                if each.word in lacking:
                    left.append(each)
            elif each.reason == "uncertain_word" and kind in ("choice", "side", "scan", "position"):
                continue  # 单侧, 平扫/增强: the word left the choice open
            elif asks not in settles and each != opened:
                left.append(each)
        if kind in ("confirm", "together", "nearest") and not lacking:
            left = []  # the person chose the very items
        left += [Open(reason=reason, word=word) for reason, word in found.left]
        for exam in slotted:
            if not exam.code and not any(each.reason == "missing_side" and each.word == exam.part for each in left):
                sided = self.slots.sides(exam.exam)  # without any, the edition has no such item at all
                left.append(Open(reason="missing_side" if sided else "uncatalogued", word=exam.part))
        answered = (*draft.answered, Answered(reason=opened.reason, zh=label[0], en=label[1]))
        return draft.model_copy(update={"exams": slotted, "open": tuple(left), "answered": answered})

    def _family(self, draft: Draft) -> str:
        """The reader's family of the draft."""
        for exam in draft.exams:
            if exam.family:
                return family_of(exam.family)
        column = self.slots.reader.column(draft.modality)
        said = family_name(column) if column != ALL else ""
        if said:
            return said
        for row in modalities():  # no exam was read: the first family in which all of its words mean something
            found, _ = self.slots.said(draft.name, row.id)
            if ("modality", row.id) in found:
                return row.id
        return ""

    def _name(self, code: str) -> str:
        return self.slots.catalogue.items[code].name
