"""`yingma job work`: a worker for a job that runs elsewhere."""

from __future__ import annotations

import sys

from agent.console import emit_json, note, say


def run_work(name: str, workers: int, as_json: bool) -> None:
    """Work at a job until it has all its answers."""
    from agent.jobs.work import Worked, work_on
    from agent.settings import load_settings

    shown = sys.stderr.isatty()

    def watch(worked: Worked) -> None:
        line = say(
            f"已算 {worked.names} 个名称，任务还剩 {worked.left} 个", f"{worked.names} names done, {worked.left} left"
        )
        print(f"\r{line:<70}", end="", file=sys.stderr, flush=True)

    def begins(left: int, count: int) -> None:
        if not as_json:
            note(
                say(
                    f"任务 {name}：还有 {left} 个名称没有答案，这里用 {count} 个进程分担。",
                    f"Job {name}: {left} names have no answer yet; {count} processes work at them here.",
                )
            )

    try:
        worked = work_on(name, load_settings(), workers, watch if shown else None, begins)
    finally:
        if shown:
            print("\r" + " " * 72 + "\r", end="", file=sys.stderr, flush=True)
    if as_json:
        emit_json({"id": name, "pieces": worked.pieces, "names": worked.names})
    else:
        note(
            say(
                f"任务 {name}：这里算了 {worked.names} 个名称；结果由运行任务的进程写出。",
                f"Job {name}: {worked.names} names were worked out here; the process that runs the job writes the "
                "output.",
            )
        )
