"""How far a training is: a bar on a terminal, a line each half minute elsewhere; always on stderr."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from agent.console import err, note, say

if TYPE_CHECKING:
    from training.loop import Progress

EVERY = 30.0  # seconds between two lines
WARM = 10.0  # seconds before the first, when the speed is known


class Shown:
    """Shows progress while it is entered."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._told = time.monotonic() - EVERY + WARM

    def __enter__(self) -> Shown:
        if sys.stderr.isatty():
            from rich.progress import BarColumn, Progress, TextColumn

            self._bar = Progress(BarColumn(), TextColumn("{task.description}"), console=err())
            self._task = self._bar.add_task("")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def progress(self, at: Progress) -> None:
        """Takes what the training tells after each step."""
        now, end = time.monotonic(), at.names == at.total
        if self._bar is not None:
            self._bar.update(self._task, completed=at.names, total=at.total, description=_sentence(at))
        elif now - self._told >= EVERY or end:
            self._told = now
            note(_sentence(at))

    def counted(self, names: int, total: int, loss: float) -> None:
        """Takes what the classifier's training tells after each chunk."""
        now = time.monotonic()
        text = say(f"{names:,}/{total:,} 个名称，损失 {loss:.4f}", f"{names:,}/{total:,} names, loss {loss:.4f}")
        if self._bar is not None:
            self._bar.update(self._task, completed=names, total=total, description=text)
        elif now - self._told >= EVERY or names == total:
            self._told = now
            note(text)


def _sentence(at: Progress) -> str:
    right = (
        "" if at.right is None else say(f"，未见过的名称答对 {at.right:.1%}", f", unseen names right {at.right:.1%}")
    )
    left = f"{at.seconds_left // 60:.0f}:{at.seconds_left % 60:02.0f}"
    return say(
        f"{at.names:,}/{at.total:,} 个名称，每秒 {at.rate:.0f}，损失 {at.loss:.4f}{right}，还需 {left}",
        f"{at.names:,}/{at.total:,} names, {at.rate:.0f}/s, loss {at.loss:.4f}{right}, {left} left",
    )
