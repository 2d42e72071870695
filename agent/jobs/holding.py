"""Who holds a job: one process at a time; and what is said where its folder cannot be written."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from agent.jobs.folder import Folder
from standard.errors import InputError, YingmaError

PATIENCE = 15.0  # seconds that a job whose process was killed may be held by what is left of it
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def holding(folder: Folder) -> Iterator[None]:
    """Hold the job. Workers of a process that was killed end in a moment; until then they may hold it."""
    limit = time.monotonic() + PATIENCE
    while True:
        with folder.held() as mine:
            if mine:
                yield
                return
        status = folder.status()
        if _alive(status.get("waiter")) or _alive(status.get("pid")) or time.monotonic() > limit:
            raise InputError(
                f"任务 {folder.id} 正在运行或排队；用 job show {folder.id} 查看，或用 job cancel {folder.id} 停止。",
                f"The job {folder.id} is running or waits for its turn; look at it with job show {folder.id}, stop it "
                f"with job cancel {folder.id}.",
            )
        time.sleep(0.1)


def _alive(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def disk_error(folder: Folder, error: OSError) -> YingmaError:
    """The sentence of a disk that does not take what a job writes."""
    full = error.errno in FULL
    zh = "磁盘已满" if full else str(error.strerror or error)
    en = "the disk is full" if full else str(error.strerror or error)
    return YingmaError(
        f"任务 {folder.id} 不能写入 {folder.path}：{zh}；已完成的部分保留，腾出空间或改正权限后用 job resume 继续。",
        f"The job {folder.id} cannot write to {folder.path}: {en}; what is done is kept, make room or mend the "
        "permissions and go on with job resume.",
    )
