"""The reader: a name and its modality column in, a Reading out. Deterministic, by the lexicon alone.

    name ─▶ canonical text ─▶ words (lexer) ─▶ segments ─▶ family of each ─▶ groups ─▶ exams (resolver) ─▶ Reading

Names of hospitals differ mostly in noise, so what follows the lexer is worked out once for each sequence of words that
are not noise (`_Outcome`), and kept: the answer depends on the words only, never on what was read before.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from agent.cross_section import CrossSection
from agent.groups import BOUNDARY, Group, Grouper, Node
from agent.lexer import ALL, MASK, UNEXPLAINED, Lexer, Token, Word
from agent.nuclear import Nuclear
from agent.projection import Projection
from agent.reading import Exam, Problem, Reading, Span
from agent.relations import Containment
from agent.resolve import Issue, Resolver, Shared
from agent.stock import Stock
from agent.text import Canonical, canonical
from agent.ultrasound import Ultrasound
from standard import Catalogue
from standard.lexicon import Lexicon, load_lexicon

FAMILY_OF = {
    "CT": MASK["CT"],
    "MR": MASK["MR"],
    "XR": MASK["XR"] | MASK["MG"],
    "MG": MASK["XR"] | MASK["MG"],
    "RF": MASK["XR"] | MASK["MG"],
    "移动DR": MASK["XR"] | MASK["MG"],
    "US": MASK["US"],
    "PET/CT": MASK["NM"],
    "PET/MR": MASK["NM"],
    "SPECT": MASK["NM"],
    "NM": MASK["NM"],
    "放射": ALL & ~MASK["US"],
}
SINGLE = {MASK["CT"]: "CT", MASK["MR"]: "MR", MASK["US"]: "US", MASK["NM"]: "NM"}
XRAY = MASK["XR"] | MASK["MG"]
SOFT = frozenset({"list", "slash", "plus", "under", "and", "dash"})
NONEXAM = "nonexam"  # words that make a name none of ours
SERVICE = "service"  # words that do so where no scan is ordered: 会诊, 云胶片
PART = frozenset({"part"})
ORDERS = frozenset({"scan", "post", "position", "subitem"})
LONGEST = 400  # characters of canonical text that are read; a longer name is no exam name
KEPT = 200_000  # outcomes kept


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a sequence of words comes to; indexes are those of the words in the sequence."""

    exams: tuple[Exam, ...]
    issues: tuple[Issue, ...]


@dataclass(slots=True)
class _Raw:
    """A word of the sequence with its place among brackets."""

    index: int
    word: Word | None
    depth: int
    tag: bool


class Reader:
    """Compiled for a catalogue and a lexicon; `read` is a pure function of its arguments."""

    def __init__(self, catalogue: Catalogue, lexicon: Lexicon | None = None) -> None:
        self.lexicon = lexicon or load_lexicon()
        self.lexer = Lexer(self.lexicon)
        self.stock = Stock(catalogue, self.lexicon)
        self.containment = Containment(self.lexicon)
        self.grouper = Grouper(self.containment)
        shared = Shared(self.stock, self.lexicon, self.containment)
        self.resolvers: dict[str, Resolver] = {
            "CT": CrossSection("CT", shared),
            "MR": CrossSection("MR", shared),
            "XR": Projection(shared),
            "US": Ultrasound(shared),
            "NM": Nuclear(catalogue, shared),
        }
        self._noise = [word.kind == "noise" and word.noise not in (NONEXAM, SERVICE) for word in self.lexer.words]
        self._outcomes: OrderedDict[tuple[tuple[int, ...], int], _Outcome] = OrderedDict()
        self._columns: dict[str, int] = {}
        self._exact = {canonical(item.name).text: item.code for item in catalogue.items.values()}
        self._family_of_code = {
            code: {"CT": MASK["CT"], "MR": MASK["MR"], "US": MASK["US"]}.get(
                item.modality, XRAY if item.modality in ("DR", "MG", "RF") else MASK["NM"]
            )
            for code, item in catalogue.items.items()
        }
        self._catalogue = catalogue

    # -- reading ---------------------------------------------------------------------------------------------------

    def read(self, name: str, modality: str = "") -> Reading:
        """Read one name. `modality`: the text of the modality column, empty where there is none. Total."""
        text = canonical(name)
        tokens = self._tokens(text)
        sequence = self._sequence(tokens)
        mask = self.column(modality)
        outcome = self._outcome(sequence, mask, text.text)
        kept = [token for token in tokens if not self._is_noise(token)]
        spans = self._spans(name, text, tokens, outcome, mask)
        by_index = dict(zip(tokens, spans, strict=True))
        problems = tuple(
            Problem(reason, tuple(by_index[kept[i]] for i in dict.fromkeys(indexes) if 0 <= i < len(kept)), word)
            for reason, indexes, word in outcome.issues
        )
        unexplained = sum(token.end - token.start for token in tokens if token.form == UNEXPLAINED)
        return Reading(text.text, tuple(spans), outcome.exams, problems, unexplained)

    def answer(self, name: str, modality: str = "") -> tuple[tuple[Exam, ...], tuple[Issue, ...], int]:
        """The same without spans, for bulk: exams, issues, number of characters that nothing explains."""
        text = canonical(name)
        tokens = self._tokens(text)
        outcome = self._outcome(self._sequence(tokens), self.column(modality), text.text)
        unexplained = sum([token.end - token.start for token in tokens if token.form == UNEXPLAINED])
        return outcome.exams, outcome.issues, unexplained

    def column(self, modality: str) -> int:
        """The families that the text of a modality column allows; all where it says nothing."""
        known = self._columns.get(modality)
        if known is None:
            known = ALL
            for token in self.lexer.tokens(canonical(modality).text):
                if token.form != UNEXPLAINED:
                    for meaning in self.lexer.words[token.form].meanings:
                        for slot, element in meaning.slots:
                            if slot == "modality":
                                known &= FAMILY_OF[element]
            known = known or ALL
            self._columns[modality] = known
        return known

    def _tokens(self, text: Canonical) -> list[Token]:
        if len(text.text) > LONGEST:
            return [Token(0, len(text.text), UNEXPLAINED)]  # and `_outcome` says too_long
        return self.lexer.tokens(text.text)

    def _is_noise(self, token: Token) -> bool:
        return token.form != UNEXPLAINED and self._noise[token.form]

    def _sequence(self, tokens: list[Token]) -> tuple[int, ...]:
        noise = self._noise
        return tuple([token.form for token in tokens if token.form == UNEXPLAINED or not noise[token.form]])

    def _outcome(self, sequence: tuple[int, ...], mask: int, text: str) -> _Outcome:
        if len(text) > LONGEST:
            return _Outcome((), (("too_long", (0,), ""),))
        exact = self._exact.get(text.lstrip("*"))
        if exact is not None and self._family_of_code[exact] & mask:
            item = self._catalogue.items[exact]
            exam = Exam(item.modality, "", "", "", "", exact, ("standard_name",))
            return _Outcome((exam,), ())
        key = (sequence, mask)
        found = self._outcomes.get(key)
        if found is None:
            found = self._work_out(sequence, mask)
            self._outcomes[key] = found
            if len(self._outcomes) > KEPT:
                self._outcomes.popitem(last=False)
        return found

    # -- working out -----------------------------------------------------------------------------------------------

    def _work_out(self, sequence: tuple[int, ...], mask: int) -> _Outcome:
        issues: list[Issue] = []
        exams: list[Exam] = []
        raws = self._brackets(sequence)
        nonexam = tuple(
            raw.index for raw in raws if raw.word is not None and raw.word.noise == "nonexam" and not raw.word.meanings
        )
        if not sequence:
            return _Outcome((), (("empty_name", (), ""),))
        if not any(raw.word is not None and raw.word.meanings for raw in raws):
            return _Outcome((), (("not_an_exam", nonexam, ""),))
        if nonexam:
            issues.append(("not_an_exam", nonexam, ""))
        before: list[Group] = []
        last_family = _family_name(_said_modality(raws) & mask)
        for segment in self._segments(raws):
            pieces = self._by_modality(segment)
            for piece in pieces:
                if len(pieces) > 1 and _modality_alone(piece):
                    issues.append(("conflict_modality", tuple(raw.index for raw in piece if raw.index >= 0), ""))
                    continue
                family, issue = self._family(piece, mask)
                if issue is not None and last_family and issue[0] == "missing_modality":
                    family, issue = last_family, None
                if issue is not None:
                    issues.append(issue)
                if not family:
                    continue
                last_family = family
                groups = self._groups(piece, family, mask, issues)
                before = self._inherit(groups, before, family)
                for group in groups:
                    self._resolve(group, family, exams, issues)
        return self._finish(exams, issues)

    def _resolve(self, group: Group, family: str, exams: list[Exam], issues: list[Issue]) -> None:
        if exams and not group.parts and not group.problems and self._says_nothing(group, family):
            return
        resolved = self.resolvers[family].exams(group)
        exams.extend(resolved.exams)
        issues.extend(resolved.issues)
        issues.extend((reason, indexes, "") for reason, indexes in group.problems)
        used = {part.index for part in group.parts}
        issues.extend(("uncertain_part", (part.index,), part.element) for part in group.parts if part.review)
        sure = {scan for scan, index in group.scans if index not in group.review}
        for index in group.review:
            said = [scan for scan, at in group.scans if at == index]
            again = bool(said) and all(scan in sure or f"平扫+{scan}" in sure for scan in said)
            if index not in used and not again:
                issues.append(("uncertain_word", (index,), ""))

    def _says_nothing(self, group: Group, family: str) -> bool:
        """A group beside others that names a modality or the routine scan alone (彩超 after a comma)."""
        plain = all(scan == "常规" for scan, _ in group.scans) if family == "US" else not group.scans
        return plain and not (group.posts or group.positions or group.subitems or group.ways or group.vessels)

    def _brackets(self, sequence: tuple[int, ...]) -> list[_Raw]:
        """Depth of each word; a bracket before any word of substance is a label; unmatched brackets are boundaries."""
        words = [None if form == UNEXPLAINED else self.lexer.words[form] for form in sequence]
        match = _matching(words)
        raws: list[_Raw] = []
        depth = 0
        for index, word in enumerate(words):
            kind = word.kind if word is not None else "unexplained"
            if kind in ("open", "close"):
                if index in match:
                    depth += 1 if kind == "open" else -1
                else:
                    raws.append(_Raw(index, _BOUNDARY_WORD, 0, False))
                continue
            raws.append(_Raw(index, word, depth, False))
        return raws

    def _segments(self, raws: list[_Raw]) -> list[list[_Raw]]:
        """Split at boundaries outside brackets, then mark labels. A segment of one bracket alone is opened."""
        segments: list[list[_Raw]] = [[]]
        for raw in raws:
            if raw.depth == 0 and raw.word is not None and raw.word.kind == BOUNDARY:
                segments.append([])
            else:
                segments[-1].append(raw)
        kept: list[list[_Raw]] = []
        carried: list[_Raw] = []
        for segment in segments:
            if not any(_has_slots(raw) for raw in segment):
                if kept and segment:
                    kept[-1].extend(segment)
                continue
            segment = carried + segment
            carried = []
            if kept and _parts_only(segment) and not _says_any(kept[-1], PART):
                kept[-1].extend(segment)  # a price line, then the part: CT平扫,甲状腺
                continue
            if _parts_only(segment) and segment is not segments[-1]:
                carried = [*segment, _Raw(-1, _LIST_WORD, 0, False)]
                continue
            kept.append(segment)
        if carried:
            kept.append(carried)
        for segment in kept:
            _mark(segment)
        return kept

    def _by_modality(self, segment: list[_Raw]) -> list[list[_Raw]]:
        """A segment whose words fit no one family falls apart at its separators (头颅CT平扫+胸部DR正位)."""
        if _families(segment):
            return [segment]
        pieces: list[list[_Raw]] = [[]]
        for raw in segment:
            if raw.depth == 0 and raw.word is not None and raw.word.kind in SOFT:
                pieces.append([])
            else:
                pieces[-1].append(raw)
        merged: list[list[_Raw]] = []
        for piece in pieces:
            if merged and _families([*merged[-1], *piece]):
                merged[-1] = [*merged[-1], _Raw(-1, _LIST_WORD, 0, False), *piece]
            elif piece:
                merged.append(piece)
        return merged

    def _family(self, piece: list[_Raw], mask: int) -> tuple[str, Issue | None]:
        """The family of a piece: its modality words, else the column, else what its other words imply."""
        own = ALL
        where: list[int] = []
        for raw in piece:
            said = _modality_mask(raw)
            if said != ALL:
                own &= said
                where.append(raw.index)
        if not own:
            return "", ("conflict_modality", tuple(where), "")
        both = own & mask
        if not both:
            return _family_name(own), ("conflict_modality", tuple(where), "")
        if _family_name(both):
            return _family_name(both), None
        implied, everything = both, both
        for raw in piece:
            if raw.word is None or raw.word.noise or not raw.word.meanings:
                continue
            of = 0
            by_part = True
            for meaning in raw.word.meanings:
                of |= meaning.mask | (XRAY if meaning.mask & XRAY else 0)
                by_part = by_part and all(slot == "part" for slot, _ in meaning.slots)
            everything &= of
            if not by_part:
                implied &= of
        name = _family_name(implied) or (_family_name(everything) if implied != both else "")
        if name and not (everything & _mask_of_family(name)):
            return name, ("conflict_modality", tuple(raw.index for raw in piece), "")
        return name, None if name else ("missing_modality", (), "")

    def _groups(self, piece: list[_Raw], family: str, mask: int, issues: list[Issue]) -> list[Group]:
        nodes: list[Node] = []
        bit = XRAY if family == "XR" else MASK[family]
        for raw in piece:
            word = raw.word
            if word is None:
                nodes.append(Node(raw.index, "unexplained", (), False, raw.depth, raw.tag))
                continue
            if word.kind != "slots":
                nodes.append(Node(raw.index, word.kind, (), False, raw.depth, raw.tag))
                continue
            meanings = [meaning for meaning in word.meanings if meaning.mask & bit]
            if not meanings:
                if not word.noise:
                    a_part = all(slot == "part" for meaning in word.meanings for slot, _ in meaning.slots)
                    issues.append(("uncatalogued" if a_part else "conflict_modality", (raw.index,), word.surface))
                continue
            slots = tuple(slot for meaning in meanings for slot in meaning.slots)
            review = any(meaning.review for meaning in meanings)
            nodes.append(Node(raw.index, "slots", slots, review, raw.depth, raw.tag))
        return self.grouper.groups(nodes, family)

    def _inherit(self, groups: list[Group], before: list[Group], family: str) -> list[Group]:
        """A group without a part takes the parts of the one before it: an order line may leave the part out."""
        last = before[-1] if before else None
        for group in groups:
            if not group.parts and last is not None and last.parts and group.said() and family != "US":
                group.parts = [*last.parts]
            if group.parts:
                last = group
        return groups

    def _finish(self, exams: list[Exam], issues: list[Issue]) -> _Outcome:
        """One code once; 平扫 and 增强 of one part ordered apart are the item of both."""
        merged: list[Exam] = []
        for exam in exams:
            if exam.code and any(each.code == exam.code for each in merged):
                continue
            if exam.family in ("CT", "MR") and exam.scan in ("平扫", "增强"):
                other = "增强" if exam.scan == "平扫" else "平扫"
                pair = next(
                    (
                        each
                        for each in merged
                        if (each.family, each.part, each.side, each.scan, each.extra)
                        == (exam.family, exam.part, exam.side, other, exam.extra)
                    ),
                    None,
                )
                if pair is not None:
                    stock = self.stock.part(exam.family, exam.part)
                    items = stock.sides.get(exam.side, {}) if stock is not None else {}
                    code = items.get(("平扫+增强", exam.extra))
                    if code is not None:
                        whole = pair._replace(scan="平扫+增强", code=code, rules=(*pair.rules, "plain_and_contrast"))
                        merged[merged.index(pair)] = whole
                        continue
            merged.append(exam)
        if not merged and not issues:
            issues.append(("missing_part", (), ""))
        return _Outcome(tuple(merged), tuple(dict.fromkeys(issues)))

    # -- spans -----------------------------------------------------------------------------------------------------

    def _spans(self, name: str, text: Canonical, tokens: list[Token], outcome: _Outcome, mask: int) -> list[Span]:
        bits = mask
        for exam in outcome.exams:
            family = exam.family
            bits = {"CT": MASK["CT"], "MR": MASK["MR"], "US": MASK["US"]}.get(family, XRAY)
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


_BOUNDARY_WORD = Word("|", (), BOUNDARY, "")
_LIST_WORD = Word("、", (), "list", "")


def _matching(words: list[Word | None]) -> set[int]:
    """Indexes of the brackets that have their other half."""
    stack: list[int] = []
    matched: set[int] = set()
    for index, word in enumerate(words):
        if word is None:
            continue
        if word.kind == "open":
            stack.append(index)
        elif word.kind == "close" and stack:
            matched.update((stack.pop(), index))
    return matched


def _is_noise_of(raw: _Raw, kind: str) -> bool:
    return raw.word is not None and raw.word.noise == kind and not raw.word.meanings


def _says(raw: _Raw, slots: frozenset[str]) -> bool:
    return raw.word is not None and any(slot in slots for m in raw.word.meanings for slot, _ in m.slots)


def _says_any(segment: list[_Raw], slots: frozenset[str]) -> bool:
    return any(_says(raw, slots) for raw in segment)


def _has_slots(raw: _Raw) -> bool:
    return raw.word is not None and bool(raw.word.meanings)


def _parts_only(segment: list[_Raw]) -> bool:
    for raw in segment:
        if raw.word is None or raw.word.noise == NONEXAM:
            return False
        for meaning in raw.word.meanings:
            if any(slot not in ("part", "side") for slot, _ in meaning.slots):
                return False
    return any(
        raw.word is not None and any(slot == "part" for m in raw.word.meanings for slot, _ in m.slots)
        for raw in segment
    )


def _mark(segment: list[_Raw]) -> None:
    """Labels: brackets before the first word of substance. Where there is nothing outside brackets, open them."""
    if not any(raw.depth == 0 and _has_slots(raw) for raw in segment):
        for raw in segment:
            raw.depth = max(0, raw.depth - 1)
        return
    for raw in segment:
        if raw.depth == 0 and _has_slots(raw):
            return
        raw.tag = raw.depth > 0


def _modality_mask(raw: _Raw) -> int:
    """The families that a modality word allows; ALL for any other word, and for one that may be noise."""
    if raw.word is None or raw.word.noise:
        return ALL
    mask = without = 0
    for meaning in raw.word.meanings:
        said = [element for slot, element in meaning.slots if slot == "modality"]
        for element in said:
            mask |= FAMILY_OF[element] & meaning.mask
        if not said and len(raw.word.meanings) > 1 and any(slot == "part" for slot, _ in meaning.slots):
            without |= meaning.mask
    return mask | without if mask else ALL


def _said_modality(raws: list[_Raw]) -> int:
    """The families that the modality words of the whole name allow; 0 where there is none, or they differ."""
    mask = ALL
    for raw in raws:
        mask &= _modality_mask(raw)
    return 0 if mask == ALL else mask


def _families(raws: list[_Raw]) -> int:
    """The families that every word of substance can belong to."""
    mask = ALL
    for raw in raws:
        if raw.word is None or raw.word.noise or not raw.word.meanings:
            continue
        own = 0
        for meaning in raw.word.meanings:
            own |= meaning.mask | (XRAY if meaning.mask & XRAY else 0)
        mask &= own & _modality_mask(raw)
    return mask


def _modality_alone(raws: list[_Raw]) -> bool:
    """A modality word and no other word of substance (the DR of 腰椎MR/DR)."""
    slots = {slot for raw in raws if raw.word is not None for m in raw.word.meanings for slot, _ in m.slots}
    return (
        "modality" in slots
        and slots <= {"modality", "scan"}
        and not slots & {"part", "position"}
        and all(_modality_mask(raw) != ALL for raw in raws if _has_slots(raw))
    )


def _family_name(mask: int) -> str:
    return SINGLE.get(mask, "XR" if mask and not mask & ~XRAY else "")


def _mask_of_family(name: str) -> int:
    return XRAY if name == "XR" else MASK[name]
