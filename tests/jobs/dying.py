"""A job whose names make a step fail, or wait: run as a program of its own by test_jobs.py and test_shared.py, with one
thread, so that the workers are forked and share the patched step.

    dying.py raise|kill WORD ARGUMENT…   the step fails at names that hold WORD; then the command line is run
    dying.py wait FILE ARGUMENT…         the step waits until there is such a file
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent import cli
from agent.answer import Query
from agent.pipeline import Pipeline

_answer = Pipeline.answer_compact


def main(kind: str, word: str, *arguments: str) -> int:
    def failing(self: Pipeline, queries: Sequence[Query]) -> Any:
        if kind == "wait":
            while not Path(word).exists():
                time.sleep(0.01)
        elif any(word in query.name for query in queries):
            if kind == "raise":
                raise ZeroDivisionError("this name")
            os.kill(os.getpid(), signal.SIGKILL)
        return _answer(self, queries)

    Pipeline.answer_compact = failing  # type: ignore[method-assign]
    return cli.run(list(arguments))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
