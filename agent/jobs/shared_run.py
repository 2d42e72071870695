"""A job that other processes and machines work at, too: the same steps as run.py's, but its pieces lie in the database.

    plan ──▶ pieces, in the database ──▶ claimed by this process and by each `job work NAME` ──▶ answers
                                                                                                  │
    output ◀── the folder of the job, as with a job of one process ◀──────────────────────────────┘

The names themselves are in the database and not their places in a file: a worker needs the address of the database and
nothing else, no folder that all machines see. This process alone reads the inputs and writes the output.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from datetime import datetime

from sqlalchemy.orm import Session

from agent.jobs.claims import Claims
from agent.jobs.folder import Folder, JobSpec, limits_of
from agent.jobs.pieces import Pieces
from agent.jobs.plan import Plan
from agent.jobs.run import Run, Watch
from agent.jobs.workers import KEY, OWNER, kept_workers, new_name, worker_of
from agent.pipeline import Pipeline
from agent.pool import Done
from agent.settings import Settings
from agent.store import end_job, now, open_store
from agent.store import pieces as stored
from agent.versions import versions_of
from standard.errors import InputError


class SharedRun(Run):
    """One run of a job that others work at, too."""

    def __init__(self, folder: Folder, spec: JobSpec, settings: Settings, watch: Watch) -> None:
        super().__init__(folder, spec, settings, watch)
        self.workers = self.status[KEY] = kept_workers(folder.status())  # of the runs before

    def go(self) -> None:
        """From where it is to its end. InputError where such a job cannot be."""
        need_postgresql(self.settings)
        if self.spec.model not in ("none", "local") or any(limits_of(self.folder, self.spec)):
            raise InputError(
                "--engine shared 只能用 --model none 或 local，也没有模型预算：每台机器各自去问，并发和预算都管不住。",
                "--engine shared takes --model none or local only, and no budget of the model: every machine would ask "
                "by itself, past any limit.",
            )
        super().go()

    def worked_out(
        self, pipeline: Pipeline, plan: Plan, pieces: Pieces, missing: Sequence[tuple[int, int]], workers: int
    ) -> Generator[Done, None, None]:
        """Each piece that is missing, as it is done, here or by another process."""
        if self.spec.model == "local" and not pipeline.own_model:
            raise InputError(
                "--engine shared 的 --model local 只能是影码自带的模型；请去掉 YINGMA_MODEL_PATH。",
                "With --engine shared, --model local is Yingma's own model only; unset YINGMA_MODEL_PATH.",
            )
        assert self.store is not None
        assert self.row is not None
        store, row = self.store, self.row
        memory = pipeline.memory.to_plain() if pipeline.memory else None
        versions = versions_of(pipeline)
        store.write(
            lambda session: stored.open_pieces(session, row, pieces.key, versions, memory, missing, plan.queries, OWNER)
        )
        claims = Claims(store, row, pieces.key, OWNER, self.settings.lease_seconds)
        me = new_name()
        seen: set[int] = set()  # this process may have been given up for dead, and a piece worked out twice
        with claims.held(), closing(self.pool(pipeline, plan.queries, workers)) as pool:
            for done in pool.run(claims.places(self.tell), claims.beat):
                if done.start not in seen:
                    seen.add(done.start)
                    self._did(me, len(done.answers), now())
                    yield done
                claims.kept([done.start])
                yield from self._of_others(claims, pieces, seen)
            yield from self._of_others(claims, pieces, seen)
        store.write(lambda session: stored.close_pieces(session, row))

    def _of_others(self, claims: Claims, pieces: Pieces, seen: set[int]) -> Iterator[Done]:
        """What other processes have handed in since the last time."""
        while found := claims.others():
            claims.beat()
            for start, answers, by, at in found:
                piece = pieces.unpacked(start, answers)
                assert piece is not None  # of this make, and whole: it was handed in as one
                if start not in seen:
                    seen.add(start)
                    self._did(by, len(piece.answers), at)
                    yield Done(start, piece.answers, piece.failed, piece.cost.spent, piece.heard())
            claims.kept([each.start for each in found])

    def _did(self, by: str, names: int, at: datetime) -> None:
        """A process has worked out a piece."""
        self.workers[by] = self.workers.get(by, worker_of(by)).did(names, at)


def stop_workers(folder: Folder, settings: Settings) -> None:
    """Tell the workers of a job that was stopped while its own process was dead. What they handed in is kept for when
    it goes on. StoreError where the database does not answer: they work on."""
    need_postgresql(settings)
    spec, counts = folder.spec(), folder.status().get("counts") or {}

    def stop(session: Session) -> None:
        job, _ = stored.shared_job(session, spec.id)
        if job is not None and job.settings.get("uid") == spec.uid and job.state == "running":
            stored.let_go(session, job.id or 0, OWNER)
            end_job(session, job, "cancelled", counts, now())

    with closing(open_store(settings)) as store:
        store.write(stop)


def need_postgresql(settings: Settings) -> None:
    """InputError where the database is a file of one machine."""
    if not settings.database_url.get_secret_value():
        raise InputError(
            "几个进程合作一个任务需要 PostgreSQL（YINGMA_DATABASE_URL）；用 SQLite 时只有一台机器，任务的工作进程就是它"
            "自己的，用 --workers 指定个数。",
            "Several machines on one job need PostgreSQL (YINGMA_DATABASE_URL); with SQLite there is one machine, and "
            "the workers of a job are its own processes: --workers says how many.",
        )
