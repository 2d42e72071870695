"""Names that no code is right for: fees, other departments, a missing side, what the edition lacks."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from standard.lexicon import Lexicon
from training.exam import ExamWriter, Words
from training.forms import Forms
from training.noise import Noise
from training.shapes import Refusals, Shapes, Weighted
from training.wordings import UNSPECIFIED, Meaning, Wording, Wordings, sided_only, views_of

Refused = tuple[str, str]  # text, family ("" where none is said)
ANY_PART = ("随机", "站立", "负重", "立", "卧", "仰卧")  # how the patient is: said of any part


class Refuser:
    """Compiled once."""

    def __init__(
        self,
        lexicon: Lexicon,
        shapes: Shapes,
        refusals: Refusals,
        forms: Forms,
        wordings: Wordings,
        writer: ExamWriter,
        noise: Noise,
        draw: Callable[[random.Random, str], Meaning],
    ) -> None:
        self._shapes, self._refusals, self._forms, self._writer = shapes, refusals, forms, writer
        self._noise, self._draw, self._wordings = noise, draw, wordings
        self._kinds = Weighted([(share, kind) for kind, (share, _) in refusals.share.items()])
        self._words = [*refusals.words, *(form.surface for form in lexicon.of("noise") if form.element == "nonexam")]
        self._services = [form.surface for form in lexicon.of("noise") if form.element == "service"]
        self._fees = refusals.fees
        self._sided = sided_only(wordings.sides, shapes.both)
        self._by_part: dict[tuple[str, str], list[Meaning]] = {}
        for meaning in wordings.meanings:
            key = (wordings.style(meaning.item), meaning.slots.part)
            self._by_part.setdefault(key, []).append(meaning)
        self._sided_joints = [  # 下肢血管: parts that one word says together, each with a side
            part
            for part in forms.elements("part", "US")
            if ";" in part and all(("US", each) in self._sided for each in part.split(";"))
        ]
        self._lacking = self._uncatalogued_parts(lexicon)
        self._foreign_views = self._views_of_others(lexicon)
        self._headings = self._bare_headings(lexicon)
        self._scans = [each for each in forms.elements("scan", "US") if each != "常规"]

    def make(self, chance: random.Random) -> Refused:
        """A name whose answer is the refusal."""
        made: Callable[[random.Random], Refused] = getattr(self, f"_{self._kinds.pick(chance)}")
        return made(chance)

    # -- kinds -----------------------------------------------------------------------------------------------------

    def _none(self, chance: random.Random) -> Refused:
        share = chance.random()
        if share < 0.62:
            word = chance.choice(self._words)
            other = chance.choice(self._words) if chance.random() < 0.08 else ""
            return f"{word}+{other}" if other else word, ""
        behind, fee = chance.choice(self._refusals.behind), chance.choice(self._fees)
        if share < 0.86:
            return f"{behind}{fee}" if chance.random() < 0.7 else f"{fee}({behind})", ""
        if share < 0.92:
            return chance.choice(self._services), ""
        meaning = self._draw(chance, "")  # 胸部CT平扫胶片费
        fee = chance.choice([each for each in self._fees if each.endswith(("费", "加收"))])
        text = self._writer.write(chance, self._writer.words(chance, meaning.wordings[0][1]))
        return (f"{text}{fee}" if chance.random() < 0.5 else f"{fee}-{text}"), ""

    def _missing_side(self, chance: random.Random) -> Refused:
        if self._sided_joints and chance.random() < self._refusals.joined:
            part = chance.choice(self._sided_joints)
            said = Wording("", "US", "US", "US", "", part, "常规")
            return self._writer.write(chance, self._writer.words(chance, said, side="")), "US"
        style, part = chance.choice(self._sided)
        meaning = chance.choice([each for each in self._by_part[style, part] if each.slots.side in ("左", "右")])
        wording = meaning.wordings[0][1]
        if chance.random() < self._refusals.english and (text := self._writer.english(chance, wording, side="")):
            return text, wording.family
        if wording.position and chance.random() < 0.5:  # neither side nor view
            wording = replace(wording, position="", views=())
        words = self._writer.words(chance, wording, side="")
        return self._writer.write(chance, words.changed(mod=words.mod or wording.word)), words.wording.family

    def _foreign_view(self, chance: random.Random) -> Refused:
        """A view that the edition has of other parts only: 胸椎双斜位."""
        foreign: list[str] = []
        while not foreign:
            meaning = self._draw(chance, "XR")
            if meaning.slots.word == "DR" and self._wordings.style(meaning.item) == "XR":
                foreign = self._foreign_views.get(meaning.slots.part, [])
        wording = replace(meaning.wordings[0][1], position=chance.choice(foreign), views=())
        return self._writer.write(chance, self._writer.words(chance, wording)), "XR"

    def _views_of_others(self, lexicon: Lexicon) -> dict[str, list[str]]:
        """Of each part of plain films: positions that share no view with its items and that nothing falls back from."""
        fallen = {(row.part, view) for row in lexicon.position_fallbacks for view in row.position.split(";")}
        fallen |= {(home.part, home.position) for home in lexicon.position_homes}
        items = {position for (style, _), its in self._wordings.positions.items() if style == "XR" for position in its}
        found = {}
        for (style, part), its in self._wordings.positions.items():
            if style != "XR" or part == UNSPECIFIED or not any(its):
                continue
            own = {view for position in its for view in views_of(position, lexicon)}
            found[part] = sorted(
                position
                for position in items
                if position
                and not own & set(views_of(position, lexicon))
                and not {(part, position), ("*", position)} & fallen
                and not position.startswith(ANY_PART)
                and not ("斜" in position and any("斜" in view for view in own))
            )
        return found

    def _heading(self, chance: random.Random) -> Refused:
        """A region of which the edition has organs only, none of them said: 浅表淋巴结彩超."""
        style, part = chance.choice(self._headings)
        wording = Wording("", style, style, style, "", part, "常规" if style == "US" else "平扫")
        return self._writer.write(chance, self._writer.words(chance, wording, side="")), style

    def _cancelled(self, chance: random.Random) -> Refused:
        """An exam that is not to be done, or what is paid on top of it: 胸部CT平扫(作废), 头颅MRI增强加收."""
        meaning = self._draw(chance, "")
        text = self._writer.write(chance, self._writer.words(chance, meaning.wordings[0][1]))
        word = chance.choice(self._refusals.cancelled)
        return chance.choice(self._refusals.cancelled_places).format(name=text, word=word), meaning.slots.family

    def _two_modalities(self, chance: random.Random) -> Refused:
        """腰椎MR/DR: which of two is not said."""
        one, other = chance.sample(["CT", "MR", "DR", "彩超"], 2)
        words = self._writer.words(chance, self._draw(chance, "XR").wordings[0][1])
        joint = chance.choice(["/", "或", "/", "和/或"])
        return f"{words.side}{words.part}{one}{joint}{other}", ""

    def _uncatalogued(self, chance: random.Random) -> Refused:
        if chance.random() < 0.3:
            return chance.choice(self._refusals.procedures), ""
        style, part = chance.choice(self._lacking)
        wording = self._draw(chance, style).wordings[0][1]
        while wording.style != style:
            wording = self._draw(chance, style).wordings[0][1]
        family = wording.family
        said = Wording("", family, style, wording.word, "", part, wording.scan, "", wording.position)
        side = chance.choice(["", "", "左", "右", "双侧"]) if style == "XR" else ""
        return self._writer.write(chance, self._writer.words(chance, said, side=side)), family

    def _missing_modality(self, chance: random.Random) -> Refused:
        """头颅平扫, without column: CT or MR is not said."""
        for _ in range(20):
            meaning = self._draw(chance, chance.choice(["CT", "MR"]))
            words = self._writer.words(chance, meaning.wordings[0][1]).changed(mod="")
            either = all((style, words.wording.part) in self._by_part for style in ("CT", "MR"))
            if either and {"CT", "MR"} <= words.implied and words.part and not words.part.isascii():
                return self._writer.write(chance, words), "?"
        return chance.choice(self._words), ""

    def _no_part(self, chance: random.Random) -> Refused:
        family = chance.choice(["US", "US", "US", "NM", "MR", "CT"])
        if family == "US" and chance.random() < 0.6:  # 床旁彩超, 彩色多普勒超声常规检查(每部位)
            price = chance.choice(self._shapes.orders.US_price).format(body=chance.choice(["", "", "每部位", "单脏器"]))
            scan = self._forms.pick(chance, "scan", chance.choice(self._scans), "US")
            return chance.choice(
                [price.replace("()", "").strip(":-"), f"{scan}彩超", f"{scan}超声", f"超声{scan}"]
            ), "US"
        word = self._forms.pick(chance, "modality", family, family)
        tail = {"CT": ["检查", "扫描", "引导", "多部位"], "MR": ["检查", "特殊检查", "多部位"]}
        return f"{word}{chance.choice(tail.get(family, ['检查', '常规检查', '会诊', '', '复查']))}", family

    def _contradiction(self, chance: random.Random) -> Refused:
        """Left and right of one part in one name."""
        words, other = self._sided_exam(chance)
        text = self._writer.write(chance, words)
        echo = f"{other}{words.part}"
        return (f"[{echo}]{text}" if chance.random() < 0.6 else f"{text}({other})"), words.wording.family

    def _other_side(self, chance: random.Random) -> Refused:
        """The side of the exam is not that of the complaint: 右肩CT(左肩痛)."""
        words, other = self._sided_exam(chance)
        text = self._writer.write(chance, words)
        told = f"{other}{chance.choice(['', '侧'])}{words.part}{chance.choice(self._refusals.complaints)}"
        return chance.choice(self._refusals.complaint_places).format(name=text, told=told), words.wording.family

    def _sided_exam(self, chance: random.Random) -> tuple[Words, str]:
        """The words of an exam of one side of a part, its side said, and the other side."""
        sided: list[Meaning] = []
        while not sided:
            style, part = chance.choice([key for key in self._sided if key[0] in ("CT", "MR", "XR")])
            sided = [each for each in self._by_part[style, part] if each.slots.side in ("左", "右")]
        words = self._writer.words(chance, chance.choice(sided).wordings[0][1])
        return words.changed(side=words.wording.side), {"左": "右", "右": "左"}[words.wording.side]

    def _bare_headings(self, lexicon: Lexicon) -> list[tuple[str, str]]:
        """(style, heading) that no item and no fallback answers."""
        fallen = _fallen(lexicon)
        return sorted(
            {
                (family, row.heading)
                for row in lexicon.headings
                for family in row.modality.split("/")
                if family in ("CT", "MR", "US")
                and (row.members == "*" or ";" in row.members)
                and (family, row.heading) not in fallen
                and (family, row.heading) not in self._by_part
                and self._forms.has("part", row.heading, family)
            }
        )

    def _uncatalogued_parts(self, lexicon: Lexicon) -> list[tuple[str, str]]:
        """(style, part) that the lexicon has words for and the edition no item, and that nothing falls back from."""
        fallen = _fallen(lexicon)
        homes = {("XR", row.part) for row in lexicon.position_homes}
        regions = {(family, row.region) for row in lexicon.vessels for family in row.modality.split("/")}
        used = {(family, row.element) for row in lexicon.groups for family in row.modality.split("/")}
        used |= {
            (family, member)
            for row in lexicon.groups
            for family in row.modality.split("/")
            for member in row.members.split(";")
        }
        used |= {(family, row.heading) for row in lexicon.headings for family in row.modality.split("/")}
        known = {(style if style not in ("RF", "MG") else "XR", part) for style, part in self._by_part}
        return [
            (family, part)
            for family in ("CT", "MR", "XR", "US")
            for part in self._forms.elements("part", family)
            if ";" not in part and (family, part) not in known | fallen | homes | regions | used
        ]


def _fallen(lexicon: Lexicon) -> set[tuple[str, str]]:
    """(family, part) that are sought elsewhere where the edition lacks them."""
    return {(family, row.part) for row in lexicon.fallbacks for family in row.modality.split("/")}
