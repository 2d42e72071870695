"""Ultrasound: every part is an exam; the way, the sub-item and the scan say which.

Conventions (ids as in standard/data/conventions.tsv): ultrasound_routine. A sub-item (残余尿, 卵泡监测) goes to the
part that has it; a way (经阴道) to the parts that have it; sides are coded for vessels alone.
"""

from __future__ import annotations

from agent.groups import Group, PartRef
from agent.reading import Exam
from agent.resolve import Issue, Resolved, Shared

ROUTINE = "常规"


class Ultrasound:
    """Resolver of the family US."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.owners: dict[str, list[str]] = {}
        self.ways: dict[str, list[str]] = {}
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
        ways = list(dict.fromkeys(way for way, _ in group.ways))
        subitems = list(dict.fromkeys(group.subitems))
        if len(ways) > 1:
            issues.append(("open_choice", tuple(index for _, index in group.ways), "/".join(ways)))
        way = ways[0] if ways else ""
        parts = self.shared.fold("US", group.parts)
        if any(element == "?" for element, _ in group.vessels):
            issues.append(("vessel_kind", tuple(index for _, index in group.vessels), ""))
        wanted: list[tuple[PartRef, str]] = []
        placed: set[str] = set()
        for part in parts:
            own = [name for name, _ in subitems if part.element in self.owners.get(name, ())]
            placed.update(own)
            if own and len(parts) == 1:
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
                inside = [each for each in wanted if not each[1] and self._holds(owners[0], each[0].element)]
                if inside:
                    wanted.remove(inside[0])
                if owners[0] == "成人心脏" and not parts:
                    wanted.append((PartRef(owners[0], "", index, True, ""), ""))
                wanted.append((PartRef(owners[0], "", index, False, ""), name))
        if not wanted:
            if (
                way in self.ways
                and len(self.ways[way]) > 1
                and "子宫、卵巢、输卵管" in self.ways[way]
                and way == "经阴道"
            ):
                wanted.append((PartRef("子宫、卵巢、输卵管", "", group.ways[0][1], False, ""), ""))
            else:
                issues.append(("missing_part", where, ""))
        if sum(1 for part, name in wanted if name and part.element == "成人心脏"):
            issues.append(("combo_unclear", where, "成人心脏"))
        for part, subitem in wanted:
            self._item(part, way, subitem, scans[0], exams, issues)
        return Resolved(exams, issues)

    def _item(self, part: PartRef, way: str, subitem: str, scan: str, exams: list[Exam], issues: list[Issue]) -> None:
        rules: tuple[str, ...] = ("ultrasound_routine",) if scan == ROUTINE else ()
        own_way = way if part.element in self.ways.get(way, ()) else ""
        found, issue, rule = self.shared.sides("US", part, (own_way, subitem, scan))
        if issue is not None and issue[0] == "not_in_edition" and not subitem:
            subitem, (found, issue, rule) = self._only_subitem(part, own_way, scan)
        if issue is not None:
            if issue[0] == "not_in_edition":
                issue = ("uncatalogued", issue[1], way + part.side + part.element + subitem + scan)
            issues.append(issue)
        if way and way != own_way and way != "经腹":
            issues.append(("uncatalogued", (part.index,), way + part.element))
        extra = "、".join(each for each in (own_way, subitem) if each)
        for side, code in found:
            exams.append(Exam("US", part.element, side, scan, extra, code, (*rules, *([rule] if rule else []))))
        if not found:
            exams.append(Exam("US", part.element, part.side, scan, extra, "", rules))

    def _holds(self, whole: str, member: str) -> bool:
        return bool(self.shared.containment.adjoining("US", whole, member))

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
