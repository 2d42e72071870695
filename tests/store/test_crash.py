"""kill -9: what was answered "ok" is there; what was not is there whole, or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sqlalchemy import select

from agent.store.schema import Cluster
from agent.store.schema_acts import Decision
from tests.store.world import ANKLE, ANKLE_NOISY, CONFLICT, SURE, World, distinct, dump

ROOT = Path(__file__).resolve().parent.parent.parent
MANY = 60


def started(world: World, *words: object) -> subprocess.Popen[str]:
    url = world.store.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.store.dying", url, *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> list[list[str]]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return [line.split() for line in out.splitlines()]


def filled(world: World) -> list[int]:
    """Many clusters; their ids."""
    world.put(*distinct(MANY))
    ids = [cluster.id or 0 for cluster in world.clusters()]
    assert len(ids) == MANY
    return ids


def settled(world: World) -> set[int]:
    """The clusters that are settled, once nothing is under way; each with its one decision."""
    with world.store.writing() as session:
        rows = session.scalars(select(Cluster).with_for_update()).all()
        found = {cluster.id or 0 for cluster in rows if cluster.status == "settled"}
        decisions = [decision.cluster_id for decision in session.scalars(select(Decision))]
    assert sorted(decisions) == sorted(found)
    world.check()
    return found


def test_a_decision_survives_a_kill_at_any_moment(world: World) -> None:
    ids, li = filled(world), world.person("reviewer")
    lines = finished(started(world, li, "each", *ids))
    assert len(lines) >= 10
    assert lines[-1][2:] == ["lived", "ok"]
    there = settled(world)
    for _, cluster, lived, said in lines:
        assert (lived, said) in (("died", "-"), ("lived", "ok"))
        if said == "ok":
            assert int(cluster) in there
    killed = [int(cluster) for _, cluster, lived, _ in lines if lived == "died"]
    written = [cluster for cluster in killed if cluster in there]
    assert written == killed[-len(written) :] != killed  # those killed after their commit, and only those
    assert len(written) == 1


def test_the_same_orders_again_after_the_kill_are_written_once(world: World) -> None:
    ids, li = filled(world), world.person("reviewer")
    lines = finished(started(world, li, "each", *ids))
    for _, cluster, _, _ in lines:
        number = int(cluster)
        (now,) = [each for each in world.clusters() if each.id == number]
        now.revision = 1  # as it was on the screen
        outcome = world.decide(li, now, key=f"key-{number}")
        assert outcome.result in ("ok", "again")
    assert len(settled(world)) == len(lines)


def test_a_writer_that_is_killed_from_outside(world: World) -> None:
    ids, li = filled(world), world.person("reviewer")
    process = started(world, li, "many", *ids)
    assert process.stdout is not None
    said = [int(process.stdout.readline().split()[1]) for _ in range(MANY // 4)]
    process.kill()
    out, _ = process.communicate(timeout=120)
    said += [int(line.split()[1]) for line in out.splitlines()]
    there = settled(world)
    assert set(said) <= there
    assert len(there) - len(said) in (0, 1)


def test_names_are_counted_once_however_often_the_job_is_killed(world: World) -> None:
    names = (ANKLE, ANKLE_NOISY, CONFLICT, SURE)
    lines = finished(started(world, 0, "put", 3, *names))
    assert len(lines) >= 4
    world.check()
    rows = dump(world.store)
    assert world.put(*names, exams=3).exams == 0
    assert {cluster.exams for cluster in world.clusters()} == {3, 6}
    assert dump(world.store)["name"] == rows["name"]
