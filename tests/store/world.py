"""A store with people in it, a clock that goes only when asked, and names that the reader reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count, pairwise
from typing import Any

from sqlalchemy import select, text
from sqlmodel import col

from agent.answer import Query, Suggestion
from agent.pipeline import Pipeline
from agent.store import Entry, Filter, Order, Outcome, Put, Rules, Store, decide, next_clusters, open_job, put, undo
from agent.store.keys import institution_key, reading_key
from agent.store.ledger import decisions_of, described, start_of
from agent.store.progress import progress, recount
from agent.store.replay import State, replay, standing
from agent.store.schema import Base, Cluster, Institution, Name
from agent.store.schema_acts import Trail, User
from standard import load_catalogue, validate

CHEST, CONTRAST, BOTH, HEAD = "20040100110000", "20040100210000", "20040100310000", "30010100110000"
ANKLE = "踝关节三维重建术"  # the side is missing: for review
ANKLE_NOISY = "踝关节三维重建术(医保)"
CONFLICT = "[头部]16排以上螺旋X线计算机体层(CT)胸部平扫(医保)"
SURE = "胸部CT平扫"
ALL = ("viewer", "clerk", "reviewer", "adjudicator", "lead", "admin")
START = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def pipeline() -> Pipeline:
    """One for all tests: it is pure."""
    return Pipeline(load_catalogue("3.8.2"))


@cache
def answer(name: str, modality: str = "", institution: str = "") -> Suggestion:
    """What the pipeline answers."""
    return pipeline().answer([Query(name, modality, institution)])[0]


def sure(name: str, codes: Sequence[str], modality: str = "", institution: str = "", version: str = "2") -> Suggestion:
    """An answer as another version would give it: accepted, with these codes; the reading is the real one."""
    given = answer(name, modality, institution)
    return replace(
        given,
        route="accepted",
        reason="complete",
        score=0.99,
        codes=tuple(codes),
        names=tuple(codes),
        versions={**given.versions, "lexicon": version},
    )


@cache
def distinct(number: int) -> tuple[str, ...]:
    """So many names, each with a reading of its own: characters that nothing explains follow."""
    found: dict[str, str] = {}
    for point in range(0x4E00, 0x9FFF):
        name = ANKLE + chr(point)
        found.setdefault(reading_key(answer(name)), name)
        if len(found) == number:
            return tuple(found.values())
    raise AssertionError("too few characters")


def clean(store: Store) -> None:
    """Take every row out, past the triggers that forbid it; numbers begin at 1 again."""
    tables = [table.name for table in reversed(Base.metadata.sorted_tables)]
    with store.writer.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE"))
            return
        triggers = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
        for name, _ in triggers:
            connection.execute(text(f"DROP TRIGGER {name}"))
        for table in (*tables, "sqlite_sequence"):
            connection.execute(text(f"DELETE FROM {table}"))
        for _, statement in triggers:
            connection.execute(text(statement))


def valid(code: str) -> bool:
    """Whether a code is an item's."""
    return not validate(pipeline().catalogue, code)


class World:
    """What the tests do, in as few words as they can."""

    def __init__(self, store: Store, share: float = 0.0) -> None:
        self.store = store
        self.rules = Rules(valid, share)
        self._seconds = count()
        self._keys = count()

    def at(self) -> datetime:
        """The next second."""
        return START + timedelta(seconds=next(self._seconds))

    def key(self) -> str:
        """A key that no order had."""
        return f"key-{next(self._keys)}"

    def person(self, role: str, name: str = "", active: bool = True) -> int:
        """A new account without a password that works."""
        name = name or f"{role}-{next(self._keys)}"
        with self.store.writing() as session:
            user = User(key=name, name=name, role=role, password="", active=active, created_at=self.at())
            session.add(user)
            session.flush()
            assert user.id is not None
            return user.id

    def put(self, *names: str | Suggestion, job: str = "job", exams: int = 1, modality: str = "", at: str = "") -> Put:
        """Names as the pipeline answers them, at an institution, or answers."""
        given = [each if isinstance(each, Suggestion) else answer(each, modality, at) for each in names]
        return self.put_entries([Entry(each, exams) for each in given], job)

    def put_entries(self, entries: Sequence[Entry], job: str = "job") -> Put:
        """Answers, each on so many exams."""

        def operation(session: Any) -> Put:
            moment = self.at()
            run = open_job(session, job, moment)
            assert run.id is not None
            return put(session, run.id, entries, moment)

        return self.store.write(operation)

    def cluster(self, name: str = ANKLE, institution: str | None = None) -> Cluster:
        """The cluster of a name, as it is now."""
        statement = (
            select(Cluster)
            .join(Name, col(Name.cluster_id) == col(Cluster.id))
            .join(Institution, col(Institution.id) == col(Name.institution_id))
            .where(col(Name.raw) == name)
        )
        if institution is not None:
            statement = statement.where(col(Institution.key) == institution_key(institution))
        with self.store.reading() as session:
            return session.scalars(statement).one()

    def clusters(self) -> list[Cluster]:
        """All, in order."""
        with self.store.reading() as session:
            return list(session.scalars(select(Cluster).order_by(col(Cluster.id))))

    def decide(
        self, user: int, cluster: Cluster, action: Any = "settle", codes: Sequence[str] | None = None, **other: Any
    ) -> Outcome:
        """An order on a cluster as it is given here."""
        codes = (CHEST,) if codes is None and action == "settle" else tuple(codes or ())
        why = other.pop("why", "看不懂" if action == "flag" else "")
        order = Order(
            cluster.id or 0, cluster.revision, action, other.pop("key", "") or self.key(), codes, why, **other
        )
        return self.store.write(lambda session: decide(session, self.rules, user, order, self.at()))

    def undo(self, user: int, decision: int | None, key: str = "", why: str = "错了") -> Outcome:
        """Take a decision back."""
        assert decision is not None
        return self.store.write(lambda session: undo(session, user, decision, key or self.key(), self.at(), why))

    def next(self, user: int, tab: str = "tab", count: int = 1, at: datetime | None = None, **other: Any) -> list[int]:
        """The ids of the next clusters for a tab."""
        skip = other.pop("skip", ())
        with self.store.writing() as session:
            found = next_clusters(session, user, tab, count, at or self.at(), Filter(**other), skip)
            return [each.id or 0 for each in found]

    def trail(self) -> list[tuple[str, str, int | None, Any, Any]]:
        """What happened to clusters: action, by whom, from which status to which."""
        with self.store.reading() as session:
            rows = session.scalars(select(Trail).where(col(Trail.subject) == "cluster").order_by(col(Trail.id)))
            return [("cluster", r.action, r.user_id, r.before.get("status"), r.after.get("status")) for r in rows]

    def check_counts(self) -> None:
        """The counters are what counting gives."""
        with self.store.reading() as session:
            assert progress(session).by_status == dict(sorted(recount(session).items()))

    def check(self) -> None:
        """What must hold at any time, whatever was done."""
        self.check_counts()
        with self.store.reading() as session:
            for cluster in session.scalars(select(Cluster)):
                assert cluster.id is not None
                names = session.scalars(select(Name).where(col(Name.cluster_id) == cluster.id)).all()
                assert (cluster.names, cluster.exams) == (len(names), sum(name.exams for name in names))
                assert cluster.priority == cluster.exams * (1 - cluster.score)
                decisions = decisions_of(session, cluster.id)
                wanted = replay(start_of(session, cluster), standing(decisions))
                assert State(cluster.status, cluster.decision_id, cluster.group_wide) == wanted
                steps = select(Trail).where(col(Trail.subject) == "cluster", col(Trail.subject_id) == cluster.id)
                changes = list(session.scalars(steps.order_by(col(Trail.id))))
                assert [row.decision_id for row in changes if row.action not in ("open", "remember", "requeue")] == [
                    decision.id for decision in decisions
                ]
                if changes:
                    assert changes[-1].after == described(cluster)
                for one, following in pairwise(changes):
                    assert one.after == following.before


def dump(
    store: Store, without: Callable[[str], bool] = lambda column: column.endswith(("id", "_at"))
) -> dict[str, Any]:
    """Every row of every table as text, in an order of their own, without what depends on the order of arrival."""
    found: dict[str, Any] = {}
    with store.reading() as session:
        for table in Base.metadata.sorted_tables:
            columns = [column for column in table.columns if not without(column.name)]
            rows = session.execute(select(*columns)).all() if columns else []
            found[table.name] = sorted(repr(tuple(row)) for row in rows)
    return found
