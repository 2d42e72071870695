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
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

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


def warm(store: Store, work: Any) -> None:
    """Do the work once and take it back, so that the processes to come find its statements compiled."""

    def undone(session: Any) -> None:
        work(session)
        raise ZeroDivisionError

    with suppress(ZeroDivisionError):
        store.write(undone)
    store.close()


def settle(session: Session, user: int, cluster: int) -> str:
    order = Order(cluster, 1, "settle", f"key-{cluster}", (CHEST,))
    return decide(session, Rules(lambda code: True), user, order, START).result


def put_in(session: Session, names: list[str]) -> None:
    job = open_job(session, "job", START)
    put(session, job.id or 0, [Entry(answer(name), 3) for name in names], START)


def attempt(store: Store, moments: int, work: Any) -> tuple[bool, bool]:
    """Whether a process that dies at a moment lived, and whether it said that its work was done."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        fuse = Fuse(moments)
        event.listen(store.engine, "after_cursor_execute", fuse.touch)
        event.listen(store.engine, "commit", fuse.touch)
        store.write(work)
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
    store = open_url(make_url(url))
    if kind == "many":
        for cluster in map(int, rest):
            assert store.write(lambda session, number=cluster: settle(session, user, number)) == "ok"
            print("ok", cluster, flush=True)
        return
    works: Iterator[tuple[int, str, Any]]
    if kind == "each":
        works = ((at, each, lambda s, number=int(each): settle(s, user, number)) for at, each in enumerate(rest, 1))
        warm(store, lambda session: settle(session, user, int(rest[0])))
    else:
        step, names = int(rest[0]), list(rest[1:])
        works = ((at, "-", lambda session: put_in(session, names)) for at in count(1, step))
        warm(store, lambda session: put_in(session, names))
    for moments, cluster, work in works:
        lived, said = attempt(store, moments, work)
        print(moments, cluster, "lived" if lived else "died", "ok" if said else "-", flush=True)
        if lived:
            return
    raise AssertionError("too few clusters")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
