"""What the driver asks of Spark: read, find the distinct names, have them answered, join, put in order, write.

Only parquet, in and out: there a cell is a cell. Spark reads csv otherwise than the csv module does (quotes, newlines
in cells, GB18030), and what one machine reads of csv in a minute needs no Spark.

A join loses the order of rows, and Spark hands out files by size. So a row is known by its file (they are put in the
order of their names) and its place in it, and the output is sorted by that.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from agent.answer import Query
from agent.audit.place import STOPPED
from agent.columns import OUTPUT, Columns
from agent.jobs.feed import Fed
from agent.spark.answering import EXAMS, FRAME, KEY, MARK, Make, answer_frames
from standard.errors import InputError, YingmaError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from agent.settings import Settings

ENDING = ".parquet"
FILE, PATH, ROW = "yingma_file", "yingma_path", "yingma_row"
OURS = frozenset((*FRAME, FILE, PATH, ROW))
_GLOB = re.compile(r"[\[\]{}*?\\]")  # what Spark would take for a pattern of files
NAMES_A_TASK = 20_000  # distinct names; some seconds of one core without a model
NAMES_A_PART = 50_000  # that the driver holds at a time
BYTES_A_TASK = 16_000_000  # of parquet, where Spark runs on this machine
SETTINGS = {  # beside what the user's own spark-defaults.conf says
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.sql.caseSensitive": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.executorEnv.OMP_NUM_THREADS": "1",
}


class Rows(NamedTuple):
    """The exams: every column, with the place of each row and its name; the columns of the input."""

    frame: DataFrame
    header: tuple[str, ...]
    columns: Columns


def need_spark() -> None:
    """InputError, with the remedy, where pyspark is not installed."""
    if importlib.util.find_spec("pyspark") is None or importlib.util.find_spec("pyarrow") is None:
        raise InputError(
            "没有安装 Spark；请运行 .venv/bin/uv sync --inexact --extra spark（另需 Java 17 或以上），"
            "或去掉 --engine spark 在本机运行。",
            "Spark is not installed; run .venv/bin/uv sync --inexact --extra spark (it needs Java 17 or later), or "
            "leave --engine spark out and run on this machine.",
        )


@contextmanager
def session(settings: Settings, name: str) -> Iterator[SparkSession]:
    """Spark while the block runs. InputError, with the remedy, where pyspark or Java is not there."""
    need_spark()
    with warnings.catch_warnings():  # only plain texts and whole numbers pass, which pandas 3 treats as pandas 2 did
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        with _session(settings, name) as spark:
            yield spark


@contextmanager
def _session(settings: Settings, name: str) -> Iterator[SparkSession]:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(f"yingma {name}").master(settings.spark_master)
    if settings.spark_master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
    for key, value in SETTINGS.items():
        builder = builder.config(key, value)
    for key, value in os.environ.items():
        if key.startswith("YINGMA_") and key not in ("YINGMA_MODEL_KEY", "YINGMA_DATABASE_URL"):
            builder = builder.config(f"spark.executorEnv.{key}", value)
    try:
        with _utf8():
            spark = builder.getOrCreate()
    except (PySparkException, OSError, RuntimeError) as error:
        raise InputError(
            f"Spark 不能启动（{_first_line(error)}）；请检查 JAVA_HOME（Java 17 或以上）和 YINGMA_SPARK_MASTER。",
            f"Spark does not start ({_first_line(error)}); check JAVA_HOME (Java 17 or later) and YINGMA_SPARK_MASTER.",
        ) from error
    try:
        with telling():
            yield spark
    finally:
        with suppress(Py4JError, ConnectionError):  # where the JVM has gone already, there is nothing to stop
            spark.stop()


@contextmanager
def _utf8() -> Iterator[None]:
    """A locale of UTF-8 while the JVM starts: by it, Java reads the names of files, and else finds no Chinese one."""
    before = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = "C.UTF-8"
    try:
        yield
    finally:
        if before is None:
            del os.environ["LC_ALL"]
        else:
            os.environ["LC_ALL"] = before


@contextmanager
def telling() -> Iterator[None]:
    """What Spark raises, as one sentence; what a worker of ours said, as its own."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as error:
        said = re.search(re.escape(MARK) + r'(\[".*?"\])', str(error))
        if said:
            raise YingmaError(*json.loads(said[1])) from error
        raise YingmaError(
            f"Spark 出错：{_first_line(error)}；已写好的答案保留，改正后用 job resume 继续。",
            f"Spark failed: {_first_line(error)}; answers that were written are kept, mend it and go on with job "
            "resume.",
        ) from error


def check_paths(inputs: Sequence[Path], output: Path, mine: bool = False) -> None:
    """InputError where an input is no parquet file or folder of such, or the output is there already and not `mine`,
    written by the same job before it was killed."""
    for path in (*inputs, output):
        if path.suffix.lower() != ENDING:
            raise InputError(
                f"{path}：--engine spark 只读写 parquet；csv、tsv、xlsx 请去掉 --engine spark 在本机运行。",
                f"{path}: --engine spark reads and writes parquet only; leave it out for csv, tsv and xlsx.",
            )
    for path in inputs:
        if not path.exists():
            raise InputError(f"没有文件 {path}；请检查路径。", f"There is no file {path}; check the path.")
    if output.exists() and not mine:
        raise InputError(
            f"{output} 已存在；Spark 写一个文件夹，请换一个名字，或先移走它。",
            f"{output} is there already; Spark writes a folder, so choose another name or move it away first.",
        )
    if not output.resolve().parent.is_dir():
        raise InputError(
            f"目录 {output.resolve().parent} 不存在；请先建立。",
            f"The folder {output.resolve().parent} does not exist; make it first.",
        )


def files_in(inputs: Sequence[Path]) -> list[Path]:
    """The parquet files, those of a folder by name, as Spark numbers its parts. InputError for an empty folder."""
    found: list[Path] = []
    for path in inputs:
        parts = [path] if path.is_file() else sorted(each for each in path.rglob(f"*{ENDING}") if each.is_file())
        parts = [each for each in parts if not any(step[0] in "_." for step in each.relative_to(path).parts)]
        if not parts:
            raise InputError(f"{path} 里没有 parquet 文件。", f"There is no parquet file in {path}.")
        found += parts
    return found


def files_of(inputs: Sequence[Path]) -> list[Path]:
    """The same, checked to have the same columns.

    InputError for an empty folder, a file that is no parquet, columns that differ or that are taken.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = files_in(inputs)
    first = None
    for file in found:
        try:
            schema = pq.read_schema(file).remove_metadata()
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(
                f"{file} 不是可读的 parquet 文件（{_first_line(error)}）；请重新导出。",
                f"{file} is not a readable parquet file ({_first_line(error)}); export it again.",
            ) from error
        first = first or schema
        if schema != first:
            raise InputError(
                f"{file} 的列与 {found[0]} 的列不同；一次只能处理列和类型都相同的文件。",
                f"The columns of {file} differ from those of {found[0]}; files in one run need the same columns of the "
                "same types.",
            )
    assert first is not None
    taken = sorted(OURS & set(first.names))
    if taken:
        raise InputError(
            f"{found[0]} 已有列 {'、'.join(taken)}，会与结果列同名；请先删去或改名。",
            f"{found[0]} already has the column {', '.join(taken)}, which the results would take; remove or rename it.",
        )
    return found


def read_rows(spark: SparkSession, inputs: Sequence[Path], *asked: str | None) -> Rows:
    """The rows of all inputs. `asked`: columns of name, modality and institution, as far as they are said.

    InputError where it is not clear which columns make a name, or one of them is no text.
    """
    from pyspark.sql import functions as f

    from agent import columns

    if spark.sparkContext.master.startswith("local"):  # Spark's own 200 are for a cluster
        size = sum(each.stat().st_size for each in files_in(inputs))
        tasks = max(2 * spark.sparkContext.defaultParallelism, size // BYTES_A_TASK)
        spark.conf.set("spark.sql.shuffle.partitions", str(tasks))
    reader = spark.read.option("recursiveFileLookup", "true").option("pathGlobFilter", f"*{ENDING}")
    frame: DataFrame | None = None
    for number, path in enumerate(inputs):
        part = reader.parquet(_GLOB.sub(r"\\\g<0>", uri(path)))
        part = part.withColumns(
            {
                FILE: f.lit(number),
                PATH: f.col("_metadata.file_path"),
                ROW: f.col("_metadata.row_index"),
            }
        )
        frame = part if frame is None else frame.union(part)
    assert frame is not None
    types = {field.name: field.dataType.simpleString() for field in frame.schema.fields}
    header = tuple(name for name in frame.columns if name not in OURS)
    chosen = columns.choose(header, str(inputs[0]), *asked)
    keys = keyed(chosen)
    for index in keys.values():
        if index is not None and types[header[index]] not in ("string", "void"):
            raise InputError(
                f"列 {header[index]} 的类型是 {types[header[index]]}，不是文本；请先转换。",
                f"The column {header[index]} is {types[header[index]]}, not text; convert it first.",
            )
    for key, index in keys.items():
        text = f.lit("") if index is None else f.coalesce(f.col(_quoted(header[index])).cast("string"), f.lit(""))
        frame = frame.withColumn(key, text)
    return Rows(frame, header, chosen)


def keyed(chosen: Columns) -> dict[str, int | None]:
    """The column of the input that each part of a name comes from."""
    return dict(zip(KEY, chosen.query, strict=True))


def write_names(rows: Rows, folder: Path) -> DataFrame:
    """The distinct names with their exams, kept as parquet in a folder that Spark fills anew."""
    from pyspark.sql import functions as f

    rows.frame.groupBy(*KEY).agg(f.count(f.lit(1)).alias(EXAMS)).write.mode("overwrite").parquet(uri(folder))
    return rows.frame.sparkSession.read.parquet(uri(folder))


def write_answers(names: DataFrame, count: int, make: Make, folder: Path) -> None:
    """Answer every name and keep what comes of it as parquet, in a folder that Spark fills anew."""
    schema = ", ".join(f"`{name}` {'bigint' if name == EXAMS else 'string'}" for name in FRAME)
    cores = names.sparkSession.sparkContext.defaultParallelism
    tasks = min(max(cores, -(-count // NAMES_A_TASK)), max(1, count))
    answered = names.repartition(tasks, *KEY).mapInPandas(partial(answer_frames, make=make), schema)
    answered.write.mode("overwrite").parquet(uri(folder))


def write_output(rows: Rows, answers: DataFrame, folder: Path) -> None:
    """Every row with its answer, in the order of the rows: parts of a folder, numbered in that order."""
    joined = rows.frame.join(answers.select(*KEY, *OUTPUT), on=list(KEY), how="inner").orderBy(FILE, PATH, ROW)
    kept = [_quoted(name) for name in (*rows.header, *OUTPUT)]
    joined.select(*kept).write.mode("overwrite").parquet(uri(folder))


def fed(frame: DataFrame, count: int) -> Iterator[Fed]:
    """So many names of a frame of answers with their exams, in the order of the names; a part of them at a time."""
    parts = frame.select(*KEY, EXAMS, "yingma_reason_id").repartitionByRange(-(-count // NAMES_A_PART), *KEY)
    for row in parts.sortWithinPartitions(*KEY).toLocalIterator():
        yield Fed(Query(*row[:3]), int(row[3]), STOPPED if row[4] == STOPPED else "")


def uri(path: Path) -> str:
    """As Hadoop reads it: it does not decode what Path.as_uri encodes."""
    return f"file://{path.resolve()}"


def _quoted(name: str) -> str:
    """A column by its whole name, dots and backticks and all."""
    return "`" + name.replace("`", "``") + "`"


def _first_line(error: Any) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]
