"""The generator: the same names everywhere, true ones, of every item, in the shares that the shapes say."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from agent.answer import Query
from agent.pipeline import Pipeline
from prompts.embedded import Asker
from standard import load_catalogue
from standard.errors import DataError
from standard.lexicon import load_lexicon
from training.audit import consistent, contradictions
from training.exam import compose
from training.generator import CHUNK, Generator, TrainingName
from training.shapes import Refusals, load_shapes, read_shapes

ROOT = Path(__file__).resolve().parent.parent.parent
COUNT = 20_000


@pytest.fixture(scope="module")
def names() -> list[TrainingName]:
    return list(Generator(load_catalogue(), load_lexicon(), 11).names(COUNT))


def test_a_seed_gives_the_same_names_in_another_process(names: list[TrainingName]) -> None:
    code = (
        "from standard import load_catalogue; from standard.lexicon import load_lexicon; "
        "from training.generator import Generator; "
        "print([tuple(n) for n in Generator(load_catalogue(), load_lexicon(), 11).chunk(3)[:200]])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert eval(done.stdout) == [tuple(name) for name in names[3 * CHUNK : 3 * CHUNK + 200]]
    assert Generator(load_catalogue(), load_lexicon(), 12).chunk(0) != names[:CHUNK]


def test_the_kinds_come_in_their_shares(names: list[TrainingName]) -> None:
    counts, shares = Counter(name.kind for name in names), load_shapes().share
    assert counts["refusal"] / COUNT == pytest.approx(shares.refusal, abs=0.01)
    assert counts["several"] / COUNT == pytest.approx(shares.several, abs=0.01)
    for name in names:
        assert name.name
        assert (len(name.codes) == 0) == (name.kind == "refusal")
        assert (len(name.codes) > 1) == (name.kind == "several")
        assert len(set(name.codes)) == len(name.codes)


@pytest.mark.slow
def test_every_code_is_an_item_and_every_item_is_meant() -> None:
    catalogue = load_catalogue()
    generator = Generator(catalogue, load_lexicon(), 5)
    seen = {code for name in generator.names(150_000) for code in name.codes}
    assert seen <= set(catalogue.items)
    assert set(catalogue.items) - seen == set()


def test_few_names_contradict_each_other_and_those_are_left_out(names: list[TrainingName]) -> None:
    asker = Asker(load_lexicon())
    assert len(contradictions(names, asker)) < COUNT * 0.001
    twice = [TrainingName("胸部平扫", "", ("a",), "one"), TrainingName("胸部 平扫", "", ("b",), "one"), names[0]]
    assert consistent(twice, asker) == [names[0]]


def test_reader_and_generator_mean_the_same(names: list[TrainingName]) -> None:
    """What the reader accepts of the generated names is what they were made from: two ways to one table."""
    one = [name for name in names if name.kind == "one"]
    answers = Pipeline(load_catalogue()).answer_compact([Query(name.name, name.modality) for name in one])
    accepted = [(name, answer) for name, answer in zip(one, answers, strict=True) if answer[0] == "accepted"]
    wrong = [(n.name, n.codes, a[1]) for n, a in accepted if set(a[1].split("+")) != set(n.codes)]
    assert len(accepted) > 0.6 * len(one)
    assert len(wrong) < 0.005 * len(accepted), wrong[:20]


def test_no_name_of_the_labelled_ones_is_built_in(shared: Path) -> None:
    rows = (shared / "gold" / "dev.tsv").read_text(encoding="utf-8").splitlines()[1:]
    elements = {element for item in load_catalogue().items.values() for element in item.elements.values()}
    labelled = {row.split("\t")[3] for row in rows if len(row.split("\t")[3]) > 12} - elements
    data = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "training" / "data").glob("*.toml"))
    assert [name for name in labelled if name in data] == []


@pytest.mark.parametrize(
    ("order", "words", "text"),
    [
        ("{mod}{body}({scan})", {"mod": "CT", "body": "胸部", "scan": ""}, "CT胸部"),
        ("{mod}-{body}-{scan}", {"mod": "", "body": "胸部", "scan": "C+"}, "胸部-C+"),
        ("[{body}]{mod}{scan}", {"mod": "CT", "body": "", "scan": "平扫"}, "CT平扫"),
        ("{mod}:{body}", {"mod": "MR", "body": "C+/-"}, "MR:C+/-"),
    ],
)
def test_what_is_empty_leaves_nothing_behind(order: str, words: dict[str, str], text: str) -> None:
    assert compose(order, **words) == text


def test_a_fault_of_the_shapes_is_named(tmp_path: Path) -> None:
    path = tmp_path / "refusals.toml"
    path.write_text('words = "胶片费"\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"refusals\.toml"):
        read_shapes(path, Refusals)
