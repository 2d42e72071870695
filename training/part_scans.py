"""Several scans of one part in one name: 头颅MRI平扫+DWI+MRA, 上腹部MR平扫+MRCP, 头颅CT平扫+脑血管CTA."""

from __future__ import annotations

import random
from collections.abc import Sequence

from standard.lexicon import Lexicon
from training.exam import ExamWriter, Words, compose
from training.joined import CLEAR_ORDERS, ByPart, Made, groups_of, joint_of, mixed
from training.shapes import Shapes, Weighted
from training.wordings import PLAIN_OR_CONTRAST, UNSPECIFIED, Meaning, Wordings

SCANS_ORDERS = Weighted(
    [
        (30.0, "{body}{mod}{scans}"),
        (22.0, "{mod}{body}{scans}"),
        (10.0, "{body}{scans}{mod}"),
        (8.0, "{mod}{body}({scans})"),
        (6.0, "{body}({mod}{scans})"),
        (5.0, "{mod}{scans}({body})"),
        (4.0, "{body}:{mod}{scans}"),
    ]
)
ANGIOGRAPHIES = {
    ("MR", "A"): "动脉血管成像(MRA)",
    ("MR", "V"): "静脉血管成像(MRV)",
    ("CT", "A"): "动脉血管成像(CTA)",
    ("CT", "V"): "静脉血管成像(CTV)",
}


class PartScans:
    """Compiled once. `items`: by style, side and part."""

    def __init__(self, lexicon: Lexicon, shapes: Shapes, wordings: Wordings, writer: ExamWriter, items: ByPart) -> None:
        self._lexicon, self._shapes, self._wordings, self._writer = lexicon, shapes, wordings, writer
        self._items = items
        self._groups = {style: groups_of(style, items, shapes) for style in ("MR", "CT")}
        self._vessel_parts = {row.element for row in lexicon.vessels}

    def make(self, chance: random.Random) -> Made | None:
        """A name of several scans of one part; None where the drawn ones do not go together."""
        style = "MR" if chance.random() < 0.8 else "CT"
        group = self._groups[style].pick(chance)
        chosen = self._chosen(chance, style, group, self._vessel_of(group[0]))
        return None if chosen is None else self.told(chance, style, group[0], chosen)

    def fits(self, region: Meaning, chosen: Sequence[Meaning]) -> bool:
        """Whether all of these are scans that are said of the region's part."""
        parts = {region.slots.part, *self._shapes.several.beside.get(region.slots.part, ())}
        vessel = self._vessel_of(region)
        return all(each.slots.part in parts or each in vessel for each in chosen)

    def told(self, chance: random.Random, style: str, region: Meaning, chosen: Sequence[Meaning]) -> Made | None:
        """A name of these scans, which are said of the region's part; None where it would not say them all."""
        vessel = self._vessel_of(region)
        of_vessels = [each in vessel for each in chosen]
        drawn = [self._writer.words(chance, each.wordings[0][1]) for each in chosen]
        scans = [self._writer.scan_text(chance, words) for words in drawn]
        if not all(scans[1:]) or (not scans[0] and len(scans) < 3 and chosen[0].slots.scan not in PLAIN_OR_CONTRAST):
            return None
        lead = next((words for words, vessels in zip(drawn, of_vessels, strict=True) if not vessels), None)
        if lead is None:  # 头颅MRA+MRV: by the region
            lead = self._writer.words(chance, region.wordings[0][1])
        codes = tuple(each.item.code for each in chosen)
        if all(scans) and chance.random() < self._shapes.several.part_again:
            return self._each_whole(chance, lead, drawn, of_vessels), codes, style, frozenset({style})
        mod = lead.mod if chance.random() < 0.75 else ""
        joint = joint_of(chance, self._shapes, scans)
        body = self._writer.body(chance, lead)
        if scans[0]:
            text = compose(
                SCANS_ORDERS.pick(chance), body=body, mod=mod, scans=mixed(chance, self._shapes, joint, scans)
            )
        elif mod:  # 头颅MRI+MRA: the plain scan is meant by the part and the modality alone
            text = f"{body}{mod}{joint or '+'}{mixed(chance, self._shapes, joint, scans[1:])}"
        else:
            return None
        implied = frozenset.intersection(*(words.implied for words in drawn))
        return text, codes, style, frozenset({style}) if mod else implied

    def _chosen(
        self, chance: random.Random, style: str, group: Sequence[Meaning], vessel: Sequence[Meaning]
    ) -> list[Meaning] | None:
        """Items of one part that are ordered together; `vessel`: those of the vessels that its words say too."""
        part, usual = group[0].slots.part, self._shapes.several.scans
        if part == UNSPECIFIED:
            return None
        count = self._shapes.several.exams.pick(chance)
        # one scan at most of those that are said with or without contrast: 平扫 and 增强 are one exam
        base = [each for each in group if each.slots.scan in PLAIN_OR_CONTRAST]
        chosen: list[Meaning] = []
        if base and chance.random() < 0.85:
            chosen.append(Weighted([(usual.get(each.slots.scan, 1.0), each) for each in base]).pick(chance))
            if chosen[0].slots.post:
                return None
        pool = [*self._beside(chance, style, group, bool(chosen)), *vessel]
        pool.sort(key=lambda each: chance.random() ** (1 / usual.get(each.slots.scan, 1.0)), reverse=True)
        one = self._one_exam(style, group)
        for each in pool:
            if len(chosen) < count and not any(
                frozenset((each.slots.scan, other.slots.scan)) in one or "平扫+" in each.slots.scan for other in chosen
            ):
                chosen.append(each)
        vessels = [each.slots.scan for each in chosen if each in vessel]
        if len(chosen) < 2 or len(set(vessels)) < len(vessels):  # one exam only, or two arteries of one region
            return None
        if not vessel and part in self._vessel_parts and not any(each.slots.post for each in chosen):
            return None
        return chosen

    def _beside(self, chance: random.Random, style: str, group: Sequence[Meaning], based: bool) -> list[Meaning]:
        """What may be ordered beside a plain or contrast scan (`based`: there is one), but for vessels: other scans and
        analyses of the part, studies of another part that is near (MRCP), now and then functional scans of no part."""
        found = [
            each
            for each in group
            if each.slots.scan not in PLAIN_OR_CONTRAST
            and (not each.slots.post if each.slots.scan else each.slots.post in self._wordings.alone)
        ]
        for part in self._shapes.several.beside.get(group[0].slots.part, ()):
            found += [
                each
                for each in self._items.get((style, "", part), ())
                if any(not wording.part for _, wording in each.wordings)
            ]
        if based and chance.random() < self._shapes.several.of_no_part:
            found += self._of_no_part(style, group[0].slots.part)
        return found

    def _one_exam(self, style: str, group: Sequence[Meaning]) -> set[frozenset[str]]:
        """Pairs of scans that are one exam here, or may be: 平扫 and DWI where the part has an item of both."""
        offered = {each.slots.scan for each in group}
        return {
            frozenset((row.scan, row.other))
            for row in self._lexicon.pairs
            if row.modality == style and (row.together == "?" or row.together in offered)
        }

    def _each_whole(self, chance: random.Random, lead: Words, drawn: Sequence[Words], vessels: Sequence[bool]) -> str:
        """Each scan with the part and the modality: 头颅MRI平扫+脑血管MRA. `lead`: whose part it is."""
        again = chance.random() < 0.5
        texts: list[str] = []
        for words, vessel in zip(drawn, vessels, strict=True):
            mod = (words.mod or words.wording.family) if not texts or again else ""
            part = words.part if vessel and chance.random() < 0.5 else lead.part
            texts.append(
                self._writer.write(chance, words.changed(mod=mod, part=part, side=lead.side), CLEAR_ORDERS.pick(chance))
            )
        return joint_of(chance, self._shapes, texts).join(texts)

    def _vessel_of(self, meaning: Meaning) -> list[Meaning]:
        """The angiographies that are said by this part: MRA of 头颅 is 颅内动脉."""
        found = []
        for row in self._lexicon.vessels:
            if row.region != meaning.slots.part or row.certainty or meaning.slots.family not in row.modality.split("/"):
                continue
            short = ANGIOGRAPHIES[meaning.slots.family, row.kind]
            found += [
                each
                for each in self._items.get((meaning.slots.family, "", row.element), ())
                if each.slots.scan == short
            ]
        return found

    def _of_no_part(self, style: str, part: str) -> list[Meaning]:
        """The usual functional scans that the edition has of no named part only: 肝脏MR平扫+弥散."""
        scans = {
            scan for (of, scan), parts in self._wordings.functional.items() if of == style and part in parts
        } & self._shapes.several.scans.keys()
        return [
            each
            for each in self._items.get((style, "", UNSPECIFIED), ())
            if each.slots.scan in scans and not each.slots.post
        ]
