"""A job on Spark that is killed when its output is there and the store was not fed: run as a program of its own by
test_spark.py, in a group of its own, so that Spark's JVM and workers die with it.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from agent import cli
from agent.jobs.spark_run import SparkRun


def _killed(*_: Any) -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main(*arguments: str) -> int:
    SparkRun._feed = _killed  # type: ignore[method-assign]
    return cli.run(list(arguments))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
