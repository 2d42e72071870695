"""Yingma's own model: whatever it is asked, an answer of the edition, always the same. How good the answers are, its
card says.

Most tests run on the shipped file and on one with random weights, which answers what no trained model would: six exams
in a name, each hardly likelier than another.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import math
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.model import Model, ModelRequest, open_model
from agent.model import embedded as module
from agent.model.embedded import CARD, FILE, NAME, EmbeddedModel, own_model
from agent.model.gguf import general_name
from agent.model.walk import WORTH, Walk, Walker, _log_sums
from agent.settings import load_settings
from evals.bench.embedded import Recorder
from evals.bench.names import bench_names
from prompts.embedded import END, MOST_EXAMS, REFUSAL, Vocabulary, build_vocabulary
from prompts.rows import candidate_row, resolver
from prompts.schema import SlotSchema
from standard import Catalogue, load_catalogue
from standard.errors import ModelError
from standard.lexicon import load_lexicon
from tests.model.random_gguf import write_random_gguf

if importlib.util.find_spec("llama_cpp") is None:
    pytest.skip("llama_cpp is not installed (uv sync --extra local)", allow_module_level=True)

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=200)
ODD = [
    "",
    " ",
    "\x00\x1b[2J\u202e",
    "\ud800",
    "😀" * 100,
    "⇒" * 70,
    '{"e":[]}',
    '"p":"胸部",',
    "<s></s><0x00>",
    "胸" * 10_000,
]
EDITIONS = ["", "3.8"]


@functools.cache
def catalogue_of(edition: str) -> Catalogue:
    """The catalogue, read once."""
    return load_catalogue(edition)


@functools.cache
def vocabulary() -> Vocabulary:
    """That of the editions here, as training makes it."""
    return build_vocabulary([catalogue_of(each) for each in EDITIONS], load_lexicon())


def with_card(folder: Path, **changes: Any) -> Path:
    """Writes the card of a folder's model file."""
    told = {
        "sha256": hashlib.sha256((folder / FILE).read_bytes()).hexdigest(),
        "lexicon": "x",
        "editions": [edition.id for edition in catalogue_of("").editions],
    }
    (folder / CARD).write_text(json.dumps(told | changes), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def random_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random model and its card."""
    folder = tmp_path_factory.mktemp("random")
    write_random_gguf(folder / FILE, vocabulary())
    return with_card(folder)


def folder_of(kind: str, random_folder: Path) -> Path:
    """The folder of a kind of model; skips where there is no shipped one."""
    if kind == "random":
        return random_folder
    if not (module.FOLDER / FILE).is_file():
        pytest.skip("the trained model is not here yet (./yingma model train)")
    return module.FOLDER


@pytest.fixture(scope="module", params=["shipped", "random"])
def model(request: pytest.FixtureRequest, random_folder: Path) -> Iterator[EmbeddedModel]:
    """The model for the default catalogue."""
    opened = EmbeddedModel(catalogue_of(""), folder_of(request.param, random_folder))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shipped(random_folder: Path) -> Iterator[EmbeddedModel]:
    """The shipped model for the default catalogue."""
    opened = EmbeddedModel(catalogue_of(""), folder_of("shipped", random_folder))
    yield opened
    opened.close()


def walks(model: EmbeddedModel, count: int) -> list[Walk]:
    """The answers to the first of the benchmark's names."""
    return [model.walk(each.name, each.modality) for each in bench_names(count)]


def schema_of(catalogue: Catalogue) -> SlotSchema:
    """The slot schema whose lists are the whole edition's."""
    rows = [candidate_row(item) for item in catalogue.items.values()]
    lists = [tuple(dict.fromkeys(values)) for values in zip(*(row[2:6] for row in rows), strict=True)]
    return SlotSchema(*lists, max_exams=MOST_EXAMS)


# -- answers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("kind", ["shipped", "random"])
def test_every_answer_is_of_the_edition_and_holds_under_the_schema(
    kind: str, edition: str, random_folder: Path
) -> None:
    catalogue = catalogue_of(edition)
    schema, resolve = schema_of(catalogue), resolver(catalogue)
    model = EmbeddedModel(catalogue, folder_of(kind, random_folder))
    try:
        for found in walks(model, 150):
            assert schema.parse(found.reply) == found.exams
            assert tuple(map(resolve, found.exams)) == found.codes
            assert len(set(found.codes)) == len(found.codes) <= MOST_EXAMS
            assert set(found.codes) | set(found.runner_up or ()) <= catalogue.items.keys()
            assert found.logprob <= 0
            assert found.codes != found.runner_up
    finally:
        model.close()


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_text_gets_an_answer(model: EmbeddedModel, text: str) -> None:
    assert model.fill(ModelRequest(text, text)).kind in ("answered", "refused")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(name=ANY_TEXT, modality=ANY_TEXT)
def test_any_text_gets_an_answer_of_the_edition(model: EmbeddedModel, name: str, modality: str) -> None:
    outcome = model.fill(ModelRequest(name, modality))
    assert outcome.kind == ("answered" if outcome.codes else "refused") == outcome.reason
    assert set(outcome.codes) <= catalogue_of("").items.keys()
    assert outcome.logprob is not None
    assert outcome.logprob <= 0
    assert outcome == model.fill(ModelRequest(name, modality))


def test_only_name_and_modality_are_asked(model: EmbeddedModel) -> None:
    row = candidate_row(next(iter(catalogue_of("").items.values())))
    assert model.fill(ModelRequest("胸部平扫", "CT", (), (row,), lambda _: "x", 1)) == model.fill(
        ModelRequest("胸部平扫", "CT")
    )


def test_an_outcome_tells_what_the_walk_found(model: EmbeddedModel) -> None:
    outcome, found = model.fill(ModelRequest("胸部CT平扫", "CT")), model.walk("胸部CT平扫", "CT")
    assert isinstance(model, Model)
    assert (outcome.codes, outcome.exams, outcome.logprob) == (found.codes, found.exams, found.logprob)
    assert (outcome.runner_up, outcome.runner_up_logprob) == (found.runner_up or (), found.runner_up_logprob)
    assert [(each.reply, each.finish_reason, each.tokens_out) for each in outcome.attempts] == [
        (found.reply, "stop", len(found.tokens))
    ]
    assert outcome.tokens_in == found.tokens_in > len("c:胸部CT平扫")


def test_no_exam_is_given_twice_though_nothing_else_is_left(random_folder: Path) -> None:
    few = dict(list(catalogue_of("").items.items())[:2])
    walker = Walker(random_folder / FILE)
    for items in ({}, few):
        tree = walker.tree(cast(Catalogue, SimpleNamespace(items=items)))
        for each in bench_names(100):
            codes = walker.walk(each.name, tree).codes
            assert len(set(codes)) == len(codes)
            assert set(codes) <= items.keys()
    walker.close()


# -- log-probabilities -------------------------------------------------------------------------------------------------


def scored(model: EmbeddedModel, name: str, modality: str, tokens: tuple[int, ...]) -> float:
    """The log-probability of an answer by one plain evaluation of prompt and answer: the sum over its choices."""
    walker = model.walker
    prompt = walker.prompt(model.question(name, modality))
    walker.evaluator.clear()
    rows = walker.evaluator.feed([*prompt, *tokens], len(tokens) + 1).astype(np.float64)
    total, node, tree = 0.0, model.tree.first, model.tree
    for row, token in zip(rows, tokens, strict=False):
        if len(node.children) > 1:
            total += row[token] - row.max() - math.log(np.exp(row - row.max()).sum())
        node = node.children[token]
        node = tree.more if node.code else node
    return total


def test_log_probabilities_are_those_of_a_plain_evaluation(shipped: EmbeddedModel) -> None:
    told = 0
    for each in bench_names(100):
        found = shipped.walk(each.name, each.modality)
        assert found.logprob == pytest.approx(scored(shipped, each.name, each.modality, found.tokens), abs=0.1)
        if found.runner_up is not None:
            told += 1
            tokens = tuple(shipped.tree.answer(found.runner_up))
            assert found.runner_up_logprob == pytest.approx(scored(shipped, each.name, each.modality, tokens), abs=0.1)
        elif found.runner_up_logprob is not None:
            assert found.runner_up_logprob <= WORTH
    assert told


def test_the_answer_is_the_likelier_of_the_walk_and_the_runner_up(model: EmbeddedModel) -> None:
    for each in bench_names(50):
        found = model.walk(each.name, each.modality)
        plain = model.walk(each.name, each.modality, runner_up=False)
        assert found.runner_up is None or found.logprob >= (found.runner_up_logprob or 0.0)
        if plain.codes == found.codes:
            assert plain == found._replace(runner_up=None, runner_up_logprob=None)
        else:
            assert (plain.codes, plain.logprob) == (found.runner_up, found.runner_up_logprob)


# -- drafts ------------------------------------------------------------------------------------------------------------


def test_a_draft_changes_no_answer(shipped: EmbeddedModel) -> None:
    names = bench_names(120)
    plain = walks(shipped, 120)
    for at, (each, found) in enumerate(zip(names, plain, strict=True)):
        for draft in (found.codes, plain[at - 1].codes, ("nothing",), plain[0].codes * 99):
            other = shipped.walk(each.name, each.modality, draft)
            assert other.codes == found.codes
            assert other.logprob == pytest.approx(found.logprob, abs=0.05)


def test_a_right_draft_costs_one_batch(model: EmbeddedModel) -> None:
    right = model.walk("胸部CT平扫", "CT", runner_up=False)
    walker = model.walker
    recorder = Recorder(walker.evaluator)
    walker.evaluator = cast(Any, recorder)
    try:
        model.walk("胸部CT平扫", "CT", right.codes, runner_up=False)
        assert recorder.batches == 1
        model.walk("胸部CT平扫", "CT", runner_up=False)
        assert recorder.batches > 2
    finally:
        walker.evaluator = recorder.evaluator


# -- the same answer, whatever else happens ----------------------------------------------------------------------------


def test_the_order_of_the_names_changes_nothing(model: EmbeddedModel) -> None:
    names = bench_names(100)
    forward = walks(model, 100)
    assert [model.walk(each.name, each.modality) for each in reversed(names)][::-1] == forward
    requests = [ModelRequest(each.name, each.modality) for each in names]
    assert [each.codes for each in model.fill_many(requests)] == [each.codes for each in forward]


def test_threads_get_the_same_answers(model: EmbeddedModel) -> None:
    names = bench_names(60)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda each: model.walk(each.name, each.modality), names)) == walks(model, 60)


def test_threads_inside_llama_change_nothing(model: EmbeddedModel, random_folder: Path) -> None:
    two = EmbeddedModel(catalogue_of(""), model.path, threads=2)
    assert walks(two, 3) == walks(model, 3)  # few: where cores are busy, two threads mostly wait for each other
    two.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_opens_its_own(model: EmbeddedModel) -> None:
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    expected = walks(model, 20)

    def child() -> None:
        sender.send([tuple(each) for each in walks(model, 20)])

    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with model._lock:
            held.set()
            free.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(60)
    try:
        # A thread of the parent holds the lock at the fork; the child has no such thread.
        process = context.Process(target=child)
        process.start()
        assert receiver.poll(60), "the child does not answer"
        assert receiver.recv() == [tuple(each) for each in expected]
        process.join(60)
        assert process.exitcode == 0
    finally:
        free.set()
        holder.join()
    assert walks(model, 20) == expected


def test_another_process_gives_the_same_answers(model: EmbeddedModel) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom agent.model.embedded import EmbeddedModel\n"
        "from evals.bench.names import bench_names\nfrom standard import load_catalogue\n"
        "model = EmbeddedModel(load_catalogue(), Path(sys.argv[1]))\n"
        "print([tuple(model.walk(each.name, each.modality)) for each in bench_names(20)])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(model.path)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": ".", "PYTHONIOENCODING": "utf-8"},
        encoding="utf-8",
    )
    assert done.stderr == ""
    assert done.stdout.strip() == str([tuple(each) for each in walks(model, 20)])


def test_a_failure_of_llama_is_an_outcome_and_touches_no_other(
    model: EmbeddedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ModelRequest("胸部CT平扫", "CT")
    before = model.fill(request)
    with monkeypatch.context() as patch:
        patch.setattr(model.walker.evaluator, "_batch", SimpleNamespace(n_tokens=0))
        patch.setattr(
            model.walker.evaluator,
            "lib",
            SimpleNamespace(llama_memory_clear=lambda *_: None, llama_decode=lambda *_: -3),
        )
        failed = model.fill(request)
    assert (failed.kind, failed.reason, failed.codes) == ("invalid", "engine_failed", ())
    assert "-3" in failed.detail
    assert model.fill(request) == before


def test_what_is_no_number_is_no_answer(model: EmbeddedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluator = model.walker.evaluator
    for value in (np.nan, np.inf, -np.inf):
        table = np.full((1, evaluator.n_vocab), value, dtype=np.float32)
        with monkeypatch.context() as patch, np.errstate(invalid="ignore"):
            patch.setattr(evaluator, "feed", lambda *_, table=table: table)
            failed = model.fill(ModelRequest("胸部CT平扫", "CT"))
        assert (failed.kind, failed.reason) == ("invalid", "engine_failed")


@pytest.mark.parametrize("scale", [1e-3, 1.0, 80.0, 1e4])
def test_log_sums_of_small_and_large_logits(scale: float) -> None:
    table = np.random.default_rng(1).normal(size=(3, 50)).astype(np.float32) * scale
    exact = table.astype(np.float64)
    tops = exact.max(axis=1)
    expected = tops + np.log(np.exp(exact - tops[:, None]).sum(axis=1))
    for moved in (-200.0, 0.0, 200.0):
        assert _log_sums(table + np.float32(moved)) == pytest.approx(list(expected + moved), abs=1e-3 + scale * 1e-5)


# -- opening -----------------------------------------------------------------------------------------------------------


def test_provenance_and_note(random_folder: Path) -> None:
    model = EmbeddedModel(catalogue_of(""), random_folder)
    assert model.name == model.provenance["model"] == NAME
    assert model.provenance["hash"] == hashlib.sha256((random_folder / FILE).read_bytes()).hexdigest()[:16]
    assert model.provenance["edition"] == "3.8.2"
    assert model.provenance["trained_editions"] == "radiology-3.8.2+ultrasound-1.1+nuclear-2.0"
    assert model.provenance["regime"] == "reset/tree"
    assert (model.note("zh"), model.note("en")) == ("", "")
    model.close()


def test_an_edition_that_it_was_not_trained_on_is_said(random_folder: Path, tmp_path: Path) -> None:
    model = EmbeddedModel(catalogue_of("3.8"), random_folder)
    assert model.provenance["edition"] == "shared elements only: 1741 of 1741 items"
    model.close()
    write_random_gguf(tmp_path / FILE, build_vocabulary([catalogue_of("3.8")], load_lexicon()))
    ids = [edition.id for edition in catalogue_of("3.8").editions]
    model = EmbeddedModel(catalogue_of(""), with_card(tmp_path, editions=ids))
    assert model.provenance["edition"].startswith("shared elements only: 1")
    assert model.provenance["edition"].endswith("of 1882 items")
    assert "1882" in model.note("zh")
    assert model.note("en").endswith(".")
    model.close()
    model = EmbeddedModel(catalogue_of("3.8"), tmp_path)
    assert (model.provenance["edition"], model.note()) == ("3.8", "")
    model.close()


def test_the_setting_local_is_our_own_model_unless_another_is_named(
    random_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(random_folder / FILE, tmp_path / "renamed.gguf")
    monkeypatch.setattr(module, "FOLDER", random_folder)
    for path in (None, random_folder, tmp_path / "renamed.gguf"):
        model = open_model("local", load_settings(model_path=path), catalogue_of("3.8"))
        assert isinstance(model, EmbeddedModel)
        assert set(model.fill(ModelRequest("胸部CT平扫")).codes) <= catalogue_of("3.8").items.keys()
        model.close()
    # A file without a card: what it was trained on is not known.
    assert model.provenance["trained_editions"] == "not told"
    assert model.note("en")


def test_other_models_stay_other_models(random_folder: Path, tmp_path: Path) -> None:
    write_random_gguf(tmp_path / "qwen.gguf", vocabulary(), name="Qwen")
    assert own_model(tmp_path / "qwen.gguf") is None
    assert own_model(tmp_path) is None
    assert own_model(tmp_path / "missing.gguf") is None
    assert own_model(random_folder / FILE) == random_folder / FILE


def test_what_is_measured_is_our_own_model_that_the_settings_name(
    random_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.gguf").write_bytes(b"GGUF")
    for path, wanted in (("", module.FOLDER), (random_folder, random_folder), (tmp_path / "other.gguf", module.FOLDER)):
        monkeypatch.setenv("YINGMA_MODEL_PATH", str(path))
        assert module.own_in_use() == wanted


def test_a_missing_file_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    with pytest.raises(ModelError, match="yingma model train") as caught:
        open_model("local", load_settings())
    assert "./yingma model train" in caught.value.zh


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"sha256": "?"}, {"editions": "3.8"}, {"lexicon": None}])
def test_a_card_that_does_not_hold_is_said(change: dict[str, Any], random_folder: Path, tmp_path: Path) -> None:
    shutil.copy(random_folder / FILE, tmp_path)
    with pytest.raises(ModelError, match="yingma model train") as caught:
        EmbeddedModel(catalogue_of("3.8"), with_card(tmp_path, **change))
    assert str(tmp_path) in caught.value.zh


def test_a_file_of_another_kind_is_said(random_folder: Path, tmp_path: Path) -> None:
    whole = (random_folder / FILE).read_bytes()
    texts = [text for text in vocabulary().texts if text not in (REFUSAL, END)]
    write_random_gguf(tmp_path / "other.gguf", Vocabulary(tuple(texts), vocabulary().characters))
    for number, data in enumerate((b"", b"GGUF", whole[:1000], whole[:-1000])):
        (tmp_path / f"{number}.gguf").write_bytes(data)
    for path in tmp_path.iterdir():
        with pytest.raises(ModelError) as caught:
            EmbeddedModel(catalogue_of("3.8"), path)
        assert caught.value.zh.endswith("。")


def test_the_vocabulary_is_that_of_the_file(random_folder: Path) -> None:
    walker = Walker(random_folder / FILE)
    assert walker.vocabulary == vocabulary()
    walker.close()


def test_a_closed_model_says_so(random_folder: Path) -> None:
    model = EmbeddedModel(catalogue_of("3.8"), random_folder)
    model.close()
    model.close()
    with pytest.raises(ModelError, match="closed"):
        model.fill(ModelRequest("胸部CT平扫"))


@given(st.binary(max_size=200))
def test_any_bytes_have_a_name_or_none(data: bytes) -> None:
    path = Path(os.environ["YINGMA_HOME"]) / "any.gguf"
    path.parent.mkdir(parents=True, exist_ok=True)
    for start in (b"", b"GGUF\x03\x00\x00\x00"):
        path.write_bytes(start + data)
        assert isinstance(general_name(path), str)


def test_nothing_heavy_is_imported_before_the_model_is_opened() -> None:
    code = (
        "import sys, agent.model.embedded; print([n for n in ('llama_cpp', 'chromadb', 'openai') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
