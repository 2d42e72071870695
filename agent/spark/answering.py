"""What Spark's Python workers run: frames of distinct names in, frames with their answers out. Plain pandas.

A worker opens the pipeline once and keeps it: Spark gives one process many tasks. What it opens must be what the driver
opened, or the answers of one output would be of two makes; so it compares versions first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from agent.answer import Query
from agent.columns import OUTPUT
from agent.command_normalize import cells_of
from agent.pool import answer_piece
from agent.versions import versions_of
from standard.errors import Lang, YingmaError

if TYPE_CHECKING:
    import pandas as pd

    from agent.pipeline import Pipeline

KEY = ("yingma_n", "yingma_m", "yingma_i")  # name, modality, institution
EXAMS = "yingma_exams"
MORE = ("yingma_reason_id", "yingma_fault")  # for the report; not in the output
FRAME = (*KEY, EXAMS, *OUTPUT, *MORE)
MARK = "yingma-error "  # begins an error that the driver tells as its own


class Make(NamedTuple):
    """What a worker needs to answer as the driver would: how the pipeline is opened, what it then must be, memory."""

    edition: str | None
    model: str
    device_codes: bool
    lang: Lang
    versions: Mapping[str, str]
    memory: Mapping[str, Any] | None


_opened: tuple[str, Pipeline] | None = None  # of this process; by the make


def answer_frames(frames: Iterator[pd.DataFrame], make: Make) -> Iterator[pd.DataFrame]:
    """The function of mapInPandas. In: KEY and EXAMS. Out: FRAME, a row for a row, in order.

    A name that makes a step fail goes to review with the reason `failed`, as everywhere. RuntimeError for what is no
    name's fault; its text begins with MARK.
    """
    import pandas as pd

    try:
        pipeline = _pipeline(make)
        for frame in frames:
            queries = [Query(*row) for row in frame[list(KEY)].itertuples(index=False, name=None)]
            answers, failed = answer_piece(pipeline, queries)
            rows = [
                (*query, exams, *cells_of(answer, make.lang), answer[4], failed.get(place, ""))
                for place, (query, exams, answer) in enumerate(zip(queries, frame[EXAMS], answers, strict=True))
            ]
            yield pd.DataFrame(rows, columns=list(FRAME))
    except YingmaError as error:
        raise RuntimeError(MARK + json.dumps([error.zh, error.en])) from error


def _pipeline(make: Make) -> Pipeline:
    """The pipeline of this process. YingmaError where it is not the driver's."""
    global _opened
    key = json.dumps(make)
    if _opened is not None and _opened[0] == key:
        return _opened[1]
    from agent.memory import Memory
    from agent.opening import open_pipeline

    pipeline = open_pipeline(make.edition, make.model, device_codes=make.device_codes)
    found = versions_of(pipeline)
    if found != dict(make.versions):
        other = ", ".join(
            sorted(name for name in {*found, *make.versions} if found.get(name) != make.versions.get(name))
        )
        raise YingmaError(
            f"Spark 的工作进程装的不是同一个影码（不同的有：{other}）；请在每台机器上装同样的程序、版本数据和模型。",
            f"A worker of Spark has another Yingma than the driver ({other} differ); install the same program, "
            "editions and model on every machine.",
        )
    pipeline.memory = Memory.from_plain(make.memory) if make.memory else None
    _opened = key, pipeline
    return pipeline
