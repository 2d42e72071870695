"""Jobs in processes of their own: started by the server or the command line, stopped, run again for what failed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.budget import Asked
from agent.jobs.folder import LIMITS, OVER, Folder, job_ids, limits_of
from agent.jobs.pieces import forget
from agent.settings import Settings
from standard.errors import InputError

BACKGROUND = 5  # its niceness: people who work at the same machine come first, and it still gets on beside others
# goes on when it is started again; what says that it runs or waits, and nobody holds it, was killed
GOES_ON = ("cancelled", "failed", "paused", "interrupted", "running", "queued")
GRACE = 30.0  # seconds that a job may take to stop
LAST = 300  # characters of the log that a sentence tells


def start_job(folder: Folder, settings: Settings) -> None:
    """Run a job in another process, which outlives this one. InputError where it runs already."""
    if folder.running():
        raise InputError(
            f"任务 {folder.id} 正在运行或排队。", f"The job {folder.id} is running, or waits for its turn."
        )
    folder.drop("stop")
    with folder.held() as mine:
        status = folder.status()
        if mine and status["state"] in GOES_ON:  # it waits from now on, not only when its process is there
            folder.write("status.json", {**status, "state": "queued", "phase": None, "waiter": None, "sentence": None})
    environment = {**os.environ, "YINGMA_HOME": str(settings.home)}
    try:
        with open(folder.path / "log.txt", "ab") as log:
            logged = log.tell()
            process = subprocess.Popen(
                [sys.executable, "-m", "agent", "job", "resume", folder.id],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    except OSError as error:  # no memory or no place for another process
        _failed(folder, str(error.strerror or error))
        raise
    _put_back(process.pid)
    watch = threading.Thread(target=_see_off, args=(folder, process, logged), name=f"job {folder.id}", daemon=True)
    watch.start()


def _see_off(folder: Folder, process: subprocess.Popen[bytes], logged: int) -> None:
    """Wait for the end of a process that was started for a job. Where it came to its end before it could say anything
    of the job (killed for memory, a package that is not there), the job has failed, and does not wait for ever.
    `logged`: the bytes of its log before."""
    code = process.wait()
    with suppress(FileNotFoundError):  # the job may have been removed meanwhile
        with open(folder.path / "log.txt", "rb") as log:
            log.seek(logged)
            said = log.read().decode("utf-8", errors="replace").strip()[-LAST:]
        _failed(folder, said.splitlines()[-1].replace(str(folder.path), folder.id) if said else f"exit code {code}")


def _failed(folder: Folder, last: str) -> None:
    """A job of which nothing was heard has failed; `last`: what its process, or the system, said last."""
    with folder.held() as mine:
        status = folder.status()
        if not mine or status["state"] != "queued" or status.get("waiter"):
            return
        sentence = {
            "zh": f"任务的进程一开始就结束了：{last}；可以用 job resume {folder.id} 再试。",
            "en": f"The process of the job ended as soon as it began: {last}; try again with job resume {folder.id}.",
        }
        folder.write("status.json", {**status, "state": "failed", "sentence": sentence})


def start_left(settings: Settings) -> list[str]:
    """Start the jobs that wait and have no process: the machine was switched off meanwhile. Gives their names, the one
    that waits longest first."""
    started = []
    for name in reversed(job_ids(settings.home)):
        folder = Folder(settings.home / "jobs" / name)
        with suppress(InputError, OSError, ValueError):  # another one was quicker, or there is no such file
            status = folder.read("status.json")
            if status.get("state") == "queued" and not folder.running():
                folder.write("status.json", {**status, "waiter": None})  # shown as waiting until its process is there
                start_job(folder, settings)
                started.append(name)
    return started


def _put_back(pid: int) -> None:
    """Let a process that was just started, and all that it will start, have what the others leave of the processors.

    Where Linux shares them out among sessions first (autogroup), niceness counts only within one: so its session too.
    """
    with suppress(ProcessLookupError, PermissionError):  # it has ended already, or it is nicer
        os.setpriority(os.PRIO_PROCESS, pid, BACKGROUND)
    with suppress(OSError):  # no such file: another system, or not shared out so
        Path(f"/proc/{pid}/autogroup").write_text(str(BACKGROUND), encoding="ascii")


def cancel_job(folder: Folder, settings: Settings, wait: float = GRACE) -> dict[str, Any]:
    """Stop a job; it keeps what is done. Gives its status. Stopping one that is stopped or done changes nothing.

    StoreError where workers in other processes cannot be told, InputError where the database that they share is not
    set: it is stopped here, and stopping it again tells them.
    """
    folder.write("stop", True)
    status = folder.status()
    pid = status.get("waiter" if status["state"] == "queued" else "pid")
    if status["state"] in ("running", "queued") and folder.running() and isinstance(pid, int):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)
    limit = time.monotonic() + wait
    while folder.running() and time.monotonic() < limit:
        time.sleep(0.05)
    with folder.held() as mine:
        status = folder.status()
        if mine and status["state"] in ("queued", "interrupted", "running", "paused", "failed", "to_adopt"):
            status |= {"state": "cancelled", "pid": None, "waiter": None, "rate": None, "left": None}
            folder.write("status.json", status)
        if mine and status["state"] == "cancelled" and folder.spec().engine == "shared":
            from agent.jobs.shared_run import stop_workers

            stop_workers(folder, settings)
    return status


def retry_failed(folder: Folder) -> int:
    """Forget the pieces with names that failed, so that the next run works them out again; how many names failed.

    InputError for a job on Spark, which keeps its answers as one whole.
    """
    if folder.spec().engine == "spark":
        raise InputError(
            f"任务 {folder.id} 在 Spark 上运行，答案是一个整体；失败的名称请另建任务。",
            f"The job {folder.id} ran on Spark, where the answers are one whole; make a new job of the names that "
            "failed.",
        )
    with folder.held() as mine:
        if not mine:
            raise InputError(
                f"任务 {folder.id} 正在运行；请先停止。", f"The job {folder.id} is running; stop it first."
            )
        count, paths = 0, []
        for path in sorted(folder.answers.glob("*.json")):
            failed = folder.read(f"answers/{path.name}")[2]
            if failed:
                count += len(failed)
                paths.append(path)
        _work_out_again(folder, paths)
    return count


def set_limits(folder: Folder, asked: Asked) -> int:
    """Give a job another budget, as far as one is asked for. Forgets the pieces with names that the one before did not
    reach, so that the next run works them out again; how many such names there are."""
    with folder.held() as mine:
        if not mine:
            raise InputError(
                f"任务 {folder.id} 正在运行；请先停止。", f"The job {folder.id} is running; stop it first."
            )
        before = limits_of(folder, folder.spec())
        chosen = before._replace(**{name: new for name, new in asked._asdict().items() if new is not None})
        folder.write(LIMITS, chosen)
        count, paths = 0, []
        for path in sorted(folder.answers.glob("*.json")):
            found = sum(answer[4] == OVER for answer in folder.read(f"answers/{path.name}")[1])
            if found:
                count += found
                paths.append(path)
        _work_out_again(folder, paths)
    return count


def _work_out_again(folder: Folder, paths: list[Path]) -> None:
    if not paths:
        return
    forget(folder, paths)
    status = folder.status() | {"state": "queued"}
    folder.drop("fed.json")
    folder.write("status.json", status)
