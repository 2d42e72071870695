"""Writing a file of rows: whole or not at all.

The rows go to a file beside the output, which takes the output's name in one step when it is complete and on disk.
Whatever happens before that (an error, Ctrl-C, a full disk), the output is as it was. csv and tsv are UTF-8; in xlsx
each cell is a text cell, so nothing that looks like a formula is one.
"""

from __future__ import annotations

import csv
import errno
import io
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol

from agent.tables import Table
from standard.errors import InputError

Cells = Iterable[Sequence[str]]
BATCH = 1000  # rows put into lines at once
MARK = "\uf8f0"  # of private use: in hardly any file


def write(path: Path, tables: Sequence[Table], new_header: Sequence[str], new_cells: Cells) -> int:
    """The rows of `tables` with new columns behind, as the file `path`. Gives the number of rows."""
    writer = WRITERS[path.resolve().suffix.lower()]
    return write_whole(path, lambda part: writer(part, tables, new_header, new_cells))


def write_whole(path: Path, fill: Callable[[Path], int]) -> int:
    """The file `path` as `fill` makes it under another name. Gives what `fill` gives, the number of rows."""
    target = path.resolve()
    try:
        with _part(target.parent) as part:
            count = fill(part)
            _settle(part, target)
    except OSError as error:
        raise _cannot_write(path, error) from error
    return count


@contextmanager
def _part(folder: Path) -> Iterator[Path]:
    """A file in a folder, gone at the end unless it was given a name.

    Where the system can (Linux), it has no name at first, so that even a killed process leaves nothing behind.
    """
    try:
        handle = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
        nameless = Path(f"/proc/self/fd/{handle}")
    except (AttributeError, OSError):  # another system, or a file system that cannot
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".yingma-{os.getpid()}-", suffix=".part")
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)
        return
    try:
        yield nameless
    finally:
        os.close(handle)


def _settle(part: Path, target: Path) -> None:
    """Onto the disk, with the permissions of an ordinary new file (or of the one there was), under its name."""
    if target.exists():
        mode = target.stat().st_mode & 0o777
    else:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    part.chmod(mode)
    handle = os.open(part, os.O_RDONLY)
    try:
        os.fsync(handle)
        if not part.is_relative_to("/proc"):
            part.replace(target)
            return
        # A file without a name cannot replace another, so it gets one first. os.link follows the link in /proc only
        # where it is given a folder, which an absolute path does not use.
        named = target.parent / f".yingma-{os.getpid()}.part"
        os.link(part, named, src_dir_fd=handle, follow_symlinks=True)
        try:
            named.replace(target)
        finally:
            named.unlink(missing_ok=True)
    finally:
        os.close(handle)


def forget_parts(folder: Path, process: int) -> None:
    """Remove what a process that was killed had not yet given the name of its output. OSError where that cannot be."""
    for part in (*folder.glob(f".yingma-{process}.part"), *folder.glob(f".yingma-{process}-*.part")):
        part.unlink(missing_ok=True)


def _cannot_write(path: Path, error: OSError) -> InputError:
    why_zh, why_en, full = _why(error)
    remedy_zh = "请腾出空间或换一个位置" if full else "请检查权限或换一个位置"
    remedy_en = "make room or choose another place" if full else "check permissions or choose another place"
    return InputError(
        f"不能写入 {path}：{why_zh}；该文件没有写出任何内容，{remedy_zh}。",
        f"{path} cannot be written: {why_en}; nothing of it was written, {remedy_en}.",
    )


@contextmanager
def on_the_way(folder: Path) -> Iterator[None]:
    """What is needed on the way to an output goes to `folder`. InputError where its disk is full; any other OSError
    goes on."""
    try:
        yield
    except OSError as error:
        why_zh, why_en, full = _why(error)
        if not full:
            raise
        raise InputError(
            f"不能在 {folder} 写入中间文件：{why_zh}；请在那里腾出空间后重新运行。",
            f"What is needed on the way cannot be written to {folder}: {why_en}; make room there and run again.",
        ) from error


def _why(error: OSError) -> tuple[str, str, bool]:
    """What is wrong, in Chinese and English, and whether the disk is full."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "磁盘已满", "the disk is full", True
    said = str(error.strerror or error)
    return said, said, False


def joined(tables: Sequence[Table], new_cells: Cells) -> Iterator[Sequence[str]]:
    """Each row with its new cells."""
    new = iter(new_cells)
    for table in tables:
        for row in table.rows():
            yield [*row, *next(new)]


class Sink(Protocol):
    """What takes texts."""

    def write(self, text: str, /) -> int:
        """A text."""
        ...


class UnixLines:
    """Takes the rows of a csv writer that ends lines with CR LF, so that it quotes cells with either; writes LF."""

    def __init__(self, file: Sink) -> None:
        self._write = file.write

    def write(self, line: str) -> int:
        """One row."""
        return self._write(line[:-2] + "\n")


def write_text(
    part: Path, tables: Sequence[Table], new_header: Sequence[str], new_cells: Cells, delimiter: str = ","
) -> int:
    """csv, or with another delimiter tsv."""
    encoding = "utf-8-sig" if any(table.byte_order_mark for table in tables) else "utf-8"
    count = 0
    rows = joined(tables, new_cells)
    with open(part, "w", encoding=encoding, newline="") as file:
        file.write(_lines([[*tables[0].header, *new_header]], delimiter))
        while some := list(islice(rows, BATCH)):
            file.write(_lines(some, delimiter))
            count += len(some)
    return count


def _lines(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    """Rows as UnixLines has them, many at once: with a mark behind each line while no cell holds that character."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n" + MARK).writerows(rows)
    if text.getvalue().count(MARK) == len(rows):
        return text.getvalue().replace("\r\n" + MARK, "\n")
    text = io.StringIO(newline="")
    csv.writer(UnixLines(text), delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def write_sheet(part: Path, tables: Sequence[Table], new_header: Sequence[str], new_cells: Cells) -> int:
    """xlsx with one sheet of text cells."""
    from agent.sheet import write_workbook

    return write_workbook(part, [*tables[0].header, *new_header], joined(tables, new_cells))


def write_parquet(part: Path, tables: Sequence[Table], new_header: Sequence[str], new_cells: Cells) -> int:
    """parquet; columns that came from parquet keep their types."""
    import polars as pl

    from agent.table_frames import write_frame
    from agent.table_parquet import ParquetTable

    kept = [table.frame for table in tables if isinstance(table, ParquetTable)]
    if len(kept) == len(tables) and all(frame.schema == kept[0].schema for frame in kept):
        frame = pl.concat(kept)
        new = list(zip(*new_cells, strict=True)) or [()] * len(new_header)
        columns = [pl.Series(name, values, dtype=pl.String) for name, values in zip(new_header, new, strict=True)]
        frame = frame.with_columns(columns)
    else:
        header = [*tables[0].header, *new_header]
        frame = pl.DataFrame(list(joined(tables, new_cells)), schema=dict.fromkeys(header, pl.String), orient="row")
    write_frame(frame, part)
    return frame.height


Writer = Callable[[Path, Sequence[Table], Sequence[str], Cells], int]
WRITERS: dict[str, Writer] = {
    ".csv": write_text,
    ".tsv": partial(write_text, delimiter="\t"),
    ".xlsx": write_sheet,
    ".parquet": write_parquet,
}
