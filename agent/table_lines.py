"""Large csv and tsv files by DuckDB: distinct names, and the answers joined back to every row in the input's order.

Only for files in which a row is a line, with no blank lines and one kind of line end. A cell is what stands between two
delimiters, or between two quotes that stand next to delimiters or line ends, with every quote in it doubled (RFC 4180);
that is looked at before, of every quote in the file. There a line can be taken apart in one way only, so DuckDB and the
csv module cannot differ. Quotes that a cell does not need are left out first, as a csv writer does; then a row goes out
as its line, with the new cells behind it. Every other file (a line break within a cell, a quote in the middle of one)
goes the way of `table_text`; so does a small one, which is done before DuckDB is loaded. A join loses the order of
rows (so do threads), so they are numbered as they are read, and sorted by that.
"""

from __future__ import annotations

import codecs
import csv
import errno
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from agent.answer import Query
from agent.bulk import Work
from agent.columns import MOST_DIGITS, Columns
from agent.table_write import on_the_way

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from agent.table_frames import Frames
    from agent.table_text import TextTable
    from agent.tables import Table

LARGE = 16_000_000  # bytes of input from which this is worth it
CHUNK = 1 << 22
ABSENT = "\x01"  # a character that no plain file has: the delimiter of lines that are not to be taken apart
MEMORY = "2GB"
OFFLOADED = "failed to offload"  # DuckDB, where the scratch folder has no room for what it sorts
ODD = (b"\x00", b"\x01", b"\x02", b"\n\n", b"\n\r\n")  # what no plain file has


class Source(NamedTuple):
    """A plain file: where its UTF-8 is, how its lines end, and whether any of its cells is in quotes."""

    path: Path
    newline: str
    quoted: bool


class Lines:
    """Plain files with the same columns."""

    def __init__(self, tables: Sequence[TextTable], sources: Sequence[Source], delimiter: str, scratch: Path) -> None:
        self._tables, self._sources, self._delimiter, self._scratch = tables, sources, delimiter, scratch
        self._columns = Columns(0, None, None)

    def choose(self, columns: Columns) -> None:
        """Which columns make a name: of rows that were read before."""
        self._columns = columns

    def distinct(self, columns: Columns) -> Work | None:
        """The distinct names in order, with rows and exams; None where a row has too few or many cells, or a count that
        is none."""
        import duckdb

        self._columns = columns
        try:
            with closing(self._open()) as database:
                right, exams = f"len(s) = {len(self._tables[0].header)}", "count(*)"
                if columns.exams is not None:
                    cell = f"trim(s[{columns.exams + 1}])"
                    right += f" AND regexp_full_match({cell}, '[0-9]{{1,{MOST_DIGITS}}}')"
                    exams = f"sum(TRY_CAST({cell} AS BIGINT))"
                keys = ", ".join(self._keys())
                query = f"SELECT {keys}, count(*), {exams}, bool_and({right}) FROM ({self._rows()})"
                found = database.execute(f"{query} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3").fetchall()
        except duckdb.Error:
            return None  # it reads the file otherwise than it was looked at: the csv module says what is wrong
        if not all(row[5] for row in found):
            return None
        return Work([Query(*row[:3]) for row in found], sum(row[3] for row in found), [int(row[4]) for row in found])

    def write(
        self, part: Path, new_header: Sequence[str], queries: Sequence[Query], cells: Iterable[Sequence[str]]
    ) -> int:
        """The rows with the cells of their names behind, into a file. Gives the number of rows; OSError where the disk
        does not take it, InputError where an input is no longer what it was."""
        import duckdb
        import polars as pl

        answers = self._scratch / f"answers-{os.getpid()}.parquet"
        text = [self._text(each) for each in cells]
        keys = {key: [query[at] for query in queries] for at, key in enumerate(("n", "m", "i"))}
        frame = pl.DataFrame({**keys, "text": text}, schema=dict.fromkeys((*keys, "text"), pl.String))
        with on_the_way(self._scratch):
            frame.write_parquet(answers)
        mark = "\ufeff" if any(table.byte_order_mark for table in self._tables) else ""
        header = mark + self._text([*self._tables[0].header, *new_header])
        name, modality, institution = self._keys()
        # The header is the name of the column: as a row among the others, it kept DuckDB from sorting on disk.
        query = (
            f"SELECT line || {_quoted(self._delimiter)} || a.text AS {_named(header)} FROM ({self._rows()}) AS r "
            f"JOIN read_parquet({_quoted(str(answers))}) AS a "
            f"ON a.n = {name} AND a.m = {modality} AND a.i = {institution} ORDER BY f, rn"
        )
        options = f"FORMAT csv, HEADER true, QUOTE '', ESCAPE '', DELIMITER {_quoted(ABSENT)}, USE_TMP_FILE false"
        try:
            with closing(self._open()) as database:
                done = database.execute(f"COPY ({query}) TO {_quoted(str(part))} ({options})").fetchone()
        except duckdb.Error as error:
            told = OSError(_number(error), " ".join(str(error).split())[:300])
            if str(self._scratch) not in str(error) and OFFLOADED not in str(error):
                raise told from error
            with on_the_way(self._scratch):  # what it sorts
                raise told from error
        finally:
            answers.unlink(missing_ok=True)
        for table in self._tables:  # a row of a name that was not there before has no answer, and is left out
            table.check_unchanged()
        assert done is not None
        return int(done[0])

    def _text(self, cells: Sequence[str]) -> str:
        """Cells as a csv writer puts them."""
        buffer = io.StringIO(newline="")
        csv.writer(buffer, delimiter=self._delimiter, lineterminator="\r\n").writerow(cells)
        return buffer.getvalue()[:-2]

    def _open(self) -> DuckDBPyConnection:
        import duckdb

        database = duckdb.connect(config={"memory_limit": MEMORY, "threads": str(min(4, os.cpu_count() or 1))})
        database.execute(f"SET temp_directory = {_quoted(str(self._scratch / 'duckdb'))}")
        # The answers are looked up for each row. DuckDB takes the rows of a csv file to be few, and would keep all of
        # them in memory to look them up for each answer.
        database.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
        return database

    def _keys(self) -> list[str]:
        return ["''" if index is None else f"s[{index + 1}]" for index in self._columns.query]

    def _rows(self) -> str:
        """Every row of all files: number of file and row, line, cells."""
        return " UNION ALL ".join(
            f"SELECT {at} AS f, row_number() OVER () AS rn, line, {self._cells(source.quoted)} AS s FROM read_csv("
            f"{_quoted(str(source.path))}, columns = {{'line': 'VARCHAR'}}, delim = {_quoted(ABSENT)}, quote = '', "
            f"escape = '', comment = '', nullstr = {_quoted(chr(2))}, header = false, skip = 1, auto_detect = false, "
            f"new_line = {_quoted(source.newline)})"
            for at, source in enumerate(self._sources)
        )

    def _cells(self, quoted: bool) -> str:
        """The cells of `line`."""
        delimiter = _quoted(self._delimiter)
        plain = f"string_split(line, {delimiter})"
        if not quoted:
            return plain
        cell = f"""{self._delimiter}("(?:[^"]|"")*"|[^{self._delimiter}"]*)"""  # a delimiter goes before each
        found = f"regexp_extract_all({delimiter} || line, {_quoted(cell)}, 1)"
        bare = """CASE WHEN starts_with(c, '"') THEN replace(substr(c, 2, length(c) - 2), '""', '"') ELSE c END"""
        return f"""CASE WHEN contains(line, '"') THEN list_transform({found}, lambda c: {bare}) ELSE {plain} END"""


def open_lines(tables: Sequence[Table], output: Path, scratch: Path, least: int = LARGE) -> Lines | Frames | None:
    """The files as lines, or parquet files as frames, where all are plain and the output is of the same kind; None
    elsewhere. `scratch`: a folder for what is needed on the way; a file in GB18030 is there as UTF-8."""
    from agent.table_text import DELIMITERS, TextTable

    ending = output.suffix.lower()
    if ending == ".parquet":
        return _open_frames(tables)
    if ending not in DELIMITERS or sum(table.path.stat().st_size for table in tables) < least:
        return None
    sources: list[Source] = []
    plain: list[TextTable] = []
    for at, table in enumerate(tables):
        if not isinstance(table, TextTable) or table.path.suffix.lower() != ending or len(table.header) < 2:
            return None
        path = table.path
        if table.encoding == "gb18030":
            path = scratch / f"input-{at}.txt"
            with on_the_way(scratch):
                transcoded(table.path, path)
        source = _plain(path, DELIMITERS[ending])
        if source is None:
            return None
        if source.quoted:
            with on_the_way(scratch):
                source = _bared(source, scratch / f"bared-{at}.txt", DELIMITERS[ending])
        sources.append(source)
        plain.append(table)
    return Lines(plain, sources, DELIMITERS[ending], scratch)


def _open_frames(tables: Sequence[Table]) -> Frames | None:
    """Parquet files whose columns have the same types; None for others."""
    if any(table.path.suffix.lower() != ".parquet" for table in tables):
        return None
    from agent.table_frames import Frames
    from agent.table_parquet import ParquetTable

    found = [table for table in tables if isinstance(table, ParquetTable)]
    same = len(found) == len(tables) and all(table.frame.schema == found[0].frame.schema for table in found)
    return Frames(found) if same else None


def _chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file in UTF-8 without its mark, in whole lines."""
    with open(path, "rb") as file:
        if file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        while chunk := file.read(CHUNK) + file.readline():
            yield chunk


def _cell(inner: bytes, delimiter: str) -> re.Pattern[bytes]:
    """A cell in quotes, within line ends: they stand where a cell begins and ends, so neither is half of a doubled one.
    The quote comes first in the pattern, since that is what is searched for quickly."""
    edge = re.escape(delimiter).encode()
    return re.compile(rb'("(?<=[\n' + edge + rb']")' + inner + rb'"(?=[\r\n' + edge + rb"]))")


def _plain(path: Path, delimiter: str) -> Source | None:
    """A plain file; None where it is not plain."""
    cell = _cell(rb'[^"\r\n]*+(?:""[^"\r\n]*+)*+', delimiter)
    dos = unix = 0
    quoted = False
    for chunk in _chunks(path):
        if any(odd in chunk for odd in ODD) or chunk.startswith((b"\n", b"\r\n")):
            return None
        if b'"' in chunk:
            quoted = True
            if b'"' in cell.sub(b"", b"\n" + chunk + b"\n"):
                return None
        both = chunk.count(b"\r\n")
        if chunk.count(b"\r") != both:
            return None
        dos, unix = dos + both, unix + chunk.count(b"\n") - both
    if dos and unix:
        return None
    return Source(path, "\\r\\n" if dos else "\\n", quoted)


def _bared(source: Source, target: Path, delimiter: str) -> Source:
    """A copy of a plain file without the quotes that no cell needs."""
    edge = re.escape(delimiter).encode()
    inner = rb'[^"\r\n' + edge + rb"]*+(?:" + edge + rb'|"")[^"\r\n]*+(?:""[^"\r\n]*+)*+'
    needy, quoted = _cell(inner, delimiter), False
    with open(target, "wb") as out:
        for chunk in _chunks(source.path):
            parts = needy.split(b"\n" + chunk + b"\n")  # every second one is a cell that needs them
            parts[::2] = [part.replace(b'"', b"") for part in parts[::2]]
            quoted = quoted or len(parts) > 1
            out.write(b"".join(parts)[1:-1])
    return Source(target, source.newline, quoted)


def transcoded(source: Path, target: Path) -> None:
    """A file in GB18030 as one in UTF-8, byte for byte the same text."""
    decoder = codecs.getincrementaldecoder("gb18030")()
    with open(source, "rb") as file, open(target, "w", encoding="utf-8", newline="") as out:
        while True:
            chunk = file.read(CHUNK)
            out.write(decoder.decode(chunk, final=not chunk))
            if not chunk:
                return


def _quoted(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def _named(text: str) -> str:
    """A name in SQL."""
    return '"' + text.replace('"', '""') + '"'


def _number(error: Any) -> int:
    """What the system said, of an error of DuckDB's."""
    said = str(error).lower()
    if any(each in said for each in ("no space left", "file too large", OFFLOADED)):
        return errno.ENOSPC
    return errno.EIO
