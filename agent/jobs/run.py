"""Runs a job in this process, from where it is to its end.

    inputs ──▶ plan ──▶ pieces (workers; each onto the disk) ──▶ output, whole ──▶ the store: queue of review

Killed at any moment, by -9 too, main process or worker, it goes on when it is run again: pieces that are on the disk
are not worked out again, the output appears in one step, the store counts a name once. Its output does not tell.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import bulk, columns, tables
from agent.answer import Query
from agent.asking import Journal
from agent.audit.place import CONFIRM, STOPPED
from agent.budget import Meter, meter_on, prices_of
from agent.command_normalize import cells_of, write_ways
from agent.inputs import check_output, fetch, groups_of, named, targets_of
from agent.jobs import audit as auditing
from agent.jobs import feed as feeding
from agent.jobs import rerun
from agent.jobs.folder import OVER, SECRETS, Folder, JobSpec, limits_of
from agent.jobs.heard import Heard
from agent.jobs.holding import disk_error, holding
from agent.jobs.pieces import Cost, Pieces, cost_before
from agent.jobs.plan import Plan, keep_plan, kept_plan, make_plan
from agent.jobs.report import FILE as REPORT
from agent.jobs.report import make_report, tally_of
from agent.jobs.turns import turn
from agent.memory import MEMORY, Memory, read_memory
from agent.opening import open_pipeline
from agent.pipeline import Pipeline
from agent.pool import Done, Opening, Pool
from agent.settings import Settings
from agent.store import Store, end_job, now, open_store
from agent.table_ways import open_ways
from agent.table_write import forget_parts
from agent.versions import versions_of
from standard.errors import PausedError, StoppedError, YingmaError

if TYPE_CHECKING:
    from agent.model.patience import Patience
    from agent.table_ways import Ways

SCRATCH = "scratch"
WAITING = "waiting"  # the phase of a job that waits for its turn
EVERY = 0.5  # seconds between two reports
Known = dict[Query, tuple[str, ...]]  # the new cells of each name
Watch = Callable[[dict[str, Any]], None]


def run_job(folder: Folder, settings: Settings, watch: Watch = lambda status: None) -> dict[str, Any]:
    """Run it to its end; gives its status. `watch` is told the status as it goes.

    InputError where another process runs it. StoppedError when it is stopped. Whatever else ends it stands in its
    status as a sentence and is raised: it can be mended, and the job run again.
    """
    spec = folder.spec()
    with holding(folder):
        state = folder.status()["state"]
        if state == "done" and all(each.exists() for each in targets_of(spec.inputs, Path(spec.output), spec.each)):
            folder.drop(SECRETS)  # it may have been killed before it did
            return folder.status()
        if state == rerun.TO_ADOPT and not folder.has(rerun.ADOPTED):
            return folder.status()
        folder.drop("stop")
        run = _kind(spec)(folder, spec, settings, watch)
        try:
            with turn(settings.home, settings.jobs_at_once, run.waits), named(run.labels):
                run.begins()
                run.go()
        except (KeyboardInterrupt, StoppedError) as stop:
            zh, en = _stopped(spec)
            run.end("cancelled", zh, en)
            raise StoppedError(zh, en) from stop
        except PausedError as error:
            run.end("paused", error.zh, error.en)
            raise
        except YingmaError as error:
            run.end("failed", error.zh, error.en)
            raise
        except OSError as error:
            known = disk_error(folder, error)
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


def _kind(spec: JobSpec) -> type[Run]:
    """What runs a job: this module, several processes at once, or Spark."""
    if spec.engine == "local":
        return Run
    if spec.engine == "shared":
        from agent.jobs.shared_run import SharedRun

        return SharedRun
    from agent.jobs.spark_run import SparkRun

    return SparkRun


def _stopped(spec: JobSpec) -> tuple[str, str]:
    return f"已停止；用 job resume {spec.id} 继续。", f"Stopped; go on with: job resume {spec.id}."


class Run:
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
        self.labels: dict[str, str] = {}  # what to call files of the job's own
        self.store: Store | None = None
        self.row: int | None = None

    # -- the steps -----------------------------------------------------------------------------------------------------

    def go(self) -> None:
        """From where it is to its end."""
        spec = self.spec
        if self.before_pid is not None:  # it was killed; from the next report on nobody knows its number
            output = Path(spec.output)
            forget_parts(output if spec.each else output.resolve().parent, self.before_pid)
            self.folder.drop_drafts(self.before_pid)
        self.tell(force=True)
        check_output(spec.inputs, Path(spec.output), spec.each)
        scratch = self._scratch()
        secrets = self.folder.read(SECRETS) if self.folder.has(SECRETS) else {}
        fetched = fetch(spec.inputs, spec.table, secrets, scratch, Path(spec.output))
        self.labels.update(fetched.labels)
        opened = tables.open_tables(fetched.paths, spec.sheet)
        pipeline = open_pipeline(spec.edition, spec.model, device_codes=spec.device_codes, keep=True)
        base = rerun.base_of(self.folder, spec) if spec.of else None
        counts = base is None or self.folder.has(rerun.ADOPTED)
        targets = targets_of(spec.inputs, Path(spec.output), spec.each)
        ways = open_ways(groups_of(opened, spec.each), targets, scratch) if counts else None
        plan = kept_plan(self.folder, fetched)
        if plan is None and base is not None:
            plan = rerun.plan_again(self.folder, base, fetched)
        plan = plan or make_plan(self.folder, spec, fetched, opened, ways)
        self.count(rows=plan.rows, names=len(plan.queries), exams=sum(plan.counts))
        self.store = open_store(self.settings)
        if not self.folder.has("plan.json"):
            memory = read_memory(self.store, plan.queries, spec.memory)
            keep_plan(self.folder, plan, memory.to_plain() if memory else None)
        kept = self.folder.read("memory.json")
        pipeline.memory = Memory.from_plain(kept) if kept else None
        versions = versions_of(pipeline)
        pieces = Pieces(
            self.folder,
            len(plan.queries),
            bulk.step_for(spec.model, pipeline.own_model),
            {"plan": plan.key, **versions},
        )
        self.modelled = pipeline.model is not None
        self.status["versions"] = versions
        self.status["notes"] = plan.notes + auditing.stop_notes(pipeline.memory)
        if counts:
            if base is not None and rerun.kept_changes(self.folder)["make"] != pieces.key:
                raise rerun.not_as_compared(self.folder)
            first = rerun.first_of(self.folder, spec)
            content = plan.content(spec.sheet)
            self.row = self.store.write(lambda session: feeding.job_row(session, first, pipeline.versions, content))
        self.answer(pipeline, plan, pieces)
        if base is not None and not counts:
            self.phase("comparing", 0, len(plan.queries))
            other = kept != base.read("memory.json")
            self.folder.write(rerun.CHANGES, rerun.compare(base, plan, pieces, versions, spec, other))
            self.end(rerun.TO_ADOPT)
            return
        self.output(opened, ways if plan.lines else None, plan, pieces)
        shutil.rmtree(self.folder.path / SCRATCH, ignore_errors=True)
        if spec.feed != "none":
            self.feed(pipeline, plan, pieces)
        self.spend()
        self.status["ended"] = now().isoformat(timespec="seconds")
        failures = self.folder.read("failed.json")
        tally = tally_of(plan.queries, plan.counts, pieces.all())
        self.folder.write(REPORT, make_report(spec, self.status, tally, failures, pipeline))
        if base is not None:
            base.write(rerun.REPLACED, {"by": spec.id})
        self.end("done")

    def answer(self, pipeline: Pipeline, plan: Plan, pieces: Pieces) -> None:
        """Every piece that is not there yet."""
        done, missing = 0, []
        if self.modelled:
            pieces.forget_others()
        cost = cost_before(self.folder)
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
                cost = cost.plus(piece.cost)
                add(piece.start, piece.answers, piece.failed)
        self.phase("answering", done, len(plan.queries))
        self.count(**totals)
        meter = self._meter(pipeline, pieces, cost)
        workers = self._workers(pipeline, sum(end - start for start, end in missing))
        since = time.monotonic()
        with closing(self.worked_out(pipeline, plan, pieces, missing, workers)) as found:
            for each in found:
                moment = time.monotonic()
                self.status.pop("waits", None)
                pieces.keep(each, moment - since, self.modelled)
                meter.spent = meter.spent.plus(each.spent)
                cost = cost.plus((*each.spent, moment - since))
                since = moment
                done += len(each.answers)
                add(each.start, each.answers, each.failed)
                self.count(**totals)
                self.spent(meter, cost, totals[OVER])
                self.step(done, len(plan.queries))
        self.spent(meter, cost, totals[OVER])
        self.folder.write("failed.json", [[*plan.queries[at], failed[at]] for at in sorted(failed)])

    def worked_out(
        self, pipeline: Pipeline, plan: Plan, pieces: Pieces, missing: Sequence[tuple[int, int]], workers: int
    ) -> Generator[Done, None, None]:
        """Each piece that is missing, as it is done. Whoever takes it keeps it before he asks for the next one."""
        with closing(self.pool(pipeline, plan.queries, workers)) as pool:
            yield from pool.run(missing)

    def pool(self, pipeline: Pipeline, queries: Sequence[Query], workers: int) -> Pool:
        """Workers that open what this job says."""
        opening = Opening(self.spec.edition, self.spec.model, self.spec.device_codes)
        return Pool(pipeline, queries, opening, workers, self.endpoint_waits)

    def _meter(self, pipeline: Pipeline, pieces: Pieces, cost: Cost) -> Meter:
        """The pipeline asks within the job's budget, of which `cost` is spent."""
        limits = limits_of(self.folder, self.spec)
        meter = Meter(limits, prices_of(self.settings, self.spec.model), cost.spent, cost.seconds)
        journal = Journal(self.folder.answers.absolute(), pieces.key) if limits.in_order else None
        meter_on(pipeline, meter, journal, self._patience(), keep=True)
        return meter

    def _patience(self) -> Patience | None:
        """With an endpoint, which may be down."""
        if self.spec.model in ("none", "local"):
            return None
        from agent.model.patience import Patience

        return Patience(self.settings.model_wait_minutes * 60, self.settings.model_give_up_seconds)

    def output(self, opened: Sequence[tables.Table], ways: Ways | None, plan: Plan, pieces: Pieces) -> None:
        """Every row with its answer, as a file that appears whole."""
        target, inputs = Path(self.spec.output), self.spec.inputs
        self.phase("writing", 0, plan.rows)
        check_output(inputs, target, self.spec.each)
        targets = targets_of(inputs, target, self.spec.each)
        if ways is not None:
            work = bulk.Work(plan.queries, plan.rows, plan.counts)
            answers = (answer for piece in pieces.all() for answer in piece.answers)
            for way in ways:
                way.choose(plan.columns)
            rows = write_ways(targets, ways, work, answers, Counter(), self.spec.lang)
        else:
            known, rows = self._known(plan, pieces), 0
            for one, group in zip(targets, groups_of(opened, self.spec.each), strict=True):
                rows += tables.write_table(one, group, columns.OUTPUT, self._cells(group, plan, known, rows))
        if rows != plan.rows:
            raise YingmaError(
                f"写出 {rows} 行，应为 {plan.rows} 行；请重新建立任务。",
                f"{rows} rows were written and there are {plan.rows}; make the job anew.",
            )

    def _known(self, plan: Plan, pieces: Pieces) -> Known:
        answered = (answer for piece in pieces.all() for answer in piece.answers)
        return {query: cells_of(answer, self.spec.lang) for query, answer in zip(plan.queries, answered, strict=True)}

    def _cells(self, opened: Sequence[tables.Table], plan: Plan, known: Known, done: int) -> Iterator[Sequence[str]]:
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
        draws = {}
        if self.settings.audit:
            draws = auditing.drawn(
                self.folder,
                self.spec,
                self.store,
                self.row,
                pipeline.catalogue,
                pieces.all(),
                plan.queries,
                plan.counts,
            )
        held_back = dict.fromkeys(draws, CONFIRM) | dict.fromkeys(feeding.stopped(pieces), STOPPED)
        places = feeding.wanted(self.spec, pieces)
        if self.spec.of:
            places = rerun.places_to_feed(places, rerun.kept_changes(self.folder))
        places = sorted({*places, *draws})
        self.phase("feeding", 0, len(places))
        pipeline.asking = Heard(pieces, {plan.queries[place]: place for place in places})
        put_in = feeding.feed(
            self.folder,
            self.store,
            self.row,
            pipeline,
            (
                feeding.Fed(plan.queries[place], plan.counts[place], held_back.get(place, ""), draws.get(place))
                for place in places
            ),
            f"{pieces.key} {len(places)}",  # another list of names is fed from its beginning
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
        """Processes; always of their own, so that a name that kills one does not kill the job. One where the model is
        asked in the order of the names: for a budget, and where it has concurrency of its own."""
        meter = pipeline.asking.meter
        alone = (self.spec.model != "none" and not pipeline.own_model) or (meter is not None and meter.limits.in_order)
        return 1 if alone else bulk.workers_for(names, self.spec.workers, pipeline.own_model)

    # -- telling how far it is -----------------------------------------------------------------------------------------

    def endpoint_waits(self, zh: str, en: str) -> None:
        """The endpoint does not answer for now."""
        self.status["waits"] = {"zh": zh, "en": en}
        self.tell(force=True)

    def waits(self, before: int) -> None:
        """It is not its turn: so many jobs are before it."""
        self.status |= {"state": "queued", "phase": WAITING, "ahead": before, "waiter": os.getpid()}
        self.status["pid"] = self.before_pid  # what that process may have left is still to be removed
        self.tell(force="at" not in self.status)

    def begins(self) -> None:
        """It is its turn."""
        self.status |= {"state": "running", "phase": "reading", "pid": os.getpid()}
        self.status.pop("waiter", None)
        self.status.pop("ahead", None)
        self.phase_began = time.monotonic()

    def phase(self, name: str, done: int, total: int) -> None:
        """A step begins, of which something may be done."""
        self.spend()
        self.phase_began, self.phase_from = time.monotonic(), done
        self.status |= {"phase": name, "done": done, "total": total, "rate": None, "left": None}
        self.tell(force=True)

    def spend(self) -> None:
        """A step ends: its seconds."""
        if self.status["phase"] == WAITING:
            return
        spent, step = self.status["seconds"], self.status["phase"]
        spent[step] = round(spent.get(step, 0.0) + time.monotonic() - self.phase_began, 3)

    def spent(self, meter: Meter, cost: Cost, over: int) -> None:
        """What the model has cost so far. `over`: names that it was not asked about for it."""
        if not self.modelled:
            return
        self.status["spent"] = {
            **cost._asdict(),
            "cost": round(meter.cost, 6),
            "limits": {name: value for name, value in meter.limits._asdict().items() if value},
            "out": (meter.spent_out() or "minutes") if over else None,
        }

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
        self.status.pop("waiter", None)
        self.status.pop("waits", None)
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
        if state == "done":
            self.folder.drop(SECRETS)  # not before: a job that goes on reads its table again
        self.watch(self.status)
        if self.store is not None:
            self.store.close()

    def _end_row(self, state: Any) -> YingmaError | None:
        """Tell the database; what it says where it does not answer."""
        store, row = self.store, self.row
        if store is None or row is None:
            return None
        ended: Any = "failed" if state == "paused" else state
        try:
            store.write(
                lambda session: end_job(session, feeding.row_of(session, row), ended, self.status["counts"], now())
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
        if answer[4] == OVER:
            totals[OVER] += 1
            totals[f"{OVER}_exams"] += exams
    totals["failed"] += len(failed)
