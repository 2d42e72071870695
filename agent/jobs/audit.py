"""What of a job's accepted names goes to people for the standing audit (agent/audit): drawn here, put in by feed.py.

    answers accepted unseen ──▶ flow by institution and modality, into the store ──▶ rates, kept in audit.json
                                                                                └──▶ keyed hash: the drawn names

The day and the rates are kept when they are first worked out, and the key is of the database, so a job that goes on, or
is run again, draws the same names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from agent.answer import Query
from agent.audit import Rates, Scope, chance, load_plan, number
from agent.audit.place import modalities_of
from agent.jobs.folder import Folder, JobSpec
from agent.jobs.pieces import Piece
from agent.memory import MEMORY, Memory
from agent.store import Store, now
from agent.store.audit import Draw, audit_key, record_flow
from agent.store.keys import institution_key, text_key
from standard import Catalogue

FILE = "audit.json"


def drawn(
    folder: Folder,
    spec: JobSpec,
    store: Store,
    job_id: int,
    catalogue: Catalogue,
    pieces: Iterable[Piece],
    queries: Sequence[Query],
    counts: Sequence[int],
) -> dict[int, Draw]:
    """The draws by the place of the name; of names that differ in spelling alone, the first stands for all."""
    codes: dict[str, tuple[str, ...]] = {}  # of joined codes: there are few
    exams: defaultdict[tuple[str, str], int] = defaultdict(int)
    first: dict[tuple[str, str], tuple[int, str]] = {}
    flow: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for piece in pieces:
        for place, answer in enumerate(piece.answers, piece.start):
            if answer[0] != "accepted" or answer[4] in MEMORY or not answer[1]:
                continue
            query = queries[place]
            if answer[1] not in codes:
                codes[answer[1]] = modalities_of(catalogue, answer[1].split("+"))
            sums = flow[query.institution, "+".join(codes[answer[1]])]
            key = text_key(query.name, query.modality), institution_key(query.institution)
            sums[0] += key not in first
            sums[1] += counts[place]
            first.setdefault(key, (place, answer[1]))
            exams[key] += counts[place]
    if not first:
        return {}
    secret, rates, day = _rates(folder, spec, store, job_id, {key: (each[0], each[1]) for key, each in flow.items()})
    rates = rates.within(
        ((exams[key], codes[joined], key[1]) for key, (_, joined) in first.items()), load_plan().draw.few
    )
    found = {}
    for (text, institution), (place, joined) in first.items():
        modalities, count = codes[joined], exams[text, institution]
        odds = chance(count, rates.of(modalities, institution))
        at = number(secret, day, text, institution)
        if at < odds:
            core = at < chance(count, rates.core)
            found[place] = Draw(text, institution, modalities, tuple(joined.split("+")), count, odds, core)
    return found


def _rates(
    folder: Folder, spec: JobSpec, store: Store, job_id: int, flow: dict[tuple[str, str], tuple[int, int]]
) -> tuple[str, Rates, str]:
    """The key, the rates and the day of the job, as they were when it first came here."""
    if folder.has(FILE):
        kept: dict[str, Any] = folder.read(FILE)
        watched = frozenset(Scope(*each) for each in kept["watched"])
        rates = Rates(kept["base"], kept["modality"], kept["boost"], watched, kept["most"])
        return store.write(audit_key), rates, kept["day"]
    at = now()
    rates = store.write(lambda session: record_flow(session, job_id, flow, at, load_plan()))
    kept = rates._asdict() | {"watched": sorted(rates.watched), "day": spec.created[:10]}
    folder.write(FILE, kept)
    return store.write(audit_key), rates, kept["day"]


def stop_notes(memory: Memory | None) -> list[list[str]]:
    """That acceptance is stopped somewhere, for who reads the status of the job."""
    if memory is None or not memory.stopped:
        return []
    count = len(memory.stopped)
    return [
        [
            f"抽查发现错误过多，{count} 处的自动接受已暂停，相应名称转为待审；详见 audit status。",
            f"Automatic acceptance is stopped in {count} place(s), where the audit found too much wrong; names there "
            "go to review. See: audit status.",
        ]
    ]
