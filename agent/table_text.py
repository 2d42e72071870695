"""Reading csv and tsv: which encoding, which cells, and in which row something does not hold.

UTF-8 with or without byte order mark, or GB18030 (which holds GBK and GB2312). A UTF-8 file with one broken byte would
mostly also decode as GB18030, to nonsense; so where UTF-8 fails, what decides is whether the file has more characters
that are whole in UTF-8 or more that are broken. Cells follow the csv module's rules, strictly: a quote that never
closes is an error and never swallows the rest of the file. Blank lines are no rows.
"""

from __future__ import annotations

import codecs
import csv
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from agent.tables import empty, pick
from standard.errors import InputError

DELIMITERS = {".csv": ",", ".tsv": "\t"}
CHUNK = 1 << 20
NOT_ASCII = bytes(range(0x80, 0x100))
csv.field_size_limit(sys.maxsize)


class Broken(NamedTuple):
    """A byte that does not decode, and the line it stands in (1 = the first)."""

    byte: int
    line: int


@dataclass(frozen=True)
class TextTable:
    """A csv or tsv file."""

    path: Path
    header: tuple[str, ...]
    encoding: str
    byte_order_mark: bool
    stamp: tuple[int, int]
    notes: tuple[tuple[str, str], ...] = ()

    @classmethod
    def open(cls, path: Path) -> TextTable:
        """The file with its encoding and header. InputError where either does not hold."""
        stamp = _stamp(path)
        encoding = detect(path)
        marked = encoding == "utf-8-sig" or (encoding == "gb18030" and path.suffix.lower() == ".csv")
        notes: tuple[tuple[str, str], ...] = ()
        if encoding == "gb18030":
            notes = ((f"{path} 按 GB18030 读取。", f"{path} was read as GB18030."),)
        bare = cls(path, (), encoding, marked, stamp, notes)
        for _, row in bare._records():
            _check_delimiter(path, row)
            return cls(path, tuple(row), encoding, marked, stamp, notes)
        raise empty(path)

    def check_unchanged(self) -> None:
        """InputError where the file is not what it was when it was opened."""
        if _stamp(self.path) != self.stamp:
            raise InputError(
                f"{self.path} 在处理时被改动；请在文件写完后重新运行。",
                f"{self.path} was changed while it was read; run again when it is no longer being written.",
            )

    def rows(self) -> Iterator[Sequence[str]]:
        """The rows after the header; InputError for one with another number of cells."""
        self.check_unchanged()
        records = self._records()
        next(records)
        width = len(self.header)
        for number, row in records:
            if len(row) != width:
                raise InputError(
                    f"{self.path} 第 {number} 行有 {len(row)} 个单元格，表头有 {width} 个；"
                    "请检查该行的分隔符和引号（含分隔符的单元格要用双引号括起）。",
                    f"{self.path}, row {number}: {len(row)} cells, the header has {width}; check delimiters and "
                    "quotes in that row (a cell that holds the delimiter goes in double quotes).",
                )
            yield row

    def cells(self, indices: Sequence[int]) -> Iterator[tuple[str, ...]]:
        """Some cells of each row."""
        return pick(self.rows(), indices)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Row number (1 = header) and cells. A blank line is a row of one empty cell where there is one column;
        in a wider file it is no row."""
        delimiter = DELIMITERS[self.path.suffix.lower()]
        number = width = 0
        with open(self.path, encoding=self.encoding, newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            try:
                for row in reader:
                    if row or width == 1:
                        number += 1
                        width = width or len(row)
                        yield number, row or [""]
            except csv.Error as error:
                raise InputError(
                    f"{self.path} 第 {number + 1} 行（文件第 {reader.line_num} 行附近）引号不成对；"
                    "请把单元格内的双引号写成两个，并用双引号括起整个单元格。",
                    f"{self.path}, row {number + 1} (near line {reader.line_num}): the quotes do not pair ({error}); "
                    "write a quote within a cell twice and put the whole cell in double quotes.",
                ) from error


def detect(path: Path) -> str:
    """utf-8, utf-8-sig or gb18030. InputError with the line for anything else."""
    with open(path, "rb") as file:
        start = file.read(4)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(
            f"{path} 是 UTF-16 编码；请另存为 UTF-8（Excel：“CSV UTF-8”）。",
            f"{path} is UTF-16; save it as UTF-8 (in Excel: CSV UTF-8).",
        )
    utf8 = "utf-8-sig" if start.startswith(codecs.BOM_UTF8) else "utf-8"
    broken = _first_broken(path, "utf-8")
    if broken is None:
        return utf8
    if utf8 == "utf-8-sig" or _mostly_utf8(path):
        raise _undecodable(path, "UTF-8", broken)
    broken_gb = _first_broken(path, "gb18030")
    if broken_gb is None:
        return "gb18030"
    raise _undecodable(path, "GB18030", broken_gb)


def _undecodable(path: Path, encoding: str, broken: Broken) -> InputError:
    return InputError(
        f"{path} 第 {broken.line} 行的字节 0x{broken.byte:02x} 不能按 {encoding} 解码；"
        "请改正该行，或重新导出为 UTF-8。",
        f"{path}, line {broken.line}: the byte 0x{broken.byte:02x} is not valid {encoding}; correct that line, "
        "or export the file again as UTF-8.",
    )


def _first_broken(path: Path, encoding: str) -> Broken | None:
    """The first byte that does not decode."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with open(path, "rb") as file:
        while True:
            chunk = file.read(CHUNK)
            pending = decoder.getstate()[0]
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                whole = pending + chunk
                at = min(error.start, len(whole) - 1)
                return Broken(whole[at], line + whole[: error.start].count(b"\n"))
            line += text.count("\n")
            if not chunk:
                return None


def _mostly_utf8(path: Path) -> bool:
    """More characters are whole in UTF-8 than bytes are broken: a damaged UTF-8 file, not one in GB18030."""
    decoder = codecs.getincrementaldecoder("utf-8")("ignore")
    whole = broken = 0
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            text = decoder.decode(chunk)
            plain = len(chunk.translate(None, NOT_ASCII))
            whole += len(text) - plain
            broken += len(chunk) - len(text.encode())
    return whole > broken


def _check_delimiter(path: Path, header: Sequence[str]) -> None:
    """InputError where a header of one column holds the delimiter of another kind of file."""
    if len(header) != 1:
        return
    own = DELIMITERS[path.suffix.lower()]
    names = {"\t": ("制表符", "tabs"), ",": ("逗号", "commas"), ";": ("分号", "semicolons")}
    for other, (zh, en) in names.items():
        if other != own and other in header[0]:
            own_zh, own_en = names[own]
            raise InputError(
                f"{path} 的表头看来用{zh}分隔，而 {path.suffix} 文件用{own_zh}分隔；请换扩展名或重新导出。",
                f"{path}: its header seems separated by {en}, while a {path.suffix} file uses {own_en}; "
                "rename it or export it again.",
            )


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when the file does."""
    state = os.stat(path)
    return state.st_size, state.st_mtime_ns
