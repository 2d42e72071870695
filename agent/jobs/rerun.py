"""A job run again, with another edition, lexicon or model: what it would change, told before it counts.

    job that is done ──▶ job rerun ──▶ answers anew ──▶ changes.json, state to_adopt ──▶ job adopt ──▶ output, queue

The names are those of the job (its inputs are not read again for them, and must be as they were); memory is as it is
today. Until it is adopted nothing is written over the output and nothing goes into the store; it then counts under the
job that was first run, so that no exam counts twice. A model is asked only what it was not asked before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from agent.answer import Query
from agent.inputs import Fetched
from agent.jobs.folder import Folder, JobSpec, jobs_folder, new_job
from agent.jobs.pieces import Pieces, kept_answers
from agent.jobs.plan import Plan, kept_plan
from agent.memory import MEMORY
from agent.pool import Answer
from standard.errors import InputError

CHANGES, ADOPTED, REPLACED = "changes.json", "adopted.json", "replaced.json"
TO_ADOPT = "to_adopt"
# Kinds of change, the most harmful first: what nobody would see, then what nobody will see any more, then the rest.
OTHER_CODES, OTHER_NAMES, NOW_ACCEPTED, NOW_REVIEW, OTHER_SUGGESTION, OTHER_WORDS = KINDS = (
    "other_codes",  # accepted, and accepted with other codes
    "other_names",  # accepted with the same codes, which the edition calls otherwise
    "now_accepted",
    "now_review",
    "other_suggestion",  # for review, with other codes
    "other_words",  # the same route and codes: reason, score or edition differ; counted, not listed
)
WHAT = {
    "program": "program",
    "code": "program",
    "catalogue": "edition",
    "items": "edition",
    "lexicon": "lexicon",
    "router": "rules",
    "retrieval": "retrieval",
}


class Change(NamedTuple):
    """A name whose answer changes; `place` in the names of the job."""

    kind: str
    place: int
    before: Answer
    after: Answer


def new_rerun(home: Path, base: Folder, options: Mapping[str, Any], output: Path | None, name: str, at: str) -> Folder:
    """The job that runs `base` again. `options`: fields of JobSpec that are to differ. InputError where it is not done,
    or was replaced."""
    spec = base.spec()
    if base.status()["state"] != "done":
        raise InputError(
            f"任务 {base.id} 还没有完成，不能比较；请先用 job resume {base.id} 完成它。",
            f"The job {base.id} is not done, so there is nothing to compare with; finish it: job resume {base.id}.",
        )
    if spec.engine == "spark":
        raise InputError(
            f"任务 {base.id} 在 Spark 上运行，不能比较；请另建任务，比较两个结果。",
            f"The job {base.id} ran on Spark, and is not compared here; make a new job and compare the two outputs.",
        )
    if base.has(REPLACED):
        newer = base.read(REPLACED)["by"]
        raise InputError(
            f"任务 {base.id} 的答案已由 {newer} 取代；请改为 job rerun {newer}。",
            f"The answers of the job {base.id} were replaced by {newer}; run that one again: job rerun {newer}.",
        )
    taken = jobs_folder(home)
    name = name or next(each for n in range(1, 10_000) if not (taken / (each := f"{base.id[:58]}-r{n}")).exists())
    values = spec.model_dump(exclude={"id", "uid", "created", "format", "engine"})  # compared on this machine
    return new_job(home, {**values, **options, "id": name, "of": base.id, "output": str(output or spec.output)}, at)


def base_of(folder: Folder, spec: JobSpec) -> Folder:
    """The job that this one runs again. InputError where it is gone."""
    base = Folder(folder.path.parent / spec.of)
    if not base.has("spec.json"):
        raise InputError(
            f"原任务 {spec.of} 的文件夹不在了，不能比较；请重新建立任务。",
            f"The folder of the job {spec.of} is gone, so there is nothing to compare with; make a new job.",
        )
    return base


def first_of(folder: Folder, spec: JobSpec) -> JobSpec:
    """The job under which the store knows all of them: the one that was run first."""
    while spec.of:
        folder = base_of(folder, spec)
        spec = folder.spec()
    return spec


def plan_again(folder: Folder, base: Folder, fetched: Fetched) -> Plan:
    """The plan of the job that is run again, with its names. InputError where an input is not as it was."""
    plan = kept_plan(base, fetched)
    if plan is None:
        raise InputError(
            f"任务 {base.id} 的计划不在了；请重新建立任务。", f"The plan of the job {base.id} is gone; make a new job."
        )
    folder.write("names.json", [[*query, count] for query, count in zip(plan.queries, plan.counts, strict=True)])
    return plan


# -- what changes ------------------------------------------------------------------------------------------------------


def compare(
    base: Folder, plan: Plan, pieces: Pieces, versions: Mapping[str, str], spec: JobSpec, memory: bool
) -> dict[str, Any]:
    """What differs from the answers of the job that is run again: what is kept as changes.json.

    `memory`: whether people decided otherwise on these names since.
    """
    answers = (answer for piece in pieces.all() for answer in piece.answers)
    names: Counter[str] = Counter()
    exams: Counter[str] = Counter()
    found = []
    for change in differences(kept_answers(base), answers):
        names[change.kind] += 1
        exams[change.kind] += plan.counts[change.place]
        if change.kind != OTHER_WORDS:
            found.append(change)
    found.sort(key=lambda each: _harm(each, plan.counts))
    before = base.status().get("versions", {})
    return {
        "of": base.id,
        "make": pieces.key,
        "names": len(plan.queries),
        "exams": sum(plan.counts),
        "counts": {kind: {"names": names[kind], "exams": exams[kind]} for kind in KINDS},
        "versions": {"before": before, "after": dict(versions)},
        "differ": differing(before, versions, base.spec(), spec, memory),
        "changes": [list(each) for each in found],
    }


def differences(before: Iterable[Answer], after: Iterable[Answer]) -> Iterator[Change]:
    """Every answer that is not what it was, in the order of the names. InputError where there are not as many."""
    for place, (old, new) in enumerate(zip_longest(before, after)):
        if old is None or new is None:
            raise InputError(
                "原任务的答案不完整，不能比较；请先用 job resume 完成它。",
                "The answers of the job are not whole, so they cannot be compared; finish it with job resume.",
            )
        kind = kind_of(old, new)
        if kind:
            yield Change(kind, place, old, new)


def kind_of(before: Answer, after: Answer) -> str:
    """The kind of a change; empty where there is none. The order of the codes counts: it is that of the name."""
    if before == after:
        return ""
    was, now = before[0] == "accepted", after[0] == "accepted"
    if was != now:
        return NOW_ACCEPTED if now else NOW_REVIEW
    if before[1] != after[1]:
        return OTHER_CODES if now else OTHER_SUGGESTION
    return OTHER_NAMES if now and before[2] != after[2] else OTHER_WORDS


def differing(
    before: Mapping[str, str], after: Mapping[str, str], old: JobSpec, new: JobSpec, memory: bool
) -> list[str]:
    """What an answer depends on and is not the same: program, edition, lexicon, rules, model, ..."""
    keys = [key for key in (*before, *after) if before.get(key) != after.get(key)]
    found = [WHAT.get(key, key.partition(".")[0]) for key in keys]
    if old.device_codes != new.device_codes:
        found.append("device_codes")
    if memory:
        found.append("memory")
    return list(dict.fromkeys(found))


def because(change: Change, differ: Sequence[str]) -> list[str]:
    """What of all that differs can have changed an answer: memory where it answered, before or after; else the rest."""
    if change.before[4] in MEMORY or change.after[4] in MEMORY:
        return ["memory"] if "memory" in differ else list(differ)
    return [each for each in differ if each != "memory"]


def _harm(change: Change, counts: Sequence[int]) -> tuple[int, bool, int, int]:
    """The most harmful first. An item that only got another code, and keeps its name, after one that is another."""
    return KINDS.index(change.kind), change.before[2] == change.after[2], -counts[change.place], change.place


def kept_changes(folder: Folder) -> dict[str, Any]:
    """What was found. InputError for a job that runs no other one again, or has not compared yet."""
    try:
        found: dict[str, Any] = folder.read(CHANGES)
    except (OSError, ValueError) as error:
        raise InputError(
            f"任务 {folder.id} 没有变化清单；job rerun 运行完后才有。",
            f"The job {folder.id} has no list of changes; there is one when a job rerun has run.",
        ) from error
    found["changes"] = [
        Change(kind, place, tuple(before), tuple(after)) for kind, place, before, after in found["changes"]
    ]
    return found


def as_objects(folder: Folder, found: Mapping[str, Any]) -> dict[str, Any]:
    """The changes as plain values with their names, for JSON."""
    names = folder.read("names.json")
    rows = []
    for change in found["changes"]:
        *query, exams = names[change.place]
        rows.append(
            {
                "kind": change.kind,
                **Query(*query)._asdict(),
                "exams": exams,
                "before": _answer(change.before),
                "after": _answer(change.after),
                "because": because(change, found["differ"]),
            }
        )
    return {**found, "job": folder.id, "adopted": folder.has(ADOPTED), "changes": rows}


def _answer(answer: Answer) -> dict[str, str]:
    keys = ("route", "codes", "names", "score", "reason", "edition", "detail")
    return dict(zip(keys, answer, strict=True))


# -- adopting ----------------------------------------------------------------------------------------------------------


def adopt(folder: Folder, at: str) -> None:
    """From now on it counts: the next run of the job writes its output and feeds the queue. InputError where it has not
    compared yet, or is adopted already."""
    state = folder.status()["state"]
    if state == "done" or not folder.has(CHANGES):
        raise InputError(
            f"任务 {folder.id} 没有等待采纳的答案；先用 job rerun 重新运行一个任务。",
            f"The job {folder.id} has no answers that wait to be adopted; run a job again first: job rerun.",
        )
    base = Folder(folder.path.parent / str(folder.spec().of))
    other = base.read(REPLACED)["by"] if base.has(REPLACED) else folder.id
    if other != folder.id:
        raise InputError(
            f"任务 {base.id} 已由 {other} 取代，{folder.id} 的比较不再成立；请对 {other} 重新 job rerun。",
            f"The job {base.id} was replaced by {other}, so what {folder.id} was compared with is gone; rerun {other}.",
        )
    folder.write(ADOPTED, {"at": at})
    folder.write("status.json", folder.status() | {"state": "queued"})


def places_to_feed(wanted: Iterable[int], found: Mapping[str, Any]) -> list[int]:
    """The names that go into the store when it is adopted: what is wanted, and what was for review and is answered
    otherwise now, so that the queue shows today's answer."""
    was = {change.place for change in found["changes"] if change.before[0] == "review"}
    return sorted({*wanted, *was})


def not_as_compared(folder: Folder) -> InputError:
    """The error of answers that would have to be worked out anew, and so are not those that were looked at."""
    return InputError(
        f"程序、版本或词典在比较之后又变了，{folder.id} 的答案不再是看过的那些；请重新 job rerun。",
        f"Program, edition or lexicon changed after the comparison, so the answers of {folder.id} are no longer those "
        "that were looked at; run job rerun again.",
    )
