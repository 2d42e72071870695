"""Who works at a job that several processes share, and what they did: pieces, names, when they were last heard of.

What the job's own process has taken from the database stands in its status; what it has not taken yet, and what is in
hand, in the database.
"""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from agent.jobs.folder import Folder
from agent.settings import Settings
from agent.store import open_store
from agent.store import pieces as stored

OWNER = "job"  # the process that runs the job: it is one, whatever its number
KEY = "worked_by"  # in the status


class Worker(NamedTuple):
    """One process. `pieces` and `names` that it has worked out; pieces `in_hand`; `seen`: its last sign of life."""

    host: str
    pid: int
    pieces: int = 0
    names: int = 0
    in_hand: int = 0
    seen: str = ""

    def did(self, names: int, at: datetime) -> Worker:
        """One piece more."""
        seen = max(self.seen, at.isoformat(timespec="seconds"))
        return self._replace(pieces=self.pieces + 1, names=self.names + names, seen=seen)


def new_name() -> str:
    """What this process is called among those that work at a job."""
    return f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"


def worker_of(name: str) -> Worker:
    """The process of a name, which has done nothing yet."""
    host, pid, _ = name.rsplit("-", 2)
    return Worker(host, int(pid))


def kept_workers(status: dict[str, Any]) -> dict[str, Worker]:
    """Those of a status, by name."""
    return {name: Worker(*each) for name, each in status.get(KEY, {}).items()}


def workers_of(folder: Folder, settings: Settings) -> list[Worker]:
    """All that have done anything, who was heard of last before the others. StoreError without the database, where the
    job is under way."""
    found = kept_workers(folder.status())
    if folder.status()["state"] != "done":
        with closing(open_store(settings)) as store, store.reading() as session:
            job, _ = stored.shared_job(session, folder.id)
            ours = job is not None and job.settings.get("uid") == folder.spec().uid
            rows = stored.at_work(session, job.id or 0) if job is not None and ours else []
        for row in rows:
            if row.by == OWNER:
                continue
            one = found.get(row.by) or worker_of(row.by)
            if row.handed_in:
                one = one._replace(pieces=one.pieces + row.pieces, names=one.names + row.names)
                heard = row.at
            else:
                one = one._replace(in_hand=row.pieces)
                heard = row.at - timedelta(seconds=settings.lease_seconds)
            found[row.by] = one._replace(seen=max(one.seen, heard.isoformat(timespec="seconds")))
    return sorted(found.values(), key=lambda each: (each.seen, each), reverse=True)
