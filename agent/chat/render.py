"""Facts as Markdown, in Chinese or English. What comes from outside is escaped, so that it is text and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from agent.chat.facts import (
    CodeFact,
    CompareFact,
    EditionsFact,
    ItemFact,
    NameFact,
    SavedFact,
    SearchFact,
    Sentence,
    SideFact,
    SpanFact,
    TableFact,
)
from agent.chat.tools import LINES
from agent.chat.values import Draft
from agent.defuse import drawn
from agent.reasons import ConventionRow, EvidenceRow, ReasonRow, conventions, evidence_rows, reasons
from agent.texts import Texts, texts_in
from standard.errors import Lang

SENTENCES = Path(__file__).parent / "data" / "sentences.tsv"
LONGEST = 300  # characters of a text from outside that are shown
NEAR = 3  # candidates that an answer names; the evidence names more
_MARKS = re.compile(r"([!-/:-@\[-`{-~])")


def sentences() -> Texts:
    """Every sentence of the dialogue."""
    return texts_in(SENTENCES)


def escape(text: str) -> str:
    """A text from outside as Markdown that shows it: no markup, no link, no control character works in it."""
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return _MARKS.sub(r"\\\1", " ".join(drawn(cut).split()))


def who_and_when(remembered: str) -> str:
    """`name 2026-11-29T23:00:13+00:00 #17` as people write it: to the minute. What is anything else stays as it is."""
    try:
        who, at, number = remembered.rsplit(" ", 2)
        moment = datetime.fromisoformat(at)
    except ValueError:
        return remembered
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return f"{who} {moment:%Y-%m-%d %H:%M} UTC {number}".strip()


class Renderer:
    """For one language. `terminal`: who reads it has commands, not pages."""

    def __init__(self, lang: Lang, terminal: bool = False) -> None:
        self.lang = lang
        self.terminal = terminal
        self.texts = sentences()

    def say(self, name: str, **values: object) -> str:
        """A sentence; texts from outside must be escaped by the caller."""
        return self.texts.text(name, self.lang, **values).replace("\\n", "\n")

    def of(self, sentence: Sentence) -> str:
        """A sentence in this language."""
        return sentence.zh if self.lang == "zh" else sentence.en

    # -- a name ----------------------------------------------------------------------------------------------------

    def name(self, fact: NameFact, draft: Draft, named: bool) -> Iterable[str]:
        """A name that was asked for: settled or not, its items, the reading, why. `named`: with the name again."""
        head = f"**{escape(fact.name)}**　" if named else ""
        if draft.done or draft.decided:
            how = self.say("settled") if draft.answered else self.say("accepted.by", score=f"{fact.score:.2f}")
            yield f"{head}**{how}**\n\n"
            yield self.items(fact.items) if fact.items else f"{self.of(fact.reason)}\n\n"
        else:
            yield f"{head}**{self.say('open')}**　{self.reason(fact)}\n\n"
            if fact.items:
                yield f"{self.say('so_far')}\n\n{self.listed(fact.items)}\n\n"
        if fact.remembered:
            yield self.say("remembered", who=escape(who_and_when(fact.remembered))) + "\n\n"
        yield self.reading(fact.spans)
        yield self.because(fact, draft)
        if fact.candidates and not draft.done and not draft.decided:
            near = " · ".join(f"`{each.code}` {escape(each.name)}" for each in fact.candidates[:NEAR])
            yield f"{self.say('candidates')}：{near}\n\n"

    def settled(self, name: str, items: Sequence[ItemFact], draft: Draft) -> Iterable[str]:
        """A name after an answer: its items, and what the person said."""
        head = self.say("settled") if draft.done else self.say("open")
        yield f"**{escape(name)}**　{head}\n\n"
        yield self.items(items) if draft.done else (f"{self.listed(items)}\n\n" if items else "")
        said = "；".join(escape(each.zh if self.lang == "zh" else each.en) for each in draft.answered)
        if said:
            yield f"{self.say('you_said')}：{said}\n\n"

    def reason(self, fact: NameFact) -> str:
        """Why a person has to look, all reasons of the reading, the gravest first."""
        seen = dict.fromkeys([self.of(fact.reason), *(self.of(each) for each in fact.problems)])
        detail = f"（{escape(fact.detail)}）" if fact.detail else ""
        return "；".join(seen) + detail

    def reading(self, spans: Sequence[SpanFact]) -> str:
        """What each piece of the name says."""
        told = []
        for span in _joined(spans):
            slots = "/".join(self.slot(each) for each in span.slot.split("+"))
            element = "" if span.slot in ("noise", "unexplained") or span.element == span.text else span.element
            told.append(f"「{escape(span.text)}」{slots}" + (f" {escape(element)}" if element else ""))
        return f"{self.say('reading')}：{' · '.join(told)}\n\n" if told else ""

    def slot(self, name: str) -> str:
        """What a slot of the reading is called."""
        return self.say(f"slot.{name}") if f"slot.{name}" in self.texts.rows else escape(name)

    def because(self, fact: NameFact, draft: Draft) -> str:
        """Conventions used; for an accepted name also its reason."""
        told = [self.of(fact.reason)] if draft.done and not draft.answered else []
        told += [f"{self.say('by_rule')}：{self.of(each)}" for each in fact.conventions]
        return f"{self.say('why')}：{'；'.join(told)}\n\n" if told else ""

    def evidence(self, fact: NameFact) -> str:
        """The rows whose sum is the score."""
        tables: dict[str, Mapping[str, EvidenceRow | ReasonRow | ConventionRow]] = {
            "reason": reasons(),
            "convention": conventions(),
        }
        lines = [f"{self.say('evidence')}\n"]
        for each in fact.evidence:
            named = tables.get(each.signal, {}).get(each.value)  # what the value is called stands in place of it
            row = named or evidence_rows().get(each.signal)
            told = (row.zh if self.lang == "zh" else row.en) if row is not None else each.signal
            value = who_and_when(each.value) if each.signal.startswith("memory") else "" if named else each.value
            lines.append(f"- {each.weight:+.2f} {told} {escape(value)}".rstrip())
        return "\n".join(lines) + "\n\n"

    # -- items -----------------------------------------------------------------------------------------------------

    def items(self, items: Sequence[ItemFact]) -> str:
        """Items with their codes drawn field by field, items of one layout in one table."""
        out = self.listed(items) + "\n\n"
        at = 0
        while at < len(items):
            labels = self._labels(items[at])
            same = [items[at]]
            while at + len(same) < len(items) and self._labels(items[at + len(same)]) == labels:
                same.append(items[at + len(same)])
            at += len(same)
            if labels:
                cells = [[f"`{field.characters}` {escape(field.name)}" for field in each.fields] for each in same]
                out += self.grid(labels, cells) + "\n"
        return out

    def listed(self, items: Sequence[ItemFact]) -> str:
        """Codes and names, one a line."""
        return "\n".join(f"- `{each.code}` {escape(each.name)}" for each in items)

    def _labels(self, item: ItemFact) -> list[str]:
        return [field.zh if self.lang == "zh" else field.en for field in item.fields]

    @staticmethod
    def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
        """A table; the cells are Markdown already."""
        lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join(lines) + "\n"

    # -- the other answers -----------------------------------------------------------------------------------------

    def code(self, fact: CodeFact) -> Iterable[str]:
        """A code drawn, or what is wrong with it."""
        name = f" {escape(fact.name)}" if fact.name else ""
        if fact.problems:
            yield f"**{escape(fact.code)}**{name}　{self.say('code.wrong')}\n\n"
            wrong = [f"{self._label(f.zh, f.en)} `{f.characters}`" for f in fact.fields if not f.holds]
            if wrong:
                yield self.say("code.field", fields="、".join(wrong)) + "\n\n"
            yield "\n".join(f"- {escape(self.of(each))}" for each in fact.problems) + "\n\n"
        else:
            yield f"**{escape(fact.code)}**{name}\n\n"
        if fact.fields:
            head = [self._label(f.zh, f.en) for f in fact.fields]
            yield self.grid(
                head, [[("" if f.holds else "✗ ") + f"`{f.characters}` {escape(f.name)}" for f in fact.fields]]
            )
            yield "\n"
        if fact.listed:
            yield self.say("code.item", edition=fact.edition) + "\n\n"
        elif fact.base is not None:
            yield self.say("code.derived", code=f"`{fact.base.code}`", item=escape(fact.base.name)) + "\n\n"
        if fact.differs:
            labels = {f.slot: self._label(f.zh, f.en) for f in fact.nearest[0].fields}
            near = f"`{fact.nearest[0].code}` {escape(fact.nearest[0].name)}"
            slots = "、".join(labels[slot] for slot in fact.differs)
            yield self.say("code.differs", item=near, slots=slots) + "\n\n"
        if fact.nearest:
            yield f"{self.say('code.nearest')}\n\n{self.listed(fact.nearest)}\n\n"

    def _label(self, zh: str, en: str) -> str:
        return zh if self.lang == "zh" else en

    def compare(self, fact: CompareFact) -> Iterable[str]:
        """Two items side by side, field by field."""
        for side in (fact.a, fact.b):
            if len(side.items) != 1:
                yield self._no_item(side)
        if len(fact.a.items) != 1 or len(fact.b.items) != 1:
            return
        a, b = fact.a.items[0], fact.b.items[0]
        if not fact.differ:
            yield self.listed([a]) + "\n\n" + self.say("compare.same") + "\n\n"
            return
        labels = {f.slot: self._label(f.zh, f.en) for f in (*a.fields, *b.fields)}
        one, other = ({f.slot: f for f in each.fields} for each in (a, b))
        rows = []
        for slot, label in labels.items():
            cells = [
                f"`{each[slot].characters}` {escape(each[slot].name)}" if slot in each else "" for each in (one, other)
            ]
            mark = "≠ " if slot in fact.differ else ""
            rows.append([mark + label, *cells])
        head = [self.say("compare.head", a="A", b="B").split("|")[0], *(f"`{x.code}` {escape(x.name)}" for x in (a, b))]
        yield self.grid(head, rows) + "\n"
        yield self.say("compare.differ", slots="、".join(labels[slot] for slot in fact.differ)) + "\n\n"

    def _no_item(self, side: SideFact) -> str:
        why = self.of(side.reason) if side.reason is not None and not side.items else ""
        if len(side.items) > 1:
            why = " + ".join(f"`{each.code}` {escape(each.name)}" for each in side.items)
        return self.say("compare.none", given=escape(side.given), reason=why) + "\n\n"

    def search(self, fact: SearchFact) -> Iterable[str]:
        """Items found."""
        if not fact.items:
            yield self.say("search.none", words=escape(fact.words)) + "\n\n"
            return
        yield self.say("search.found", total=fact.total, shown=len(fact.items)) + "\n\n"
        yield self.listed(fact.items) + "\n\n"

    def editions(self, fact: EditionsFact) -> Iterable[str]:
        """What changed: counts, then the first of each kind."""
        yield f"**{self.say('editions.title', old=escape(fact.old), new=escape(fact.new))}**\n\n"
        rows = []
        for kind, by in fact.by_modality.items():
            told = "，".join(f"{modality} {count}" for modality, count in by.items())
            rows.append([self.say(f"change.{kind}"), str(fact.counts.get(kind, 0)), told])
        yield self.grid(self.say("editions.head").split("|"), rows)
        yield "\n" + self.say("editions.same", count=fact.counts.get("same", 0)) + "\n\n"
        if fact.elements:
            yield self.say("editions.elements", elements=escape("、".join(fact.elements[:12]))) + "\n\n"
        lines = []
        for each in fact.changes:
            was = "（" + self.say("change.was", was=escape(each.was)) + "）" if each.was else ""
            lines.append(f"- {self.say(f'change.{each.what}')} `{each.code}` {escape(each.name)}{was}")
        more = self.say("editions.more_terminal" if self.terminal else "editions.more")
        yield "\n".join(lines) + f"\n\n{more}\n\n"

    def table(self, fact: TableFact) -> Iterable[str]:
        """A pasted column, one line each."""
        accepted = sum(line.route == "accepted" for line in fact.lines)
        counts = {"total": len(fact.lines), "accepted": accepted, "review": len(fact.lines) - accepted}
        yield self.say("table", **counts) + "\n\n"
        rows = []
        for number, line in enumerate(fact.lines, 1):
            route = self.say("accepted") if line.route == "accepted" else f"{self.say('open')}：{self.of(line.reason)}"
            if line.remembered:
                who = escape(who_and_when(line.remembered))
                route = self.say("table.remembered", route=route, decided=self.say("remembered", who=who))
            codes = " + ".join(f"`{code}`" for code in line.codes)
            rows.append([str(number), escape(line.name[:80]), codes, escape(" + ".join(line.names)), route])
        yield self.grid(self.say("table.head").split("|"), rows) + "\n"
        if fact.left_out:
            yield self.say("table.left_out", most=LINES, left=fact.left_out) + "\n\n"

    def scope(self, sentence: str, institution: str) -> str:
        """For which names a decision holds: the sentence for an institution, or for none."""
        return self.say(f"{sentence}.place" if institution else f"{sentence}.none", place=escape(institution))

    def saved(self, fact: SavedFact) -> str:
        """What came of queue or decision."""
        told = fact.zh if self.lang == "zh" else fact.en
        if not fact.done:
            return self.say("saved.not", why=escape(told)) + "\n\n"
        return self.say("saved.enqueue" if fact.what == "enqueue" else "saved.decision", status=escape(told)) + "\n\n"


def _joined(spans: Sequence[SpanFact]) -> list[SpanFact]:
    """The spans that say something; what is noise, or not explained, in one piece where it stands together."""
    out: list[SpanFact] = []
    for span in spans:
        if span.slot == "separator":
            continue
        if out and span.slot == out[-1].slot and span.slot in ("noise", "unexplained"):
            out[-1] = SpanFact(text=out[-1].text + span.text, slot=span.slot, element="")
        else:
            out.append(span)
    return out
