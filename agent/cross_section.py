"""CT and MR: a part and a scan make an item; vessels by region, the plain scan by convention.

Conventions (ids as in standard/data/conventions.tsv): plain_scan_default, angiography_to_vessel, nearest_that_contains.
"""

from __future__ import annotations

from typing import Final

from agent.group import Group, PartRef
from agent.reading import Exam
from agent.resolve import Issue, Resolved, Shared
from agent.stock import UNSPECIFIED
from standard.lexicon import split

WEAK: Final = "常规扫描"  # 常规, Routine: the plain scan, unless a scan of contrast stands beside it
MEDIUM: Final = "造影"  # of a vessel or of a joint


class CrossSection:
    """CT and MR: part x scan (+ post-processing), vessels by region, the plain scan by convention."""

    PLAIN = "平扫"
    CONTRAST = "增强"
    BOTH = "平扫+增强"

    def __init__(self, family: str, shared: Shared) -> None:
        self.family = family
        self.shared = shared
        self.angiography = {row.scan: row for row in shared.lexicon.angiographies if row.modality == family}
        self.vessels: dict[tuple[str, str], tuple[str, bool]] = {
            (row.region, row.kind): (row.element, row.certainty == "review")
            for row in shared.lexicon.vessels
            if family in split(row.modality)
        }
        parts = shared.stock.parts(family)
        self.vessel_parts: dict[str, str] = {}
        angiographic = {name for row in self.angiography.values() for name in (row.by_kind_A, row.by_kind_V) if name}
        veins = {row.by_kind_V for row in self.angiography.values()} - {
            row.by_kind_A for row in self.angiography.values()
        }
        for stem, part in parts.items():
            names = {key[0] for items in part.sides.values() for key in items if isinstance(key, tuple)}
            if names and names <= angiographic | {""}:
                self.vessel_parts[stem] = "V" if names <= veins | {""} else "A"
        self.pairs = [row for row in shared.lexicon.pairs if family in split(row.modality)]
        self.inherent = {row.post for row in shared.lexicon.inherent if family in split(row.modality)}
        self.home = {row.element: row.part for row in shared.lexicon.one_parts if family in split(row.modality)}

    def exams(self, group: Group) -> Resolved:
        """See module."""
        issues: list[Issue] = []
        exams: list[Exam] = []
        parts = self.shared.fold(self.family, group.parts)
        scans = self._scans([scan for scan, _ in group.scans])
        where = tuple(index for _, index in group.scans)
        posts = [post for post, _ in self.shared.containment.most_specific(group.posts)]
        rules: list[str] = []
        if "平扫|增强" in scans:
            return Resolved([], [("open_choice", where, "平扫/增强")])
        if not parts:
            parts = self._implied_part(scans, posts, where)
            if not parts:
                issues.append(("missing_part", where, ""))
                parts = [PartRef(UNSPECIFIED, "", -1, False, "")]
        if "成像" in scans:
            scans = [scan for scan in scans if scan != "成像"]
            other_posts = [post for post in posts if post not in self.inherent]  # 冠状动脉CT钙化积分 is no CTA
            if not scans and not other_posts and any(part.element in self.vessel_parts for part in parts):
                scans = ["血管成像"]
        if WEAK in scans:
            scans = [scan for scan in scans if scan != WEAK]
            if scans and not {*scans} & {self.PLAIN, self.CONTRAST, self.BOTH}:
                scans = [self.PLAIN, *scans]
                issues.append(("combo_unclear", where, self.PLAIN))
        if MEDIUM in scans:
            vessels = group.vessels or any(part.element in self.vessel_parts for part in parts)
            scans = [("血管成像" if vessels else "关节造影") if scan == MEDIUM else scan for scan in scans]
        vascular = [scan for scan in scans if scan in self.angiography]
        others = [scan for scan in scans if scan not in self.angiography]
        for row in self.pairs:
            if row.other == "血管" and group.vessels and others == [row.scan] and not vascular and not posts:
                vascular, others = [row.together], []
        if group.vessels and not vascular:
            vascular = ["血管成像"] if not others and not posts else []
            if others or posts or not group.scans:
                issues.append(("vessel_no_scan", tuple(index for _, index in group.vessels), ""))
                vascular = vascular or ["血管成像"]
        if group.bare and scans and not {*others} & {self.PLAIN, self.CONTRAST, self.BOTH}:
            scans, others, rules = [self.PLAIN, *scans], [self.PLAIN, *others], ["plain_scan_default"]
            if group.bare == "part":
                issues.append(("combo_unclear", where, self.PLAIN))
        if not scans and not vascular:
            alone = [post for post in posts if self._has(parts, "", post)]
            if group.post_added and any(self._has(parts, self.PLAIN, post) for post in alone):
                alone = []
            if alone:
                others, rules = [""], []
                if group.parts and any(self._has(parts, self.PLAIN, post) for post in alone):  # 胸部CT(肺结节分析)
                    issues.append(("combo_unclear", where, alone[0]))
            else:
                others, rules = [self.PLAIN], ["plain_scan_default"]
        if vascular and not others:
            parts, unclear_join = self._joined(parts)
            if unclear_join:
                issues.append(("combo_unclear", tuple(part.index for part in parts), parts[0].element))
        for part in parts:
            said = self._paired(part, [scan for scan in [*scans, *vascular, *others] if scan in {*vascular, *others}])
            for scan in dict.fromkeys(said):
                if scan in vascular:
                    self._vascular(part, scan, group, exams, issues)
                else:
                    self._plain(part, scan, posts, rules, exams, issues, where)
            if vascular and not others:
                for post in posts:
                    if post not in self.inherent:
                        self._item(part, "", post, [], exams, issues)
        for scan, other in group.apart:  # 平扫+高分辨: one exam, or the plain scan too?
            own = scan in (self.PLAIN, self.CONTRAST) and scan not in other.split("+")
            if own and any(exam.scan == other and exam.code for exam in exams):
                issues.append(("combo_unclear", where, scan))
        unclear = [row for row in self.pairs if row.together == "?" and {row.scan, row.other} <= {*others, *vascular}]
        issues.extend(("combo_unclear", where, row.other) for row in unclear)
        return Resolved(exams, issues)

    def _joined(self, parts: list[PartRef]) -> tuple[list[PartRef], bool]:
        """Regions whose vessels are one region's when named together (头部和颈部 = 头颈部), in place of the first.

        The second value: they stand in a list or a sum (头颅+颈部CTA), which may order one or two."""
        for row in self.shared.lexicon.vessel_groups:
            regions = set(row.regions.split(";"))
            found = [part for part in parts if part.element in regions]
            if self.family in split(row.modality) and {part.element for part in found} == regions:
                rest = [part for part in parts if part not in found]
                whole = PartRef(row.region, "", found[0].index, False, found[0].separator)
                return [whole, *rest], any(part.separator not in ("", "and") for part in found[1:])
        return parts, False

    def _has(self, parts: list[PartRef], scan: str, post: str) -> bool:
        for part in parts:
            stock = self.shared.stock.part(self.family, part.element)
            if stock is not None and any((scan, post) in items for items in stock.sides.values()):
                return True
        return False

    def _scans(self, said: list[str]) -> list[str]:
        """平扫 and 增强 said apart are 平扫+增强."""
        scans = list(dict.fromkeys(said))
        two = {self.PLAIN, self.CONTRAST}
        if self.BOTH in scans:
            return [scan for scan in scans if scan not in two]
        if two <= set(scans):
            first = min(scans.index(scan) for scan in two)
            rest = [scan for scan in scans if scan not in two]
            return [*rest[:first], self.BOTH, *rest[first:]]
        return scans

    def _paired(self, part: PartRef, scans: list[str]) -> list[str]:
        """Two scans that the edition has together for this part are that one."""
        for row in self.pairs:
            if row.together == "?" or not {row.scan, row.other} <= {*scans}:
                continue
            home = PartRef(self.home.get(row.together, part.element), "", part.index, False, "")
            if self._has([home], row.together, ""):
                rest = [scan for scan in scans if scan not in (row.scan, row.other)]
                return [row.together, *rest]
        return scans

    def _implied_part(self, scans: list[str], posts: list[str], where: tuple[int, ...]) -> list[PartRef]:
        """MRCP, MRU, IAC: the edition has the scan on one part only, so the scan says the part."""
        for scan in scans:
            if scan in self.home:
                return [PartRef(self.home[scan], "", where[0], False, "")]
        for post in posts:
            if post in self.home:
                return [PartRef(self.home[post], "", -1, False, "")]
        return []

    def _vascular(self, part: PartRef, scan: str, group: Group, exams: list[Exam], issues: list[Issue]) -> None:
        row = self.angiography[scan]
        words = {kind for kind, _ in group.vessels if kind in "AV"}
        kind = row.kind if row.kind != "?" else (words.pop() if len(words) == 1 else "?")
        rules: list[str] = ["angiography_to_vessel"]
        vessel, review = part.element, False
        if vessel in self.vessel_parts:
            own = self.vessel_parts[vessel]
            kind = own if kind == "?" else kind
            if kind != "?" and kind != own and (vessel, kind) in self.vessels:
                vessel, review = self.vessels[vessel, kind]
        if kind == "?":
            issues.append(("vessel_kind", (part.index,), part.element))
            kind = "A"
        if vessel not in self.vessel_parts and vessel != UNSPECIFIED:
            found = self.vessels.get((vessel, kind))
            if found is None:
                issues.append(("not_in_edition", (part.index,), part.element))
                return
            vessel, review = found
        if review:
            issues.append(("uncertain_part", (part.index,), part.element))
        name = row.by_kind_A if kind == "A" else row.by_kind_V
        if row.by_kind_A == row.by_kind_V and not self._has([PartRef(vessel, "", 0, False, "")], name, ""):
            for each, either in (("A", "动脉血管成像(CTA)"), ("V", "静脉血管成像(CTV)")):
                found = self.vessels.get((part.element, each)) or self.vessels.get((vessel, each), (vessel, False))
                each_part = PartRef(found[0], part.side, part.index, part.review or found[1], part.separator)
                self._item(each_part, either, "", rules, exams, issues)
            return
        target = PartRef(vessel, part.side, part.index, part.review, part.separator)
        self._item(target, name, "", rules, exams, issues)

    def _plain(
        self,
        part: PartRef,
        scan: str,
        posts: list[str],
        rules: list[str],
        exams: list[Exam],
        issues: list[Issue],
        where: tuple[int, ...],
    ) -> None:
        if scan in self.home and part.element != self.home[scan]:
            if self.shared.elsewhere(self.family, part.element, self.home[scan]):
                issues.append(("combo_unclear", (part.index,), part.element))
            part = PartRef(self.home[scan], "", part.index, False, part.separator)
        instead = self.shared.fallback(self.family, part.element, scan)
        if instead is not None and not instead[2] and instead[0] == part.element and not self._has([part], scan, ""):
            scan, rules = instead[1], [*rules, "nearest_that_contains"]  # 薄层 of a part that has the plain scan only
        takes_post = bool(posts) and (
            scan in ("", self.PLAIN, self.CONTRAST, self.BOTH) or self._has([part], scan, posts[0])
        )
        if not takes_post:
            if posts and scan not in self.angiography:
                issues.append(("combo_unclear", where, posts[0]))
            self._item(part, scan, "", rules, exams, issues)
            return
        for post in posts:
            self._item(part, scan, post, rules, exams, issues)

    def _item(
        self, part: PartRef, scan: str, post: str, rules: list[str], exams: list[Exam], issues: list[Issue]
    ) -> None:
        """Look up one item; through a fallback where the edition lacks it."""
        key = (scan, post)
        found, issue, rule = self.shared.sides(self.family, part, key)
        used = [*rules, *([rule] if rule else [])]
        if not found and issue is not None and issue[0] == "not_in_edition":
            instead = self.shared.fallback(self.family, part.element, scan)
            if instead is not None:
                to_part, to_scan, review = instead
                other = PartRef(to_part, part.side, part.index, part.review, part.separator)
                found, issue, rule = self.shared.sides(self.family, other, (to_scan, post))
                used.append("nearest_that_contains")
                if found and review:
                    issues.append(("uncatalogued", (part.index,), part.element + scan))
                part, scan = (other, to_scan) if found else (part, scan)
        if not found and issue is not None and issue[0] == "not_in_edition":
            stock = self.shared.stock.part(self.family, UNSPECIFIED)
            functional = scan not in ("", self.PLAIN, self.CONTRAST, self.BOTH) and scan not in self.angiography
            if stock is not None and functional and key in stock.sides[""]:
                exams.append(Exam(self.family, UNSPECIFIED, "", scan, post, stock.sides[""][key], tuple(used)))
                issues.append(("uncatalogued", (part.index,), part.element + scan))
                return
        if issue is not None:
            if issue[0] == "not_in_edition":
                issue = ("uncatalogued", issue[1], part.side + part.element + scan + post)
            issues.append(issue)
        for side, code in found:
            exams.append(Exam(self.family, part.element, side, scan, post, code, tuple(used)))
        if not found:
            exams.append(Exam(self.family, part.element, part.side, scan, post, "", tuple(used)))
