"""`yingma audit`: where the standing audit stands, what is in doubt because of a stop, and lifting one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from agent.command_standard import show_table
from agent.console import emit_json, language, note, out, say
from agent.settings import Settings, load_settings
from agent.store import Store, find_user, now, open_store
from standard.errors import InputError


def run_status(as_json: bool) -> None:
    """Bounds, suspects, stops."""
    from agent.audit_summary import summary

    with _opened() as (_, store), store.reading() as session:
        found = summary(session, now())
    if as_json:
        emit_json(found)
        return
    _tell(found)


def run_lift(number: int, user: str, why: str, as_json: bool) -> None:
    """Lift a stop in the name of a lead. InputError where that cannot be."""
    from agent.audit_summary import told
    from agent.store.audit import lift

    with _opened() as (_, store):

        def operation(session: Session) -> dict[str, Any]:
            person = find_user(session, user)
            if person is None or person.id is None:
                raise InputError(
                    f"没有用户 {user}；已有的见 ./yingma user list。",
                    f"There is no user {user}; ./yingma user list tells those there are.",
                )
            return told(session, lift(session, number, person.id, why, now()))

        found = store.write(operation)
    if as_json:
        emit_json(found)
        return
    note(
        say(
            f"已恢复 {place(found)} 的自动接受；此前接受的名称不会因此重新审核。",
            f"Acceptance goes on: {place(found)}. What was accepted before is not reviewed because of this.",
        )
    )


def run_accepted(number: int, output: Path) -> None:
    """Write what is in doubt because of a stop. InputError where there is no such stop."""
    from agent.jobs.accepted import accepted, as_csv
    from agent.opening import open_catalogue
    from agent.store.audit import find_stop, scope_by_key

    with _opened() as (settings, store):
        with store.reading() as session:
            stop = find_stop(session, number)
            scope, since = scope_by_key(session, stop), stop.since
        rows = 0
        with open(output, "w", encoding="utf-8", newline="") as file:
            for piece in as_csv(accepted(settings.home, open_catalogue(None), scope, since), language()):
                file.write(piece)
                rows += piece.count("\r\n")
    note(say(f"写出 {rows - 1} 个名称：{output}", f"{rows - 1} names written: {output}"))


def place(stop: dict[str, Any]) -> str:
    """Where a stop holds, in words."""
    parts = [stop["institution"] or (say("未注明机构", "institution not said") if stop["institution"] == "" else "")]
    parts.append(stop["modality"])
    return " · ".join(filter(None, parts)) or say("全部", "everywhere")


def _tell(found: dict[str, Any]) -> None:
    plan, whole = found["plan"], found["all"]
    precision, confidence = 100 * plan["precision"], 100 * plan["confidence"]
    out().print(
        say(
            f"目标：接受者中至少 {precision:g}% 正确，置信度 {confidence:g}%（单侧），"
            f"每 {plan['days']} 天更新；约需抽查 {plan['draws']} 个。",
            f"Target: of what is accepted at least {precision:g} % right, {confidence:g} % confidence (one-sided), "
            f"renewed each {plan['days']} days; about {plan['draws']} draws.",
        ),
        markup=False,
    )
    holds, open_ = say("成立", "holds"), say("未能证明", "not proven")
    show_table(
        say("范围|抽查|其中错|证明的准确率|结论|代表的检查", "place|draws|wrong|proven precision|bound|exams").split(
            "|"
        ),
        [
            (
                each.get("modality") or say("全部", "all"),
                str(each["draws"]),
                str(each["wrong"]),
                f"{100 * each['proven']:.2f}%" if each["draws"] else "-",
                holds if each["holds"] else open_,
                str(each["exams"]),
            )
            for each in (whole, *found["modalities"])
        ],
    )
    out().print(
        say(
            f"等待决定的抽查：{found['waiting']}，其中逾期 {found['overdue']}。",
            f"Draws that wait for a decision: {found['waiting']}, overdue {found['overdue']}.",
        )
    )
    if found["suspects"]:
        show_table(
            say("发现错误之处|抽查|其中错|距暂停的证据", "wrong answers found at|draws|wrong|of what stops").split("|"),
            [
                (place(each), str(each["draws"]), str(each["wrong"]), f"{100 * each['evidence']:.2g}%")
                for each in found["suspects"]
            ],
        )
    for stop in found["stops"]:
        since = stop["since"] or say("开始", "the beginning")
        out().print(
            say(
                f"暂停 {stop['id']}：{place(stop)}，自 {stop['at']}；抽查 {stop['draws']} 个中错 {stop['wrong']} 个。"
                f"自 {since} 起在此接受了 {stop['names']} 个名称、{stop['exams']} 次检查，均存疑。",
                f"Stop {stop['id']}: {place(stop)}, from {stop['at']}; {stop['wrong']} of {stop['draws']} draws were "
                f"wrong. Since {since}, {stop['names']} names and {stop['exams']} exams were accepted there and are in "
                "doubt.",
            ),
            markup=False,
        )


@contextmanager
def _opened() -> Iterator[tuple[Settings, Store]]:
    settings = load_settings()
    store = open_store(settings)
    try:
        yield settings, store
    finally:
        store.close()
