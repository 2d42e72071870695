"""A job on Spark: the same steps as run.py's, but the rows stay where Spark has them.

    inputs ──▶ memory ──▶ spark/answers (parquet, whole) ──▶ output, a folder that appears whole ──▶ store, report

What is kept is the whole of the answers: a job that was killed before that begins anew, one that was killed after it
goes on with the output, and with the store where its output is there. Names come to the driver only as far as they are
for review, a part of them at a time.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import columns
from agent.answer import Query
from agent.jobs import audit as auditing
from agent.jobs import feed as feeding
from agent.jobs.pieces import key_of
from agent.jobs.plan import changed, stamp
from agent.jobs.report import FILE as REPORT
from agent.jobs.report import REREAD, UNEXPLAINED, Tally, make_report
from agent.jobs.run import Run
from agent.memory import MEMORY, Memory, load_all
from agent.opening import open_pipeline
from agent.pipeline import Pipeline
from agent.spark import engine
from agent.spark.answering import EXAMS, KEY, Make
from agent.store import now, open_store
from agent.versions import versions_of
from standard.errors import InputError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ANSWERS = Path("spark") / "answers"
MADE = "spark.json"  # what the answers were made with; there when they are whole
WRITTEN = "spark_output.json"  # the answers whose output is whole, and takes its name now or has it
FAILURES = 10_000  # names that failed, which are told one by one


class SparkRun(Run):
    """One run of a job on Spark."""

    def go(self) -> None:
        """From where it is to its end."""
        spec = self.spec
        self.tell(force=True)
        inputs, output = [Path(each) for each in spec.inputs], Path(spec.output)
        if spec.model not in ("none", "local"):
            raise InputError(
                "--engine spark 只能用 --model none 或 local：每个工作进程都会各自去问服务，并发和预算都管不住。",
                "--engine spark takes --model none or local only: every worker would ask the endpoint by itself, past "
                "any limit of questions and budget.",
            )
        engine.check_paths(inputs, output, self._is_mine(output))
        pipeline = open_pipeline(spec.edition, spec.model, device_codes=spec.device_codes)
        if spec.model == "local" and not pipeline.own_model:
            raise InputError(
                "--engine spark 的 --model local 只能是影码自带的模型；请去掉 YINGMA_MODEL_PATH。",
                "With --engine spark, --model local is Yingma's own model only; unset YINGMA_MODEL_PATH.",
            )
        with engine.session(self.settings, spec.id) as spark:
            self._check_inputs(inputs)
            rows = engine.read_rows(spark, inputs, spec.name_column, spec.modality_column, spec.institution_column)
            self.store = open_store(self.settings)
            self.row = self.store.write(lambda session: feeding.job_row(session, spec, pipeline.versions))
            answers = self._answers(spark, pipeline, rows)
            self._notes(rows)
            self._count(answers)
            key = str(self.folder.read(MADE)["key"])
            self._output(rows, answers, output, key)
            if spec.feed != "none":
                self._feed(pipeline, answers, key)
            self.spend()
            self.status["ended"] = now().isoformat(timespec="seconds")
            self._report(pipeline, answers)
        self.end("done")

    def _check_inputs(self, inputs: list[Path]) -> None:
        """They are as they were when the job began. Their bytes are not compared: there may be terabytes."""
        found = [[str(file), *stamp(file)] for file in engine.files_of(inputs)]
        if self.folder.has("plan.json"):
            before = self.folder.read("plan.json")["inputs"]
            if found != before:
                raise changed(", ".join(self.spec.inputs))
        else:
            self.folder.write("plan.json", {"inputs": found})

    def _answers(self, spark: SparkSession, pipeline: Pipeline, rows: engine.Rows) -> DataFrame:
        """The answers of all names, worked out unless they are there."""
        versions = versions_of(pipeline)
        self.status["versions"] = versions
        folder = self.folder.path / ANSWERS
        key = key_of({**versions, "columns": str(list(rows.columns))})
        if not (self.folder.has(MADE) and self.folder.read(MADE)["key"] == key):
            self.phase("reading", 0, 0)
            self.folder.drop(MADE)
            folder.parent.mkdir(mode=0o700, exist_ok=True)
            names = engine.write_names(rows, folder.with_name("names"))
            count = names.count()
            if not self.folder.has("memory.json"):
                self.folder.write("memory.json", self._memory(names))
            self.count(names=count)
            self.phase("answering", 0, 0)
            spec = self.spec
            memory = self.folder.read("memory.json")
            make = Make(spec.edition, spec.model, spec.device_codes, spec.lang, versions, memory)
            engine.write_answers(names, count, make, folder)
            self.folder.write(MADE, {"key": key})
        return spark.read.parquet(engine.uri(folder))

    def _notes(self, rows: engine.Rows) -> None:
        """What a person should know of this job: a column of counts is not used; acceptance is stopped somewhere."""
        spec, notes = self.spec, []
        asked = spec.name_column, spec.modality_column, spec.institution_column
        count = columns.choose(rows.header, spec.inputs[0], *asked, spec.count_column).exams
        if count is not None:
            column = rows.header[count]
            notes.append(
                [
                    f"列 {column} 像是检查数，但 Spark 上的任务不用它；检查按行计。",
                    f"The column {column} looks like a count of exams, but a job on Spark does not use it: each row is "
                    "an exam.",
                ]
            )
        memory = self.folder.read("memory.json")
        self.status["notes"] = notes + auditing.stop_notes(Memory.from_plain(memory) if memory else None)

    def _memory(self, names: DataFrame) -> dict[str, Any] | None:
        """What people decided, of all names: the driver does not have them."""
        assert self.store is not None
        institutions = [row[0] for row in names.select(KEY[2]).distinct().collect()]
        with self.store.reading() as session:
            memory = load_all(session, institutions, self.spec.memory)
        return memory.to_plain() if memory else None

    def _count(self, answers: DataFrame) -> None:
        """Names and exams by route and reason, for the status and the report."""
        from pyspark.sql import functions as f

        grouped = answers.groupBy("yingma_route", "yingma_reason_id").agg(f.count(f.lit(1)), f.sum(EXAMS)).collect()
        self.tally = Tally()
        counts: Counter[str] = Counter()
        for route, reason, names, exams in grouped:
            self.tally.names[route, reason] += names
            self.tally.exams[route, reason] += exams
            counts[route] += names
            counts[f"{route}_exams"] += exams
            counts["names"] += names
            counts["rows"] += exams
            counts["exams"] += exams
            counts["memory"] += names if reason in MEMORY else 0
            counts["failed"] += names if reason == feeding.FAILED else 0
        self.count(**{"memory": 0, "failed": 0, "rows": 0, "exams": 0, "names": 0, **counts})

    def _output(self, rows: engine.Rows, answers: DataFrame, output: Path, key: str) -> None:
        """The rows beside the output, and then under its name; nothing where they are there. `key`: of the answers.

        InputError where the output is there and is not of these answers.
        """
        if self._is_mine(output) and self.folder.read(WRITTEN)["key"] == key:
            return
        self.phase("writing", 0, 0)
        engine.check_paths([], output)
        draft = self._draft(output)
        self.folder.drop(WRITTEN)
        shutil.rmtree(draft, ignore_errors=True)
        engine.write_output(rows, answers, draft)
        self.folder.write(WRITTEN, {"key": key})
        draft.rename(output.resolve())

    def _is_mine(self, output: Path) -> bool:
        """Whether the output is there and this job wrote it: marked as whole, its draft has taken its name."""
        return self.folder.has(WRITTEN) and output.is_dir() and not self._draft(output).exists()

    def _draft(self, output: Path) -> Path:
        return output.resolve().with_name(f".{output.name}.{self.spec.uid}.part")

    def _feed(self, pipeline: Pipeline, answers: DataFrame, key: str) -> None:
        from pyspark.sql import functions as f

        assert self.store is not None
        assert self.row is not None
        wanted = answers.where(f.col("yingma_reason_id") != feeding.FAILED)
        if self.spec.feed == "review":
            asked = (f.col("yingma_route") == "review") | f.col("yingma_reason_id").isin(sorted(MEMORY))
            wanted = wanted.where(asked)
        total = wanted.count()
        self.phase("feeding", 0, total)
        put_in = feeding.feed(
            self.folder,
            self.store,
            self.row,
            pipeline,
            engine.fed(wanted, total) if total else (),
            key,
            lambda done: self.step(done, total),
        )
        self.count(**dict(feeding.notes(put_in)))

    def _report(self, pipeline: Pipeline, answers: DataFrame) -> None:
        from pyspark.sql import functions as f

        unread = answers.where(f.col("yingma_reason_id").isin(sorted(UNEXPLAINED)))
        self.tally.unexplained = unread.count()
        most = unread.select(*KEY, EXAMS).orderBy(f.desc(EXAMS), *KEY).limit(REREAD).collect()
        self.tally.unread = [(int(row[3]), Query(*row[:3])) for row in most]
        failed = answers.where(f.col("yingma_reason_id") == feeding.FAILED).select(*KEY, "yingma_fault")
        failures = [list(row) for row in failed.orderBy(*KEY).limit(FAILURES).collect()]
        self.folder.write("failed.json", failures)
        report = make_report(self.spec, self.status, self.tally, failures, pipeline)
        self.folder.write(REPORT, report)
