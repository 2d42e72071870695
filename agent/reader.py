"""The reader: a name and its modality column in, a Reading out. Deterministic, by the lexicon alone.

    name ─▶ canonical text ─▶ words (lexer) ─▶ segments ─▶ family of each ─▶ groups ─▶ exams (resolver) ─▶ Reading

Names of hospitals differ mostly in noise, so what follows the lexer is worked out once for each sequence of words that
are not noise (`Outcome`), and kept: the answer depends on the words only, never on what was read before.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from agent.beside import DETAIL, HISTORY, Beside
from agent.cross_section import CrossSection
from agent.families import (
    bits_of,
    by_modality,
    family_name,
    family_of,
    modality_alone,
    other_rooms,
    said_modality,
)
from agent.gloss import Gloss
from agent.group import BEDSIDE, ROUTINE, PartRef
from agent.lexer import UNEXPLAINED, Token, Word, lexer_of
from agent.masks import ALL, FAMILY_OF
from agent.nuclear import Nuclear
from agent.opinions import voice_rules
from agent.piece import PieceReader, is_special
from agent.projection import MOBILE, Projection
from agent.reading import Exam, Problem, Reading, Span, Unexplained
from agent.relations import Containment
from agent.resolve import Issue, Resolver, Shared
from agent.segments import (
    DECISIVE,
    NEGATION,
    NONEXAM,
    ORDERS,
    SERVICE,
    Placed,
    done_first,
    done_then_part,
    has_slots,
    is_noise_of,
    order_lines,
    parts_alone,
    pieces,
    place,
    says,
)
from agent.stock import Stock
from agent.ultrasound import Ultrasound
from agent.unexplained import UnexplainedRuns
from standard import Catalogue
from standard.lexicon import Lexicon, load_lexicon
from standard.text import Canonical, canonical

LONGEST: Final = 400  # characters of canonical text that are read; a longer name is no exam name
KEPT: Final = 200_000  # outcomes kept
THORACIC: Final = frozenset({"胸椎", "颈胸段", "胸腰段", "全脊柱"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a sequence of words comes to; indexes are those of the words in the sequence."""

    exams: tuple[Exam, ...]
    issues: tuple[Issue, ...]


class Reader:
    """Compiled for a catalogue and a lexicon; `read` is a pure function of its arguments."""

    def __init__(self, catalogue: Catalogue, lexicon: Lexicon | None = None) -> None:
        self.lexicon = lexicon or load_lexicon()
        self.lexer = lexer_of(self.lexicon)
        self.stock = Stock(catalogue, self.lexicon)
        containment = Containment(self.lexicon)
        self.gloss = Gloss(self.lexer.words, containment)
        self.shared = shared = Shared(self.stock, self.lexicon, containment)
        self.resolvers: dict[str, Resolver] = {
            "CT": CrossSection("CT", shared),
            "MR": CrossSection("MR", shared),
            "XR": Projection(shared),
            "US": Ultrasound(shared),
            "NM": Nuclear(catalogue, shared),
        }
        self.pieces = PieceReader(self.resolvers, shared, containment)
        self._noise = [word.kind == "noise" and word.noise not in DECISIVE for word in self.lexer.words]
        self.beside = Beside(self.lexer, self._noise, self.lexicon)
        self._outcomes: OrderedDict[tuple[tuple[int, ...], int], Outcome] = OrderedDict()
        self._columns: dict[str, tuple[int, bool]] = {}
        self._exact = {canonical(item.name).text: item.code for item in catalogue.items.values()}
        self._family_of_code = {code: bits_of(item.modality) for code, item in catalogue.items.items()}
        self._catalogue = catalogue
        self._unexplained = UnexplainedRuns(self.lexer.words, self.lexer.first_pattern, voice_rules().unexplained)

    # -- reading ---------------------------------------------------------------------------------------------------

    def read(self, name: str, modality: str = "") -> Reading:
        """Read one name. `modality`: the text of the modality column, empty where there is none. Total."""
        text = canonical(name)
        tokens = self._tokens(text)
        mask = self.column(modality)
        outcome = self._as_bedside(modality, self._outcome_of(tokens, mask, text.text))
        kept = [token for token in tokens if not self._is_noise(token)]
        spans = self._spans(name, text, tokens, outcome, mask)
        by_index = dict(zip(tokens, spans, strict=True))
        problems = tuple(
            Problem(reason, tuple(by_index[kept[i]] for i in dict.fromkeys(indexes) if 0 <= i < len(kept)), word)
            for reason, indexes, word in outcome.issues
        )
        return Reading(text.text, tuple(spans), outcome.exams, problems, self._unexplained.of(name, text, tokens))

    def answer(self, name: str, modality: str = "") -> tuple[Outcome, Unexplained]:
        """The same without spans, for bulk: the outcome, and what nothing explains."""
        text = canonical(name)
        tokens = self._tokens(text)
        outcome = self._as_bedside(modality, self._outcome_of(tokens, self.column(modality), text.text))
        return outcome, self._unexplained.of(name, text, tokens)

    def column(self, modality: str) -> int:
        """The families that the text of a modality column allows; all where it says nothing."""
        return self._column(modality)[0]

    def _column(self, modality: str) -> tuple[int, bool]:
        """What a modality column says: the families that it allows, and whether it says the bed of ultrasound."""
        known = self._columns.get(modality)
        if known is None:
            tokens = self.lexer.tokens(canonical(modality).text)
            words = [self.lexer.words[token.form] for token in tokens if token.form != UNEXPLAINED]
            said = {pair for word in words for meaning in word.meanings for pair in meaning.slots}
            known = self._columns[modality] = _said_families(words), ("scan", BEDSIDE) in said
        return known

    def _as_bedside(self, modality: str, outcome: Outcome) -> Outcome:
        """Under a column of bedside ultrasound, an exam that is not said to be at the bedside is for a person."""
        if not self._column(modality)[1] or all((e.family, e.scan) != ("US", ROUTINE) for e in outcome.exams):
            return outcome
        return Outcome(outcome.exams, (*outcome.issues, ("uncertain_word", (), BEDSIDE)))

    def _tokens(self, text: Canonical) -> list[Token]:
        if len(text.text) > LONGEST:
            return [Token(0, len(text.text), UNEXPLAINED)]  # and `_outcome` says too_long
        return self.lexer.tokens(text.text)

    def _is_noise(self, token: Token) -> bool:
        return token.form != UNEXPLAINED and self._noise[token.form]

    def _sequence(self, tokens: list[Token]) -> tuple[int, ...]:
        noise = self._noise
        return tuple([token.form for token in tokens if token.form == UNEXPLAINED or not noise[token.form]])

    def _outcome_of(self, tokens: list[Token], mask: int, text: str) -> Outcome:
        """What the words say. A person decides whether a part that is history (`_histories`) is an exam more, whether a
        child's word apart, 髋关节彩超(小儿), makes the part the child's, and what a word means that is noise elsewhere
        (胸部CT(椎体)) or is written twice (胸胸椎)."""
        sequence = self._sequence(tokens)
        outcome = self._translated(self._outcome(sequence, mask, text), tokens, mask, text)
        brought = self.beside.brought(tokens)
        if brought & DETAIL and outcome.exams:
            regions = {self.stock.region(exam.family, exam.part) for exam in outcome.exams}
            astray = self.beside.astray(tokens, regions)
            if astray and "" not in regions:
                return Outcome(outcome.exams, (*outcome.issues, ("uncertain_part", (), astray)))
        once = self.beside.doubled(tokens, text) if outcome.exams and not outcome.issues else ""
        if once:
            other = self._outcome(self._sequence(self.lexer.tokens(once)), mask, once)
            if other.exams and _codes(other) != _codes(outcome):
                return Outcome(outcome.exams, (("combo_unclear", (), outcome.exams[0].part),))
        if self.beside.levels(tokens, text) and not any(exam.part in THORACIC for exam in outcome.exams):
            return Outcome(outcome.exams, (*outcome.issues, ("missing_part", (), "胸椎")))
        doubt = self.beside.doubt(tokens, text, outcome.exams, brought) if outcome.exams else None
        if doubt is not None:
            return Outcome(outcome.exams, (*outcome.issues, doubt))
        if not outcome.exams or not brought & HISTORY or not (told := self.beside.histories(tokens)):
            return outcome
        bare = tuple(UNEXPLAINED if at in told else form for at, form in enumerate(sequence))
        other = self._outcome(bare, mask, text)
        if not other.exams:
            return outcome
        if _codes(other) == _codes(outcome):
            unknown = all(reason == "uncatalogued" for reason, _, _ in outcome.issues)
            return other if unknown and not other.issues else outcome  # 全身骨扫描(乳腺癌): no exam of this modality
        return Outcome(other.exams, (*other.issues, ("conflict_part", told, "")))

    def _translated(self, outcome: Outcome, tokens: list[Token], mask: int, text: str) -> Outcome:
        """The outcome of a name that says its exam in Chinese and in English (gloss.py); any other is left as it is."""
        halves = self.gloss.halves(tokens, text)
        if halves is None:
            return outcome
        families = mask & _families(outcome) or mask  # as the whole name says them: CT1077_Chest 胸部平扫
        said = self._outcome(self._sequence(halves.chinese), families, halves.chinese_text)
        if not said.exams or said.issues:
            return outcome
        again = self._outcome(self._sequence(halves.english), families, halves.english_text)
        if self.gloss.repeats(said.exams, again.exams, again.issues):
            return said
        changed = _codes(outcome) != _codes(said)  # 睾丸彩超 (Testes): the English, read with it, adds an exam
        if changed if halves.apart else self.gloss.contradicts(said.exams, again.exams):
            return Outcome(outcome.exams, (*outcome.issues, ("combo_unclear", (), said.exams[0].part)))
        return outcome

    def _outcome(self, sequence: tuple[int, ...], mask: int, text: str) -> Outcome:
        if len(text) > LONGEST:
            return Outcome((), (("too_long", (0,), ""),))
        exact = self._exact.get(text.lstrip("*"))
        if exact is not None and self._family_of_code[exact] & mask:
            item = self._catalogue.items[exact]
            exam = Exam(item.modality, "", "", "", "", exact, ("standard_name",))
            return Outcome((exam,), ())
        key = (sequence, mask)
        found = self._outcomes.get(key)
        if found is None:
            found = self._work_out(sequence, mask)
            self._outcomes[key] = found
            if len(self._outcomes) > KEPT:
                self._outcomes.popitem(last=False)
        return found

    # -- working out -----------------------------------------------------------------------------------------------

    def _work_out(self, sequence: tuple[int, ...], mask: int) -> Outcome:
        issues: list[Issue] = []
        exams: list[Exam] = []
        words = [None if form == UNEXPLAINED else self.lexer.words[form] for form in sequence]
        raws = place(words)
        ordered = any(says(raw, ORDERS) for raw in raws)
        decisive = (NONEXAM,) if ordered else (NONEXAM, SERVICE)
        nonexam = tuple(raw.index for raw in raws if any(is_noise_of(raw, kind) for kind in decisive))
        if not sequence:
            return Outcome((), (("empty_name", (), ""),))
        if not any(raw.word is not None and raw.word.meanings for raw in raws):
            return Outcome((), (("not_an_exam", nonexam, ""),))
        if nonexam:
            issues.append(("not_an_exam", nonexam, ""))
        denied = tuple(raw.index for raw in raws if is_noise_of(raw, NEGATION))
        if denied and any(has_slots(raw) for raw in raws if raw.index >= denied[0]):
            issues.append(("negated", denied, ""))
        before: list[PartRef] = []  # the parts of the last group
        last_family = family_name(said_modality(raws) & mask)
        heads = False  # what is done stands before the parts, for all the lines that name parts alone
        for segment in order_lines(raws):
            of_one_family = by_modality(segment)
            for piece in of_one_family:
                if len(of_one_family) > 1 and modality_alone(piece):
                    issues.append(("conflict_modality", tuple(raw.index for raw in piece if raw.index >= 0), ""))
                    continue
                family, issue = family_of(piece, mask)
                if issue is not None and last_family and issue[0] == "missing_modality":
                    family, issue = last_family, None
                if issue is not None:
                    issues.append(issue)
                if not family:
                    continue
                last_family = family
                rooms = other_rooms(piece, family)
                if rooms:  # CT室双肺平扫和颅脑MR
                    issues.append(("conflict_modality", rooms, ""))
                known, clean, inherited = len(exams), len(issues), before
                before = self.pieces.read(piece, family, inherited, exams, issues)
                if _may_share(exams[:known], exams[known:]):  # MR腰骶段,舌咽神经增强: is the first one plain?
                    issues.append(("combo_unclear", (), exams[known - 1].part))
                heads = done_first(piece) or (heads and parts_alone(piece))
                if known and len(issues) == clean:
                    shared = heads and parts_alone(piece) and is_special(exams[known - 1])  # 增强:垂体,颈椎
                    if shared or (done_then_part(piece) and exams[known - 1].family == exams[-1].family):
                        issues.append(("combo_unclear", (), exams[-1].part))
                if len(issues) == clean and self._otherwise(piece, family, inherited, exams[known:]):
                    issues.append(("combo_unclear", (), exams[known].part))
        return self._finish(exams, issues)

    def _otherwise(self, line: list[Placed], family: str, before: list[PartRef], read: list[Exam]) -> bool:
        """Whether the pieces of a line, each read for itself, say something else than the line does as a whole.

        A piece that names its part and what is done to it is whole: neither takes a scan from another piece
        (三维彩超右下腹、常规(颈部淋巴结)) nor gives one away."""
        apart = pieces(line)
        if len(apart) < 2 or not read:
            return False
        exams: list[Exam] = []
        issues: list[Issue] = []
        for piece in apart:
            before = self.pieces.read(piece, family, before, exams, issues)
        return not issues and _codes(self._finish(exams, [])) != _codes(self._finish(read, []))

    def _finish(self, exams: list[Exam], issues: list[Issue]) -> Outcome:
        """One code once; 平扫 and 增强 of one part ordered apart are the item of both."""
        merged: list[Exam] = []
        for exam in exams:
            if exam.code and any(each.code == exam.code for each in merged):
                continue
            if self._joins(exam, merged):
                continue
            merged.append(exam)
        merged = self.shared.together(merged)
        if any(issue[0] == "uncatalogued" for issue in issues) and not any(exam.part for exam in merged if exam.code):
            issues = [issue for issue in issues if issue[0] != "missing_part"]
        if not merged and not issues:
            issues.append(("missing_part", (), ""))
        issues.extend(
            ("combo_unclear", (), exam.part) for at, exam in enumerate(merged) if self._apart(exam, merged[:at])
        )
        return Outcome(tuple(merged), tuple(dict.fromkeys(issues)))

    def _apart(self, exam: Exam, before: list[Exam]) -> bool:
        """Whether a film and one before it are views that the edition has an item for together: 颈椎正位,侧位."""
        if exam.family != "DR" or not exam.extra or not before:
            return False
        stock, views = self.stock.part("DR", exam.part), self.stock.views(exam.extra)
        offered = stock.sides.get(exam.side, {}) if stock is not None else {}
        return any(
            (each.family, each.part, each.side) == ("DR", exam.part, exam.side)
            and views | self.stock.views(each.extra) in offered
            for each in before
        )

    def _joins(self, exam: Exam, merged: list[Exam]) -> bool:
        """Whether an exam is one with an exam before it, which is then changed in its place.

        Plain and contrast scan of one part are the item of both; a post-processing ordered apart (颈椎CT平扫,三维重建)
        is of the scan that was named.
        """
        if exam.family not in ("CT", "MR"):
            return False
        for at, before in enumerate(merged):
            if (before.family, before.part, before.side) != (exam.family, exam.part, exam.side):
                continue
            if {before.scan, exam.scan} == {"平扫", "增强"} and before.extra == exam.extra:
                scan, extra, rules = "平扫+增强", exam.extra, (*before.rules, "plain_and_contrast")
            elif exam.extra and not before.extra and "plain_scan_default" in exam.rules:
                scan, extra, rules = before.scan, exam.extra, before.rules
            else:
                continue
            stock = self.stock.part(exam.family, exam.part)
            code = stock.sides.get(exam.side, {}).get((scan, extra)) if stock is not None else None
            if code is not None:
                merged[at] = before._replace(scan=scan, extra=extra, code=code, rules=rules)
                return True
        return False

    # -- spans -----------------------------------------------------------------------------------------------------

    def _spans(self, name: str, text: Canonical, tokens: list[Token], outcome: Outcome, mask: int) -> list[Span]:
        bits = _families(outcome) or mask
        out = []
        for token in tokens:
            start, end = text.raw_span(token.start, token.end)
            slot, element = self._said(token, bits)
            out.append(Span(start, end, name[start:end], slot, element))
        return out

    def _said(self, token: Token, bits: int) -> tuple[str, str]:
        if token.form == UNEXPLAINED:
            return "unexplained", ""
        word = self.lexer.words[token.form]
        meanings = [meaning for meaning in word.meanings if meaning.mask & bits] or list(word.meanings)
        if meanings:
            pairs = [pair for pair in meanings[-1].slots if pair[0] != "modality"] or list(meanings[-1].slots)
            return "+".join(slot for slot, _ in pairs), "+".join(element for _, element in pairs)
        return ("noise", word.noise) if word.kind == "noise" else ("separator", word.kind)


def _may_share(before: list[Exam], line: list[Exam]) -> bool:
    """An order line says a contrast scan or a post-processing, and the one before it no scan at all."""
    if not before or not line or before[-1].family != line[0].family or before[-1].part == line[0].part:
        return False
    unsaid = "plain_scan_default" in before[-1].rules and not before[-1].extra
    return unsaid and ("增强" in line[0].scan or (bool(line[0].extra) and line[0].family == "CT"))


def _said_families(words: list[Word]) -> int:
    """The families that all of some words allow; the bed is a film's only where nothing else is said (超声床旁)."""
    said = [
        element for word in words for meaning in word.meanings for slot, element in meaning.slots if slot == "modality"
    ]
    known = ALL
    for word in words:
        if not word.noise and family_name(word.fits):  # 床旁超声: a scan of one family says the family
            known &= word.fits
    known = known or ALL
    for element in [each for each in said if each != MOBILE] or said:
        known &= FAMILY_OF[element]
    return known or ALL


def _families(outcome: Outcome) -> int:
    mask = 0
    for exam in outcome.exams:
        mask |= bits_of(exam.family)
    return mask


def _codes(outcome: Outcome) -> set[str]:
    return {exam.code for exam in outcome.exams}
