"""X-ray: plain film by views, contrast studies by part, mammography by side and view, bedside film by part.

A position is a set of single views: 正侧位 is {正, 侧}. The item with exactly these views is the answer; else the few
items that together show each view once. Conventions (ids as in standard/data/conventions.tsv): bedside_film,
position_default, position_equivalent, position_home, views_as_single_items.
"""

from __future__ import annotations

from itertools import combinations
from typing import Final

from agent.group import Group, PartRef
from agent.reading import Exam
from agent.resolve import Issue, Resolved, Shared
from agent.stock import UNSPECIFIED, Views

BREAST: Final = "乳腺"
MOBILE: Final = "移动DR"
DENSITY: Final = "骨密度测定"
ANYWHERE: Final = frozenset({"关节造影", DENSITY})  # one item for whatever part is named
ORDER: Final = {"正": 0, "侧": 1, "斜": 2, "双斜": 3, "头尾": 4}  # in which a person names views
USUAL: Final = (frozenset({"正", "侧"}), frozenset({"正", "斜"}), frozenset({"正"}))


class Projection:
    """Resolver of the family XR: devices DR, mobile DR, MG and RF."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        stock, lexicon = shared.stock, shared.lexicon
        self.contrast = {
            key for part in stock.parts("RF").values() for items in part.sides.values() for key in items
        } | {"透视"}
        self.breast = {
            key[0]
            for part in stock.parts("MG").values()
            for items in part.sides.values()
            for key in items
            if isinstance(key, tuple)
        }
        self.breast_views = stock.single_views("MG") - stock.single_views("DR")
        self.home = {row.element: row.part for row in lexicon.one_parts if "XR" in row.modality}
        self.position_home = {(row.position, row.part): (row.to_part, row.to_side) for row in lexicon.position_homes}
        self.default = {row.part: (row.position, row.certainty == "review") for row in lexicon.position_defaults}
        self.instead: dict[tuple[str, Views], tuple[Views, bool]] = {}
        for row in lexicon.position_fallbacks:
            key = (row.part, stock.views(row.position))
            self.instead[key] = (stock.views(row.to_position), row.certainty == "review")

    def exams(self, group: Group) -> Resolved:
        """See module."""
        scans = [scan for scan, _ in group.scans]
        parts = group.parts
        mobile = any(element == MOBILE for element, _ in group.modalities)
        views = self.shared.stock.views(";".join(position for position, _ in group.positions))
        contrast = any(scan in self.contrast for scan in scans)
        breast = any(scan in self.breast for scan in scans) or any(part.element == BREAST for part in parts)
        own_views = bool(views) and views <= self.breast_views  # L MLO
        breast = breast or (not parts and (own_views or any(element == "MG" for element, _ in group.modalities)))
        if breast and not contrast:
            return self._mammogram(group, scans, views)
        if contrast or DENSITY in scans:
            return self._contrast(group, scans)
        if mobile:
            return self._mobile(group, views)
        return self._film(parts, views, group)

    # -- plain film ------------------------------------------------------------------------------------------------

    def _film(self, parts: list[PartRef], views: Views, group: Group) -> Resolved:
        exams: list[Exam] = []
        issues: list[Issue] = []
        parts = self.shared.fold("XR", parts)
        if not parts:
            where = tuple(index for _, index in group.positions)
            issues.append(("missing_part", where, ""))
            stock = self.shared.stock.part("DR", UNSPECIFIED)
            code = stock.sides[""].get(frozenset({"随机"}), "") if stock is not None else ""
            exams.append(Exam("DR", UNSPECIFIED, "", "", "随机位", code))
            return Resolved(exams, issues)
        for part in parts:
            self._part(part, views, exams, issues)
        return Resolved(exams, issues)

    def _part(self, part: PartRef, views: Views, exams: list[Exam], issues: list[Issue]) -> None:
        part, views, moved = self._at_home(part, views, exams, issues)
        if not views and moved:
            return
        stock = self.shared.stock.part("DR", part.element)
        if stock is None:
            issues.append(("uncatalogued", (part.index,), part.side + part.element))
            exams.append(Exam("DR", part.element, part.side, "", name_of(views), ""))
            return
        offered = {key for items in stock.sides.values() for key in items if isinstance(key, frozenset)}
        rules: list[str] = []
        if not views:
            views, review = self._default_views(part.element, offered)
            rules.append("position_default")
            if review:
                issues.append(("missing_position", (part.index,), part.element))
        chosen = self._cover(views, offered)
        if chosen is None:
            views, chosen = self._equivalent(part, views, offered, rules, issues)
        if chosen is None:
            holder = sorted((v for v in offered if views < v), key=lambda v: (len(v), sorted(v)))
            issues.append(("uncatalogued", (part.index,), part.side + part.element + name_of(views)))
            if not holder:
                exams.append(Exam("DR", part.element, part.side, "", name_of(views), ""))
                return
            chosen = [holder[0]]
        elif len(chosen) > 1:
            rules.append("views_as_single_items")
        for each in chosen:
            self._item(part, each, rules, exams, issues)

    def _at_home(
        self, part: PartRef, views: Views, exams: list[Exam], issues: list[Issue]
    ) -> tuple[PartRef, Views, bool]:
        """Take out the views that the edition keeps under another part (骨盆蛙式位)."""
        moved = False
        for (position, element), (to_part, to_side) in self.position_home.items():
            own = self.shared.stock.views(position)
            if element != part.element or not own <= views:
                continue
            rest = views - own
            target = PartRef(to_part, part.side if to_side == "=" else to_side, part.index, part.review, "")
            if rest:
                self._part(part, rest, exams, issues)
            self._item(target, own, ["position_home"], exams, issues)
            return part, frozenset(), True
        return part, views, moved

    def _default_views(self, element: str, offered: set[Views]) -> tuple[Views, bool]:
        if element in self.default:
            position, review = self.default[element]
            return self.shared.stock.views(position), review
        if len(offered) == 1:
            return next(iter(offered)), False
        usual = next((views for views in USUAL if views in offered), None)
        return usual if usual is not None else min(offered, key=sorted), True

    def _equivalent(
        self, part: PartRef, views: Views, offered: set[Views], rules: list[str], issues: list[Issue]
    ) -> tuple[Views, list[Views] | None]:
        """Replace the views by what the rules allow for the part, then cover again: the row for just these views goes
        before the rows for single ones. Two views that come to the same one (站立正位 and 仰卧正位 of the pelvis) may
        be two exams: a person is asked."""
        whole = self.instead.get((part.element, views)) or self.instead.get(("*", views))
        new, review = whole if whole is not None else self._one_by_one(part, views, offered)
        chosen = self._cover(new, offered)
        if chosen is None and whole is not None:
            new, review = self._one_by_one(part, views, offered)
            chosen = self._cover(new, offered)
        if chosen is None:
            return views, None
        rules.append("position_equivalent")
        if review:
            issues.append(("uncertain_position", (part.index,), name_of(views)))
        return new, chosen

    def _one_by_one(self, part: PartRef, views: Views, offered: set[Views]) -> tuple[Views, bool]:
        """Each view by what stands for it where no item shows it; whether a person is to be asked."""
        new: list[str] = []
        review = False
        for view in views:
            single = frozenset({view})
            found = self.instead.get((part.element, single)) or self.instead.get(("*", single))
            if found is not None and not any(view in each for each in offered):
                new += found[0]
                review = review or found[1]
            else:
                new.append(view)
        return frozenset(new), review or len(set(new)) < len(new)

    def _cover(self, views: Views, offered: set[Views]) -> list[Views] | None:
        """The fewest items that show each view exactly once."""
        if views in offered:
            return [views]
        inside = sorted((v for v in offered if v < views), key=lambda v: (-len(v), sorted(v)))
        for count in range(2, len(views) + 1):
            for chosen in combinations(inside, count):
                if sum(map(len, chosen)) == len(views) and frozenset().union(*chosen) == views:
                    return sorted(chosen, key=lambda v: (-len(v), min(ORDER.get(view, 9) for view in v), sorted(v)))
        return None

    def _item(self, part: PartRef, views: Views, rules: list[str], exams: list[Exam], issues: list[Issue]) -> None:
        found, issue, rule = self.shared.sides("DR", part, views)
        if issue is not None:
            if issue[0] == "not_in_edition":
                issue = ("uncatalogued", issue[1], part.side + part.element + name_of(views))
            issues.append(issue)
        used = (*rules, *([rule] if rule else []))
        for side, code in found:
            exams.append(Exam("DR", part.element, side, "", name_of(views), code, used))
        if not found:
            exams.append(Exam("DR", part.element, part.side, "", name_of(views), "", used))

    def _mobile(self, group: Group, views: Views) -> Resolved:
        """Bedside film: chest and abdomen have items of their own; any other part is for a person (GUIDE)."""
        exams: list[Exam] = []
        issues: list[Issue] = []
        others: list[PartRef] = []
        for part in group.parts:
            code = self.shared.stock.mobile.get(part.element)
            if code is not None:
                exams.append(Exam("DR", part.element, "", "", MOBILE, code, ("bedside_film",)))
            else:
                others.append(part)
        if others or not group.parts:
            resolved = self._film(others, views, group)
            exams.extend(resolved.exams)
            issues.extend(resolved.issues)
            issues.append(("bedside_part", tuple(part.index for part in others), ""))
        return Resolved(exams, issues)

    # -- contrast --------------------------------------------------------------------------------------------------

    def _contrast(self, group: Group, scans: list[str]) -> Resolved:
        exams: list[Exam] = []
        issues: list[Issue] = []
        where = tuple(index for _, index in group.scans)
        if group.positions:  # 关节造影+头颅轴位: views are of a film, and no contrast study has them
            issues.append(("combo_unclear", tuple(index for _, index in group.positions), ""))
        if "透视" in scans:
            issues.append(("uncatalogued", where, "透视"))
            scans = [scan for scan in scans if scan != "透视"]
        for scan in scans:
            family = "DR" if scan == DENSITY else "RF"
            key: object = (scan, frozenset()) if family == "DR" else scan
            home = self.home.get(scan)
            parts = group.parts
            offered = any(
                self._offers(family, part.element, key) or self.shared.fallback("XR", part.element, scan)
                for part in parts
            )
            if home is not None and not offered and (home != UNSPECIFIED or not parts or scan in ANYWHERE):
                side = next((part.side for part in parts if part.side), group.sides[0][0] if group.sides else "")
                far = [part for part in parts if self.shared.elsewhere("DR", part.element, home, family)]
                issues.extend(("combo_unclear", (part.index,), part.element) for part in far)
                parts = [PartRef(home, side, where[0], False, "")]
            if not parts:
                issues.append(("missing_part", where, scan))
            for part in parts:
                self._contrast_item(family, part, scan, key, exams, issues)
        return Resolved(exams, issues)

    def _offers(self, family: str, element: str, key: object) -> bool:
        stock = self.shared.stock.part(family, element)
        return stock is not None and any(key in items for items in stock.sides.values())

    def _contrast_item(
        self, family: str, part: PartRef, scan: str, key: object, exams: list[Exam], issues: list[Issue]
    ) -> None:
        rules: tuple[str, ...] = ()
        if not self._offers(family, part.element, key):
            instead = self.shared.fallback("XR", part.element, scan)
            if instead is not None and self._offers(family, instead[0], instead[1]):
                part = PartRef(instead[0], part.side, part.index, part.review or instead[2], "")
                key, rules = instead[1], ("nearest_that_contains",)
        found, issue, _ = self.shared.sides(family, part, key)
        if issue is not None:
            if issue[0] == "not_in_edition":
                issue = ("uncatalogued", issue[1], part.side + part.element + scan)
            issues.append(issue)
        for side, code in found:
            exams.append(Exam(family, part.element, side, scan, "", code, rules))
        if not found:
            exams.append(Exam(family, part.element, part.side, scan, "", ""))

    # -- breast ----------------------------------------------------------------------------------------------------

    def _mammogram(self, group: Group, scans: list[str], views: Views) -> Resolved:
        exams: list[Exam] = []
        issues: list[Issue] = []
        named = [scan for scan in scans if scan in self.breast] or ["钼靶"]
        side = next((part.side for part in group.parts if part.side), "") or (group.sides[0][0] if group.sides else "")
        part = PartRef(BREAST, side, group.parts[0].index if group.parts else -1, False, "")
        others = [each for each in group.parts if each.element != BREAST]
        if others:
            issues.append(("combo_unclear", tuple(each.index for each in others), ""))
        if group.apart:  # 钼靶+断层: the plain mammogram too?
            issues.append(("combo_unclear", tuple(group.scan_words), group.apart[0][0]))
        if not side:
            issues.append(("missing_side", (part.index,), BREAST))
            part.side = "双"
        for scan in named:
            stock = self.shared.stock.part("MG", BREAST)
            if stock is None:
                continue
            offered = {
                key[1] for items in stock.sides.values() for key in items if isinstance(key, tuple) and key[0] == scan
            }
            chosen = self._cover(views, offered)
            if chosen is None:
                issues.append(("uncatalogued", (part.index,), scan + name_of(views)))
                continue
            if len(chosen) > 1:  # 头尾位 and 内外侧斜位, or one of the edition's joint positions: it does not say
                issues.append(("combo_unclear", (part.index,), name_of(views)))
            for each in chosen:
                found, issue, rule = self.shared.sides("MG", part, (scan, each))
                if issue is not None:
                    issues.append(issue)
                for found_side, code in found:
                    exams.append(Exam("MG", BREAST, found_side, scan, name_of(each), code, (rule,) if rule else ()))
        return Resolved(exams, issues)


def name_of(views: Views) -> str:
    """Views as a person writes them."""
    return "、".join(sorted(views, key=lambda view: (ORDER.get(view, 9), view))) + ("位" if views else "")
