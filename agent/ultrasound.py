"""Ultrasound: every part is an exam; the way, the sub-item and the scan say which.

Conventions (ids as in standard/data/conventions.tsv): ultrasound_routine. A sub-item (残余尿, 卵泡监测) goes to the
part that has it; a way (经阴道) to the parts that have it; sides are coded for vessels alone.
"""

from __future__ import annotations

from typing import Final

from agent.group import BEDSIDE, ROUTINE, Group, PartRef
from agent.reading import Exam
from agent.resolve import Issue, Resolved, Shared
from standard.lexicon import split

SUMS: Final = frozenset({"plus", "and", "comma"})  # separators of exams, which share no special scan
# Its functions (左心功能测定) are items beside the plain exam, which is then ordered too, or not.
HEART: Final = "成人心脏"


class Ultrasound:
    """Resolver of the family US."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.owners: dict[str, list[str]] = {}
        self.ways: dict[str, list[str]] = {}
        self.home = {row.element: row.part for row in shared.lexicon.one_parts if "US" in split(row.modality)}
        self.regions: dict[tuple[str, str], str] = {
            (row.region, row.kind): row.element for row in shared.lexicon.vessels if "US" in split(row.modality)
        }
        for stem, part in shared.stock.parts("US").items():
            for items in part.sides.values():
                for key in items:
                    if isinstance(key, tuple):
                        way, subitem, _ = key
                        for table, name in ((self.owners, subitem), (self.ways, way)):
                            if name and stem not in table.setdefault(name, []):
                                table[name].append(stem)

    def exams(self, group: Group) -> Resolved:
        """See module."""
        exams: list[Exam] = []
        issues: list[Issue] = []
        where = tuple(index for _, index in group.scans)
        scans = list(dict.fromkeys(scan for scan, _ in group.scans if scan != ROUTINE)) or [ROUTINE]
        if len(scans) > 1:
            issues.append(("combo_unclear", where, "+".join(scans)))
        if scans != [ROUTINE] and _spread(group, scans == [BEDSIDE]):
            issues.append(("combo_unclear", where, scans[0]))
        if any(scan == ROUTINE for scan, _ in group.apart):  # 乳腺彩超+弹性成像: the plain exam too?
            issues.append(("combo_unclear", where, ROUTINE))
        ways = list(dict.fromkeys(way for way, _ in group.ways))
        subitems = list(dict.fromkeys(group.subitems))
        if len(ways) > 1:
            issues.append(("open_choice", tuple(index for _, index in group.ways), "/".join(ways)))
        way = ways[0] if ways else ""
        heading = self.shared.containment.only_heading
        parts = self.shared.fold("US", group.parts)
        if subitems:
            parts = [part for part in parts if not heading("US", part.element)]
        parts = self._vessels(group, parts, issues)
        wanted: list[tuple[PartRef, str]] = []
        placed: set[str] = set()
        for part in parts:
            own = [name for name, _ in subitems if part.element in self.owners.get(name, ())]
            placed.update(own)
            if own and part.element != HEART:
                wanted.extend((part, name) for name in own)
            else:
                wanted.append((part, ""))
                wanted.extend((part, name) for name in own)
        for name, index in subitems:
            if name not in placed:
                owners = self.owners.get(name, [])
                if len(owners) != 1:
                    issues.append(("missing_part", (index,), name))
                    continue
                inside = [each for each in wanted if not each[1] and self._is_place(group, each[0], owners[0], index)]
                if inside:
                    wanted.remove(inside[0])
                elif any(self.shared.containment.heads("US", part.element, owners[0]) for part in parts):
                    issues.append(("combo_unclear", (index,), name))  # 妇科节育器: the region's exam too?
                wanted.append((PartRef(owners[0], "", index, False, ""), name))
        if not wanted and way in self.home:
            wanted.append((PartRef(self.home[way], "", group.ways[0][1], False, ""), ""))
            issues.append(("uncertain_part", (group.ways[0][1],), self.home[way]))
        elif not wanted:
            issues.append(("missing_part", where, ""))
        if parts and any(name and part.element == HEART for part, name in wanted):
            issues.append(("combo_unclear", where, HEART))
        taken = any(part.element in self.ways.get(way, ()) for part, _ in wanted)  # 经阴道子宫附件+乳腺
        for part, subitem in wanted:
            self._item(part, way, subitem, scans[0], exams, issues, taken)
        return Resolved(exams, issues)

    def _vessels(self, group: Group, parts: list[PartRef], issues: list[Issue]) -> list[PartRef]:
        """A region (下肢) with 动脉 or 静脉 is that vessel, with both it is both; 血管 alone does not say which."""
        said = {kind for word, _ in group.vessels for kind in word if kind in "AV"}
        out: list[PartRef] = []
        if said and not any((part.element, kind) in self.regions for part in parts for kind in said):
            issues.append(("uncatalogued", (group.vessels[0][1],), "".join(part.element for part in parts)))  # 子宫动脉
        for part in parts:
            kinds = [kind for kind in "AV" if (part.element, kind) in self.regions]
            if not kinds:
                out.append(part)
                continue
            chosen = [kind for kind in kinds if kind in said]
            if not chosen:
                issues.append(("vessel_kind", (part.index,), part.element))
            out.extend(
                PartRef(self.regions[part.element, kind], part.side, part.index, part.review, part.separator)
                for kind in chosen
            )
        return out

    def _item(
        self, part: PartRef, way: str, subitem: str, scan: str, exams: list[Exam], issues: list[Issue], taken: bool
    ) -> None:
        """The item of a part. `taken`: the way is that of another part of the group."""
        rules: tuple[str, ...] = ("ultrasound_routine",) if scan == ROUTINE else ()
        part, rules = self._named(part, rules)
        own_way = way if part.element in self.ways.get(way, ()) else ""
        found, issue, rule = self.shared.sides("US", part, (own_way, subitem, scan))
        if issue is not None and issue[0] == "not_in_edition" and not subitem:
            subitem, (found, issue, rule) = self._only_subitem(part, own_way, scan)
        if issue is not None:
            if issue[0] == "not_in_edition":
                issue = ("uncatalogued", issue[1], way + part.side + part.element + subitem + scan)
            issues.append(issue)
        if way and way != own_way and way != "经腹" and not taken:
            issues.append(("uncatalogued", (part.index,), way + part.element))
        extra = "、".join(each for each in (own_way, subitem) if each)
        for side, code in found:
            exams.append(Exam("US", part.element, side, scan, extra, code, (*rules, *([rule] if rule else []))))
        if not found:
            exams.append(Exam("US", part.element, part.side, scan, extra, "", rules))

    def _named(self, part: PartRef, rules: tuple[str, ...]) -> tuple[PartRef, tuple[str, ...]]:
        """A region that the edition does not name (腹部, 泌尿系, 妇科) is the part that the lexicon says for it."""
        instead = self.shared.fallback("US", part.element, "*")
        if instead is None or self.shared.stock.part("US", part.element) is not None:
            return part, rules
        review = part.review or instead[2]
        return PartRef(instead[0], part.side, part.index, review, part.separator), (*rules, "nearest_that_contains")

    def _is_place(self, group: Group, part: PartRef, owner: str, index: int) -> bool:
        """Whether a part only says where a sub-item is: it is inside the sub-item's part, or heads it (妇科-节育器)."""
        relations = self.shared.containment
        heads = index in group.headed and relations.heads("US", part.element, owner)
        return heads or bool(relations.adjoining("US", owner, part.element))

    def _only_subitem(
        self, part: PartRef, way: str, scan: str
    ) -> tuple[str, tuple[list[tuple[str, str]], Issue | None, str]]:
        """A part that the edition has, this way, with one sub-item only (经食管…超声心动图) is that one."""
        stock = self.shared.stock.part("US", part.element)
        keys = {key for items in stock.sides.values() for key in items} if stock is not None else set()
        names = {key[1] for key in keys if isinstance(key, tuple) and key[2] == scan and key[0] == way}
        missing: Issue = ("not_in_edition", (part.index,), part.element)
        if len(names) != 1:
            return "", ([], missing, "")
        name = next(iter(names))
        found, issue, rule = self.shared.sides("US", part, (way, name, scan))
        return name, (found, issue, rule)


def _spread(group: Group, bedside: bool) -> bool:
    """Whether it is open which of several parts a scan is of: one said between them, 前列腺彩超(弹性)+彩超(肝胆脾胰),
    another before or behind them, 三维彩超肝胆脾胰 指间关节常规, or one of the last of a sum, 乳腺+甲状腺穿刺; the
    bed is of all of a sum."""
    if not bedside and any(part.separator in SUMS for part in group.parts):
        return True
    if len({part.element for part in group.parts}) < 2:
        return False
    parts = [part.index for part in group.parts]
    scans = group.scan_words
    return any(min(parts) < at < max(parts) for at in scans) or any(min(scans) < at < max(scans) for at in parts)
