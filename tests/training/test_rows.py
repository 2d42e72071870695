"""Training rows: what is learnt and what is only read, and that the same seed gives the same steps from any place."""

from __future__ import annotations

import pytest

from prompts.embedded import BOS, EOS, MARK, Asker
from standard import load_catalogue
from standard.lexicon import load_lexicon
from training.generator import Generator, TrainingName

torch = pytest.importorskip("torch", reason="PyTorch is not here: ./yingma model train installs it")

from training.rows import EVEN, EVEN_ANSWERS, NOT_ASKED, Place, RowMaker, Source, cut, make_step, own_vocabulary  # noqa: E402

CHEST, BRAIN = "20040100110000", "30010100110000"


@pytest.fixture(scope="module")
def maker() -> RowMaker:
    return RowMaker(load_catalogue(), load_lexicon(), own_vocabulary())


def test_a_row_is_question_mark_answer_end(maker: RowMaker) -> None:
    row = maker.row(TrainingName("胸部ＣＴ平扫+头MR", "CT", (CHEST, BRAIN), "several"))
    question = Asker(load_lexicon()).question("胸部ＣＴ平扫+头MR", "CT")
    assert question == "c:胸部CT平扫+头MR"
    assert row.tokens[: row.question] == [BOS, *maker.vocabulary.encode(question + MARK)]
    assert row.tokens[row.question :] == [*maker.tree.answer((CHEST, BRAIN)), EOS]
    texts = [maker.vocabulary.texts[token] for token in row.tokens[row.question : -1]]
    assert "".join(texts) == ('{"e":[{"m":"CT","p":"胸部","s":"平扫","x":""},{"m":"MR","p":"颅脑","s":"平扫","x":""}]}')


def test_a_step_asks_for_the_answers_only(maker: RowMaker) -> None:
    names = [
        TrainingName("胸部平扫", "CT", (CHEST,), "one"),
        TrainingName("挂号费", "", (), "refusal"),
        TrainingName("头颅MRI平扫+胸部CT", "", (BRAIN, CHEST), "several"),
    ]
    rows = [maker.row(name) for name in names]
    step = make_step(rows)
    assert step.names == 3
    assert step.start < min(row.question for row in rows)
    width = step.ids.shape[1] - step.start
    assert (step.ids.shape[1] % EVEN, width % EVEN, len(step.at) % EVEN_ANSWERS) == (0, 0, 0)
    found: list[list[int]] = [[], [], []]
    for at, wanted in zip(step.at.tolist(), step.wanted.tolist(), strict=True):
        if wanted == NOT_ASKED:
            continue
        row, place = divmod(at, width)
        found[row].append(wanted)
        assert rows[row].tokens[step.start + place + 1] == wanted
        assert step.ids[row, step.start + place] == rows[row].tokens[step.start + place]
    assert found == [row.tokens[row.question :] for row in rows]
    assert step.right(step.wanted).tolist() == [True, True, True]
    guessed = step.wanted.clone()
    guessed[step.wanted == NOT_ASKED] = 7  # counts for nothing
    guessed[len(found[0]) + len(found[1])] = 0
    assert step.right(guessed).tolist() == [True, True, False]


def test_steps_are_the_same_from_any_place(maker: RowMaker) -> None:
    def source(seed: int) -> Source:
        return Source(Generator(load_catalogue(), load_lexicon(), seed), maker, seed, 2300, 1000, 128)

    whole = list(source(0).steps(Place()))
    assert list(source(0).steps(Place())) == whole
    assert list(source(1).steps(Place())) != whole
    for at in (0, 3, 7, 8, len(whole) - 1):
        assert list(source(0).steps(whole[at][1])) == whole[at + 1 :]
    names = [place.names for _, place in whole]
    assert names == sorted(names)
    assert names[-1] == 2300
    assert whole[-1][1] == Place(3, 0, 2300)


def test_rows_of_a_step_are_about_equally_long(maker: RowMaker) -> None:
    names = Generator(load_catalogue(), load_lexicon(), 0).names(8000)
    steps = cut((maker.row(name) for name in names), 100)
    assert sum(map(len, steps)) == 8000
    lengths = [[len(row.tokens) for row in step] for step in steps]
    assert max(lengths[0]) <= min(lengths[1])
    assert sum(max(each) * len(each) for each in lengths) < 1.1 * sum(map(sum, lengths))
