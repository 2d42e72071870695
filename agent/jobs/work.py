"""A worker: helps a job that another process runs, on this machine or another one, until nothing of it is left.

It has the pieces, and all that it takes to work them out, from the database. Its answers go there, a piece in one
transaction; killed at any moment it leaves pieces that others work out, once its lease has ended.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from agent import bulk
from agent.budget import Limits, Meter, meter_on, prices_of
from agent.jobs.claims import Claims
from agent.jobs.pieces import packed
from agent.jobs.shared_run import need_postgresql
from agent.jobs.workers import new_name
from agent.memory import Memory
from agent.opening import open_pipeline
from agent.pool import Opening, Pool
from agent.settings import Settings
from agent.store import Store, open_store
from agent.store import pieces as stored
from agent.store.schema import Job
from agent.store.schema_pieces import JobShare
from agent.versions import versions_of
from standard.errors import InputError, StoppedError

Watch = Callable[["Worked"], None]


class Worked(NamedTuple):
    """What one worker did: pieces and names that it handed in; names of the job that have no answer yet."""

    pieces: int = 0
    names: int = 0
    left: int = 0


def work_on(
    name: str,
    settings: Settings,
    workers: int = 0,
    watch: Watch | None = None,
    begins: Callable[[int, int], None] = lambda left, count: None,
) -> Worked:
    """Work at the job of a name until it has all its answers; gives what was done here. `begins` is told the names
    without answers, and by how many processes of this machine, when all is opened and the first piece is to be claimed.

    InputError where there is no such job to work at, or this machine is of other versions. StoppedError when the job is
    stopped.
    """
    need_postgresql(settings)
    with closing(open_store(settings)) as store:
        job, share = _found(store, name)
        wanted = job.settings
        opening = Opening(wanted["edition"], wanted["model"], wanted["device_codes"])
        pipeline = open_pipeline(opening.edition, opening.model, device_codes=opening.device_codes, keep=True)
        _check(name, share, versions_of(pipeline))
        pipeline.memory = _memory(share)
        asks = pipeline.model is not None
        meter_on(pipeline, Meter(Limits(), prices_of(settings, opening.model)), keep=True)
        claims = Claims(store, share.job_id, share.make, new_name(), settings.lease_seconds)
        left = claims.left().names
        count = bulk.workers_for(left, workers, pipeline.own_model)
        begins(left, count)
        worked, since = Worked(left=left), time.monotonic()
        with claims.held(), closing(Pool(pipeline, claims.names, opening, count)) as pool:
            for done in pool.run(claims.places(lambda: _goes_on(store, name, share)), claims.beat):
                moment = time.monotonic()
                answers = packed(share.make, done, moment - since, asks)
                since = moment
                if claims.hand_in(done.start, answers):
                    worked = worked._replace(pieces=worked.pieces + 1, names=worked.names + len(done.answers))
                if watch is not None:
                    watch(worked._replace(left=claims.left().names))
        return worked._replace(left=0)


def _found(store: Store, name: str) -> tuple[Job, JobShare]:
    """The job, and what it is worked out with."""
    with store.reading() as session:
        job, share = stored.shared_job(session, name, memory=True)
    if job is not None and share is not None and job.state == "running":
        return job, share
    if job is None:
        raise InputError(
            f"数据库中没有任务 {name}；先用 job run … --engine shared --id {name} 开始它，读完输入后再来分担。",
            f"The database has no job {name}; begin it with job run ... --engine shared --id {name}, and work at it "
            "when its inputs are read.",
        )
    if job.state != "running":
        raise InputError(
            f"任务 {name} 没有在运行（{job.state}）；停下的用 job resume {name} 继续。",
            f"The job {name} is not running ({job.state}); one that was stopped goes on with job resume {name}.",
        )
    raise InputError(
        f"任务 {name} 没有可分担的名称：它没有用 --engine shared，还没读完输入，或者都已算完。",
        f"The job {name} has no names to share: it was not begun with --engine shared, has not read its inputs yet, or "
        "all are done.",
    )


def _check(name: str, share: JobShare, mine: dict[str, str]) -> None:
    """InputError where this machine would give other answers than the job's."""
    differ = sorted(key for key in {*share.versions, *mine} if share.versions.get(key) != mine.get(key))
    if differ:
        told = ", ".join(f"{key} {mine.get(key, '-')} / {share.versions.get(key, '-')}" for key in differ)
        raise InputError(
            f"这台机器与任务 {name} 的版本不同（本机 / 任务：{told}）；请装上同一版本再来分担。",
            f"This machine is of other versions than the job {name} (here / the job: {told}); install the same ones to "
            "work at it.",
        )


def _goes_on(store: Store, name: str, share: JobShare) -> None:
    """StoppedError where the job was stopped; InputError where it goes on with other versions."""
    with store.reading() as session:
        job, now = stored.shared_job(session, name)
    if job is None or (job.state != "running" and now is not None):
        raise StoppedError(
            f"任务 {name} 已停止；已交回的部分保留。", f"The job {name} was stopped; what was handed in is kept."
        )
    if now is not None and now.make != share.make:
        _check(name, now, share.versions)
        raise StoppedError(
            f"任务 {name} 已重新开始；请再运行一次 job work {name}。",
            f"The job {name} began anew; run job work {name} again.",
        )


def _memory(share: JobShare) -> Memory | None:
    kept = json.loads(share.memory)
    return Memory.from_plain(kept) if kept else None
