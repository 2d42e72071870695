"""Names with known truth, for training and measuring: a seed gives the same names on every machine.

A name is made from an item (or from several, or from none: a refusal), never read; so its truth is known. Its words are
the lexicon's, its shapes those of data/shapes.toml and data/refusals.toml. Names come in chunks, each a function of the
seed and its number, so that training can be resumed and work can be shared out.

    item ─▶ wording (wordings.py) ─▶ words (exam.py, forms.py, damage.py) ─▶ order ─▶ noise (noise.py) ─▶ name + column
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

from standard import Catalogue
from standard.lexicon import Lexicon
from training.damage import Damage
from training.exam import ExamWriter, Words
from training.forms import Forms
from training.noise import Noise
from training.refused import Refuser
from training.several import Several
from training.shapes import Refusals, Shapes, Weighted, load_refusals, load_shapes
from training.wordings import Meaning, Wordings

CHUNK = 1000
TRIES = 50
RAREST = 0.25  # of the mean weight of a family's items
Kind = Literal["one", "several", "refusal"]


class TrainingName(NamedTuple):
    """A name as it would come, the text of its modality column ("" for none), and its codes in the order of the name.

    No codes: the right answer is the refusal."""

    name: str
    modality: str
    codes: tuple[str, ...]
    kind: Kind


class Generator:
    """Compiled for a catalogue and a lexicon."""

    def __init__(
        self,
        catalogue: Catalogue,
        lexicon: Lexicon,
        seed: int,
        shapes: Shapes | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        self.seed = seed
        self.shapes = shapes = shapes or load_shapes()
        one = shapes.share.of_one
        self._forms = forms = Forms(lexicon, one)
        self._damage = Damage(shapes.damage, one, forms)
        self._noise = Noise(lexicon, shapes, self._damage)
        self._wordings = Wordings(catalogue, lexicon, shapes)
        self._writer = ExamWriter(lexicon, shapes, forms, self._damage)
        self._families = Weighted([(share, family) for family, share in shapes.family.items()])
        self._drawn = self._by_family()
        self._chosen = {meaning.item.code: Weighted(meaning.wordings) for meaning in self._wordings.meanings}
        mobile = (slots.part for slots in self._wordings.slots.values() if slots.word == "移动DR")
        self._headings: dict[tuple[str, str], list[str]] = defaultdict(list)  # what a price list files a part under
        for row in lexicon.headings:
            for family in row.modality.split("/"):
                for part in row.members.split(";"):
                    self._headings[family, part].append(row.heading)
        self._mobile = {"", *mobile, "腹部", "上腹部", "中下腹部"}
        self._said_english = {
            style: [word for word in words if word] for style, words in shapes.english.modality.items()
        }
        self._open_sides = [form.surface for form in lexicon.of("side") if form.element == "?" and "/" in form.surface]
        self._open_scans = [form.surface for form in lexicon.of("scan") if form.element == "平扫|增强"]
        self._several = Several(lexicon, shapes, self._wordings, self._writer, forms, self._noise, self._draw)
        self._refuser = Refuser(
            lexicon,
            shapes,
            refusals or load_refusals(),
            forms,
            self._wordings,
            self._writer,
            self._noise,
            self._draw,
        )

    def chunk(self, number: int) -> list[TrainingName]:
        """The names of one chunk: CHUNK of them."""
        chance = random.Random(f"{self.seed}:{number}")
        return [self._name(chance) for _ in range(CHUNK)]

    def names(self, count: int, first_chunk: int = 0) -> Iterator[TrainingName]:
        """`count` names from a chunk on."""
        number = first_chunk
        while count > 0:
            yield from self.chunk(number)[:count]
            number, count = number + 1, count - CHUNK

    # -- drawing ---------------------------------------------------------------------------------------------------

    def _by_family(self) -> dict[str, Weighted[Meaning]]:
        """The items of each family: parts alike, so that a part with many items is not drawn more than others."""
        usual = self.shapes.usual
        grouped: dict[tuple[str, str], list[tuple[float, Meaning]]] = defaultdict(list)
        for meaning in self._wordings.meanings:
            slots = meaning.slots
            weight = usual.get(f"{slots.family} {slots.scan}", usual.get(f"{slots.family} {slots.position}", 1.0))
            bed = "移动DR" if slots.word == "移动DR" else ""  # a bedside film is a part of its own here
            grouped[slots.family, bed + slots.part].append((weight, meaning))
        pairs: dict[str, list[tuple[float, Meaning]]] = defaultdict(list)
        for (family, _), each in sorted(grouped.items()):
            total = sum(weight for weight, _ in each)
            share = len(each) ** 0.5  # between parts alike (1) and items alike (their number)
            share *= self.shapes.times(each[0][1].slots.part)
            pairs[family] += [(weight / total * share, meaning) for weight, meaning in each]
        return {family: Weighted(_with_floor(each)) for family, each in pairs.items()}

    def _draw(self, chance: random.Random, family: str) -> Meaning:
        """An item of a family, or of any."""
        return self._drawn[family or self._families.pick(chance)].pick(chance)

    # -- names -----------------------------------------------------------------------------------------------------

    def _name(self, chance: random.Random) -> TrainingName:
        share = chance.random()
        shares = self.shapes.share
        if share < shares.refusal:
            return self._refusal(chance)
        if share > 1 - self.shapes.plain_and_contrast.share:
            return self._plain_and_contrast(chance)
        if share < shares.refusal + shares.several:
            for _ in range(TRIES):
                made = self._several.make(chance)
                if made is not None:
                    text, codes, family, implied = made
                    return self._finished(chance, text, codes, family, implied, "several")
        return self._one(chance)

    def _one(self, chance: random.Random) -> TrainingName:
        one = self.shapes.share.of_one
        wording = self._chosen[self._draw(chance, "").item.code].pick(chance)
        if chance.random() < one.english:
            english = self._writer.english(chance, wording)
            if english is not None:
                said = wording.position or any(word in english for word in self._said_english[wording.style])
                implied = frozenset({wording.family}) if said else frozenset[str]()
                return self._finished(chance, english, (wording.code,), wording.family, implied, "one")
        words = self._writer.words(chance, wording)
        if chance.random() < one.open_choice:
            words = self._left_open(chance, words)
        column = self._column(chance, wording.style)
        last = bool(words.side and words.part and not wording.text) and chance.random() < one.side_last
        text = self._extended(chance, self._written(chance, words.changed(side="") if last else words, column), words)
        if last:
            text = self.shapes.orders.side_last.pick(chance).format(name=text, side=words.side)
        if wording.style == "XR" and wording.part not in self._mobile and chance.random() < one.bedside:
            text = chance.choice(self.shapes.bedside.words).format(name=text)
        text = self._around(chance, text, wording.family, bool(words.part or wording.text))
        return TrainingName(text, column, (wording.code,), "one")

    def _extended(self, chance: random.Random, text: str, words: Words) -> str:
        """The exam, now and then with more that is said of it: what a group holds, its part once more."""
        one, wording = self.shapes.share.of_one, words.wording
        if chance.random() < one.includes and (groups := self._wordings.groups(wording)):
            listed = self._writer.words(chance, replace(wording, members=chance.choice(groups), part="", text="")).part
            return f"{text}({chance.choice(['包括', '', '含', '包含'])}{listed})"
        if (wording.family, wording.part) in self._headings and chance.random() < one.heading:
            heading = self._forms.pick(
                chance, "part", chance.choice(self._headings[wording.family, wording.part]), wording.family
            )
            place = chance.choice(self.shapes.headings) if wording.style == "US" else "[{heading}]{name}"
            return place.format(heading=heading, name=text)
        if chance.random() < one.bilingual and (again := self._writer.bilingual(chance, words)) is not None:
            return again
        if chance.random() < one.translated and (again := self._writer.english(chance, wording)):
            return chance.choice([f"{text} {again}", f"{text} {again}", f"{again} {text}", f"{text}({again})"])
        if wording.style not in ("CT", "MR", "XR"):
            return text
        if words.part and chance.random() < one.bracket_part:  # [胸部]CT其它平扫: the bracket says the part
            order = chance.choice(["{mod}{body}{scan}{position}", "{body}{mod}{scan}{position}"])
            rest = self._writer.write(chance, words.changed(part=chance.choice(["", "其它", "其他"]), side=""), order)
            return f"[{words.side}{words.part}]{rest}"
        if words.part and chance.random() < one.echo:
            return self._echoed(chance, text, words)
        if wording.style != "XR" and words.part and chance.random() < one.other_echo:
            other = self._draw(chance, wording.family).wordings[0][1]
            return f"[{self._writer.words(chance, other).part}]{text}"
        return text

    def _plain_and_contrast(self, chance: random.Random) -> TrainingName:
        """Two lines of one part, plain and contrast, which are the item of both: 胸部增强扫描(医保),胸部平扫."""
        family = chance.choice(["CT", "CT", "MR"])
        meaning = self._draw(chance, family)
        while meaning.slots.scan != "平扫+增强" or meaning.slots.post:
            meaning = self._draw(chance, family)
        wording = meaning.wordings[0][1]
        lines = [self._writer.words(chance, replace(wording, scan=scan)) for scan in ("平扫", "增强")]
        same = lines[0].part if chance.random() < 0.7 else lines[1].part
        lines = [words.changed(scan=words.scan or "平扫", part=same, side=lines[0].side) for words in lines]
        chance.shuffle(lines)
        order = chance.choice(["{mod}{body}{scan}", "{body}{mod}{scan}", "{body}{scan}"])
        texts = [self._writer.write(chance, words, order) for words in lines]
        if chance.random() < 0.5:
            texts = [self._noise.one(chance, text, family) for text in texts]
        text = chance.choice([",", "+", ";", "、"]).join(texts)
        implied = frozenset({family}) if "{mod}" in order else frozenset[str]()
        return self._finished(chance, text, (wording.code,), family, implied, "one")

    def _left_open(self, chance: random.Random, words: Words) -> Words:
        """A choice that the name leaves open; the first one that it says is what it most likely is."""
        wording = words.wording
        if wording.side in ("左", "右"):
            said = [each for each in self._open_sides if each.lstrip("(")[0] == wording.side]
            if wording.side == "左":
                said = [*said, "单侧", "一侧"]
            return words.changed(side=chance.choice(said))
        if wording.scan == "平扫" and wording.family in ("CT", "MR") and not wording.post:
            return words.changed(scan=chance.choice(self._open_scans))
        return words

    def _written(self, chance: random.Random, words: Words, column: str) -> str:
        """The exam, its modality said where nothing else says it."""
        family = words.wording.family
        known = len(words.implied) == 1 or (column != "" and column not in self.shapes.column.departments)
        style = words.wording.style
        unsaid = self.shapes.share.of_one.unsaid_modality if style in ("CT", "MR") else 0.6
        if (style == "NM" and words.wording.word != "SPECT") or words.wording.word == "移动DR":
            known = False
        if known and chance.random() < unsaid:
            words = words.changed(mod="")
        elif not words.mod and not known and family not in ("US",):
            words = words.changed(mod={"XR": "DR"}.get(family, family))
        word = {"XR": "DR"}.get(family, words.wording.word)
        return self._writer.write(chance, words) or self._writer.write(chance, words.changed(mod=word)) or word

    def _echoed(self, chance: random.Random, text: str, words: Words) -> str:
        """A bracket that says the part, and perhaps the modality, once more."""
        again = self._writer.words(chance, words.wording, side=words.side)
        echo = f"{again.side}{again.part}{words.mod if chance.random() < 0.4 else ''}"
        return f"[{echo}]{text}" if chance.random() < 0.6 else f"{text}({echo})"

    def _around(self, chance: random.Random, text: str, family: str, part: bool = True) -> str:
        one = self.shapes.share.of_one
        text = self._noise.around(chance, text, family, part)
        if chance.random() < one.stray:
            text = self._damage.stray(chance, text)
        if text.endswith((")", "]")) and chance.random() < 4 * one.cut:
            text = text[:-1]
        return text

    def _finished(
        self, chance: random.Random, text: str, codes: tuple[str, ...], family: str, implied: frozenset[str], kind: Kind
    ) -> TrainingName:
        """A name with its column: one that lets the family be known, where the words do not say it."""
        column = self._column(chance, family) if family else ""
        if not family and chance.random() < 0.3:
            column = chance.choice(self.shapes.column.departments)
        if family and len(implied) != 1 and (not column or column in self.shapes.column.departments):
            column = chance.choice(self.shapes.column.words(family))
        if kind == "several" and chance.random() < 0.5:
            return TrainingName(text, column, codes, kind)
        return TrainingName(self._around(chance, text, family), column, codes, kind)

    def _refusal(self, chance: random.Random) -> TrainingName:
        text, family = self._refuser.make(chance)
        if family == "?":
            column = chance.choice(["", "", *self.shapes.column.departments])
        elif family:
            column = self._column(chance, family)
            column = column or (chance.choice(self.shapes.column.words(family)) if chance.random() < 0.5 else "")
        else:
            column = "" if chance.random() < 0.5 else self._column(chance, self._families.pick(chance))
        if chance.random() < 0.5:
            text = self._around(chance, text, family, part=False)
        return TrainingName(text, column, (), "refusal")

    def _column(self, chance: random.Random, style: str) -> str:
        column = self.shapes.column
        share = chance.random()
        if share < column.said:
            return chance.choice(column.words(style))
        if share < column.said + column.department and style != "US":
            return chance.choice(column.departments)
        return ""


def _with_floor(pairs: list[tuple[float, Meaning]]) -> list[tuple[float, Meaning]]:
    """The weights, none of them below a share of their mean: a rare item has to be learnt too."""
    least = RAREST * sum(weight for weight, _ in pairs) / len(pairs)
    return [(max(weight, least), meaning) for weight, meaning in pairs]
