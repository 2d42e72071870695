"""`yingma job …`: runs of whole files that are kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from agent import budget
from agent.console import emit_json, language, note, say
from standard.errors import InputError, StoreError

if TYPE_CHECKING:
    from agent.jobs.workers import Worker

WORDS = {
    "queued": ("等待", "waits"),
    "waiting": ("排队", "waits for its turn"),
    "running": ("运行中", "running"),
    "to_adopt": ("待采纳", "to be adopted"),
    "done": ("完成", "done"),
    "cancelled": ("已停止", "stopped"),
    "paused": ("已暂停", "paused"),
    "failed": ("失败", "failed"),
    "interrupted": ("中断", "interrupted"),
    "reading": ("读入", "reading"),
    "answering": ("编码", "coding"),
    "comparing": ("比较", "comparing"),
    "writing": ("写出", "writing"),
    "feeding": ("送审", "to the queue"),
}
SHOWN = 20  # failed names that a person is shown


class Asked(NamedTuple):
    """What the command was asked."""

    inputs: Sequence[str]
    output: Path
    id: str
    columns: tuple[str | None, str | None, str | None, str | None]  # name, modality, institution, count
    edition: str | None
    model: str | None
    sheet: str | None
    workers: int
    device_codes: bool | None
    memory: bool | None
    limits: budget.Asked = budget.Asked()
    table: str | None = None


def run_new(asked: Asked, feed: str | None, engine: str, as_json: bool) -> None:
    """Make a job and run it here."""
    from agent.inputs import Given, check_output, given, is_url, skipped_note
    from agent.settings import load_settings

    if engine == "spark":
        from agent.spark.engine import check_paths, need_spark

        if any(map(is_url, asked.inputs)) or asked.table or asked.columns[3] or any(asked.limits):
            raise InputError(
                "--engine spark 只读 parquet 文件或其目录，没有数据库、例数列和模型预算；请去掉它们，或去掉它。",
                "--engine spark reads parquet files and folders of them; it has no databases, column of counts or "
                "budgets of the model: leave those out, or --engine spark.",
            )
        found = Given(list(asked.inputs), {})  # a folder is one table in parts
        check_paths([Path(each) for each in found.inputs], asked.output)
        need_spark()
    else:
        found = given(asked.inputs, asked.table)
        check_output(found.inputs, asked.output, found.each)
    if found.skipped:
        note(say(*skipped_note(found.skipped)))
    settings = load_settings()
    from agent.jobs.folder import SECRETS, new_job
    from agent.opening import model_setting

    name, modality, institution, count = asked.columns
    model = model_setting(asked.model)
    options = {
        "id": asked.id,
        "inputs": [each if is_url(each) else str(Path(each).absolute()) for each in found.inputs],
        "each": found.each,
        "table": asked.table,
        "output": str(asked.output.absolute()),
        "name_column": name,
        "modality_column": modality,
        "institution_column": institution,
        "count_column": count,
        "sheet": asked.sheet,
        "edition": asked.edition,
        "model": model,
        "limits": budget.chosen_limits(asked.limits, model),
        "workers": asked.workers,
        "device_codes": settings.device_codes if asked.device_codes is None else asked.device_codes,
        "memory": settings.memory if asked.memory is None else asked.memory,
        "feed": feed or settings.job_feed,
        "lang": language(),
        "engine": engine,
    }
    folder = new_job(settings.home, options, _now())
    if found.secrets:
        folder.hide(SECRETS, found.secrets)
    note(say(f"任务 {folder.id}", f"Job {folder.id}"))
    _run(folder, settings, as_json, fresh=True)


def run_resume(name: str, limits: budget.Asked, as_json: bool) -> None:
    """Go on with a job here; with another budget where one is given."""
    from agent.jobs.folder import find_job
    from agent.jobs.process import set_limits
    from agent.settings import load_settings

    settings = load_settings()
    folder = find_job(settings.home, name)
    if limits != budget.Asked():
        set_limits(folder, limits)
    _run(folder, settings, as_json)


def run_retry(name: str, as_json: bool) -> None:
    """Try the names that failed again."""
    from agent.jobs.folder import find_job
    from agent.jobs.process import retry_failed
    from agent.settings import load_settings

    settings = load_settings()
    folder = find_job(settings.home, name)
    count = retry_failed(folder)
    if not count:
        note(say(f"任务 {name} 没有失败的名称。", f"No name of the job {name} failed."))
        if as_json:
            emit_json(_shown(folder))
        return
    _run(folder, settings, as_json)


def run_rerun(name: str, options: dict[str, Any], output: Path | None, new: str, yes: bool, as_json: bool) -> None:
    """Run a job again and tell what would change; adopt it where `yes`. `options`: fields of a job, None for as before.

    One that cannot even begin leaves nothing behind.
    """
    from agent.inputs import check_output
    from agent.jobs.folder import find_job
    from agent.jobs.rerun import new_rerun
    from agent.opening import model_setting
    from agent.settings import load_settings

    settings = load_settings()
    base = find_job(settings.home, name)
    if output is not None:
        check_output(base.spec().inputs, output, base.spec().each)
        output = output.absolute()
    wanted = {key: value for key, value in options.items() if value is not None}
    if "model" in wanted:
        wanted["model"] = model_setting(wanted["model"])
    folder = new_rerun(settings.home, base, wanted, output, new, _now())
    note(say(f"任务 {folder.id}", f"Job {folder.id}"))
    _compare(folder, settings)
    if yes:
        run_adopt(folder.id, as_json)
    elif as_json:
        _tell_changes(folder, as_json=True)


def run_adopt(name: str, as_json: bool) -> None:
    """From now on the answers of a job that was run again count: its output is written and the queue fed."""
    from agent.jobs.folder import find_job
    from agent.jobs.rerun import adopt
    from agent.settings import load_settings

    settings = load_settings()
    folder = find_job(settings.home, name)
    adopt(folder, _now())
    _run(folder, settings, as_json)


def _compare(folder: Any, settings: Any) -> None:
    """Run it up to the comparison, and tell what that found."""
    import shutil

    from agent.jobs.run import run_job

    try:
        with _bar() as watch:
            run_job(folder, settings, watch)
    except InputError:
        if not folder.has("plan.json") and not folder.running():
            shutil.rmtree(folder.path)
        raise
    _tell_changes(folder, as_json=False)


def _tell_changes(folder: Any, as_json: bool) -> None:
    from agent.jobs.report import TEXTS
    from agent.jobs.rerun import as_objects, kept_changes
    from agent.texts import texts_in

    found = kept_changes(folder)
    if as_json:
        emit_json(as_objects(folder, found))
        return
    t = texts_in(TEXTS)
    differ = " / ".join(t.text(f"differ_{each}", language()) for each in found["differ"]) or "-"
    changed = sum(each["names"] for each in found["counts"].values())
    note(
        say(
            f"任务 {folder.id}：{found['names']} 个名称中 {changed} 个的答案有变（{differ}）",
            f"Job {folder.id}: of {found['names']} names, the answers of {changed} change ({differ})",
        )
    )
    for kind, each in found["counts"].items():
        if each["names"]:
            note(f"  {each['names']:>8} {t.text(kind, language())}")
    note(
        say(
            f"尚未采纳；逐条看用 job changes {folder.id}，采纳用 job adopt {folder.id}。",
            f"Not adopted yet; look at them with job changes {folder.id}, adopt them with job adopt {folder.id}.",
        )
    )


def run_cancel(name: str, as_json: bool) -> None:
    """Stop a job."""
    from agent.jobs.folder import find_job
    from agent.jobs.process import cancel_job
    from agent.settings import load_settings

    settings = load_settings()
    folder = find_job(settings.home, name)
    state = cancel_job(folder, settings)["state"]
    if as_json:
        emit_json(_shown(folder))
    else:
        note(say(f"任务 {name}：{_word(state)}", f"Job {name}: {_word(state)}"))


def run_list(as_json: bool) -> None:
    """The jobs, the newest first."""
    from agent.command_standard import show_table
    from agent.jobs.folder import find_job, job_ids
    from agent.settings import load_settings

    home = load_settings().home
    found = [_shown(find_job(home, name), failures=False) for name in job_ids(home)]
    if as_json:
        emit_json(found)
        return
    head = say("任务|状态|名称|采用|待审|失败|开始", "job|state|names|accepted|review|failed|started").split("|")
    numbers = ("names", "accepted", "review", "failed")
    show_table(
        head,
        [
            (
                each["id"],
                _word(each["state"]),
                *(str(each["counts"].get(number, "")) for number in numbers),
                str(each.get("started") or ""),
            )
            for each in found
        ],
    )


def run_show(name: str, as_json: bool) -> None:
    """One job."""
    from agent.jobs.folder import find_job
    from agent.settings import load_settings

    settings = load_settings()
    folder = find_job(settings.home, name)
    found = _shown(folder)
    workers = _workers(folder, settings) if folder.spec().engine == "shared" else []
    if as_json:
        emit_json(found | ({"worked_by": [each._asdict() for each in workers]} if workers else {}))
        return
    _tell(found)
    for key in ("inputs", "output", "edition", "model", "feed", "started", "ended"):
        value = found.get(key)
        if value:
            print(f"{key:<10} {', '.join(value) if isinstance(value, list) else value}")
    spent = found.get("spent")
    if spent:
        print(f"{'spent':<10} {budget.amount(spent)}")
    print("versions   " + "  ".join(f"{key}={value}" for key, value in found.get("versions", {}).items()))
    from agent.command_explain import shown

    for each in workers:
        rest = say(f"，手上 {each.in_hand} 块", f", {each.in_hand} in hand") if each.in_hand else ""
        told = say(
            f"{each.host} 进程 {each.pid}：{each.pieces} 块，{each.names} 个名称{rest}；最后一次消息 {each.seen}",
            f"{each.host} process {each.pid}: {each.pieces} pieces, {each.names} names{rest}; last seen {each.seen}",
        )
        print(f"{'worker':<10} {told}")
    for row in found["failures"][:SHOWN]:
        print(f"{_word('failed'):<10} {shown(row['name'])}  {shown(row['error'])}")


def _workers(folder: Any, settings: Any) -> list[Worker]:
    """Who worked at it; without the database, those that the job's own process has heard of, and a note."""
    from agent.jobs.workers import kept_workers, workers_of

    try:
        return workers_of(folder, settings)
    except StoreError as error:
        note(say(error.zh, error.en))
        return list(kept_workers(folder.status()).values())


def _run(folder: Any, settings: Any, as_json: bool, fresh: bool = False) -> None:
    """Run a job in this process. One that was never planned and whose input does not hold leaves nothing behind."""
    import shutil

    from agent.jobs.run import run_job

    try:
        with _bar() as watch:
            run_job(folder, settings, watch)
    except InputError:
        if fresh and not folder.has("plan.json") and not folder.running():
            shutil.rmtree(folder.path)
        raise
    found = _shown(folder)
    if as_json:
        emit_json(found)
    else:
        for each in found.get("notes", []):
            note(say(*each))
        _tell(found, err=True)


def _shown(folder: Any, failures: bool = True) -> dict[str, Any]:
    """A job as plain values."""
    from agent.jobs.folder import limits_of

    spec = folder.spec()
    status = {"counts": {}, **folder.status()}
    limits = {"limits": limits_of(folder, spec)._asdict()}
    found = {**spec.model_dump(exclude={"uid", "format"}), **limits, **status}
    found.pop("worked_by", None)
    if failures:
        rows = folder.read("failed.json") if folder.has("failed.json") else []
        keys = ("name", "modality", "institution", "error")
        found["failures"] = [dict(zip(keys, row, strict=True)) for row in rows]
    return found


def _tell(found: dict[str, Any], err: bool = False) -> None:
    counts = found["counts"]
    rows, names = counts.get("rows", 0), counts.get("names", 0)
    accepted, review, failed = (counts.get(each, 0) for each in ("accepted", "review", "failed"))
    zh = (
        f"任务 {found['id']}：{_word(found['state'])}；{rows} 行，{names} 个不同的名称：采用 {accepted} 个，"
        f"待审 {review} 个，失败 {failed} 个；写入 {found['output']}"
    )
    en = (
        f"Job {found['id']}: {_word(found['state'])}; {rows} rows, {names} distinct names: {accepted} accepted, "
        f"{review} for review, {failed} failed; written to {found['output']}"
    )
    print(say(zh, en), file=sys.stderr if err else sys.stdout)
    spent = found.get("spent") or {}
    if spent.get("out"):
        over = budget.told(spent, counts.get("over_budget", 0), counts.get("over_budget_exams", 0))
        print(say(*over), file=sys.stderr if err else sys.stdout)
    sentence = found.get("sentence") or {}
    if sentence.get("zh") and not err:
        print(say(sentence["zh"], sentence["en"]))


def _word(state: str) -> str:
    return say(*WORDS.get(state, (state, state)))


@contextmanager
def _bar() -> Iterator[Any]:
    """A line on stderr for a person who watches, without a thread: the workers may be forked."""
    if not sys.stderr.isatty():
        yield _waits()
        return

    def watch(status: dict[str, Any]) -> None:
        rate, left = status.get("rate"), status.get("left")
        speed = f"  {rate:.0f}/s" if rate else ""
        rest = say(f"  还需 {left:.0f} 秒", f"  {left:.0f} s left") if left is not None else ""
        line = f"{_word(status['phase'])} {status.get('done', 0)}/{status.get('total', 0)}{speed}{rest}"
        if "ahead" in status:
            line = _ahead(status)
        elif "waits" in status:
            line = say(status["waits"]["zh"], status["waits"]["en"])
        print(f"\r{line:<70}", end="", file=sys.stderr, flush=True)

    try:
        yield watch
    finally:
        print("\r" + " " * 72 + "\r", end="", file=sys.stderr, flush=True)


def _waits() -> Any:
    """Who does not watch is told once that the job waits."""
    told: list[bool] = []

    def watch(status: dict[str, Any]) -> None:
        if "ahead" in status and not told:
            told.append(True)
            note(_ahead(status))

    return watch


def _ahead(status: dict[str, Any]) -> str:
    number = status["ahead"]
    return say(
        f"排队：前面有 {number} 个任务（YINGMA_JOBS_AT_ONCE）",
        f"waits: {number} jobs are before it (YINGMA_JOBS_AT_ONCE)",
    )


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="seconds")
