"""The folder of a job: what was asked, how far it is, its answers piece by piece. Every file appears whole or not.

    YINGMA_HOME/jobs/<id>/  spec.json     what was asked; never changes
                            status.json   state, phase, counts, rate; replaced as it goes
                            plan.json     fingerprints of the inputs, columns, rows, names; with names.json, memory.json
                            answers/      a file a piece, with the key of what it was made with
                            spent.json    what answers that were forgotten had cost
                            limits.json   a budget that was given later
                            secrets.json  passwords of databases that it reads, until it is done; for its owner's eyes
                            fed.json      up to which piece the store was fed
                            lock          held by the process that runs the job

States: queued, running, done, cancelled, paused (its endpoint is down), failed; to_adopt: a job run again, whose
changes wait to be looked at; and interrupted: it says running, or that it waits for its turn, and no process holds its
lock.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.budget import Limits
from standard.errors import InputError, Lang

FORMAT = 1
LIMITS = "limits.json"
SECRETS = "secrets.json"
OVER = "over_budget"  # the reason of a name that the model was not asked about
ID = re.compile(r"[\w][\w.\-]{0,63}")
State = Literal["queued", "running", "to_adopt", "done", "cancelled", "paused", "failed", "interrupted"]
Feed = Literal["none", "review", "all"]
Engine = Literal["local", "shared", "spark"]
HELD: set[int] = set()  # locks of this process; a forked child lets go of them


class JobSpec(BaseModel):
    """What was asked of a job. Paths are absolute. `columns`: the index of each, where it is known and not guessed by
    header; `count_column`: "" where rows are counted. `uid` tells it from another one of the same name. `of`: the job
    that it runs again."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    id: str
    uid: str
    created: str
    inputs: list[str]  # paths of files, addresses of databases without passwords
    table: str | None = None
    output: str
    each: bool = False  # the inputs are those of a folder, and so is the output
    columns: tuple[int, int | None, int | None] | tuple[int, int | None, int | None, int | None] | None = None
    name_column: str | None = None
    modality_column: str | None = None
    institution_column: str | None = None
    count_column: str | None = None
    sheet: str | None = None
    edition: str | None = None
    model: str = "none"
    workers: int = 0
    device_codes: bool = False
    memory: bool = True
    limits: Limits = Limits()
    feed: Feed = "review"
    lang: Lang = "zh"
    user_id: int | None = None
    user: str = ""
    title: str = ""
    of: str = ""
    engine: Engine = "local"
    format: int = FORMAT


class Folder:
    """The folder of one job."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers = path / "answers"

    @property
    def id(self) -> str:
        """The name of the job."""
        return self.path.name

    def spec(self) -> JobSpec:
        """What was asked. InputError where it cannot be read."""
        try:
            return JobSpec.model_validate(self.read("spec.json"))
        except (ValidationError, OSError, ValueError) as error:
            raise InputError(
                f"任务 {self.id} 的文件读不出来，或由另一个版本建立；请重新建立任务。",
                f"The files of the job {self.id} cannot be read, or are of another version; make it anew.",
            ) from error

    def status(self) -> dict[str, Any]:
        """How far it is: `state` and, as far as known, phase, counts, rate and times."""
        try:
            found: dict[str, Any] = self.read("status.json")
        except (OSError, ValueError):
            found = {"state": "queued"}
        if found.get("state") == "running" and not self.running():
            again: dict[str, Any] = self.read("status.json")  # it may have ended between
            found = again if again.get("state") != "running" else {**found, "state": "interrupted"}
        elif found.get("state") == "queued" and found.get("waiter") and not self.running():
            found = {**found, "state": "interrupted"}  # what waited was killed
        return found

    def running(self) -> bool:
        """Whether a process holds the job."""
        try:
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(handle)

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the job while the block runs; False where another process does."""
        handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _locked(handle):
                yield False
                return
            HELD.add(handle)
            yield True
        finally:
            HELD.discard(handle)
            os.close(handle)

    def read(self, name: str) -> Any:
        """A file of JSON. OSError or ValueError where there is none that holds."""
        return json.loads((self.path / name).read_bytes())

    def write(self, name: str, value: Any, sync: bool = True) -> None:
        """A file of JSON, whole or not at all; on the disk when this returns, if asked for."""
        write_whole(self.path / name, json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode(), sync)

    def hide(self, name: str, value: Any) -> None:
        """A file of JSON that nobody else may read."""
        handle = os.open(self.path / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(value, file)

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return (self.path / name).exists()

    def drop_drafts(self, process: int) -> None:
        """Remove the files that a process, which was killed, had not yet given their names."""
        for draft in (*self.path.glob(f".*.{process}"), *self.answers.glob(f".*.{process}")):
            draft.unlink(missing_ok=True)

    def drop(self, name: str) -> None:
        """Remove a file, if it is there."""
        (self.path / name).unlink(missing_ok=True)


def limits_of(folder: Folder, spec: JobSpec) -> Limits:
    """The budget of a job: what was given last."""
    return Limits(*folder.read(LIMITS)) if folder.has(LIMITS) else spec.limits


def _locked(handle: int) -> bool:
    """Take the lock; tried for a moment, since who only looks whether it is held holds it, too."""
    for _ in range(20):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return True
    return False


def write_whole(path: Path, data: bytes, sync: bool = True) -> None:
    """A file beside, then its name: a reader sees the old one or the new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(draft, "wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """The names in a folder, onto the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def jobs_folder(home: Path) -> Path:
    """Where all jobs lie."""
    return home / "jobs"


def new_job(home: Path, options: Mapping[str, Any], created: str) -> Folder:
    """A job that waits to be run. `options`: the fields of JobSpec; the id is made up where none is given.

    InputError for an id that is no name of a folder, or is taken.
    """
    given = str(options.get("id") or "").strip()
    name = given or f"{created[:19].replace('-', '').replace(':', '').replace('T', '-')}-{secrets.token_hex(2)}"
    if not ID.fullmatch(name):
        raise InputError(
            f"任务名 {name!r} 不成立；请用 1 到 64 个字母、数字、汉字、下划线、点或减号，不以点或减号开头。",
            f"{name!r} is no name of a job; use 1 to 64 letters, digits, underscores, dots or dashes, and begin with "
            "a letter or digit.",
        )
    spec = JobSpec.model_validate({**options, "id": name, "uid": secrets.token_hex(8), "created": created})
    folder = Folder(jobs_folder(home) / name)
    draft = folder.path.with_name(f".{name}.{secrets.token_hex(4)}")
    (draft / "answers").mkdir(parents=True, mode=0o700)
    try:
        Folder(draft).write("spec.json", spec.model_dump())
        Folder(draft).write("status.json", {"state": "queued"})
        draft.rename(folder.path)  # fails where there is one: it is not empty
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        if not folder.path.exists():
            raise
        raise InputError(
            f"已有任务 {name}；请换一个名字，或用 job resume {name} 继续它。",
            f"There is a job {name}; take another name, or go on with it: job resume {name}.",
        ) from error
    sync_folder(folder.path.parent)
    return folder


def find_job(home: Path, name: str) -> Folder:
    """The job of a name. InputError where there is none."""
    folder = Folder(jobs_folder(home) / name)
    if not ID.fullmatch(name) or not folder.has("spec.json"):
        known = job_ids(home)[:5]
        raise InputError(
            f"没有任务 {name}；" + (f"最近的有：{'、'.join(known)}。" if known else "还没有任何任务。"),
            f"There is no job {name}; " + (f"the newest are {', '.join(known)}." if known else "there is none yet."),
        )
    return folder


def job_ids(home: Path) -> list[str]:
    """The names of all jobs, the newest first."""
    found = []
    with suppress(FileNotFoundError):
        for path in jobs_folder(home).iterdir():
            if not path.name.startswith("."):
                with suppress(OSError):
                    found.append(((path / "spec.json").stat().st_mtime_ns, path.name))
    return [name for _, name in sorted(found, reverse=True)]


def _let_go() -> None:
    """A forked worker does not hold the job: when its parent is killed, another process takes it over."""
    for handle in HELD:
        os.close(handle)
    HELD.clear()


os.register_at_fork(after_in_child=_let_go)
