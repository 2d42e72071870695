"""What a model answered, kept in the home folder, so that no name is asked about twice while nothing has changed.

    request ──▶ key (make, name, modality, what the reader found, draft) ──┬─ kept ──▶ the outcome as it was
                                                                           └─ not ──▶ the model ──▶ kept

`make` is everything else that an answer depends on: program, model and how it is asked, edition, retrieval.
Only answers and refusals are kept: what failed is tried again. A model is the dear part of a run; the reader is as
quick as a look-up would be, so what it says is not kept.

One SQLite file for all processes and threads, in which names stand as hashes only. It may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from agent.model.plain import from_plain, to_plain
from agent.model.protocol import ModelOutcome, ModelRequest
from standard.errors import StoreError

if TYPE_CHECKING:
    from standard import Catalogue

FILE = Path("cache") / "model-answers.db"
KEPT = ("answered", "refused")
UNUSED = 90 * 24 * 3600  # seconds after which the answers of a make that nobody opened are dropped
PATIENCE = 30.0  # seconds that another process may hold the file
SCHEMA = """
CREATE TABLE IF NOT EXISTS make (id TEXT PRIMARY KEY, used REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answer (make TEXT NOT NULL, key BLOB NOT NULL, outcome TEXT NOT NULL,
    PRIMARY KEY (make, key)) WITHOUT ROWID;
"""
_foreign: list[sqlite3.Connection] = []  # of the process that this one was forked from: neither used nor closed


class KeptAnswers:
    """The answers of one make. `question`: what Yingma's own model makes of name and modality, and all it sees."""

    def __init__(self, path: Path, make: Mapping[str, str], question: Callable[[str, str], str] | None = None) -> None:
        self.path, self.question = path, question
        self.make = hashlib.sha256(json.dumps(dict(sorted(make.items()))).encode()).hexdigest()[:32]
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        self._lock = threading.Lock()

    def ask(self, request: ModelRequest, fill: Callable[[], ModelOutcome]) -> ModelOutcome:
        """The outcome of a request: as it was kept, else what `fill` gives. Candidates do not count: they follow from
        the rest. StoreError where the file cannot be used."""
        key = self._key(request)
        found = self._run("SELECT outcome FROM answer WHERE make = ? AND key = ?", self.make, key)
        if found:
            return from_plain(json.loads(found[0][0]))
        outcome = fill()
        if outcome.kind in KEPT:
            text = json.dumps(to_plain(outcome), separators=(",", ":"))
            self._run("INSERT OR IGNORE INTO answer VALUES (?, ?, ?)", self.make, key, text)
        return outcome

    def _key(self, request: ModelRequest) -> bytes:
        """What tells a request from another one of the same make."""
        asked: list[object] = [request.draft, request.max_exams]
        if self.question is not None:
            asked.append(self.question(request.name, request.modality))
        else:
            asked += [request.name, request.modality, [list(each) for each in request.spans]]
        return hashlib.sha256(json.dumps(asked).encode()).digest()[:16]

    def _run(self, statement: str, *values: object) -> list[tuple[str]]:
        """The rows of one statement, which is a transaction of its own."""
        with self._lock:
            try:
                return self._open().execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise self._unusable(error) from error

    def _open(self) -> sqlite3.Connection:
        """The connection of this process; opened at the first look-up, so behind a fork."""
        if self._connection is not None and self._process != os.getpid():
            _foreign.append(self._connection)
            self._connection = None
        if self._connection is None:
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise self._unusable(error) from error
            found = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
            try:
                found.execute("PRAGMA journal_mode = WAL")
                found.execute("PRAGMA synchronous = NORMAL")  # what a power cut loses is asked again
                found.executescript(SCHEMA)
                self._used(found)
            except sqlite3.Error:
                found.close()
                raise
            self._connection, self._process = found, os.getpid()
        return self._connection

    def _used(self, connection: sqlite3.Connection) -> None:
        """This make is in use; those that were not for long are dropped."""
        now = time.time()
        connection.execute("INSERT OR REPLACE INTO make VALUES (?, ?)", (self.make, now))
        for (old,) in connection.execute("SELECT id FROM make WHERE used < ?", (now - UNUSED,)).fetchall():
            connection.execute("DELETE FROM answer WHERE make = ?", (old,))
            connection.execute("DELETE FROM make WHERE id = ?", (old,))

    def _unusable(self, error: Exception) -> StoreError:
        return StoreError(
            f"保存模型答案的文件 {self.path} 不能使用：{error}；请删除它（会重新生成），"
            "或设 YINGMA_MODEL_CACHE=false。",
            f"The file of kept model answers {self.path} cannot be used: {error}; delete it (it is made anew), or set "
            "YINGMA_MODEL_CACHE=false.",
        )


def catalogue_hash(catalogue: Catalogue) -> str:
    """Of every item: an edition of one's own may be imported again under the same id."""
    digest = hashlib.sha256()
    for code, item in sorted(catalogue.items.items()):
        digest.update(json.dumps([code, item.name, item.edition, sorted(item.elements.items())]).encode())
    return digest.hexdigest()[:16]
