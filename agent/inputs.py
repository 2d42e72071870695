"""What a run reads: files as they are, and tables of databases, which are first read into a file of the run's own.

    FILE …               ──▶ as it is
    FOLDER               ──▶ the tables in it, by name; each into a file of the same name in another folder
    URL … --table NAME   ──▶ scratch/table-0.csv, with rows and hash

An address is kept without its password.
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
    """Inputs as they are kept: paths, and addresses of databases; their passwords stand apart. `each`: they are
    those of a folder. `skipped`: files in it that are no tables."""

    inputs: list[str]
    secrets: dict[str, str]
    each: bool = False
    skipped: Sequence[str] = ()


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
    if len(inputs) == 1 and not is_url(inputs[0]) and Path(inputs[0]).is_dir() and not table:
        return _folder(Path(inputs[0]))
    kept, secrets = [], {}
    for each in inputs:
        if not is_url(each):
            path = Path(each)
            if path.is_dir():
                raise InputError(
                    f"{path} 是目录；一次只能处理一个目录，请单独给出它。",
                    f"{path} is a folder; a folder is run alone, so give only that.",
                )
            tables.check_ending(path)
            if not path.exists():
                raise InputError(f"没有文件 {path}；请检查路径。", f"There is no file {path}; check the path.")
            kept.append(str(path))
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


def _folder(folder: Path) -> Given:
    """The tables of a folder, in order of their names; files that begin with a dot or ~$ are nobody's."""
    files = sorted(each for each in folder.iterdir() if each.is_file() and not each.name.startswith((".", "~$")))
    found = [each for each in files if each.suffix.lower() in tables.ENDINGS]
    if not found:
        raise InputError(
            f"目录 {folder} 中没有 {'、'.join(tables.ENDINGS)} 文件；请检查路径。",
            f"There is no file {', '.join(tables.ENDINGS)} in the folder {folder}; check the path.",
        )
    return Given([str(each) for each in found], {}, True, [each.name for each in files if each not in found])


def targets_of(inputs: Sequence[str], output: Path, each: bool) -> list[Path]:
    """The files that are written: the output, or in a folder of outputs one for each input."""
    return [output / Path(name).name for name in inputs] if each else [output]


def groups_of(opened: Sequence[tables.Table], each: bool) -> list[Sequence[tables.Table]]:
    """The tables whose rows go into each of `targets_of`."""
    return [[table] for table in opened] if each else [opened]


def check_output(inputs: Sequence[str], output: Path, each: bool) -> None:
    """InputError where what is to be written cannot be, or would overwrite an input. A folder is made."""
    files = files_of(inputs)
    if not each:
        tables.check_output(output, files)
        return
    if not output.exists() and output.suffix.lower() in tables.ENDINGS:
        raise InputError(
            f"输入是目录，输出也要是目录，而 {output} 像是文件；请写成目录，如 -o {output.stem}/。",
            f"The input is a folder, so the output is one too, and {output} looks like a file; give a folder, as "
            f"-o {output.stem}/.",
        )
    if output.exists() and not output.is_dir():
        raise InputError(
            f"输入是目录，而输出 {output} 是文件；请给出一个目录。",
            f"The input is a folder, and the output {output} is a file; name a folder.",
        )
    if not output.exists() and not output.resolve().parent.is_dir():
        raise InputError(
            f"目录 {output.resolve().parent} 不存在；请先建立。",
            f"The folder {output.resolve().parent} does not exist; make it first.",
        )
    try:
        output.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(
            f"不能建立目录 {output}：{error.strerror}；请换一个位置。",
            f"The folder {output} cannot be made: {error.strerror}; choose another place.",
        ) from error
    for target in targets_of(inputs, output, each):
        tables.check_output(target, files)


def skipped_note(skipped: Sequence[str]) -> tuple[str, str]:
    """What of a folder was left out."""
    shown = "、".join(skipped[:10]) + ("…" if len(skipped) > 10 else "")
    return (
        f"目录中 {len(skipped)} 个文件不是表格，没有处理：{shown}。",
        f"{len(skipped)} files of the folder are no tables and were left out: {shown.replace('、', ', ')}.",
    )


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
