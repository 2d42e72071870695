"""Pieces of a job: given out once, again when a lease has ended; answers are taken from who holds them, once."""

from __future__ import annotations

import json

from agent.answer import Query
from agent.store import Store, open_job
from agent.store import pieces as stored
from agent.store.schema_pieces import JobPiece
from tests.store.world import START, clean

NAMES = [Query(f"名称{number}", "CT", "") for number in range(5)] + [Query("a\0\ud800b", "", "院")]
PLACES = [(0, 2), (2, 4), (4, 6)]
ENDED = -1.0  # seconds: a lease that has ended when it begins


def opened(store: Store, make: str = "m", places: list[tuple[int, int]] = PLACES) -> int:
    def both(session: object) -> int:
        job = open_job(session, "j", START)  # type: ignore[arg-type]
        assert job.id is not None
        stored.open_pieces(session, job.id, make, {"lexicon": "1"}, None, places, NAMES, "job")  # type: ignore[arg-type]
        return job.id

    return store.write(both)


def claim(store: Store, job: int, by: str, lease: float = 60, make: str = "m") -> int | None:
    piece = store.write(lambda session: stored.claim(session, job, make, by, lease))
    return None if piece is None else piece.start


def hand_in(store: Store, job: int, start: int, by: str) -> bool:
    return store.write(lambda session: stored.hand_in(session, job, start, by, f"answers of {by}"))


def finished(store: Store, job: int) -> list[tuple[int, str]]:
    with store.reading() as session:
        return [(each.start, each.answers) for each in stored.finished(session, job)]


def test_each_piece_is_given_out_once_and_its_names_are_what_they_were(store: Store) -> None:
    job = opened(store)
    assert [claim(store, job, "a"), claim(store, job, "b")] == [0, 2]
    last = store.write(lambda session: stored.claim(session, job, "m", "a", 60))
    assert last is not None
    assert [Query(*each) for each in last.names] == NAMES[4:]
    assert (last.start, last.until) == (4, 6)
    assert claim(store, job, "c") is None
    with store.reading() as session:
        assert stored.left(session, job, "m") == (3, 6)


def test_a_lease_that_ended_gives_the_piece_to_another_and_the_first_is_not_heard(store: Store) -> None:
    job = opened(store)
    assert claim(store, job, "a", ENDED) == 0
    assert claim(store, job, "a", ENDED) == 2  # its own it has in hand
    assert claim(store, job, "b") == 0
    assert not hand_in(store, job, 0, "a")
    assert finished(store, job) == []
    assert hand_in(store, job, 0, "b")
    assert not hand_in(store, job, 0, "b")  # once
    assert hand_in(store, job, 2, "a")  # late, and nobody else has it
    assert finished(store, job) == [(0, "answers of b"), (2, "answers of a")]


def test_a_sign_of_life_keeps_a_piece_and_letting_go_gives_it_away(store: Store) -> None:
    job = opened(store, places=PLACES[:1])
    assert claim(store, job, "a", ENDED) == 0
    store.write(lambda session: stored.renew(session, job, "a", 60))
    assert claim(store, job, "b") is None
    store.write(lambda session: stored.let_go(session, job, "a"))
    assert claim(store, job, "b") == 0


def test_who_works_at_a_job_and_when_each_was_heard_of(store: Store) -> None:
    job = opened(store)
    assert [claim(store, job, by) for by in ("job", "a", "a")] == [0, 2, 4]
    with store.reading() as session:
        before = stored.clock(session)
    assert hand_in(store, job, 2, "a")
    with store.reading() as session:
        rows = {(each.by, each.handed_in): each for each in stored.at_work(session, job)}
        after = stored.clock(session)
        piece = stored.finished(session, job)[0]
    counts = {key: (each.pieces, each.names) for key, each in rows.items()}
    assert counts == {("job", False): (1, 2), ("a", False): (1, 2), ("a", True): (1, 2)}
    assert before <= rows["a", True].at <= after < rows["a", False].at
    assert (piece.by, piece.at) == ("a", rows["a", True].at)


def test_a_job_that_goes_on_keeps_what_was_handed_in_and_what_others_hold(store: Store) -> None:
    job = opened(store)
    assert [claim(store, job, by) for by in ("job", "a", "b")] == [0, 2, 4]
    assert hand_in(store, job, 2, "a")
    assert opened(store) == job
    assert finished(store, job) == [(2, "answers of a")]
    assert claim(store, job, "c") == 0  # that of its own process, which was killed
    assert claim(store, job, "c") is None
    assert hand_in(store, job, 4, "b")
    assert opened(store, places=PLACES[2:]) == job  # the others are in its folder
    assert finished(store, job) == [(4, "answers of b")]


def test_pieces_of_another_make_are_not_worked_at(store: Store) -> None:
    job = opened(store)
    assert claim(store, job, "a") == 0
    opened(store, make="new")
    assert not hand_in(store, job, 0, "a")
    assert claim(store, job, "a") is None
    assert claim(store, job, "a", make="new") == 0
    with store.reading() as session:
        found, share = stored.shared_job(session, "j")
        assert found is not None
        assert share is not None
        assert (share.make, share.versions, json.loads(share.memory)) == ("new", {"lexicon": "1"}, None)
    store.write(lambda session: stored.close_pieces(session, job))
    with store.reading() as session:
        assert stored.shared_job(session, "j")[1] is None
        assert session.get(JobPiece, (job, 0)) is None


def test_two_that_claim_at_the_same_moment_do_not_wait_for_each_other(on_postgresql: Store) -> None:
    clean(on_postgresql)
    job = opened(on_postgresql)
    with on_postgresql.writing() as first, on_postgresql.writing() as second:
        assert stored.claim(first, job, "m", "a", 60) is not None
        first.flush()
        other = stored.claim(second, job, "m", "b", 60)
        assert other is not None
        assert other.start == 2
    with on_postgresql.reading() as session:
        held = [session.get_one(JobPiece, (job, start)).lease_by for start in (0, 2)]
    assert held == ["a", "b"]
