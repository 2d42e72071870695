"""Training that is stopped and goes on ends where one that was never stopped ends; it learns; its file is its model."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not here: ./yingma model train installs it")

from training.generator import Generator  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
_spec = importlib.util.spec_from_file_location("tiny", Path(__file__).with_name("tiny.py"))
assert _spec is not None
assert _spec.loader is not None
tiny = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tiny)


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_stopped_and_resumed_is_the_same(tmp_path: Path) -> None:
    whole = tiny.tiny_trainer(tmp_path / "whole", 1500)
    seen: list[Any] = []
    whole.train(seen.append)
    assert [each.names for each in seen] == sorted(each.names for each in seen)
    assert (seen[-1].names, seen[-1].total, seen[-1].seconds_left) == (1500, 1500, 0.0)
    assert seen[-1].right is not None
    assert seen[-1].loss < seen[0].loss

    def stop(at: Any) -> None:
        if at.names > 700:
            raise KeyboardInterrupt

    stopped = tiny.tiny_trainer(tmp_path / "stopped", 1500, checkpoint=1e-9)
    with pytest.raises(KeyboardInterrupt):
        stopped.train(stop)
    resumed = tiny.tiny_trainer(tmp_path / "stopped", 1500, checkpoint=1e-9)
    assert 700 < resumed.saved == resumed.place.names < 1500
    resumed.train(lambda at: None)
    assert same(resumed.model.state_dict(), whole.model.state_dict())
    assert resumed.seconds > stopped.seconds > 0


def test_other_arguments_begin_anew(tmp_path: Path) -> None:
    done = tiny.tiny_trainer(tmp_path, 300)
    done.train(lambda at: None)
    assert tiny.tiny_trainer(tmp_path, 300).saved == 300
    assert tiny.tiny_trainer(tmp_path, 301).saved == 0
    assert tiny.tiny_trainer(tmp_path, 300, seed=1).saved == 0
    assert [path.suffix for path in tmp_path.iterdir()] == [".pt"]


@pytest.mark.slow
def test_killed_and_resumed_is_the_same_and_llama_cpp_answers_as_pytorch(tmp_path: Path) -> None:
    names = 60_000
    command = [sys.executable, str(Path(__file__).with_name("tiny.py")), str(tmp_path / "killed"), str(names)]
    run = {"cwd": ROOT, "env": {"PYTHONPATH": str(ROOT), "PATH": ""}, "text": True, "stdout": subprocess.PIPE}
    with subprocess.Popen([*command, str(tmp_path / "a.pt")], **run) as killed:  # type: ignore[call-overload]
        for line in killed.stdout:
            learnt, saved = map(int, line.split())
            if saved > names // 4 and learnt > saved:
                break
        killed.kill()
    assert not (tmp_path / "a.pt").exists()
    subprocess.run([*command, str(tmp_path / "a.pt")], check=True, **run)
    trainer = tiny.tiny_trainer(tmp_path / "whole", names, checkpoint=1e9)
    trainer.train(lambda at: None)
    assert same(torch.load(tmp_path / "a.pt", weights_only=True), trainer.model.state_dict())
    assert trainer.share_right() > 0.2
    _same_in_llama_cpp(trainer, tmp_path)


def _same_in_llama_cpp(trainer: Any, folder: Path) -> None:
    """The exported file tokenises, answers and weighs as the model does."""
    llama_cpp = pytest.importorskip("llama_cpp")
    pytest.importorskip("gguf")
    from agent.model.embedded import EmbeddedModel
    from prompts.embedded import EOS
    from standard import load_catalogue
    from standard.lexicon import load_lexicon
    from training.export import FILE, export
    from training.greedy import answers

    export(trainer.model, trainer.maker.vocabulary, folder / FILE)
    first = (folder / FILE).read_bytes()
    export(trainer.model, trainer.maker.vocabulary, folder / FILE)
    assert (folder / FILE).read_bytes() == first
    llama = llama_cpp.Llama(str(folder / FILE), n_ctx=512, n_threads=1, verbose=False)
    maker, model = trainer.maker, trainer.model
    asked = list(Generator(load_catalogue(), load_lexicon(), 7).names(500))

    def free(question: list[int]) -> str:
        """The likeliest tokens, whatever they are."""
        tokens = list(question)
        for _ in range(40):
            with torch.no_grad():
                tokens.append(int(model.logits(model(torch.tensor([tokens]), len(tokens) - 1))[0, 0].argmax()))
            if tokens[-1] == EOS:
                return "".join(maker.vocabulary.texts[token] for token in tokens[len(question) : -1])
        return ""

    same_text = 0
    for name in asked:
        llama.reset()
        message = {"role": "user", "content": maker.asker.question(name.name, name.modality)}
        said = llama.create_chat_completion([message], temperature=0, max_tokens=40)["choices"][0]
        text = said["message"]["content"] if said["finish_reason"] == "stop" else ""
        same_text += text == free(maker.question(name.name, name.modality))
    llama.close()
    assert same_text >= 0.995 * len(asked)

    walked = EmbeddedModel(load_catalogue(), folder)
    torch_answers = answers(model, maker.tree, [maker.question(name.name, name.modality) for name in asked])
    equal = 0
    for name, answer in zip(asked, torch_answers, strict=True):
        walk = walked.walk(name.name, name.modality, runner_up=False)  # with it, the likelier of the two as a whole
        if list(walk.tokens) == answer.tokens:
            equal += 1
            assert abs(walk.logprob - answer.logprob) < 0.05
            assert json.loads(walk.reply)["e"] == [] or walk.codes
    walked.close()
    assert equal >= 0.99 * len(asked)
