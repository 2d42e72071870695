"""Exams that hospitals order together day by day (data/bundles.tsv), resolved to items: 头颅MR平扫+DWI, 甲状腺+乳腺."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping
from dataclasses import dataclass

from standard.errors import DataError
from training.joined import ByPart
from training.shapes import DATA, Weighted
from training.wordings import PLAIN_OR_CONTRAST, Meaning

FILE = DATA / "bundles.tsv"
ANY_SCAN = "*"  # one scan for all exams of a bundle that say so: plain mostly
SCANS = Weighted(list(zip((6.0, 2.0, 2.0), PLAIN_OR_CONTRAST, strict=True)))
SIDES = ("左", "右", "双")


@dataclass(frozen=True, slots=True)
class Order:
    """One exam of a bundle: style, part, scan or position, sub-item; its items by side."""

    style: str
    part: str
    said: str
    subitem: str = ""

    @classmethod
    def read(cls, text: str) -> Order:
        """STYLE|part|scan or position[|sub-item]. ValueError where it is none."""
        fields = text.split("|")
        if len(fields) not in (3, 4):
            raise ValueError(text)
        return cls(*fields)

    def items(self, by_part: ByPart, scan: str) -> dict[str, Meaning]:
        """The items of this order by their side; `scan` in place of *."""
        said = scan if self.said == ANY_SCAN else self.said
        return {
            side: each
            for side in ("", *SIDES)
            for each in by_part.get((self.style, side, self.part), ())
            if said in (each.slots.scan or each.slots.position or each.slots.post, each.slots.position)
            and each.slots.subitem == self.subitem
            and not each.slots.way
            and (not each.slots.post or not each.slots.scan)
        }


class Bundles:
    """Compiled once. DataError for a row that no items answer."""

    def __init__(self, by_part: ByPart) -> None:
        self._by_part = by_part
        pairs: list[tuple[float, tuple[Order, ...]]] = []
        with FILE.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file, delimiter="\t"), start=2):
                pairs.append((float(row["weight"]), self._checked(number, row)))
        self._rows = Weighted(pairs)

    def _checked(self, number: int, row: Mapping[str, str]) -> tuple[Order, ...]:
        exams = row["exams"].split(";")
        try:
            orders = tuple(map(Order.read, exams))
        except ValueError as error:
            problem = ("一项应写作 类别|部位|扫描或体位", "an exam is written STYLE|part|scan or position")
            raise DataError(FILE.name, number, "exams", row["exams"], problem) from error
        for said, order in zip(exams, orders, strict=True):
            if not order.items(self._by_part, PLAIN_OR_CONTRAST[0]):
                problem = (f"标准中没有 {said}", f"the edition has no {said}")
                raise DataError(FILE.name, number, "exams", row["exams"], problem)
        if len(orders) < 2:
            problem = ("至少要有两项", "it takes two exams at least")
            raise DataError(FILE.name, number, "exams", row["exams"], problem)
        return orders

    def draw(self, chance: random.Random) -> list[Meaning] | None:
        """The items of a bundle, of one side where they have sides; None where they do not go together."""
        orders, scan, side = self._rows.pick(chance), SCANS.pick(chance), chance.choice(SIDES)
        found = []
        for order in orders:
            items = order.items(self._by_part, scan)
            each = items.get("") or items.get(side) or items.get("双")
            if each is None:
                return None
            found.append(each)
        if chance.random() < 0.3:
            chance.shuffle(found)
        return found
