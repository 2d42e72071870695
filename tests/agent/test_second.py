"""Without a model the classifier is asked only where it can settle a name, and opened only then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.answer import Query
from agent.opening import open_pipeline
from agent.pipeline import Pipeline
from agent.second import SecondVoice
from standard import load_catalogue
from standard.errors import ModelError

SETTLED = Query("【嵴村团】胸部CT平扫", "CT")
OTHERS = [
    Query("胸部CT平扫", "CT"),
    Query("[头部]胸部CT平扫(嵴村)", "CT"),
    Query("踝关节CT平扫(嵴村)", "CT"),
    Query("胸部CT平扫+嵴村", "CT"),
    Query("嵴村", ""),
    Query("", ""),
]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return open_pipeline(model="none")


def test_it_settles_what_stands_apart(pipeline: Pipeline) -> None:
    answer = pipeline.answer([SETTLED])[0]
    assert (answer.route, answer.reason, answer.codes) == ("accepted", "stands_apart", ("20040100110000",))
    signals = {each.signal for each in answer.evidence}
    assert {"stands_apart", "classifier_agrees", "unexplained_each"} <= signals
    assert answer.classifier is not None
    assert answer.versions["classifier.hash"]


def test_it_is_asked_about_nothing_else(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Query] = []
    assert pipeline.second is not None
    opinions = pipeline.second.opinions
    monkeypatch.setattr(pipeline.second, "opinions", lambda queries: asked.extend(queries) or opinions(queries))
    pipeline.answer([*OTHERS, SETTLED])
    pipeline.answer_compact([*OTHERS, SETTLED, SETTLED])
    assert asked == [SETTLED] * 3


def test_in_a_table_as_in_a_suggestion_and_in_any_company(pipeline: Pipeline) -> None:
    queries = [*OTHERS, SETTLED]
    told = [(each.route, "+".join(each.codes), each.reason) for each in pipeline.answer(queries)]
    compact = [(each[0], each[1], each[4]) for each in pipeline.answer_compact(queries)]
    backwards = [(each[0], each[1], each[4]) for each in pipeline.answer_compact(queries[::-1])]
    assert told == compact == backwards[::-1]


def test_names_that_need_none_do_not_open_it() -> None:
    script = (
        "import sys\nfrom agent.answer import Query\nfrom agent.opening import open_pipeline\n"
        "p = open_pipeline(model='none')\n"
        f"p.answer_compact([Query(*each) for each in {[tuple(each) for each in OTHERS]!r}])\n"
        "assert 'agent.classifier' not in sys.modules and p.versions['classifier.hash']\n"
        f"p.answer_compact([Query(*{tuple(SETTLED)!r})])\n"
        "assert 'agent.classifier' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_damaged_file_is_said_and_never_a_guess(tmp_path: Path) -> None:
    damaged = tmp_path / "classifier.npz"
    damaged.write_bytes(b"not a classifier")
    catalogue = load_catalogue()
    second = SecondVoice(catalogue, damaged)
    pipeline = Pipeline(catalogue, second=second)
    with pytest.raises(ModelError, match="damaged"):
        pipeline.answer_compact([SETTLED])


def test_an_edition_that_it_does_not_know_is_read_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.classifier import Classifier, UntrainedError

    def untrained(*_: object, **__: object) -> Classifier:
        raise UntrainedError("不认识", "knows nothing")

    monkeypatch.setattr(Classifier, "open", untrained)
    catalogue = load_catalogue()
    answer = Pipeline(catalogue, second=SecondVoice(catalogue)).answer([SETTLED])[0]
    assert (answer.route, answer.reason) == ("review", "unexplained")
