"""The exported file in llama.cpp: its tokenizer is the vocabulary's, and its numbers are PyTorch's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="PyTorch is not here: ./yingma model train installs it")
pytest.importorskip("gguf", reason="gguf is not here: ./yingma model train installs it")
llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python is not here")

from agent.model.embedded import FILE as OPENED_FILE  # noqa: E402
from agent.model.embedded import NAME as OPENED_NAME  # noqa: E402
from agent.model.walk import CHARACTERS as OPENED_CHARACTERS  # noqa: E402
from prompts.embedded import BOS, FIRST_TEXT, MARK, Vocabulary  # noqa: E402
from standard import load_catalogue  # noqa: E402
from standard.lexicon import load_lexicon  # noqa: E402
from training.decoder import Decoder  # noqa: E402
from training.export import CHARACTERS, FILE, NAME, export  # noqa: E402
from training.generator import Generator  # noqa: E402
from training.recipe import Size  # noqa: E402
from training.rows import RowMaker, own_vocabulary  # noqa: E402

SIZE = Size(layers=2, width=32, heads=2, hidden=48, context=512)


@pytest.fixture(scope="module")
def maker() -> RowMaker:
    return RowMaker(load_catalogue(), load_lexicon(), own_vocabulary())


@pytest.fixture(scope="module")
def model(maker: RowMaker) -> Any:
    made = Decoder(SIZE, len(maker.vocabulary.texts), seed=1)
    with torch.no_grad():
        for each in made.parameters():
            each.mul_(8.0 if each.dim() == 2 else 1.0)
    return made


@pytest.fixture(scope="module")
def llama(maker: RowMaker, model: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path = tmp_path_factory.mktemp("export") / FILE
    export(model, maker.vocabulary, path)
    assert [each.name for each in path.parent.iterdir()] == [FILE]
    opened = llama_cpp.Llama(str(path), n_ctx=512, n_threads=1, verbose=False, logits_all=True)
    yield opened
    opened.close()


def in_llama(llama: Any, text: str) -> list[int]:
    return list(llama.tokenize(text.encode(), add_bos=True, special=True))


def odd(vocabulary: Vocabulary) -> st.SearchStrategy[str]:
    """Texts that try to be tokens of another kind."""
    fragments = vocabulary.texts[FIRST_TEXT + vocabulary.characters :]
    cut = st.sampled_from(fragments).flatmap(lambda text: st.integers(1, len(text)).map(lambda at: text[-at:]))
    return st.lists(st.one_of(cut, st.sampled_from(vocabulary.texts), st.text(max_size=4)), max_size=5).map("".join)


def test_the_names_are_those_that_are_opened() -> None:
    assert (FILE, NAME, CHARACTERS) == (OPENED_FILE, OPENED_NAME, OPENED_CHARACTERS)


def test_generated_names_are_tokenised_alike(llama: Any, maker: RowMaker) -> None:
    names = Generator(load_catalogue(), load_lexicon(), 3).names(2000)
    questions = [(maker.asker.question(each.name, each.modality), each) for each in names]
    wrong = [
        text for text, each in questions if in_llama(llama, text + MARK) != maker.question(each.name, each.modality)
    ]
    assert wrong == []


def test_any_name_is_tokenised_alike(llama: Any, maker: RowMaker) -> None:
    """But for fragments of two characters (`位"`): llama.cpp takes them for one token also in a name."""
    fragments = maker.vocabulary.texts[FIRST_TEXT + maker.vocabulary.characters :]
    pairs = [text for text in fragments if len(text) == 2]
    assert all('"' in pair for pair in pairs)

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
    @given(st.one_of(st.text(max_size=80), odd(maker.vocabulary)))
    def holds(name: str) -> None:
        question = maker.asker.question(name, "")
        assume(not any(pair in question for pair in pairs))
        assert in_llama(llama, question + MARK) == maker.question(name, "")

    holds()


def test_numbers_are_those_of_pytorch(llama: Any, maker: RowMaker, model: Any) -> None:
    for each in Generator(load_catalogue(), load_lexicon(), 4).names(20):
        tokens = maker.question(each.name, each.modality)
        assert tokens[0] == BOS
        llama.reset()
        llama.eval(tokens)
        theirs = torch.log_softmax(torch.from_numpy(llama.scores[: len(tokens)].copy()), -1)
        with torch.no_grad():
            ours = torch.log_softmax(model.logits(model(torch.tensor([tokens]))[0]), -1)
        assert float((ours - theirs).abs().max()) < 0.05


def test_the_same_weights_give_the_same_file(maker: RowMaker, model: Any, tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        export(model, maker.vocabulary, tmp_path / name)
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()
