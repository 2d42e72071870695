"""Exams that hospitals order together day by day (data/bundles.tsv), resolved to items: 头颅MR平扫+DWI, 甲状腺+乳腺."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field

from standard.errors import DataError
from standard.lexicon import read_rows
from standard.lexicon_rows import Row
from training.joined import ByPart
from training.shapes import DATA, Weighted
from training.wordings import PLAIN_OR_CONTRAST, Meaning

FILE = DATA / "bundles.tsv"
ANY_SCAN = "*"  # one scan for all exams of a bundle that say so: plain mostly
SCANS = Weighted(list(zip((6.0, 2.0, 2.0), PLAIN_OR_CONTRAST, strict=True)))
SIDES = ("左", "右", "双")


class BundleRow(Row):
    """A line of bundles.tsv: how often, the exams with `;` between, and what they are ordered for (a remark)."""

    weight: Annotated[float, BeforeValidator(float), Field(gt=0)]
    exams: str
    what: str


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
        self._rows = Weighted(
            [(row.weight, self._orders(number, row.exams)) for number, row in read_rows(FILE, BundleRow)]
        )

    def _orders(self, number: int, exams: str) -> tuple[Order, ...]:
        try:
            orders = {said: Order.read(said) for said in exams.split(";")}
        except ValueError as error:
            problem = ("一项应写作 类别|部位|扫描或体位", "an exam is written STYLE|part|scan or position")
            raise DataError(FILE.name, number, "exams", exams, problem) from error
        lacking = next((said for said, each in orders.items() if not each.items(self._by_part, SCANS.values[0])), None)
        if lacking is not None:
            problem = (f"标准中没有 {lacking}", f"the edition has no {lacking}")
        elif len(orders) < 2:
            problem = ("至少要有不同的两项", "it takes two different exams at least")
        else:
            return tuple(orders.values())
        raise DataError(FILE.name, number, "exams", exams, problem)

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
