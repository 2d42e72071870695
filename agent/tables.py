"""Files of rows, in and out: csv, tsv, xlsx, parquet, by ending. The public face of `table_*`.

Reading gives text cells exactly as they are in the file; writing gives a file with those cells and the new columns,
put in its place in one step when it is whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Protocol

from standard.errors import InputError

ENDINGS = (".csv", ".tsv", ".xlsx", ".parquet")


class Table(Protocol):
    """A file of rows. `rows` starts anew at each call and gives each row as text cells, as many as the header has."""

    @property
    def path(self) -> Path:
        """Where it lies."""
        ...

    @property
    def header(self) -> tuple[str, ...]:
        """The column names, each once."""
        ...

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """What the user should know about the file, in Chinese and English."""
        ...

    @property
    def byte_order_mark(self) -> bool:
        """Its users' programs want a byte order mark: it had one, or came from a spreadsheet or as GB18030."""
        ...

    def rows(self) -> Iterator[Sequence[str]]:
        """The rows after the header, in order."""
        ...

    def cells(self, indices: Sequence[int]) -> Iterator[tuple[str, ...]]:
        """Some cells of each row, in the order of `indices`."""
        ...


def open_tables(paths: Sequence[Path], sheet: str | None = None) -> list[Table]:
    """The files, checked: they exist, can be read, have a header, and all have the same columns.

    `sheet` names the sheet of workbooks. InputError in one sentence otherwise.
    """
    if sheet is not None and not any(path.suffix.lower() == ".xlsx" for path in paths):
        raise InputError(
            f"--sheet {sheet} 只用于 xlsx，而输入中没有 xlsx；请去掉它。",
            f"--sheet {sheet} is for xlsx, and no input is one; leave it out.",
        )
    tables = [_open(path, sheet) for path in paths]
    for table in tables:
        _check_header(table)
    first = tables[0]
    for table in tables[1:]:
        if table.header != first.header:
            raise InputError(
                f"{table.path} 的列（{'、'.join(table.header)}）与 {first.path} 的列（{'、'.join(first.header)}）不同；"
                "一次只能处理列相同、顺序相同的文件，请分开处理。",
                f"The columns of {table.path} ({', '.join(table.header)}) differ from those of {first.path} "
                f"({', '.join(first.header)}); files in one run need the same columns in the same order, "
                "so run them apart.",
            )
    return tables


def check_ending(path: Path) -> str:
    """The ending of a path, one of ENDINGS. InputError for another."""
    ending = path.suffix.lower()
    if ending in ENDINGS:
        return ending
    hint_zh, hint_en = "请另存为其中一种。", "Save it as one of these."
    if ending == ".xls":
        hint_zh, hint_en = "请在表格软件中另存为 .xlsx。", "Save it as .xlsx in your spreadsheet program."
    raise InputError(
        f"{path}：不认识的文件类型 {ending or '（无扩展名）'}；可用 {'、'.join(ENDINGS)}。{hint_zh}",
        f"{path}: unknown kind of file {ending or '(no ending)'}; known are {', '.join(ENDINGS)}. {hint_en}",
    )


def check_output(path: Path, inputs: Sequence[Path]) -> None:
    """InputError where the output cannot be written, or would overwrite an input. Done before any work."""
    check_ending(path)
    if path.is_dir():
        raise InputError(f"{path} 是目录；请给出文件名。", f"{path} is a folder; give the name of a file.")
    for each in inputs:
        if path.exists() and each.exists() and path.samefile(each):
            raise InputError(
                f"输出 {path} 就是输入文件；为免覆盖原始数据，请换一个文件名。",
                f"The output {path} is an input file; choose another name, so that the input is kept.",
            )
    folder = path.resolve().parent
    if not folder.is_dir():
        raise InputError(f"目录 {folder} 不存在；请先建立。", f"The folder {folder} does not exist; make it first.")
    if not os.access(folder, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise InputError(
            f"不能写入 {path}；请检查目录和文件的权限，或换一个位置。",
            f"{path} cannot be written; check the permissions of folder and file, or choose another place.",
        )


def write_table(
    path: Path, tables: Sequence[Table], new_header: Sequence[str], new_cells: Iterable[Sequence[str]]
) -> int:
    """Write all rows of `tables` with the new columns behind; gives the number of rows.

    `new_cells` are those of each row, in order. The file appears whole or not at all. InputError where it cannot.
    """
    from agent.table_write import write

    return write(path, tables, new_header, new_cells)


def _open(path: Path, sheet: str | None) -> Table:
    """One file, by ending."""
    ending = check_ending(path)
    if path.is_dir():
        raise InputError(f"{path} 是目录；请给出文件。", f"{path} is a folder; give a file.")
    if not path.exists():
        raise InputError(f"没有文件 {path}；请检查路径。", f"There is no file {path}; check the path.")
    if not os.access(path, os.R_OK):
        raise InputError(f"不能读取 {path}；请检查权限。", f"{path} cannot be read; check its permissions.")
    if path.stat().st_size == 0:
        raise empty(path)
    if ending in (".csv", ".tsv"):
        from agent.table_text import TextTable

        return TextTable.open(path)
    if ending == ".xlsx":
        from agent.table_xlsx import SheetTable

        return SheetTable.open(path, sheet)
    from agent.table_parquet import ParquetTable

    return ParquetTable.open(path)


def pick(rows: Iterator[Sequence[str]], indices: Sequence[int]) -> Iterator[tuple[str, ...]]:
    """Some cells of each row."""
    if len(indices) == 1:
        only = indices[0]
        return ((row[only],) for row in rows)
    return map(itemgetter(*indices), rows)


def empty(path: Path) -> InputError:
    """The error of a file without a header."""
    return InputError(
        f"{path} 是空文件，没有表头；第一行应是列名。",
        f"{path} is empty, it has no header; its first row must name the columns.",
    )


def _check_header(table: Table) -> None:
    """InputError where a name stands twice."""
    seen: dict[str, int] = {}
    for number, column in enumerate(table.header, 1):
        if column in seen:
            shown_zh, shown_en = (f"列名 {column} ", f"the name {column}") if column else ("空列名", "an empty name")
            raise InputError(
                f"{table.path} 第 1 行：第 {seen[column]} 列和第 {number} 列都是{shown_zh}；请改名，使每列不同。",
                f"{table.path}, row 1: columns {seen[column]} and {number} both have {shown_en}; "
                "rename one, so that each differs.",
            )
        seen[column] = number
