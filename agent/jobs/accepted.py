"""What jobs accepted unseen in a place, since a moment: name by name, from the answers that each job keeps.

For a stop of the audit: these names are in doubt. Jobs whose folder was removed are not in it. A job on Spark keeps its
answers as parquet, any other in pieces of JSON.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from agent.audit import Scope, covers
from agent.audit.place import modalities_of
from agent.defuse import defused
from agent.jobs.folder import Folder, find_job, job_ids
from agent.memory import MEMORY
from agent.store.keys import institution_key
from standard import Catalogue
from standard.errors import Lang

PIECE = 1000
HEADER: dict[Lang, list[str]] = {
    "zh": ["任务", "机构", "设备类型", "名称", "检查数", "编码", "标准名称"],
    "en": ["job", "institution", "modality", "name", "exams", "codes", "items"],
}


class Row(NamedTuple):
    """A name that a job accepted, with its context, its exams there, and what it was accepted as."""

    job: str
    institution: str
    modality: str
    name: str
    exams: int
    codes: str
    items: str


def accepted(home: Path, catalogue: Catalogue, scope: Scope, since: datetime | None) -> Iterator[Row]:
    """The rows of the jobs that ended after the moment, the oldest job first. `scope`: the institution by its key."""
    for name in reversed(job_ids(home)):
        folder = find_job(home, name)
        ended = folder.status().get("ended")
        if since is None or ended is None or datetime.fromisoformat(ended) >= since.replace(microsecond=0):
            yield from _of_job(folder, catalogue, scope)


def as_csv(rows: Iterable[Row], lang: Lang) -> Iterator[str]:
    """CSV with a byte order mark, formulas defused, piece by piece."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow(HEADER[lang])
    for at, row in enumerate(rows, 1):
        writer.writerow([defused(str(cell)) for cell in row])
        if at % PIECE == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _of_job(folder: Folder, catalogue: Catalogue, scope: Scope) -> Iterator[Row]:
    within: dict[tuple[str, str], bool] = {}  # by joined codes and institution: there are few
    for row in chain(_of_pieces(folder), _of_spark(folder)):
        key = row.codes, row.institution
        if key not in within:
            modalities = modalities_of(catalogue, filter(None, row.codes.split("+")))
            within[key] = covers(scope, modalities, institution_key(row.institution))
        if within[key]:
            yield row


def _of_pieces(folder: Folder) -> Iterator[Row]:
    if not folder.has("names.json"):
        return
    names = folder.read("names.json")
    for path in sorted(folder.answers.glob("[0-9]*.json")):
        _, answers, _ = json.loads(path.read_bytes())
        for place, answer in enumerate(answers, int(path.stem)):
            if answer[0] != "accepted" or answer[4] in MEMORY:
                continue
            name, modality, institution, exams = names[place]
            yield Row(folder.id, institution, modality, name, exams, answer[1], answer[2])


def _of_spark(folder: Folder) -> Iterator[Row]:
    """Part by part, as Spark wrote them, and where they are whole."""
    from agent.jobs.spark_run import ANSWERS, MADE

    if not folder.has(MADE):
        return
    import polars as pl

    from agent.spark.answering import EXAMS, KEY

    name, modality, institution = KEY
    for path in sorted((folder.path / ANSWERS).glob("*.parquet")):
        part = pl.read_parquet(path).filter(
            pl.col("yingma_route") == "accepted", ~pl.col("yingma_reason_id").is_in(sorted(MEMORY))
        )
        kept = part.select(institution, modality, name, EXAMS, "yingma_codes", "yingma_names")
        for row in kept.iter_rows():
            yield Row(folder.id, *row)
