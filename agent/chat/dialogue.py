"""One turn of the dialogue: what was said in, events out. Deterministic; a language model only chooses tools, if any.

    button ─▶ the option of the answer it stands under
    text ──▶ an answer to the open question? ─▶ a command (intents.tsv)? ─▶ else the name of an exam, or several

All that a turn knows is its arguments: the state that the answer before it ended with, and what was said now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from agent.chat.events import Card, Choice, Choices, End, Event, Piece
from agent.chat.facts import AnyFact, CompareIn, DecodeIn, EditionsIn, NameFact, ResolveIn, SearchIn
from agent.chat.intents import Intent, intent_of, number_of, splits
from agent.chat.model_turn import ChatModel, Planned
from agent.chat.question import NONE
from agent.chat.render import Renderer, escape
from agent.chat.saving import enqueue, save
from agent.chat.tools import Tools
from agent.chat.values import Answered, Draft, Option, Question, Slotted, State
from agent.store import Rules, now, rules_of
from agent.store.columns import storable
from agent.store.states import FINAL, Action, Step, cell
from standard.errors import Lang, YingmaError
from standard.text import canonical

LONGEST = 20_000  # characters of one text
CONTEXT = 200  # characters of modality and institution
SAVES: dict[str, Action] = {"save": "settle", "reject": "reject", "not_in_standard": "not_in_standard"}
NEXT_LINES = 8  # buttons under a table


class Who(NamedTuple):
    """Who speaks: account and role. `key`: of this turn, so that what it writes is written once."""

    user_id: int | None
    role: str
    key: str

    def may(self, step: Step) -> bool:
        """Whether the state table lets his role take a step; the store checks it again."""
        return self.user_id is not None and cell(step, self.role) != "-"


class Said(NamedTuple):
    """What a person said: a text, or the id of a button of the answer whose state is given; the context of names."""

    text: str
    option: str = ""
    modality: str = ""
    institution: str = ""


class Dialogue:
    """For one pipeline. `model`: chooses tools for what no rule understands; without one all is by rules."""

    def __init__(
        self,
        tools: Tools,
        second_share: float = 0.0,
        model: ChatModel | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.tools = tools
        self.rules: Rules = rules_of(tools.catalogue, second_share)
        self.model = model
        self.clock = clock

    def turn(self, state: State, said: Said, who: Who, lang: Lang) -> Iterator[Event]:
        """The answer, as events; the last one is always End. What the person must mend is told in the answer."""
        turn = _Turn(self, state, said, who, lang)
        try:
            yield from turn.run()
        except YingmaError as error:
            yield Piece(text=escape(error.sentence(lang)) + "\n\n")
        yield End(state=turn.state)


class _Turn:
    """One turn; `state` is the new one when it is over."""

    def __init__(self, dialogue: Dialogue, state: State, said: Said, who: Who, lang: Lang) -> None:
        self.tools = dialogue.tools
        self.dialogue = dialogue
        self.state = state
        self.said = Said(
            storable(said.text), said.option, storable(said.modality[:CONTEXT]), storable(said.institution[:CONTEXT])
        )
        self.who = who
        self.lang = lang
        self.render = Renderer(lang, terminal=who.user_id is None)

    def run(self) -> Iterator[Event]:
        """All events but the last."""
        if self.said.option:
            option = next((each for each in self._buttons() if each.id == self.said.option), None)
            if option is not None:
                yield from self._press(option)
            else:
                yield self._piece("answer_which")
            return
        text = self.said.text
        if len(text) > LONGEST:
            yield self._piece("too_much", most=LONGEST)
            return
        intent = intent_of(text)
        answered = self._answer(text)
        if answered is not None:
            yield from self._press(answered)
            return
        planned = self._planned(intent, text)
        if planned is not None and planned.failure:
            yield self._piece("model.failed", why=planned.failure_sentence(self.lang))
        elif planned is not None:
            yield from self._follow(planned)
            return
        yield from self._do(intent)

    # -- the open question -----------------------------------------------------------------------------------------

    def _buttons(self) -> tuple[Option, ...]:
        question = self.state.question
        return (*(question.options if question else ()), *self.state.quick)

    def _answer(self, text: str) -> Option | None:
        """The option that a typed text means: its number, its label, or its slot and no more; or a part by name."""
        wanted = canonical(text.strip().rstrip("。.!！")).text
        question = self.state.question
        if not wanted or len(wanted) > 60:
            return None
        for option in self._buttons():
            if wanted in {canonical(option.zh).text, canonical(option.en).text}:
                return option
        if question is None:
            return None
        if wanted.isdecimal() and wanted.isascii():
            return next((option for option in question.options if option.id == wanted), None)
        if question.slot:
            found = self._by_slot(question, text)
            if found is not None:
                return found
        draft = self.state.draft
        if question.slot == "part" and draft is not None:
            after = self.tools.asker.part_answer(draft, question, text)
            if after is not None:
                return Option(id="typed", zh=text.strip(), en=text.strip(), draft=after)
        return None

    def _by_slot(self, question: Question, text: str) -> Option | None:
        for family in dict.fromkeys([question.family, "CT", "MR", "XR", "US", "NM"]):
            said, clean = self.tools.slots.said(text, family) if family else ([], False)
            if not clean or not said or any(slot != question.slot for slot, _ in said):
                continue
            typed = {f"{slot}={each}" for slot, element in said for each in self._atoms(slot, element)}
            for option in question.options:
                if option.typed and set(option.typed) == typed:
                    return option
        return None

    def _atoms(self, slot: str, element: str) -> list[str]:
        """A position as single views, since 正侧位 and 正、侧位 are the same; everything else as it is."""
        return sorted(self.tools.slots.stock.views(element)) if slot == "position" else element.split(";")

    def _press(self, option: Option) -> Iterator[Event]:
        """What a button does."""
        if option.draft is not None:
            yield from self._went_on(option.draft)
        elif option.id == "enqueue":
            yield from self._enqueue()
        elif option.id in SAVES:
            yield from self._save(SAVES[option.id])
        elif option.id == "why":
            yield from self._why()
        elif option.id.startswith("line-"):
            yield from self._line(int(option.id.removeprefix("line-")))

    def _went_on(self, draft: Draft) -> Iterator[Event]:
        """After an answer: the next question, or the end."""
        items = self.tools.items(self.tools.codes_of(draft), fields=draft.done)
        if draft.given_up:
            yield Piece(text=f"**{escape(draft.name)}**　{self.render.say('given_up')}\n\n")
            yield from self._ask(draft)
            return
        for piece in self.render.settled(draft.name, items, draft):
            if piece:
                yield Piece(text=piece)
        fact = self.tools.name_fact(self.tools.suggest(self._query(draft)))
        answers = tuple(each.zh for each in draft.answered)
        yield Card(fact=fact.model_copy(update={"items": items, "settled": draft.done, "answers": answers}))
        yield from self._ask(draft)

    # -- commands --------------------------------------------------------------------------------------------------

    def _do(self, intent: Intent) -> Iterator[Event]:
        groups = intent.groups
        if intent.kind == "empty":
            yield self._piece("empty")
        elif intent.kind == "help":
            yield self._piece("help")
        elif intent.kind == "why":
            yield from self._why(groups.get("name", ""))
        elif intent.kind == "line":
            yield from self._line(number_of(groups.get("line") or groups["row"]))
        elif intent.kind == "enqueue":
            name = self._meant(groups["name"]) if groups.get("name") else ""
            if name:
                yield from self._name(name)
            if not name or not self._is_talk(self._asked(name)):
                yield from self._enqueue()
        elif intent.kind == "save":
            yield from self._name_to_save(groups["name"]) if groups.get("name") else self._save("settle")
        elif intent.kind == "editions":
            new = groups.get("new", "")
            yield from self._tell(
                self.tools.editions(
                    EditionsIn(old=groups.get("old", ""), new=new if any(map(str.isdigit, new)) else "")
                )
            )
        elif intent.kind == "compare":
            yield from self._compare("和".join(filter(None, (groups["rest"], groups.get("more")))))
        elif intent.kind == "search":
            words = " ".join(filter(None, (groups["words"], groups.get("more"))))
            yield from self._tell(self.tools.search(SearchIn(words=words)))
        elif intent.kind == "code":
            code = groups["code"].replace(" ", "").replace("-", "")
            yield from self._tell(self.tools.decode(DecodeIn(code=code)))
        elif intent.kind == "names":
            yield from self._names(intent.names)
        else:
            name = self._meant(groups.get("name") or intent.names[0])
            yield from self._name(name, evidence=intent.kind == "explain")

    def _line(self, number: int) -> Iterator[Event]:
        """A line of the last table."""
        if 1 <= number <= len(self.state.lines):
            yield from self._name(self.state.lines[number - 1])
        else:
            yield self._piece("line.none" if self.state.lines else "line.no_table", number=number)

    def _meant(self, text: str) -> str:
        """A name as it is, or the one of a line of the last table: `第 2 行`."""
        intent = intent_of(text)
        number = number_of(intent.groups.get("line") or intent.groups["row"]) if intent.kind == "line" else 0
        return self.state.lines[number - 1] if 1 <= number <= len(self.state.lines) else text

    def _name_to_save(self, given: str) -> Iterator[Event]:
        """A name that is to be saved: its answer is shown first, the person says it again for what he sees."""
        yield from self._name(self._meant(given))
        draft = self.state.draft
        if draft is not None and draft.done and not draft.decided and self.who.may(Step("open", "settle")):
            yield self._piece("save.look")

    def _tell(self, fact: AnyFact) -> Iterator[Event]:
        """A fact that asks nothing; a name under discussion stays."""
        maker = getattr(self.render, fact.kind)
        for piece in maker(fact):
            yield Piece(text=piece)
        yield Card(fact=fact)

    def _compare(self, rest: str) -> Iterator[Event]:
        """The way to take the text apart that gives an item on both sides; else the first."""
        sides = [(self._meant(a), self._meant(b)) for a, b in splits(rest)[:6]]
        found = [self.tools.compare(CompareIn(a=a, b=b)) for a, b in sides]
        if not found:
            yield self._piece("compare.how")
            return
        whole = (each for each in found if len(each.a.items) == len(each.b.items) == 1)
        yield from self._tell(next(whole, found[0]))

    def _names(self, names: tuple[str, ...]) -> Iterator[Event]:
        fact = self.tools.table(names, self.said.modality, self.said.institution)
        for piece in self.render.table(fact):
            yield Piece(text=piece)
        yield Card(fact=fact)
        waiting = [at for at, line in enumerate(fact.lines, 1) if line.route == "review"][:NEXT_LINES]
        zh, en = Renderer("zh"), Renderer("en")
        quick = tuple(
            Option(id=f"line-{at}", zh=zh.say("line", number=at), en=en.say("line", number=at)) for at in waiting
        )
        self.state = State(quick=quick, lines=tuple(line.name for line in fact.lines))
        if quick:
            yield self._piece("table.next")
            yield self._choices(quick, False)

    def _name(self, name: str, evidence: bool = False) -> Iterator[Event]:
        given = ResolveIn(name=name[:2000], modality=self.said.modality, institution=self.said.institution)
        suggestion = self.tools.recalled([self.tools.suggest(given)])[0]
        draft = self.tools.draft(suggestion)
        fact = self.tools.name_fact(suggestion)
        if not fact.items and not draft.decided and self._is_talk(fact):
            yield self._piece("not_understood")
        for piece in self.render.name(fact, draft, named=self.said.text.strip() != name):
            if piece:
                yield Piece(text=piece)
        if evidence:
            yield Piece(text=self.render.evidence(fact))
        yield Card(fact=fact)
        yield from self._ask(draft, fresh=True)

    def _is_talk(self, fact: NameFact) -> bool:
        """More of the text is not explained than is."""
        unknown = sum(len(span.text) for span in fact.spans if span.slot == "unexplained")
        return unknown * 2 > len(fact.name.strip())

    # -- asking ----------------------------------------------------------------------------------------------------

    def _ask(self, draft: Draft, fresh: bool = False) -> Iterator[Event]:
        """The one question, or what can be done with a name that has none."""
        question = None if draft.decided else self.tools.asker.ask(draft)
        quick = self._quick(draft, question)
        self.state = State(draft=draft, question=question, quick=quick, lines=self.state.lines)
        if question is not None:
            yield Piece(text=f"**{escape(question.sentence(self.lang))}**\n\n")
            if question.slot == "part":
                yield self._piece("type_part")
        elif fresh and any(option.id.startswith("change-") for option in quick):
            yield self._piece("plain_default")
        if self.tools.store is not None and any(option.id in SAVES for option in quick):
            yield Piece(text=self.render.scope("scope", draft.institution) + "\n\n")
        buttons = (*(question.options if question else ()), *quick)
        if buttons:
            yield self._choices(buttons, question is not None)

    def _quick(self, draft: Draft, question: Question | None) -> tuple[Option, ...]:
        """Buttons beside the question: another scan than the usual one, queue, decision, evidence."""
        found = self._other_scans(draft) if question is None else []
        zh, en = Renderer("zh"), Renderer("en")
        names = []
        if question is None and draft.name:
            if draft.done and not draft.decided and self.who.may(Step("open", "settle")):
                names.append("save")
            reasons = {each.reason for each in draft.open}
            if "not_an_exam" in reasons and self.who.may(Step("open", "reject")):
                names.append("reject")
        lacking = question is None and any(each.reason in ("uncatalogued", "not_in_edition") for each in draft.open)
        if (draft.given_up or lacking) and self.who.may(Step("open", "not_in_standard")):
            names.append("not_in_standard")
        if self.who.may(Step("accepted", "reopen")):
            names.append("enqueue")
        names.append("why")
        found += [Option(id=name, zh=zh.say(f"button.{name}"), en=en.say(f"button.{name}")) for name in names]
        return tuple(found)

    def _other_scans(self, draft: Draft) -> list[Option]:
        """No scan was said and the usual one was taken: the other ones."""
        if not draft.done or draft.answered or len(draft.exams) != 1:
            return []
        exam = draft.exams[0]
        if "plain_scan_default" not in exam.rules or exam.family not in ("CT", "MR"):
            return []
        zh, en = Renderer("zh"), Renderer("en")
        options: list[Option] = []
        for scan, found in self.tools.slots.scans(exam.exam):
            if scan == exam.scan or not all(each.code for each in found):
                continue
            slotted = tuple(Slotted.of(each._replace(rules=())) for each in found)
            answered = (Answered(reason="plain_scan_default", zh=scan, en=scan),)
            after = draft.model_copy(update={"exams": slotted, "answered": answered, "decided": False})
            labels = zh.say("button.change", scan=scan), en.say("button.change", scan=scan)
            options.append(
                Option(
                    id=f"change-{len(options) + 1}", zh=labels[0], en=labels[1], typed=(f"scan={scan}",), draft=after
                )
            )
        return options

    # -- writing ---------------------------------------------------------------------------------------------------

    def _enqueue(self) -> Iterator[Event]:
        draft = self.state.draft
        if draft is None:
            yield self._piece("saved.nothing")
        elif self.tools.store is None or self.who.user_id is None:
            yield self._piece("saved.no_store")
        else:
            suggestion = self.tools.kept(self._query(draft))
            fact = enqueue(self.tools.store, self.who.user_id, suggestion, self.who.key, self.dialogue.clock())
            yield Piece(text=self.render.saved(fact))
            yield Card(fact=fact)

    def _save(self, action: Action) -> Iterator[Event]:
        draft = self.state.draft
        if draft is None:
            yield self._piece("saved.nothing")
        elif self.tools.store is None or self.who.user_id is None:
            yield self._piece("saved.no_store")
        elif action == "settle" and not draft.done:
            yield self._piece("saved.no_codes")
        else:
            codes = self.tools.codes_of(draft) if action == "settle" else ()
            why = "；".join(each.zh for each in draft.answered if each.zh != NONE[0])
            suggestion = self.tools.kept(self._query(draft))
            fact = save(
                self.tools.store,
                self.dialogue.rules,
                self.who.user_id,
                suggestion,
                action,
                codes,
                self.who.key,
                self.dialogue.clock(),
                why,
            )
            yield Piece(text=self.render.saved(fact))
            if fact.done and fact.status in FINAL:  # one that waits for a second look answers nothing yet
                yield Piece(text=self.render.scope("saved.scope", draft.institution) + "\n\n")
            yield Card(fact=fact)

    def _why(self, asked: str = "") -> Iterator[Event]:
        """The evidence of the name under discussion, or of another that is asked for."""
        draft = self.state.draft
        named = self._asked(asked) if asked else None
        if named is not None and (named.items or (draft is None and named.spans)) and not self._is_talk(named):
            yield from self._name(asked, evidence=True)
            return
        if draft is None:
            yield self._piece("saved.nothing")
            return
        fact = self.tools.resolve(self._query(draft))
        yield Piece(text=f"**{escape(draft.name)}**　{self.render.evidence(fact)}")
        if fact.candidates:
            yield Piece(text=f"{self.render.say('candidates')}\n\n{self.render.listed(fact.candidates)}\n\n")
        yield Card(fact=fact)
        if self._buttons():
            yield self._choices(self._buttons(), self.state.question is not None)

    def _asked(self, name: str) -> NameFact:
        """What is answered to a name that a command holds."""
        return self.tools.resolve(ResolveIn(name=name[:2000], modality=self.said.modality))

    # -- the model -------------------------------------------------------------------------------------------------

    def _planned(self, intent: Intent, text: str) -> Planned | None:
        """What a language model makes of a text that no rule understands; None where none is asked."""
        model = self.dialogue.model
        if model is None or intent.kind not in ("name", "explain"):
            return None
        fact = self.tools.resolve(ResolveIn(name=text.strip()[:2000], modality=self.said.modality))
        if fact.route == "accepted" or not self._puzzling(fact):
            return None
        return model.plan(text, self.state.question, self.tools, self.lang)

    def _puzzling(self, fact: NameFact) -> bool:
        """A third of the text is not explained, or it ends as a question does."""
        unknown = sum(len(span.text) for span in fact.spans if span.slot == "unexplained")
        return unknown * 3 >= len(fact.name.strip()) or fact.name.rstrip().endswith(("?", "？", "吗", "呢"))

    def _follow(self, planned: Planned) -> Iterator[Event]:
        """The facts of the tools that the model called, then its remark, if it may be shown."""
        for name in planned.names[:1]:
            yield from self._name(name)
        for fact in planned.facts:
            yield from self._tell(fact)
        question = self.state.question
        if planned.option is not None and question is not None:  # the person says it himself, with a button
            meant = question.options[planned.option]
            yield self._piece("model.meant", option=escape(meant.label(self.lang)))
            yield self._choices((meant, *(each for each in question.options if each != meant)), True)
        if planned.hidden:
            yield self._piece("model.hidden")
        elif planned.remark:
            yield Piece(text=escape(planned.remark) + "\n\n")

    # -- parts -----------------------------------------------------------------------------------------------------

    def _query(self, draft: Draft) -> ResolveIn:
        return ResolveIn(name=draft.name[:2000], modality=draft.modality, institution=draft.institution)

    def _piece(self, sentence: str, **values: object) -> Piece:
        return Piece(text=self.render.say(sentence, **values) + "\n\n")

    def _choices(self, options: tuple[Option, ...], question: bool) -> Choices:
        return Choices(
            options=tuple(Choice(id=each.id, label=each.label(self.lang)) for each in options), question=question
        )
