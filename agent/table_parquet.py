"""Reading parquet: columns keep their types where the output is parquet too; elsewhere each cell is written as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from standard.errors import InputError


@dataclass(frozen=True)
class ParquetTable:
    """A parquet file, in memory."""

    path: Path
    header: tuple[str, ...]
    frame: pl.DataFrame
    notes: tuple[tuple[str, str], ...] = ()
    byte_order_mark: bool = False

    @classmethod
    def open(cls, path: Path) -> ParquetTable:
        """The file; InputError where it is none."""
        try:
            frame = pl.read_parquet(path, glob=False, hive_partitioning=False)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
            cause = str(error).split("\n", 1)[0]
            raise InputError(
                f"{path} 不是可读的 parquet 文件（{cause}）；请重新导出。",
                f"{path} is not a readable parquet file ({cause}); export it again.",
            ) from error
        if not frame.columns:
            raise InputError(f"{path} 没有列；请重新导出。", f"{path} has no columns; export it again.")
        return cls(path, tuple(frame.columns), frame)

    def rows(self) -> Iterator[Sequence[str]]:
        """The rows as text."""
        return self.cells(range(len(self.header)))

    def cells(self, indices: Sequence[int]) -> Iterator[tuple[str, ...]]:
        """Some cells of each row, as text."""
        return pl.DataFrame([self.text(index) for index in indices]).iter_rows()

    def text(self, index: int) -> pl.Series:
        """A column as text, nothing as an empty text. InputError for one that has no plain text."""
        column = self.frame.to_series(index)
        try:
            if column.dtype.is_nested() or column.dtype == pl.Object:
                raise pl.exceptions.InvalidOperationError(str(column.dtype))
            return column.cast(pl.String, strict=True).fill_null("")
        except pl.exceptions.PolarsError as error:
            raise InputError(
                f"{self.path} 的列 {column.name}（类型 {column.dtype}）不能写成文本；"
                "请把输出改为 .parquet，或先转换该列。",
                f"{self.path}: the column {column.name} (type {column.dtype}) cannot be written as text; "
                "let the output be .parquet, or convert that column first.",
            ) from error
