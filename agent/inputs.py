"""What a run reads: files as they are, and tables of databases, which are first read into a file of the run's own.

FILE …                 ──▶ as it is
URL … --table NAME     ──▶ scratch/table-0.csv, with rows and hash
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from agent import tables
from standard.errors import InputError

if TYPE_CHECKING:
    from agent.table_database import Read

PLAIN = (".csv", ".tsv")


class Given(NamedTuple):
    """Inputs as they are kept: absolute paths, and addresses of databases; their passwords stand apart."""

    inputs: list[str]
    secrets: dict[str, str]


class Fetched(NamedTuple):
    """Files to read, in order; what to call those that are the run's own; what was read of tables, by that."""

    paths: list[Path]
    labels: dict[str, str]
    tables: dict[str, Read]


def is_url(text: str) -> bool:
    """Whether an input is the address of a database."""
    return "://" in text


def given(inputs: Sequence[str], table: str | None) -> Given:
    """The inputs of a command. InputError for a file that is not there or is of no known kind, an address that is none,
    a table that is not said."""
    kept, secrets = [], {}
    for each in inputs:
        if not is_url(each):
            path = Path(each)
            tables.check_ending(path)
            if not path.exists():
                raise InputError(f"没有文件 {path}；请检查路径。", f"There is no file {path}; check the path.")
            kept.append(str(path.absolute()))
            continue
        from agent.table_database import address_of

        address = address_of(each)
        if not table:
            raise InputError(
                f"{address.url} 是数据库；请用 --table 说明读哪个表，如 --table public.exams。",
                f"{address.url} is a database; say which table with --table, as in --table public.exams.",
            )
        kept.append(address.url)
        if address.secret:
            secrets[address.url] = address.secret
    if table and not any(map(is_url, inputs)):
        raise InputError(
            f"--table {table} 只用于数据库地址，而输入中没有；请去掉它。",
            f"--table {table} is for addresses of databases, and no input is one; leave it out.",
        )
    return Given(kept, secrets)


def files_of(inputs: Sequence[str]) -> list[Path]:
    """Those that are files."""
    return [Path(each) for each in inputs if not is_url(each)]


def label_of(text: str, table: str | None) -> str:
    """What an input is called."""
    return f"{text}#{table}" if is_url(text) else text


def fetch(inputs: Sequence[str], table: str | None, secrets: Mapping[str, str], scratch: Path, output: Path) -> Fetched:
    """The files to read; tables are read into `scratch`, as the output's kind of text where it is one."""
    found = Fetched([], {}, {})
    for number, each in enumerate(inputs):
        if not is_url(each):
            found.paths.append(Path(each))
            continue
        from agent.table_database import Address, read_into

        ending = output.suffix.lower()
        target = scratch / f"table-{number}{ending if ending in PLAIN else PLAIN[0]}"
        label = label_of(each, table)
        found.tables[label] = read_into(Address(each, secrets.get(each, "")), table or "", target)
        found.labels[str(target)] = label
        found.paths.append(target)
    return found


@contextmanager
def named(labels: Mapping[str, str]) -> Iterator[None]:
    """An error within tells a table by its address, and not by the file that it was read into."""
    try:
        yield
    except InputError as error:
        if not labels:
            raise
        zh, en = error.zh, error.en
        for path, label in labels.items():
            zh, en = zh.replace(path, label), en.replace(path, label)
        raise InputError(zh, en) from error
