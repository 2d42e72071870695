"""Small charts as SVG inside a page: black on white, told apart by dashes and shapes, not by colour.

A chart has its own coordinates (shares, 0 to `right` and 0 to `top`); marks are added, and `svg` gives the text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Literal

WIDTH, HEIGHT = 560, 360
LEFT, RIGHT, UPPER, LOWER = 56, 16, 34, 44  # margins
MOST_TICKS = 6
Shape = Literal["circle", "square", "diamond"]
Dash = Literal["solid", "dashed", "dotted"]
DASHES: dict[Dash, str] = {"solid": "", "dashed": ' stroke-dasharray="7 4"', "dotted": ' stroke-dasharray="2 3"'}


class Chart:
    """A chart of shares. `title`: what it shows, for those who cannot see it; `x` and `y`: names of the axes."""

    def __init__(self, title: str, x: str, y: str, right: float = 1.0, top: float = 1.0) -> None:
        self._right, self._top = right, top
        self._title = title
        self._parts: list[str] = []
        self._legend: list[tuple[str, str]] = []
        base, end = HEIGHT - LOWER, WIDTH - RIGHT
        for at in ticks(right):
            place = self._x(at)
            self._parts.append(f'<line x1="{place}" y1="{base}" x2="{place}" y2="{base + 4}" stroke="#000"/>')
            self._text(place, base + 17, percent(at), "middle")
        for at in ticks(top):
            place = self._y(at)
            self._parts.append(f'<line x1="{LEFT}" y1="{place}" x2="{end}" y2="{place}" stroke="#ddd"/>')
            self._text(LEFT - 6, place + 4, percent(at), "end")
        self._parts.append(f'<path d="M{LEFT} {UPPER}V{base}H{end}" fill="none" stroke="#000"/>')
        self._text((LEFT + end) / 2, HEIGHT - 8, x, "middle")
        self._text(4, 16, y, "start")

    def line(self, points: Sequence[tuple[float, float]], dash: Dash, width: float, label: str = "") -> None:
        """Points joined; nothing for fewer than two."""
        if len(points) < 2:
            return
        path = "L".join(f"{self._x(x)} {self._y(y)}" for x, y in points)
        style = f'fill="none" stroke="#000" stroke-width="{width}"{DASHES[dash]}'
        self._parts.append(f'<path d="M{path}" {style}/>')
        if label:
            self._legend.append((f'<path d="M0 0H26" {style}/>', label))

    def mark(self, x: float, y: float, shape: Shape, filled: bool, label: str = "") -> None:
        """One point. With a label, the legend tells what it is."""
        self._parts.append(_shape(self._x(x), self._y(y), shape, filled))
        if label:
            self._legend.append((_shape(13, 0, shape, filled), label))

    def whisker(self, x: float, low: float, high: float) -> None:
        """An interval at a point."""
        place, upper, lower = self._x(x), self._y(high), self._y(low)
        ends = "".join(f"M{place - 4:.1f} {end}h8" for end in (upper, lower))
        self._parts.append(f'<path d="M{place} {upper}V{lower}{ends}" fill="none" stroke="#000"/>')

    def svg(self) -> str:
        """The chart, its legend below."""
        height = HEIGHT + 20 * len(self._legend)
        legend = "".join(
            f'<g transform="translate({LEFT} {HEIGHT + 10 + 20 * row})">{sample}'
            f'<text x="36" y="4">{escape(label)}</text></g>'
            for row, (sample, label) in enumerate(self._legend)
        )
        return (
            f'<svg class="chart" role="img" aria-label="{escape(self._title)}" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" font-size="12">{"".join(self._parts)}{legend}</svg>'
        )

    def _text(self, x: float, y: float, text: str, anchor: str) -> None:
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>')

    def _x(self, share: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * min(share / self._right, 1.0), 1)

    def _y(self, share: float) -> float:
        return round(HEIGHT - LOWER - (HEIGHT - LOWER - UPPER) * min(share / self._top, 1.0), 1)


def ticks(top: float) -> list[float]:
    """Round values from 0 to `top`, at most MOST_TICKS steps: 1, 2 or 5 times a power of ten apart."""
    rough = top / MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough * (1 - 1e-9))
    return [round(place * step, 10) for place in range(int(top / step * (1 + 1e-9)) + 1)]


def ceiling(largest: float) -> float:
    """The round value that a chart up to `largest` ends at; 1 % where there is nothing to see, 100 % at most."""
    wanted = max(largest, 0.01)
    power = 10.0 ** math.floor(math.log10(wanted))
    return min(
        1.0,
        next(round(each * power, 10) for each in (1, 1.5, 2, 3, 4, 6, 8, 10) if each * power >= wanted * (1 - 1e-9)),
    )


def percent(share: float) -> str:
    """12 %, 0.5 %."""
    return f"{100 * share:.10g} %"


def _shape(x: float, y: float, shape: Shape, filled: bool) -> str:
    style = f'fill="{"#000" if filled else "#fff"}" stroke="#000" stroke-width="1.5"'
    if shape == "circle":
        return f'<circle cx="{x}" cy="{y}" r="4.5" {style}/>'
    if shape == "square":
        return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" {style}/>'
    return f'<path d="M{x} {y - 6:.1f}l6 6l-6 6l-6 -6z" {style}/>'
