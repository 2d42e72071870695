"""Tables of figures on the terminal, the same for every command of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def table(title: str, columns: str) -> Table:
    """A table with these columns, divided by |; the first to the left, the others, which are numbers, to the right."""
    from rich.table import Table

    made = Table(title=title)
    for number, column in enumerate(columns.split("|")):
        made.add_column(column, justify="left" if number == 0 else "right")
    return made


def share(value: float | None) -> str:
    """A share as a percentage; a dash for none."""
    return "-" if value is None else f"{100 * value:.1f}%"
