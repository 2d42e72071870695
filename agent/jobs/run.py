"""Runs a job in this process, from where it is to its end.

    inputs ──▶ plan ──▶ pieces (workers; each onto the disk) ──▶ output, whole ──▶ the store: queue of review

Killed at any moment, by -9 too, main process or worker, it goes on when it is run again: pieces that are on the disk
are not worked out again, the output appears in one step, the store counts a name once. Its output does not tell.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import bulk, columns, tables
from agent.answer import Query
from agent.command_normalize import cells_of, write_lines
from agent.jobs import feed as feeding
from agent.jobs.folder import Folder, JobSpec
from agent.jobs.pieces import Pieces
from agent.jobs.plan import Plan, keep_plan, kept_plan, make_plan, open_inputs
from agent.jobs.report import FILE as REPORT
from agent.jobs.report import make_report
from agent.memory import MEMORY, Memory, read_memory
from agent.opening import open_pipeline
from agent.pipeline import Pipeline
from agent.pool import Opening, Pool
from agent.settings import Settings
from agent.store import Store, end_job, now, open_store
from agent.table_lines import Lines, open_lines
from standard.errors import InputError, StoppedError, YingmaError

if TYPE_CHECKING:
    from agent.table_frames import Frames

SCRATCH = "scratch"
EVERY = 0.5  # seconds between two reports
PATIENCE = 15.0  # seconds that a job whose process was killed may be held by what is left of it
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
Watch = Callable[[dict[str, Any]], None]


def run_job(folder: Folder, settings: Settings, watch: Watch = lambda status: None) -> dict[str, Any]:
    """Run it to its end; gives its status. `watch` is told the status as it goes.

    InputError where another process runs it. StoppedError when it is stopped. Whatever else ends it stands in its
    status as a sentence and is raised: it can be mended, and the job run again.
    """
    spec = folder.spec()
    with _held(folder):
        if folder.status()["state"] == "done" and Path(spec.output).exists():
            return folder.status()
        folder.drop("stop")
        run = _Run(folder, spec, settings, watch)
        try:
            run.go()
        except (KeyboardInterrupt, StoppedError) as stop:
            zh, en = _stopped(spec)
            run.end("cancelled", zh, en)
            raise StoppedError(zh, en) from stop
        except YingmaError as error:
            run.end("failed", error.zh, error.en)
            raise
        except OSError as error:
            known = _disk(folder, error)
            run.end("failed", known.zh, known.en)
            raise known from error
        except Exception as error:
            if folder.has("stop"):  # the signal may have hit a library, which makes an error of its own of it
                zh, en = _stopped(spec)
                run.end("cancelled", zh, en)
                raise StoppedError(zh, en) from error
            run.end("failed", f"程序出错（{type(error).__name__}）：{error}", f"{type(error).__name__}: {error}")
            raise
        return run.status


def _stopped(spec: JobSpec) -> tuple[str, str]:
    return f"已停止；用 job resume {spec.id} 继续。", f"Stopped; go on with: job resume {spec.id}."


@contextmanager
def _held(folder: Folder) -> Iterator[None]:
    """Hold the job. Workers of a process that was killed end in a moment; until then they may hold it."""
    limit = time.monotonic() + PATIENCE
    while True:
        with folder.held() as mine:
            if mine:
                yield
                return
        if _alive(folder.status().get("pid")) or time.monotonic() > limit:
            raise InputError(
                f"任务 {folder.id} 正在运行；用 job show {folder.id} 查看，或用 job cancel {folder.id} 停止。",
                f"The job {folder.id} is running; look at it with job show {folder.id}, stop it with "
                f"job cancel {folder.id}.",
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


def _disk(folder: Folder, error: OSError) -> YingmaError:
    full = error.errno in FULL
    zh = "磁盘已满" if full else str(error.strerror or error)
    en = "the disk is full" if full else str(error.strerror or error)
    return YingmaError(
        f"任务 {folder.id} 不能写入 {folder.path}：{zh}；已完成的部分保留，腾出空间或改正权限后用 job resume 继续。",
        f"The job {folder.id} cannot write to {folder.path}: {en}; what is done is kept, make room or mend the "
        "permissions and go on with job resume.",
    )


class _Run:
    """One run of a job."""

    def __init__(self, folder: Folder, spec: JobSpec, settings: Settings, watch: Watch) -> None:
        self.folder, self.spec, self.settings, self.watch = folder, spec, settings, watch
        before = folder.status()
        self.before_pid = before.get("pid")
        self.status: dict[str, Any] = {
            "state": "running",
            "phase": "reading",
            "pid": os.getpid(),
            "started": before.get("started") or now().isoformat(timespec="seconds"),
            "counts": {},
            "seconds": dict(before.get("seconds", {})),  # of each step, of all runs together
        }
        self.told = 0.0
        self.phase_began, self.phase_from = time.monotonic(), 0
        self.store: Store | None = None
        self.row: int | None = None

    # -- the steps -----------------------------------------------------------------------------------------------------

    def go(self) -> None:
        """From where it is to its end."""
        spec = self.spec
        self.tell(force=True)
        tables.check_output(Path(spec.output), [Path(each) for each in spec.inputs])
        opened = open_inputs(spec)
        pipeline = open_pipeline(spec.edition, spec.model, device_codes=spec.device_codes)
        lines = open_lines(opened, Path(spec.output), self._scratch())
        plan = kept_plan(self.folder) or make_plan(self.folder, spec, opened, lines)
        self.count(rows=plan.rows, names=len(plan.queries))
        self.store = open_store(self.settings)
        if not self.folder.has("plan.json"):
            memory = read_memory(self.store, plan.queries) if spec.memory else None
            keep_plan(self.folder, plan, memory.to_plain() if memory else None)
        kept = self.folder.read("memory.json")
        pipeline.memory = Memory.from_plain(kept) if kept else None
        make = {"program": version("yingma"), "plan": plan.key, **pipeline.versions}
        pieces = Pieces(self.folder, len(plan.queries), bulk.step_for(spec.model, pipeline.own_model), make)
        self.status["versions"] = dict(pipeline.versions)
        self.status["notes"] = plan.notes
        self.row = self.store.write(lambda session: feeding.job_row(session, spec, pipeline.versions))
        self.answer(pipeline, plan, pieces)
        self.output(opened, lines if plan.lines else None, plan, pieces)
        shutil.rmtree(self.folder.path / SCRATCH, ignore_errors=True)
        if spec.feed != "none":
            self.feed(pipeline, plan, pieces)
        self.spend()
        self.status["ended"] = now().isoformat(timespec="seconds")
        failures = self.folder.read("failed.json")
        report = make_report(spec, self.status, plan.queries, plan.counts, pieces.all(), failures, pipeline)
        self.folder.write(REPORT, report)
        self.end("done")

    def answer(self, pipeline: Pipeline, plan: Plan, pieces: Pieces) -> None:
        """Every piece that is not there yet."""
        done, missing = 0, []
        totals: Counter[str] = Counter()
        failed: dict[int, str] = {}

        def add(start: int, answers: Sequence[Sequence[str]], faults: dict[int, str]) -> None:
            _add(totals, answers, plan.counts[start : start + len(answers)], faults)
            failed.update({start + place: fault for place, fault in faults.items()})

        for place in pieces.places():
            piece = pieces.find(place[0])
            if piece is None:
                missing.append(place)
            else:
                done += len(piece.answers)
                add(piece.start, piece.answers, piece.failed)
        self.phase("answering", done, len(plan.queries))
        self.count(**totals)
        workers = self._workers(pipeline, sum(end - start for start, end in missing))
        opening = Opening(self.spec.edition, self.spec.model, self.spec.device_codes)
        with closing(Pool(pipeline, plan.queries, opening, workers)) as pool:
            for each in pool.run(missing):
                pieces.keep(each)
                done += len(each.answers)
                add(each.start, each.answers, each.failed)
                self.count(**totals)
                self.step(done, len(plan.queries))
        self.folder.write("failed.json", [[*plan.queries[at], failed[at]] for at in sorted(failed)])

    def output(self, opened: Sequence[tables.Table], lines: Lines | Frames | None, plan: Plan, pieces: Pieces) -> None:
        """Every row with its answer, as a file that appears whole."""
        target = Path(self.spec.output)
        self.phase("writing", 0, plan.rows)
        if self.before_pid is not None:  # it may have been killed between the name of its output and its place
            (target.resolve().parent / f".yingma-{self.before_pid}.part").unlink(missing_ok=True)
        tables.check_output(target, [Path(each) for each in self.spec.inputs])
        if lines is None:
            rows = tables.write_table(target, opened, columns.OUTPUT, self._cells(opened, plan, pieces))
        else:
            work = bulk.Work(plan.queries, plan.rows, plan.counts)
            answers = (answer for piece in pieces.all() for answer in piece.answers)
            lines.choose(plan.columns)
            rows = write_lines(target, lines, work, answers, Counter(), self.spec.lang)
        if rows != plan.rows:
            raise YingmaError(
                f"写出 {rows} 行，应为 {plan.rows} 行；请重新建立任务。",
                f"{rows} rows were written and there are {plan.rows}; make the job anew.",
            )

    def _cells(self, opened: Sequence[tables.Table], plan: Plan, pieces: Pieces) -> Iterator[Sequence[str]]:
        known: dict[Query, tuple[str, ...]] = {}
        answered = (answer for piece in pieces.all() for answer in piece.answers)
        for query, answer in zip(plan.queries, answered, strict=True):
            known[query] = cells_of(answer, self.spec.lang)
        done = 0
        for table in opened:
            for query in bulk.queries_of(table, plan.columns):
                yield known[query]
                done += 1
                if done % 5000 == 0:
                    self.step(done, plan.rows)

    def feed(self, pipeline: Pipeline, plan: Plan, pieces: Pieces) -> None:
        """What is for review, into the store."""
        assert self.store is not None
        assert self.row is not None
        places = feeding.wanted(self.spec, pieces)
        self.phase("feeding", 0, len(places))
        put_in = feeding.feed(
            self.folder,
            self.spec,
            self.store,
            self.row,
            pipeline,
            places,
            plan.queries,
            plan.counts,
            pieces.key,
            lambda done: self.step(done, len(places)),
        )
        self.count(**dict(feeding.notes(put_in)))

    def _scratch(self) -> Path:
        """A folder for what is needed on the way, empty: what another run left in it is of no use."""
        folder = self.folder.path / SCRATCH
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        return folder

    def _workers(self, pipeline: Pipeline, names: int) -> int:
        """Processes; always of their own, so that a name that kills one does not kill the job."""
        alone = self.spec.model != "none" and not pipeline.own_model
        return 1 if alone else bulk.workers_for(names, self.spec.workers, pipeline.own_model)

    # -- telling how far it is -----------------------------------------------------------------------------------------

    def phase(self, name: str, done: int, total: int) -> None:
        """A step begins, of which something may be done."""
        self.spend()
        self.phase_began, self.phase_from = time.monotonic(), done
        self.status |= {"phase": name, "done": done, "total": total, "rate": None, "left": None}
        self.tell(force=True)

    def spend(self) -> None:
        """A step ends: its seconds."""
        spent, step = self.status["seconds"], self.status["phase"]
        spent[step] = round(spent.get(step, 0.0) + time.monotonic() - self.phase_began, 3)

    def step(self, done: int, total: int) -> None:
        """So much is done of it."""
        seconds = time.monotonic() - self.phase_began
        rate = (done - self.phase_from) / seconds if seconds > 0 else 0.0
        left = (total - done) / rate if rate else None
        self.status |= {"done": done, "total": total, "rate": round(rate, 1)}
        self.status["left"] = None if left is None else round(left, 1)
        self.tell()

    def count(self, **counts: int) -> None:
        """Numbers of the job."""
        self.status["counts"] = {**self.status["counts"], **counts}

    def tell(self, force: bool = False) -> None:
        """Report, and stop where that was asked for."""
        moment = time.monotonic()
        if not force and moment - self.told < EVERY:
            return
        self.told = moment
        self.status["at"] = now().isoformat(timespec="milliseconds")
        self.folder.write("status.json", self.status, sync=False)
        self.watch(self.status)
        if self.folder.has("stop"):
            raise StoppedError("已停止。", "Stopped.")

    def end(self, state: str, zh: str = "", en: str = "") -> None:
        """It has ended: in its status, and in the database as far as that answers."""
        if state != "done":
            self.spend()
        self.status |= {"state": state, "ended": now().isoformat(timespec="seconds"), "pid": None}
        self.status |= {"sentence": {"zh": zh, "en": en}, "rate": None, "left": None}
        if state == "done":
            self.status["phase"] = "done"
        trouble = self._end_row(state)
        if trouble is not None and state == "done":
            raise trouble
        try:
            self.folder.write("status.json", self.status)
        except OSError:
            if state == "done":
                raise  # else what is told now is worse than that it cannot be kept: it shows as interrupted
        self.watch(self.status)
        if self.store is not None:
            self.store.close()

    def _end_row(self, state: Any) -> YingmaError | None:
        """Tell the database; what it says where it does not answer."""
        store, row = self.store, self.row
        if store is None or row is None:
            return None
        try:
            store.write(
                lambda session: end_job(session, feeding.row_of(session, row), state, self.status["counts"], now())
            )
        except YingmaError as error:
            return error
        return None


def _add(totals: Counter[str], answers: Sequence[Sequence[str]], counts: Sequence[int], failed: dict[int, str]) -> None:
    """Count answers: names and exams by route, what memory answered, what failed."""
    for answer, exams in zip(answers, counts, strict=True):
        totals[answer[0]] += 1
        totals[f"{answer[0]}_exams"] += exams
        totals["memory"] += answer[4] in MEMORY
    totals["failed"] += len(failed)
