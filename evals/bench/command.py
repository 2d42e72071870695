"""`yingma bench [NAME]`: runs the benchmarks and tells command, machine and versions with their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from agent.command_job import WORDS
from agent.console import emit_json, note, out, say
from agent.settings import home_folder
from evals.bench.daily import run_daily_bench
from evals.bench.embedded import run_embedded_bench
from evals.bench.kills import COLUMNS as KILLS_COLUMNS
from evals.bench.kills import run_kills_bench, shown_store
from evals.bench.machine import machine_facts
from evals.bench.model import run_model_bench
from evals.bench.reader import run_reader_bench
from evals.bench.rows import run_rows_bench
from evals.bench.shared import run_shared_bench
from standard.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

BENCHES: dict[str, Callable[..., dict[str, Any]]] = {
    "reader": run_reader_bench,
    "model": run_model_bench,
    "embedded": run_embedded_bench,
    "daily": run_daily_bench,
    "rows": run_rows_bench,
    "kills": run_kills_bench,
    "shared": run_shared_bench,
}
LONG = ("rows", "kills", "shared")  # minutes each, or in a database of one's own: only by name


def run_bench(name: str | None, as_json: bool, options: Mapping[str, Any] | None = None) -> int:
    """One benchmark, or all but the long ones; the exit code, 1 where a killed job differs. `options`: of `kills`; None
    is its default. Raises InputError for a name that there is not, or options that are not its."""
    given = {key: value for key, value in (options or {}).items() if value is not None}
    if name is not None and name not in BENCHES:
        raise InputError(
            f"没有测速项 {name!r}；可用：{'、'.join(BENCHES)}",
            f"There is no benchmark {name!r}; known: {', '.join(BENCHES)}",
        )
    if given and name != "kills":
        raise InputError(
            f"--{next(iter(given))} 只用于 bench kills；请去掉它，或写 bench kills。",
            f"--{next(iter(given))} is for bench kills; leave it out, or say bench kills.",
        )
    shown = given | ({"store": shown_store(given["store"])} if "store" in given else {})
    command = " ".join(["./yingma bench", *([name] if name else []), *(f"--{key} {shown[key]}" for key in shown)])
    facts = machine_facts()
    if not as_json:
        out().print(command, style="bold")
        out().print("; ".join(f"{key} {value}" for key, value in facts.items()))
    results: dict[str, dict[str, Any]] = {}
    for each in [name] if name else [each for each in BENCHES if each not in LONG]:
        note(say(f"正在测 {each} …", f"measuring {each} ..."))
        results[each] = BENCHES[each](home_folder(), **given)
        if not as_json:
            out().print(TABLES[each](results[each]))
    if as_json:
        emit_json({"command": command, "machine": facts, "results": results})
    return 1 if any(each.get("differences") for each in results.values()) else 0


def reader_table(result: dict[str, Any]) -> Table:
    """Names a second and ratios."""
    title = say(
        f"{result['names']} 个不同名称（{result['cores_of_names']} 种写法，其余为噪声），单核，"
        f"{result['runs']} 次的中位数；流水线启动 {result['open_s']} 秒，内存峰值 {result['peak_memory_mb']} MB",
        f"{result['names']} distinct names ({result['cores_of_names']} without the noise around them), one core, "
        f"median of {result['runs']} runs; pipeline opens in {result['open_s']} s, peak memory "
        f"{result['peak_memory_mb']} MB",
    )
    columns = (say("方法", "way"), say("名称/秒", "names/s"), say("流水线是其几倍", "pipeline is x times"))
    table = _table(title, *columns, say("成表时是其几倍", "as table rows x times"))
    rates, ratio = result["names_per_s"], result["ratio"]
    rows = (
        ("pipeline", say("流水线：阅读、编码、路由", "pipeline: reader, coder, router")),
        ("pipeline_table", say("同上，直接成表（normalize）", "the same, as table rows (normalize)")),
        ("tfidf", say("字符 TF-IDF 前十检索", "character TF-IDF, ten best")),
        ("dense", say("向量检索", "dense search")),
        ("model", say("每名问一次模型", "one model call a name")),
    )
    for key, label in rows:
        shown = say("未测", "left out") if rates[key] is None else f"{rates[key]:,}"
        times = [ratio[ours].get(key) for ours in ("pipeline", "pipeline_table")]
        table.add_row(label, shown, *("" if each is None else f"{each:,}" for each in times))
    if result["left_out"]:
        table.caption = say("模型未测：", "no model: ") + str(result["left_out"])
    return table


def model_table(result: dict[str, Any]) -> Table:
    """Seconds of each way, and what the step adds."""
    if result["left_out"]:
        return _left_out(say("模型步骤", "model step"), result["left_out"])
    title = say(
        f"模型步骤：{result['requests']} 个名称，{result['tokens']} 个输出词元，{result['model']['model']}",
        f"model step: {result['requests']} names, {result['tokens']} tokens out, {result['model']['model']}",
    )
    columns = (say("方法", "way"), say("秒", "seconds"), say("整步比它多", "the step adds"), say("同文", "same text"))
    table = _table(title, *columns)
    seconds, added, same = result["seconds"], result["added"], result["same_text"]
    table.add_row(say("整个步骤", "the whole step"), f"{seconds['fill']}", "", "")
    table.add_row(say("其中解码", "its decoding alone"), f"{seconds['engine']}", f"{added['over_engine']:+.1%}", "")
    for key, label in (("plain", "llama.cpp"), ("binding", "llama-cpp-python create_completion")):
        shown = f"{same[key]}/{result['requests']}"
        table.add_row(label, f"{seconds[key]}", f"{added[f'over_{key}']:+.1%}", shown)
    return table


def embedded_table(result: dict[str, Any]) -> Table:
    """Names a second of each way, against llama.cpp on the same batches, and against the walk."""
    if result["left_out"]:
        return _left_out(say("影码自带的模型", "Yingma's own model"), result["left_out"])
    title = say(
        f"影码自带的模型：{result['names']} 个名称，单核，每名 {result['batches_a_name']} 批；"
        f"启动 {result['open_s']} 秒，内存峰值 {result['peak_memory_mb']} MB；"
        f"倒序答案相同 {result['same_in_reverse']}/{result['names']}",
        f"Yingma's own model: {result['names']} names, one core, {result['batches_a_name']} batches a name; opens in "
        f"{result['open_s']} s, peak memory {result['peak_memory_mb']} MB; the same in reverse order "
        f"{result['same_in_reverse']}/{result['names']}",
    )
    columns = (say("方法", "way"), say("名称/秒", "names/s"), say("比 llama.cpp 多", "over llama.cpp"))
    table = _table(title, *columns, say("是逐步走的几倍", "times the walk"), say("答案相同", "same answer"))
    rates, over, times, drafts = (result[key] for key in ("names_per_s", "over_llama", "times_walk", "drafts"))
    rows = (
        ("fill", say("整个步骤，带第二答案", "the whole step, with runner-up")),
        ("walk", say("不带第二答案", "without runner-up")),
        ("right_draft", say("同上，给出正确草稿", "the same, given the right draft")),
        ("wrong_draft", say("同上，给出错误草稿", "the same, given a wrong draft")),
        ("llama", say("llama.cpp，整个步骤的各批", "llama.cpp, batches of the whole step")),
        ("llama_walk", say("llama.cpp，不带第二答案的各批", "llama.cpp, batches without runner-up")),
    )
    for key, label in rows:
        same = f"{drafts[key]['same']}/{result['names']}" if key in drafts else ""
        added = f"{over[key]:+.1%}" if key in over else ""
        table.add_row(label, f"{rates[key]:,}", added, f"{times[key]}" if key in times else "", same)
    return table


def daily_table(result: dict[str, Any]) -> Table:
    """Seconds of a first day and of the next one."""
    title = say(
        f"一天 {result['exams']} 次检查、{result['names']} 个名称；次日同样多，另有 {result['new']} 个新名称；"
        f"job run 从启动到结束，{result['runs']} 次的中位数",
        f"a day of {result['exams']} exams under {result['names']} names; the next one has as many and {result['new']} "
        f"new names; job run from start to end, median of {result['runs']}",
    )
    columns = (say("模型", "model"), say("第一天（秒）", "first day, s"), say("次日（秒）", "next day, s"))
    table = _table(title, *columns, say("次日（核秒）", "next day, core-s"), say("其中", "of it"))
    for model, each in result["models"].items():
        steps = ", ".join(f"{step} {seconds:.1f}" for step, seconds in each["next_steps_s"].items())
        table.add_row(model, f"{each['first_s']}", f"{each['next_s']}", f"{each['next_cpu_s']}", steps)
    if result["left_out"]:
        table.caption = say("未测：", "left out: ") + str(result["left_out"])
    return table


def rows_table(result: dict[str, Any]) -> Table:
    """Seconds of a whole job by kind of file, and of what is not answering, against DuckDB alone."""
    title = say(
        f"{result['rows']:,} 行，{result['names']:,} 个不同名称：整个任务，无模型；“表格”是读、去重、拼接、按序写出",
        f"{result['rows']:,} rows, {result['names']:,} distinct names: a whole job without a model; tables: reading, "
        "distinct names, joining, writing in the input's order",
    )
    columns = (
        say("文件", "file"),
        say("任务 秒", "job s"),
        say("其中回答", "of it answering"),
        say("表格 秒", "tables s"),
    )
    more = (
        say("DuckDB 独自 秒", "DuckDB alone s"),
        say("倍数", "times"),
        say("内存 MB", "memory MB"),
        say("顺序", "order"),
    )
    table = _table(title, *columns, *more)
    for kind, each in result["kinds"].items():
        order = say("一致", "kept") if each["in_order"] else say("不一致", "NOT kept")
        cells = [each[key] for key in ("seconds", "answering", "tables", "duckdb", "ratio", "peak_memory_mb")]
        table.add_row(kind, *map(str, cells), order)
    return table


def kills_table(result: dict[str, Any]) -> Table:
    """Kills by the phase that they hit, and what became of the jobs; then what differs."""
    stops = ""
    if result["stops"]:
        stops = say(f"，数据库服务器崩溃 {result['stops']} 次", f", {result['stops']} crashes of the database server")
    title = say(
        f"{result['kills']} 次 SIGKILL{stops}：{result['jobs']} 个任务，每个 {result['names']} 个名称，"
        f"{result['store']}，种子 {result['seed']}，{result['seconds']} 秒",
        f"{result['kills']} kills by SIGKILL{stops}: {result['jobs']} jobs of {result['names']} names, "
        f"{result['store']}, seed {result['seed']}, {result['seconds']} s",
    )
    columns = (say("整组", "group"), say("主进程", "main"), say("工作进程", "a worker"))
    more = (say("写入之前", "at a write"), say("数据库", "database"), say("共", "all"))
    ends = (say("继续到完成", "went on to the end"), say("字节相同", "same bytes"), say("库中各行相同", "same rows"))
    table = _table(title, say("所在阶段", "phase"), *columns, *more, *ends)
    words = WORDS | {"starting": ("启动", "starting"), "ending": ("收尾", "ending")}
    rows = {say(*words[phase]): counts for phase, counts in result["phases"].items()}
    rows[say("共", "all")] = {key: sum(each[key] for each in rows.values()) for key in KILLS_COLUMNS}
    for label, counts in rows.items():
        table.add_row(label, *(str(counts[key]) for key in KILLS_COLUMNS))
    if result["differences"]:
        found = "\n".join(result["differences"])
        table.caption = (
            say(f"不同之处（文件留在 {result['kept']}）：", f"Differences (kept in {result['kept']}): ") + found
        )
    return table


def shared_table(result: dict[str, Any]) -> Table:
    """Names a second of one worker process, and of several."""
    if result["left_out"]:
        return _left_out(say("几个进程合作一个任务", "several processes on one job"), result["left_out"])
    title = say(
        f"{result['names']} 个不同名称，经 PostgreSQL 分给 job work（各一个工作进程），{result['runs']} 次的中位数",
        f"{result['names']} distinct names, through PostgreSQL to processes of job work (one worker each), median of "
        f"{result['runs']}",
    )
    columns = (say("进程", "processes"), say("名称/秒", "names/s"), say("最小", "least"), say("最大", "most"))
    table = _table(title, *columns, say("名称/核秒", "names/core-s"))
    for count, rate in result["names_per_s"].items():
        cells = (rate, *result["spread"][count], result["names_per_core_s"][count])
        table.add_row(str(count), *(f"{each:,}" for each in cells))
    return table


def _left_out(title: str, why: object) -> Table:
    """In place of figures, what was missing for them."""
    table = _table(title, say("未测", "left out"))
    table.add_row(str(why))
    return table


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for at, column in enumerate(columns):
        table.add_column(column, justify="left" if at == 0 else "right")
    return table


TABLES: dict[str, Callable[[dict[str, Any]], Table]] = {
    "reader": reader_table,
    "model": model_table,
    "embedded": embedded_table,
    "daily": daily_table,
    "rows": rows_table,
    "kills": kills_table,
    "shared": shared_table,
}
