"""Processes that kill themselves (SIGKILL) at a chosen moment; run by test_crash.py, as a program of its own.

    dying.py URL USER each CLUSTER…   a process a cluster: the first dies at the first moment of its decision, the
                                      second at the second, … until one lives; prints `n cluster died|lived ok|-`
    dying.py URL USER put STEP NAME…  the same for putting names in, as one job, again and again, every STEPth moment
    dying.py URL USER many CLUSTER…   decides on one after another, prints `ok cluster` after each; killed from outside

A moment is: after each statement, before the commit, after the commit and before the answer.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import make_url

from agent.store import Entry, Order, Rules, Store, decide, open_job, open_url, put
from tests.store.world import CHEST, START, answer


class Fuse:
    """Kills this process when it has been touched so many times."""

    def __init__(self, moments: int) -> None:
        self.left = moments

    def touch(self, *_: Any) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def armed(url: str, moments: int) -> tuple[Store, Fuse]:
    store = open_url(make_url(url))
    fuse = Fuse(moments)
    event.listen(store.engine, "after_cursor_execute", fuse.touch)
    event.listen(store.engine, "commit", fuse.touch)
    return store, fuse


def settle(store: Store, user: int, cluster: int) -> str:
    order = Order(cluster, 1, "settle", f"key-{cluster}", (CHEST,))
    rules = Rules(lambda code: True)
    return store.write(lambda session: decide(session, rules, user, order, START)).result


def put_in(store: Store, names: list[str]) -> None:
    def operation(session: Any) -> None:
        job = open_job(session, "job", START)
        put(session, job.id or 0, [Entry(answer(name), 3) for name in names], START)

    store.write(operation)


def attempt(url: str, moments: int, work: Any) -> tuple[bool, bool]:
    """Whether a process that dies at a moment lived, and whether it said that its work was done."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        store, fuse = armed(url, moments)
        work(store)
        fuse.touch()
        os.write(writing, b"ok")
        store.close()
        os._exit(0)
    os.close(writing)
    said = os.read(reading, 2) == b"ok"
    os.close(reading)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or status == 0, status
    return not os.WIFSIGNALED(status), said


def main(url: str, user: int, kind: str, *rest: str) -> None:
    if kind == "each":
        for moments, cluster in enumerate(map(int, rest), 1):
            lived, said = attempt(url, moments, lambda store, number=cluster: settle(store, user, number))
            print(moments, cluster, "lived" if lived else "died", "ok" if said else "-", flush=True)
            if lived:
                return
        raise AssertionError("too few clusters")
    if kind == "put":
        step, names = int(rest[0]), list(rest[1:])
        answer(names[0])  # what is slow to load is loaded before the first process
        moments, lived = 1, False
        while not lived:
            lived, said = attempt(url, moments, lambda store: put_in(store, names))
            print(moments, "-", "lived" if lived else "died", "ok" if said else "-", flush=True)
            moments += step
        return
    store = open_url(make_url(url))
    for cluster in map(int, rest):
        assert settle(store, user, cluster) == "ok"
        print("ok", cluster, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
