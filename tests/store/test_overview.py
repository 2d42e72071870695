"""The overview: what finished jobs accepted is told beside what is in the store."""

from __future__ import annotations

from agent import overview
from agent.store import end_job, open_job
from tests.store.world import ANKLE, World


def test_what_jobs_accepted_is_told_though_it_is_not_in_the_store(world: World) -> None:
    world.put(ANKLE, job="put by hand")
    counts = {"rows": 30, "names": 3, "exams": 30, "accepted": 2, "accepted_exams": 21, "review": 1}
    with world.store.writing() as session:
        assert overview.finished(session) == (0, 0, 0, 0, 0)
        for name, state in (("first", "done"), ("again", "done"), ("cut off", "failed")):
            end_job(session, open_job(session, name, world.at()), state, counts, world.at())  # type: ignore[arg-type]
        assert overview.finished(session) == (2, 6, 60, 4, 42)
        assert {each.status: each.held.exams for each in overview.standing(session)}["accepted"] == 0
