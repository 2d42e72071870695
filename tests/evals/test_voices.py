"""The comparison of voices counts what it says: alone, by kind, and where they agree, rightly or wrongly."""

from __future__ import annotations

from evals.gold import GoldRow
from evals.voices import compare_voices


def row(key: str, *alternatives: set[str], route: str = "auto") -> GoldRow:
    return GoldRow(key, "s", "CT", key, 0, tuple(map(frozenset, alternatives)), route, "plain")  # type: ignore[arg-type]


ROWS = [row("1", {"a"}), row("2", {"a"}, {"b"}), row("3", {"a", "b"}, route="review"), row("4", route="review")]
ANSWERS = {
    "reader": [frozenset("a"), frozenset("b"), frozenset("a"), frozenset()],
    "model": [frozenset("c"), frozenset("b"), frozenset("a"), frozenset("d")],
}


def test_each_voice_alone() -> None:
    reader, model = compare_voices(ROWS, ANSWERS).alone
    assert (reader.one, reader.several, reader.refusal, reader.all) == ((2, 2), (0, 1), (1, 1), (3, 4))
    assert (model.one, model.several, model.refusal, model.all) == ((1, 2), (0, 1), (0, 1), (1, 4))


def test_where_they_agree() -> None:
    both = compare_voices(ROWS, ANSWERS).together[-1]
    assert both.voices == ("reader", "model")
    assert (both.agree, both.right, both.auto, both.auto_agree, both.auto_right) == (2, 1, 2, 1, 1)
    assert both.same_wrong == ("3",)
    assert both.precision == 0.5
