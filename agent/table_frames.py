"""Parquet to parquet by Polars: distinct names, and the answers joined to every row, column by column.

Rows never pass through Python one by one, the input's columns keep their types, and the rows their order.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from agent.answer import Query
from agent.columns import Columns
from agent.table_parquet import ParquetTable

KEYS = ("\x00name", "\x00modality", "\x00institution")  # names that no column of a file has


class Frames:
    """Parquet files with the same columns and types; the interface of `table_lines.Lines`."""

    def __init__(self, tables: Sequence[ParquetTable]) -> None:
        self._tables = tables
        self._columns = Columns(0, None, None)

    def choose(self, columns: Columns) -> None:
        """Which columns make a name."""
        self._columns = columns

    def distinct(self, columns: Columns) -> tuple[list[Query], list[int]]:
        """The distinct names in the order in which they first stand there, and how often each does. InputError for a
        column that has no plain text."""
        self._columns = columns
        found = self._keys().group_by(KEYS, maintain_order=True).len()
        return [Query(*row) for row in found.select(KEYS).iter_rows()], found.to_series(3).to_list()

    def write(
        self, part: Path, new_header: Sequence[str], queries: Sequence[Query], cells: Iterable[Sequence[str]]
    ) -> int:
        """The rows with the cells of their names behind, into a file. Gives the number of rows; OSError where the disk
        does not take it."""
        columns = [*zip(*queries, strict=True)] or [()] * len(KEYS)
        columns += [*zip(*cells, strict=True)] or [()] * len(new_header)
        answers = pl.DataFrame(
            dict(zip((*KEYS, *new_header), columns, strict=True)), schema_overrides=_text(new_header)
        )
        joined = self._keys().join(answers, on=KEYS, how="left", maintain_order="left").drop(KEYS)
        frame = pl.concat([table.frame for table in self._tables]).with_columns(joined.get_columns())
        write_frame(frame, part)
        return frame.height

    def _keys(self) -> pl.DataFrame:
        """The text of the chosen columns, of all rows."""
        return pl.concat([self._keys_of(table) for table in self._tables])

    def _keys_of(self, table: ParquetTable) -> pl.DataFrame:
        nothing = pl.repeat("", table.frame.height, dtype=pl.String, eager=True)
        return pl.DataFrame(
            [
                (nothing if index is None else table.text(index)).alias(key)
                for key, index in zip(KEYS, self._columns, strict=True)
            ]
        )


def _text(new_header: Sequence[str]) -> dict[str, type[pl.String]]:
    return dict.fromkeys((*KEYS, *new_header), pl.String)


def write_frame(frame: pl.DataFrame, part: Path) -> None:
    """A parquet file; OSError where the disk does not take it."""
    try:
        with open(part, "wb") as file:
            frame.write_parquet(file)
    except pl.exceptions.PolarsError as error:
        found = re.search(r"os error (\d+)", str(error))
        raise OSError(int(found[1]) if found else errno.EIO, str(error)) from error
