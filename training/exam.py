"""The words of one exam: a wording's elements in forms drawn from the lexicon, put in an order of the shapes.

颅内动脉 | 血管成像 | MR   ->   头颅MRA, MR血管成像(颅内动脉), 核磁共振-脑血管-MRA …
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from dataclasses import dataclass, replace

from standard.lexicon import Lexicon
from standard.lexicon_rows import MODALITIES
from standard.text import canonical
from training.damage import Damage
from training.forms import Forms
from training.shapes import Shapes, filled
from training.wordings import Wording

_EMPTY = re.compile(r"\(\)|\[\]")
_LOOSE = re.compile(r"^[-_:/,+、]+|[-_:/,+、]+$|(?<=[-_:/,])[-_:/,]+|(?<=[(\[])[-_:/,+、]+|[-_:/,+、]+(?=[)\]])")
OTHER_PARTS = ("其他部位", "其它", "其他", "其它部位", "其他部位", "任意部位")
BARE = ("", "", "", "")
TRIES = 20


@dataclass(slots=True)
class Words:
    """The drawn words of an exam, before they are put in order. `implied`: families that they can be of."""

    wording: Wording
    mod: str
    side: str
    part: str
    scan: str
    post: str
    position: str
    way: str
    sub: str
    implied: frozenset[str]

    def changed(self, **words: str) -> Words:
        """The same with other words."""
        return replace(self, **words)  # type: ignore[arg-type]


class ExamWriter:
    """Draws words and writes exams; compiled once."""

    def __init__(self, lexicon: Lexicon, shapes: Shapes, forms: Forms, damage: Damage) -> None:
        self._shapes, self._forms, self._damage = shapes, forms, damage
        self._paired = set(shapes.paired.parts)
        self._segments = set(shapes.segment.parts)
        self._gut = set(shapes.gut.parts)
        families: dict[str, set[str]] = defaultdict(set)
        for form in lexicon.forms:
            if form.slot in ("scan", "post", "position", "way", "subitem"):
                of = {_family(each) for each in form.modality or MODALITIES}
                for said in {form.surface, canonical(form.element).text}:
                    families[said] |= of
        self._families_of = {surface: frozenset(found) for surface, found in families.items()}
        self._idioms = {row.surface for row in lexicon.idioms}
        self._any = frozenset({"CT", "MR", "XR", "US", "NM"})

    # -- words -----------------------------------------------------------------------------------------------------

    def words(self, chance: random.Random, wording: Wording, side: str | None = None) -> Words:
        """The words of a wording in Chinese. `side`: what to say instead of a drawn form of its side."""
        forms, shares = self._forms, self._shapes.share.of_one
        family = wording.words_of
        part = self._part(chance, wording)
        said_side = self._side(chance, wording) if side is None else side
        scan = self._scan(chance, wording)
        post = forms.pick(chance, "post", wording.post, family)
        if post in self._idioms:  # 冠脉钙化积分 says the part too
            post = canonical(wording.post).text
        position = self._position(chance, wording)
        way = forms.pick(chance, "way", wording.way, family)
        sub = forms.pick(chance, "subitem", wording.subitem, family)
        mod = self.modality_word(chance, wording)
        part, scan, position = self._damage.words(chance, part, scan, position)
        if wording.part in self._segments and chance.random() < self._shapes.segment.share:
            part += chance.choice(self._shapes.segment.words)
        elif part and wording.family in ("CT", "MR", "XR"):
            part = self._levels(chance, wording.part, part)
        if part and chance.random() < shares.foreign_part:
            part = self._foreign(chance, wording, part) or part
        implied = self._implied(scan, post, position, way, sub)
        return Words(wording, mod, said_side, part, scan, post, position, way, sub, implied)

    def modality_word(self, chance: random.Random, wording: Wording) -> str:
        """A word of the modality; "" where the scan itself is the word (彩超, 钼靶, 造影)."""
        if wording.style == "US":
            return ""
        if wording.word == "移动DR":
            bed = self._forms.pick(chance, "modality", "移动DR", "XR")
            return bed if chance.random() < 0.5 else chance.choice([f"{bed}DR", f"DR{bed}", f"{bed}X线", f"{bed}-DR"])
        family = {"RF": "RF", "MG": "MG"}.get(wording.style, wording.word)
        if wording.style in ("RF", "MG") and chance.random() < 0.6:
            family = "XR"
        if wording.style == "NM":
            return chance.choice([family, self._forms.pick(chance, "modality", family, "NM")])
        if chance.random() < 0.45:
            return {"XR": "DR", "MR": chance.choice(["MRI", "MR", "磁共振"]), "CT": "CT"}.get(family, "") or (
                self._forms.pick(chance, "modality", family, family)
            )
        return self._forms.pick(chance, "modality", family, family)

    def _part(self, chance: random.Random, wording: Wording) -> str:
        if wording.text:
            return wording.text
        if wording.members is not None:
            return self._listed(chance, wording)
        if not wording.part:
            return ""
        family = wording.words_of
        part = self._forms.pick(chance, "part", wording.part, family)
        if chance.random() < self._shapes.share.of_one.synonym:
            again = self._forms.pick(chance, "part", wording.part, family)
            return part if again in part or part in again else f"{part}{chance.choice('、/及')}{again}"
        return part

    def _levels(self, chance: random.Random, element: str, part: str) -> str:
        """Now and then, levels of the spine behind the part or in its place: 颈椎(C3-7), 腰4-5椎间盘."""
        levels = self._shapes.levels
        share = chance.random()
        if share < levels.behind_share and (behind := levels.behind.get(element)):
            return part + filled(chance, chance.choice(behind), self._shapes.numbers)
        if share > 1 - levels.instead_share and (instead := levels.instead.get(element)):
            return filled(chance, chance.choice(instead), self._shapes.numbers)
        return part

    def _listed(self, chance: random.Random, wording: Wording) -> str:
        """The members of a group, in their order: 肝、胆、胰."""
        row = wording.members
        assert row is not None
        members = row.members.split(";")
        count = max(int(row.least), chance.randint(2, len(members)))
        chosen = sorted(chance.sample(range(len(members)), min(count, len(members))))
        joint = self._shapes.orders.members.pick(chance)
        said = [self._forms.pick(chance, "part", members[at], wording.family) for at in chosen]
        return joint.join(said)

    def _side(self, chance: random.Random, wording: Wording) -> str:
        side, shares = wording.side, self._shapes.share.of_one
        if side == "双" and wording.unsided and chance.random() < shares.unsaid_both:
            return ""
        if not side:
            coded = wording.part in self._paired and wording.style in ("US", "XR", "CT", "MR") and not wording.members
            if not coded or chance.random() >= shares.side_not_coded:
                return ""
            side = chance.choice(["左", "右", "双"])
        if chance.random() < 0.62:
            return chance.choice([side, side, f"{side}侧"])
        said = self._forms.pick(chance, "side", side, wording.family)
        return said if not said.isascii() or chance.random() < 0.4 else side

    def _scan(self, chance: random.Random, wording: Wording) -> str:
        scan = wording.scan
        if scan == "平扫" and not wording.post and wording.family in ("CT", "MR"):
            unsaid = self._shapes.share.of_one.unsaid_scan
            if (wording.part or wording.text) and chance.random() < unsaid:
                return ""
        if wording.style == "US":
            return self._ultrasound(chance, scan)
        family = wording.words_of
        said = self._forms.pick(chance, "scan", scan, family)
        if scan in self._shapes.with_plain.scans and chance.random() < self._shapes.with_plain.share:
            plain = self._forms.pick(chance, "scan", "平扫", family)
            return chance.choice(self._shapes.with_plain.orders).format(scan=said, plain=plain)
        if wording.part in self._gut or not any(word in said for word in self._shapes.gut.words):
            return said
        return scan  # no barium meal of a joint

    def _ultrasound(self, chance: random.Random, scan: str) -> str:
        """彩超, B超; 床旁彩超, 彩超造影 for what is no routine examination."""
        routine = chance.choice(["彩超", "彩超", "超声", "B超", "超声检查", "彩色多普勒超声", "彩色多普勒"])
        if scan == "常规":
            return routine if chance.random() < 0.7 else self._forms.pick(chance, "scan", "常规", "US")
        said = self._forms.pick(chance, "scan", scan, "US")
        if any(word in said for word in ("超", "ELASTO", "CEUS")):
            return said
        return self._shapes.orders.US_scan.pick(chance).format(said=said, routine=routine)

    def _position(self, chance: random.Random, wording: Wording) -> str:
        forms = self._forms
        if wording.views:
            joint = self._shapes.orders.views.pick(chance)
            return joint.join(forms.pick(chance, "position", view, "XR") for view in wording.views)
        share = self._shapes.share.of_one.side_of_view
        if wording.position == "侧位" and not wording.side and chance.random() < share:
            return chance.choice(["左侧位", "右侧位"])
        return forms.pick(chance, "position", wording.position, wording.words_of)

    def _implied(self, *said: str) -> frozenset[str]:
        families = self._any
        for word in said:
            families &= self._families_of.get(word, self._any)
        return families or self._any

    # -- text ------------------------------------------------------------------------------------------------------

    def write(self, chance: random.Random, words: Words, order: str | None = None) -> str:
        """The words in an order of their style, or in the given one."""
        if order is None:
            if chance.random() < self._shapes.share.of_one.spread:
                return self._spread(chance, words)
            order = self.order(chance, words)
        return compose(
            order,
            mod=words.mod,
            body=self.body(chance, words),
            scan=self.scan_text(chance, words),
            position=words.position,
            way=words.way,
            sub=words.sub,
        )

    def _spread(self, chance: random.Random, words: Words) -> str:
        """Each word for itself, in an order of all, with one separator between them: 膝-左-正侧位, MR/平扫/颅脑."""
        fields = [
            words.mod,
            words.way,
            words.side,
            words.part,
            words.sub,
            self.scan_text(chance, words),
            words.position,
        ]
        fields = [each for each in fields if each]
        if chance.random() < self._shapes.spread.any_order:
            chance.shuffle(fields)
        elif words.side and words.part and chance.random() < 0.5:  # 膝-左
            at = fields.index(words.side)
            fields[at], fields[at + 1] = fields[at + 1], fields[at]
        return chance.choice(self._shapes.spread.between).join(fields)

    def order(self, chance: random.Random, words: Words) -> str:
        """An order of the style that has a place for every word that must be said."""
        orders, wording = self._shapes.orders, words.wording
        style = "RF" if wording.style == "XR" and words.scan else wording.style
        needed = {"{way}": words.way, "{sub}": words.sub, "{scan}": words.scan, "{position}": words.position}
        if style == "NM" or wording.word == "移动DR":
            needed["{mod}"] = words.mod
        if style == "US" and wording.scan == "常规" and chance.random() < 0.12:
            order = chance.choice(orders.US_price)
            needed.pop("{scan}")
        else:
            order = orders.of(style).pick(chance)
        for _ in range(TRIES):
            if all(place in order for place, word in needed.items() if word):
                return order
            order = orders.of(style).pick(chance)
        return "{mod}{way}{body}{sub}{scan}{position}"

    def body(self, chance: random.Random, words: Words) -> str:
        """Side and part."""
        if not words.part and not words.wording.text and words.wording.style in ("CT", "MR") and not words.side:
            implied = words.wording.part == "" and len(words.implied) > 1
            return chance.choice((*BARE, *OTHER_PARTS)) if implied else ""
        if not words.side:
            return words.part
        if not words.part:
            return words.side
        if words.position[:1] in ("侧", "斜", "前", "后"):  # behind the part, 左 would be of the view: 左侧位
            return f"{words.side}{words.part}"
        return self._shapes.orders.side.pick(chance).format(side=words.side, part=words.part)

    def scan_text(self, chance: random.Random, words: Words) -> str:
        """Scan and post-processing."""
        if words.scan and words.post:
            return self._shapes.orders.scan_post.pick(chance).format(scan=words.scan, post=words.post)
        return words.scan or words.post

    def english(self, chance: random.Random, wording: Wording, side: str | None = None) -> str | None:
        """The exam in English; None where the lexicon lacks a word for it. `side`: "" leaves it out."""
        if wording.text or wording.members or wording.post or wording.way or wording.subitem or wording.style == "NM":
            return None
        modality = self._shapes.english.modality
        said = self._english_words(chance, wording)
        if said is None or not said[0]:
            return None
        part, scan, position = said
        lateral = wording.side if side is None else side
        words = chance.choice(self._forms.english("side", lateral, wording.family) or [""]) if lateral else ""
        if lateral and not words:
            return None
        order = self._shapes.orders.english.pick(chance)
        while wording.word == "移动DR" and "{mod}" not in order:  # nothing else says the bed
            order = self._shapes.orders.english.pick(chance)
        text = compose(
            order,
            mod=chance.choice(modality.get(wording.word, modality[wording.style])),
            body=self._shapes.orders.english_side.pick(chance).format(side=words, part=part).strip(" ,_()"),
            scan=scan,
            position=position,
        )
        return re.sub(r"\s+", " ", text).strip(" ,_")

    def _english_words(self, chance: random.Random, wording: Wording) -> tuple[str, str, str] | None:
        """Part, scan and position in English; None where one of them has no English form."""
        family = wording.words_of
        scans = self._forms.english("scan", wording.scan, family)
        if wording.part not in self._gut:
            scans = [each for each in scans if not any(word in each for word in self._shapes.gut.words)]
        if wording.scan == "常规" or (wording.scan == "平扫" and chance.random() < 0.3):
            scans = [""]
        elif wording.scan == "平扫" and chance.random() < 0.2:
            scans = self._shapes.english.plain
        views = [self._forms.english("position", view, family) for view in wording.views or (wording.position,) if view]
        parts = self._forms.english("part", wording.part, family)
        if not parts or (wording.scan and not scans) or not all(views):
            return None
        joint = chance.choice(self._shapes.english.views)
        position = joint.join(chance.choice(each) for each in views)
        return chance.choice(parts), chance.choice(scans) if wording.scan else "", position

    def bilingual(self, chance: random.Random, words: Words) -> str | None:
        """The exam's part in English or pinyin beside the Chinese: Brain 颅脑平扫, MR_yaozhui_腰椎平扫. None where the
        lexicon lacks a word."""
        wording = words.wording
        foreign = self._foreign(chance, wording, words.part)
        if not foreign or wording.word == "移动DR":
            return None
        share = chance.random()
        if share < 0.3:
            return self.write(chance, words.changed(part=f"{words.part}({foreign})"))
        if share < 0.5 and words.mod:
            return f"{words.mod}_{foreign}_{self.write(chance, words.changed(mod=''))}"
        joint = chance.choice([" ", " ", "-", "/", "_", "("])
        return f"{foreign}{joint}{self.write(chance, words)}{')' if joint == '(' else ''}"

    def _foreign(self, chance: random.Random, wording: Wording, part: str) -> str:
        """A word of the part in English, or the given one in pinyin; "" where there is none."""
        if wording.text or wording.members or not part or part.isascii():
            return ""
        english = self._forms.english("part", wording.part, wording.words_of)
        pinyin = self._damage.pinyin(part)
        if pinyin != part and (not english or chance.random() < 0.35):
            return pinyin
        return chance.choice(english) if english else ""


def compose(order: str, **words: str) -> str:
    """The words in their places; no empty brackets, no separators without anything beside them."""
    marks = {key: chr(0xE000 + at) for at, key in enumerate(words)}  # so that no separator of a word is taken away
    text = order.format(**{key: marks[key] if word else "" for key, word in words.items()})
    before = ""
    while before != text:
        before = text
        text = _LOOSE.sub("", _EMPTY.sub("", text))
    for key, word in words.items():
        text = text.replace(marks[key], word)
    return text


def _family(modality: str) -> str:
    return "XR" if modality == "MG" else modality
