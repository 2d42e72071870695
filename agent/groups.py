"""Puts the words of a name together into groups: the parts, sides, scans and positions that belong to each other.

`头颅平扫+血管成像+颈部血管成像` is two groups; `头颅、胸部CT平扫` is one with two parts. A group becomes exams in its
family's resolver. The order of words decides: a part opens a new group where the one before it is closed by a scan or
a position; brackets add to, repeat or contradict the group they follow; a bracket in front is a label for what comes
after it.
"""

from __future__ import annotations

from typing import Final

from agent.group import ADDING, LISTS, SAID, SEPARATORS, STANCES, Group, Node, PartRef
from agent.nodes import (
    added,
    has_part,
    is_film,
    is_modality,
    modality_and_scan,
    next_is_part,
    part_after_separator,
    scan_after_separator,
)
from agent.relations import Containment
from agent.stock import UNSPECIFIED

WHOLE: Final = frozenset({"plus", "and"})  # what stands before one of these is no heading of what follows
# Separators after a heading (腹部_胆囊), by family; elsewhere a dash or _.
HEADS: Final = {"US": frozenset({"", "dash", "under", "slash"}), "XR": frozenset({"dash", "under", "slash"})}
PATH: Final = frozenset({"dash", "under"})


class Grouper:
    """Makes groups of the nodes of one segment."""

    def __init__(self, containment: Containment) -> None:
        self.containment = containment

    def groups(self, nodes: list[Node], family: str) -> list[Group]:
        """The groups of a segment in order; at least one. Labels in front are merged in at the end."""
        body = [node for node in nodes if not node.tag]
        groups = self._body(body, family)
        tags = [node for node in nodes if node.tag]
        if tags:
            label = Group()
            self._gather(label, tags)
            self._label(groups, label, family)
        cuts = [node.at for node in nodes if node.kind in ADDING - {"under"}]
        for group in groups:
            self._tidy(group, family, cuts)
        return [group for number, group in enumerate(groups) if not self._heads_next(groups, number, family)]

    def _heads_next(self, groups: list[Group], number: int, family: str) -> bool:
        """A group of one heading and nothing else, before the group that it heads (腹部_床旁肾脏)."""
        group = groups[number]
        if len(group.parts) != 1 or group.said() or group.problems or number + 1 == len(groups):
            return False
        if any(at == group.parts[0].index for _, at in group.modalities):  # CXR、肋骨前后位
            return False
        if groups[number + 1].joined in WHOLE:  # 胸部平片+肋骨前后位
            return False
        following = groups[number + 1].parts
        return bool(following) and self.containment.heads(family, group.parts[0].element, following[0].element)

    # -- body ------------------------------------------------------------------------------------------------------

    def _body(self, nodes: list[Node], family: str) -> list[Group]:
        out: list[Group] = []
        group = Group()
        pending: tuple[str, int] | None = None
        separator = held = ""
        position = 0
        while position < len(nodes):
            node = nodes[position]
            position += 1
            if node.kind in SEPARATORS:
                separator = separator or node.kind
                if node.kind == "or":
                    group.problems.append(("open_choice", (node.at,)))
                continue
            if node.kind != "slots":
                continue
            if node.depth:
                if pending is not None:  # 右(茎突)
                    self._late_side(group, pending)
                    pending = None
                inside = [node]
                while position < len(nodes) and nodes[position].depth:
                    inside.append(nodes[position])
                    position += 1
                extra = self._bracket(group, inside, family)
                if extra is None and any(map(is_film, inside)) and part_after_separator(nodes, position):
                    group.closed = True
                if extra is not None:
                    out.append(group)
                    group = extra
                separator = ""
                continue
            slots = dict(node.slots)
            # 冠状动脉CTA+冠状动脉钙化积分: the second says more than its part
            only_part = "part" in slots and SAID.isdisjoint(slots)
            if only_part and group.closed and self._repeats(group, slots["part"], pending, nodes, position):
                pending = None
                continue
            opens = "part" in slots and (
                group.closed or (group.bracketed and (bool(separator) or self._is_apart(group, slots["part"], family)))
            )
            if "scan" in slots and "part" not in slots and separator and group.parts and not group.said():
                opens = position < len(nodes) and has_part(nodes[position]) and not nodes[position].depth
            if not opens and separator and group.parts and group.said():
                opens = ("scan" in slots and group.scan_first and next_is_part(nodes, position, group.bracketed)) or (
                    is_modality(node, family) and next_is_part(nodes, position)
                )
            if "way" in slots and group.parts and group.said():
                opens = next_is_part(nodes, position)  # 乳腺彩超、经腹子宫彩超
            if opens:
                out.append(group)
                group = Group(joined=separator)
            if node.review:
                group.review.append(node.at)
            if "part" in slots:
                for number, element in enumerate(slots["part"].split(";")):
                    side = slots.get("side", "") or (pending[0] if pending else "")
                    joined = separator or held if number == 0 else "list"
                    if not group.parts:
                        joined = ""
                    group.parts.append(PartRef(element, side, node.at, node.review, joined))
                pending = None
            elif "side" in slots:
                pending = self._side(group, nodes, position, (slots["side"], node.at), pending)
                if pending is not None:
                    continue  # the separator before the side is the separator before its part
            if "subitem" in slots and "part" not in slots and group.parts:
                if separator in ADDING and group.scans:
                    group.problems.append(("combo_unclear", (node.at,)))  # 膀胱彩超+残余尿: the plain exam too?
                if separator in ("dash", "under") and not group.said():
                    group.headed.append(node.at)
            summed = separator in ADDING - {"under"}  # 颅脑+MRA: the plain scan too? 颅脑_MRA: two fields of one
            if "scan" in slots and "part" not in slots and summed and group.parts and not group.said():
                group.bare = group.bare or "part"
            if "post" in slots and separator in ADDING - {"under"} and group.modalities and not group.said():
                group.post_added = True
            self._put(group, node)
            if node.slots == (("modality", slots.get("modality", "")),) and group.parts and not group.scans:
                group.bare = "modality" if scan_after_separator(nodes, position, group) else ""
                if group.bare and nodes[position].kind == "under":  # 颅脑_MR_DWI: fields; 颅脑MR_DWI: fields, or a sum?
                    group.bare = "" if separator == "under" else "part"
            if is_film(node) and part_after_separator(nodes, position):
                group.closed = True  # 胸片、腰椎正侧位: the film is whole without the views behind
            only_modality = bool(node.slots) and all(slot == "modality" for slot, _ in node.slots)
            held = (separator or held) if only_modality else ""  # 胸部平片+DR肋骨: the part stands behind the plus
            separator = ""
        if pending is not None:
            self._late_side(group, pending)
        out.append(group)
        return out

    def _is_apart(self, group: Group, elements: str, family: str) -> bool:
        """Whether a part behind a bracket with a scan is another place than the parts before it."""
        return not any(
            self.containment.related(family, part.element, element)
            for part in group.parts
            for element in elements.split(";")
        )

    def _repeats(
        self,
        group: Group,
        elements: str,
        pending: tuple[str, int] | None,
        nodes: list[Node],
        position: int,
    ) -> bool:
        """The part once more at the end, in another language or as the indication: `Neck C+ 颈部`."""
        parts = {part.element: part.side for part in group.parts}
        same = all(element in parts for element in elements.split(";"))
        side = pending[0] if pending else ""
        agrees = not side or all(parts.get(element) in (side, "") for element in elements.split(";"))
        rest = [slot for node in nodes[position:] for slot, _ in node.slots]
        if not same or not agrees or any(slot in SAID or slot == "part" for slot in rest):
            return False
        for part in group.parts:
            part.side = part.side or side
        return True

    def _put(self, group: Group, node: Node) -> None:
        for slot, element in node.slots:
            if slot in LISTS:
                if slot == "scan" and not group.parts and not group.scans:
                    group.scan_first = True
                if slot in SAID and group.parts and "part" not in dict(node.slots):
                    group.closed = True
                if slot == "vessel" and element == "?" and node.review:
                    group.problems.append(("vessel_kind", (node.at,)))
                group.slot(slot).append((element, node.at))

    def _side(
        self,
        group: Group,
        nodes: list[Node],
        position: int,
        side: tuple[str, int],
        pending: tuple[str, int] | None,
    ) -> tuple[str, int] | None:
        """A side belongs to the part that follows at once; else to the parts before it that have none."""
        following = nodes[position] if position < len(nodes) else None
        if following is not None and following.kind == "slots" and not following.depth and has_part(following):
            return side
        if group.parts:
            self._late_side(group, side)
            return None
        if pending is not None and pending[0] != side[0]:
            group.problems.append(("conflict_side", (pending[1], side[1])))
        return side

    def _late_side(self, group: Group, side: tuple[str, int]) -> None:
        if not group.parts:
            group.sides.append(side)
            return
        open_parts = [part for part in group.parts if not part.side]
        if open_parts:
            for part in open_parts if len(open_parts) == len(group.parts) else open_parts[-1:]:
                part.side = side[0]
        elif side[0] == "?" and group.parts[-1].side == "双":  # 双下肢动脉(单侧)
            group.problems.append(("conflict_side", (group.parts[-1].index, side[1])))
        elif group.parts[-1].side != side[0] and side[0] != "?":
            if group.parts[-1].side == "?":
                group.parts[-1].side = side[0]
            else:
                group.problems.append(("conflict_side", (group.parts[-1].index, side[1])))

    # -- brackets --------------------------------------------------------------------------------------------------

    def _gather(self, group: Group, nodes: list[Node]) -> None:
        pending: tuple[str, int] | None = None
        apart = True
        for node in nodes:
            slots = dict(node.slots)
            if node.kind == "or":
                group.problems.append(("open_choice", (node.at,)))
            if node.kind != "slots":
                apart = apart or node.kind in SEPARATORS
                continue
            if node.review:
                group.review.append(node.at)
            if "part" in slots:
                if group.parts and (group.scans or group.positions):  # 骨盆正位+左髋侧位 in a bracket: whose is which?
                    group.problems.append(("combo_unclear", (group.parts[-1].index, node.at)))
                for element in slots["part"].split(";"):
                    side = slots.get("side", "") or (pending[0] if pending else "")
                    again = any(part.element == element for part in group.parts) and not apart  # [左足][右足]
                    group.parts.append(PartRef(element, side, node.at, node.review, "" if again else "list"))
                pending, apart = None, False
            elif "side" in slots and (slots["side"] != "?" or not pending or pending[0] == "双"):  # (左侧)(单侧) is 左
                pending = (slots["side"], node.at)
            self._put(group, node)
        if pending is not None:
            self._late_side(group, pending)

    def _bracket(self, group: Group, nodes: list[Node], family: str) -> Group | None:
        """Merge a bracket into the group before it; or return the group that it opens."""
        inside = Group()
        self._gather(inside, nodes)
        group.problems.extend(inside.problems)
        doubts = added(group, inside, self.containment.general).intersection(inside.review)
        if group.parts and not group.scans and modality_and_scan(nodes, group, family):  # 颅脑磁共振检查(MRI+MRA)
            group.bare = "modality"
        if not inside.parts:
            for side in inside.sides:
                self._late_side(group, side)
            self._merge_words(group, inside)
            group.review.extend(sorted(doubts))
            group.bracketed = bool(group.parts) and inside.said()
            return None
        if not group.parts:
            for side in group.sides:
                for part in inside.parts:
                    part.side = part.side or side[0]
            group.bracketed = group.said()
            group.parts = inside.parts
            group.sides = []
            group.review.extend(inside.review)
            self._merge_words(group, inside)
            return None
        if inside.said() and group.said() and not self._all_known(group, inside, family):
            return inside
        self._merge_parts(group, inside, family)
        self._merge_words(group, inside)
        group.review.extend(sorted(doubts))
        return None

    def _all_known(self, group: Group, inside: Group, family: str) -> bool:
        return all(
            any(
                part.element == each.element or self._related(family, part.element, each.element)
                for part in group.parts
            )
            for each in inside.parts
        )

    def _related(self, family: str, one: str, other: str) -> str:
        return self.containment.adjoining(family, one, other) or self.containment.adjoining(family, other, one)

    def _merge_parts(self, group: Group, inside: Group, family: str) -> None:
        scans = {at for _, at in group.scans}
        if any(part.element == UNSPECIFIED and part.index in scans for part in group.parts):
            return  # 双能X线骨密度(腰椎+髋部): a scan of no part, and where it is taken
        for each in inside.parts:
            same = [part for part in group.parts if part.element == each.element]
            if same:
                if each.side and same[0].side and same[0].side != each.side:
                    group.problems.append(("conflict_side", (same[0].index, each.index)))
                same[0].side = same[0].side or each.side
                if not any(at == same[0].index for slot in LISTS for _, at in group.slot(slot)):  # HSG(输卵管)
                    same[0].review = each.review  # the bracket says it more exactly
                continue
            heading = next((p for p in group.parts if self._replaces(p, inside.parts, family)), None)
            if heading is not None:
                group.parts[group.parts.index(heading)] = each
                group.review = [index for index in group.review if index != heading.index]
                continue
            wholes = [p for p in group.parts if self.containment.adjoining(family, p.element, each.element)]
            if wholes:
                finer = self.containment.adjoining(family, wholes[0].element, each.element) != "whole"
                if finer and family == "US":
                    group.parts[group.parts.index(wholes[0])] = each
                    group.review = [index for index in group.review if index != wholes[0].index]
                elif finer and len(inside.parts) == 1:
                    group.problems.append(("combo_unclear", (wholes[0].index, each.index)))
            elif any(self.containment.adjoining(family, each.element, part.element) for part in group.parts):
                continue
            elif family == "US":
                if self.containment.is_heading(family, each.element):  # 子宫附件(腹部): an exam more, or the way?
                    group.problems.append(("combo_unclear", (group.parts[0].index, each.index)))
                group.parts.append(each)
            else:
                group.problems.append(("conflict_part", (group.parts[0].index, each.index)))

    def _replaces(self, heading: PartRef, inside: list[PartRef], family: str) -> bool:
        """A bracket with the finer parts of a heading stands for it: 腹部(胆囊). In CT and MR a region is none."""
        if family != "US" and not self.containment.only_heading(family, heading.element):
            return False
        return all(self.containment.heads(family, heading.element, each.element, path=False) for each in inside)

    def _merge_words(self, group: Group, inside: Group) -> None:
        for slot in LISTS:
            said, extra = group.slot(slot), inside.slot(slot)
            if not extra:
                continue
            if slot == "scan" and said:
                merged = self.containment.most_specific(said + extra)
                new = {scan for scan, _ in merged} - {scan for scan, _ in said}
                lost = {scan for scan, _ in self.containment.most_specific(said)} - {scan for scan, _ in merged}
                if new and not lost:
                    group.problems.append(("conflict_scan", (said[0][1], extra[0][1])))
            elif slot == "position" and said and {p for p, _ in extra} - {p for p, _ in said} - STANCES:
                group.problems.append(("conflict_position", (said[0][1], extra[0][1])))
                continue
            said.extend(extra)

    # -- label in front --------------------------------------------------------------------------------------------

    def _label(self, groups: list[Group], label: Group, family: str) -> None:
        """`[胸部]…胸部平扫`: the label repeats, fills or contradicts what comes after it."""
        first = groups[0]
        first.problems.extend(label.problems)
        bare = [group for group in groups if not group.parts]
        for each in label.parts:
            if bare or each.element == UNSPECIFIED:
                continue
            fits = any(
                self.containment.adjoining(family, each.element, part.element)
                or self.containment.heads(family, each.element, part.element)
                or part.element == each.element
                for group in groups
                for part in group.parts
            )
            film = any(at == each.index for _, at in label.modalities)
            if fits and film and all(part.element != each.element for group in groups for part in group.parts):
                first.problems.append(("combo_unclear", (each.index, first.parts[0].index)))  # DR(CXR)+肋骨前后位
            elif not fits:
                first.problems.append(("conflict_part", (each.index, first.parts[0].index)))
            elif each.side:
                for group in groups:
                    for part in group.parts:
                        if part.element == each.element:
                            if part.side and part.side != each.side:
                                group.problems.append(("conflict_side", (each.index, part.index)))
                            part.side = part.side or each.side
        if bare and label.parts:
            bare[0].parts = list(label.parts)
            bare[0].review.extend(label.review)
        for side in label.sides:
            self._late_side(first, side)
        for group in groups:  # X线摄影(床旁)胸部
            group.modalities.extend(label.modalities)
        for slot in ("scan", "position", "post", "way", "subitem", "vessel"):
            extra = label.slot(slot)
            if not extra:
                continue
            said = [each for group in groups for each in group.slot(slot)]
            if not said:
                first.slot(slot).extend(extra)
                first.review.extend(index for _, index in extra if index in label.review)
            elif slot in ("scan", "position"):
                names = {name for name, _ in self.containment.most_specific(said)}
                for name, index in extra:
                    if name not in names and not any(self.containment.general(name, other) for other in names):
                        first.problems.append((f"conflict_{slot}", (index, said[0][1])))
                        break

    # -- after -----------------------------------------------------------------------------------------------------

    def _tidy(self, group: Group, family: str, cuts: list[int]) -> None:
        """Adjoining words for the same place are one part; sides are shared; general scans give way."""
        self._drop_headings(group, family)
        kept: list[PartRef] = []
        for part in group.parts:
            same = next((each for each in kept if each.element == part.element), None)
            if same is not None:
                if same.side and part.side and same.side != part.side:
                    if {same.side, part.side} == {"左", "右"} and part.separator:
                        same.side = "双"
                    else:
                        group.problems.append(("conflict_side", (same.index, part.index)))
                same.side = same.side or part.side
                same.review = same.review and part.review
                continue
            before = kept[-1] if kept else None
            listed = self.containment.listed(family, before.element, part.element) if before is not None else ""
            if before is not None and listed:
                relation = self._adjoining(group, family, before, part)
                if relation is not None and (
                    not part.separator or listed == "one" or self._slash(family, before, part)
                ):
                    between = any(before.index < at < part.index for _, at in group.modalities)
                    if not part.separator and self.containment.doubtful(family, before.element, part.element, between):
                        group.problems.append(("combo_unclear", (before.index, part.index)))
                    relation.separator = relation.separator or part.separator  # 肝胆胰脾+肝弹性 is a sum all the same
                    kept[-1] = relation
                    continue
                if listed == "unclear":
                    group.problems.append(("combo_unclear", (before.index, part.index)))
            kept.append(part)
        group.parts = kept
        waiting, group.sides = group.sides, []
        for side in waiting:
            self._late_side(group, side)
        sided = [part.side for part in kept]
        if len(kept) > 1 and sided[0] and not any(sided[1:]):
            for part in kept[1:]:
                part.side = kept[0].side
        group.apart = self._apart(group, cuts)
        group.scan_words = [at for _, at in group.scans]
        group.scans = self.containment.most_specific(group.scans)

    def _apart(self, group: Group, cuts: list[int]) -> list[tuple[str, str]]:
        """Pairs of a scan and one that says it better, of which only a separator makes two: 平扫+高分辨."""
        found = []
        for scan, at in group.scans:
            better = [(other, there) for other, there in group.scans if self.containment.general(scan, other)]
            cut = [any(min(at, there) < each < max(at, there) for each in cuts) for _, there in better]
            if all(cut):
                found += [(scan, other) for other, _ in better]
        return found

    def _drop_headings(self, group: Group, family: str) -> None:
        if len(group.parts) < 2:
            return
        heads = HEADS.get(family, PATH)
        for pure in [part for part in group.parts if self.containment.only_heading(family, part.element)]:
            if any(self.containment.heads(family, pure.element, part.element) for part in group.parts):
                group.parts.remove(pure)
                group.review = [index for index in group.review if index != pure.index]
        for heading, part in zip(group.parts[:-1], group.parts[1:], strict=True):
            if part.separator in heads and self.containment.heads(family, heading.element, part.element):
                group.parts.remove(heading)
                group.review = [index for index in group.review if index != heading.index]
                part.side = part.side or heading.side

    def _slash(self, family: str, before: PartRef, part: PartRef) -> bool:
        """`上腹部/肝胆/脾` names one region (GUIDE, on groups)."""
        whole = self.containment.adjoining(family, before.element, part.element) == "whole"
        return part.separator == "slash" and whole

    def _adjoining(self, group: Group, family: str, before: PartRef, part: PartRef) -> PartRef | None:
        for whole, member in ((before, part), (part, before)):
            meant = self.containment.adjoining(family, whole.element, member.element)
            if meant:
                chosen, other = (whole, member) if meant == "whole" else (member, whole)
                if chosen.side and other.side and chosen.side != other.side:
                    group.problems.append(("conflict_side", (before.index, part.index)))
                chosen.side = chosen.side or other.side
                group.review = [index for index in group.review if index != other.index]
                return chosen
        return None
