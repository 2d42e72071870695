"""`yingma model train` and `yingma model card`: makes Yingma's own model from nothing but this project, and shows it.

    generated names ─▶ decoder ─▶ yingma.gguf ┐
                    └▶ classifier.npz         ├─▶ figures ─▶ card.json ─▶ the folder asked for
                                              ┘
Everything is made in YINGMA_HOME/training first; the folder asked for gets the finished files, the card last.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agent.console import emit_json, note, out, say
from agent.settings import load_settings
from evals.model_figures import Answers, gold_files, measure_model
from evals.model_progress import Shown
from standard import load_catalogue
from standard.errors import InputError, ModelError, StoppedError
from standard.lexicon import load_lexicon
from training.card import CARD, Card, Figure, Second, Training, file_facts, read_card, weaknesses
from training.generator import Generator, TrainingName
from training.recipe import read_recipe
from training.versions import edition_versions, generator_version

if TYPE_CHECKING:
    from rich.table import Table

    from training.loop import Trainer

NEEDED = ("torch", "gguf")
MOST_THREADS = 8  # a model this small gains nothing from more
MEASURED_SEED = 2  # added to the seed: the names of the figures, which neither training nor its progress saw
MEASURED = 3000  # of them


def run_train(folder: Path | None, names: int, seed: int, threads: int, gold: Sequence[Path], as_json: bool) -> None:
    """Train, export, measure, write the card. Goes on where the same arguments were stopped before.

    ModelError without PyTorch, InputError for a folder or a file that does not hold, StoppedError at Ctrl-C.
    """
    missing = [each for each in NEEDED if importlib.util.find_spec(each) is None]
    if missing:
        raise ModelError(
            f"训练需要 {'、'.join(missing)}，此环境没有；请用 ./yingma model train 运行，它会先装好。",
            f"Training needs {' and '.join(missing)}, which this environment lacks; "
            "run it as ./yingma model train, which installs them first.",
        )
    home = load_settings().home
    target = folder or home / "model"
    _check_writable(target)
    files = gold_files(gold)
    threads = threads or min(_cores(), MOST_THREADS)
    trainer = _open(home / "training", names, seed, threads)
    with _alone(trainer.run.folder):
        _resume(trainer)
        try:
            card = _make(trainer, seed, threads, files, target)
        except KeyboardInterrupt:
            raise StoppedError(
                f"已停止；用同样的参数再运行一次，就从第 {trainer.saved:,} 个名称接着训练。",
                f"Stopped; the same command goes on from name {trainer.saved:,}.",
            ) from None
    if as_json:
        emit_json(card.model_dump())
    else:
        show_card(card, target)
        note(
            say(
                f"要使用它：YINGMA_MODEL=local YINGMA_MODEL_PATH={target}",
                f"To use it: YINGMA_MODEL=local YINGMA_MODEL_PATH={target}",
            )
        )


def run_card(folder: Path | None, as_json: bool) -> None:
    """Show the card of the model in a folder, else of the one in use. ModelError where there is none."""
    where = folder or _in_use()
    card = read_card(where)
    if as_json:
        emit_json(card.model_dump())
    else:
        show_card(card, where)


def show_card(card: Card, folder: Path) -> None:
    """The card for people."""
    made, size, console = card.training, card.size, out()
    console.print(f"{card.name}  {folder / card.file}", style="bold")
    facts = (
        (say("文件", "file"), f"{card.bytes / 1e6:.1f} MB, SHA-256 {card.sha256}"),
        (
            say("大小", "size"),
            say(
                f"{card.parameters:,} 个参数；{size.layers} 层，宽 {size.width}，{size.heads} 头，内层 {size.hidden}，"
                f"词元 {card.vocabulary}",
                f"{card.parameters:,} parameters; {size.layers} layers, width {size.width}, {size.heads} heads, "
                f"inner layer {size.hidden}, {card.vocabulary} tokens",
            ),
        ),
        (say("标准", "standard"), ", ".join(f"{each} ({card.edition_versions[each]})" for each in card.editions)),
        (say("词典与生成器", "lexicon and generator"), f"{card.lexicon}, {card.generator}"),
        (
            say("训练", "training"),
            say(
                f"{made.names:,} 个生成的名称，种子 {made.seed}，{made.seconds / 60:.1f} 分钟，{made.threads} 线程"
                f"（{made.cores} 核），PyTorch {made.torch}，{made.arithmetic}",
                f"{made.names:,} generated names, seed {made.seed}, {made.seconds / 60:.1f} min, "
                f"{made.threads} threads ({made.cores} cores), PyTorch {made.torch}, {made.arithmetic}",
            ),
        ),
    )
    for key, value in facts:
        console.print(f"{key}: {value}", markup=False)
    second = card.classifier
    versions = f"{second.lexicon}, {second.generator}"
    apart = say(f"，词典与生成器 {versions}", f", lexicon and generator {versions}") if second.lexicon else ""
    console.print(
        say(
            f"分类器: {second.file}，{second.bytes / 1e6:.1f} MB，SHA-256 {second.sha256}；{second.names:,} 个名称，"
            f"种子 {second.seed}，{second.seconds / 60:.0f} 分钟{apart}",
            f"classifier: {second.file}, {second.bytes / 1e6:.1f} MB, SHA-256 {second.sha256}; {second.names:,} names, "
            f"seed {second.seed}, {second.seconds / 60:.0f} min{apart}",
        ),
        markup=False,
    )
    for title, figures in (
        (say(f"模型：整个答案正确（{card.engine}）", f"Model: whole answers right ({card.engine})"), card.figures),
        (say("分类器：整个答案正确", "Classifier: whole answers right"), second.figures),
    ):
        console.print(_figures(title, figures))
    console.print(say("不擅长：", "Not good at:"))
    for sentence in say("\n".join(card.weak.zh), "\n".join(card.weak.en)).splitlines():
        console.print(f"  - {sentence}", markup=False)


def _figures(title: str, figures: Sequence[Figure]) -> Table:
    """A table of figures: a row a set, a column a kind."""
    from rich.table import Table

    table = Table(title=title)
    columns = say("名称集|一个检查|多个检查|应拒答", "set|one exam|several exams|to be refused").split("|")
    for at, column in enumerate(columns):
        table.add_column(column, justify="left" if at == 0 else "right")
    for name in dict.fromkeys(figure.set for figure in figures):
        row = [figure for figure in figures if figure.set == name]
        table.add_row(name, *(f"{each.right}/{each.names} {_share(each.right, each.names)}" for each in row))
    return table


def _share(right: int, names: int) -> str:
    return f"{100 * right / names:.1f}%" if names else "-"


def _open(state: Path, names: int, seed: int, threads: int) -> Trainer:
    """The run of these arguments, at its beginning."""
    import torch

    from training.loop import HELD_OUT_SEED, Run, Trainer
    from training.rows import RowMaker, own_vocabulary

    torch.set_num_threads(threads)
    catalogue, lexicon, recipe = load_catalogue(), load_lexicon(), read_recipe()
    versions = [generator_version(), lexicon.version, *edition_versions(catalogue).values()]
    run = Run(recipe, names or recipe.training.names, seed, versions, state)
    maker = RowMaker(catalogue, lexicon, own_vocabulary())
    trainer = Trainer(
        run, Generator(catalogue, lexicon, seed), Generator(catalogue, lexicon, seed + HELD_OUT_SEED), maker
    )
    note(
        say(
            f"训练影码自己的模型：{trainer.parameters:,} 个参数，{run.names:,} 个名称，{threads} 线程。",
            f"Training Yingma's own model: {trainer.parameters:,} parameters, {run.names:,} names, {threads} threads.",
        )
    )
    return trainer


def _resume(trainer: Trainer) -> None:
    """At the run's checkpoint, if it has one."""
    if trainer.resume():
        note(
            say(
                f"从上次停下处接着训练：已学 {trainer.saved:,} 个名称。",
                f"Going on where it was stopped: {trainer.saved:,} names are learnt.",
            )
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While no other process trains in this folder (where the system has flock). InputError where one does."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(held)
        raise InputError(
            f"另一个进程正在 {folder} 中训练；请等它结束，或另设 YINGMA_HOME。",
            f"Another process is training in {folder}; wait for it, or set another YINGMA_HOME.",
        ) from error
    try:
        yield
    finally:
        os.close(held)


def _make(trainer: Trainer, seed: int, threads: int, gold: Sequence[Path], target: Path) -> Card:
    """Train to the end and put the finished files into the target folder."""
    from training.export import FILE, NAME, export

    with Shown() as shown:
        trainer.train(shown.progress)
    staging = trainer.run.checkpoint.with_suffix("")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    export(trainer.model, trainer.maker.vocabulary, staging / FILE)
    note(say("训练与导出完成，正在测量 …", "Trained and exported; measuring …"))
    catalogue, lexicon = load_catalogue(), load_lexicon()
    engine, answers = _answers(trainer, staging / FILE)
    held_out = list(Generator(catalogue, lexicon, seed + MEASURED_SEED).names(MEASURED))
    figures = tuple(measure_model(answers, held_out, gold))
    second = _make_classifier(
        staging, min(trainer.run.names, trainer.run.recipe.classifier.names), seed, held_out, gold
    )
    digest, size = file_facts(staging / FILE)
    versions = edition_versions(catalogue)
    card = Card(
        name=NAME,
        file=FILE,
        sha256=digest,
        bytes=size,
        parameters=trainer.parameters,
        size=trainer.run.recipe.size,
        vocabulary=len(trainer.maker.vocabulary.texts),
        catalogue=catalogue.id,
        editions=tuple(versions),
        edition_versions=versions,
        lexicon=lexicon.version,
        generator=generator_version(),
        training=Training(
            names=trainer.run.names,
            seed=seed,
            seconds=round(trainer.seconds, 1),
            threads=threads,
            cores=_cores(),
            torch=trainer.torch_version,
            arithmetic=trainer.arithmetic,
        ),
        engine=engine,
        figures=figures,
        classifier=second,
        weak=weaknesses(),
    )
    card.write(staging)
    for path in sorted(staging.iterdir(), key=lambda path: path.name == CARD):
        part = target / (path.name + ".part")
        shutil.copyfile(path, part)
        part.replace(target / path.name)
    shutil.rmtree(staging)
    trainer.run.checkpoint.unlink()
    return card


def _make_classifier(
    staging: Path, names: int, seed: int, held_out: Sequence[TrainingName], gold: Sequence[Path]
) -> Second:
    """Train the classifier on names of the same generator, into the same folder, and measure it."""
    from agent.classifier import FILE, Classifier
    from training.classifier import train_classifier

    note(say("正在训练分类器 …", "Training the classifier …"))
    catalogue, lexicon = load_catalogue(), load_lexicon()
    with Shown() as shown:
        made = train_classifier(
            Generator(catalogue, lexicon, seed), catalogue, lexicon, staging / FILE, names, seed, shown.counted
        )
    classifier = Classifier.open(catalogue, staging)
    digest, size = file_facts(staging / FILE)
    return Second(
        file=FILE,
        sha256=digest,
        bytes=size,
        names=names,
        seed=seed,
        seconds=round(made["seconds"], 1),
        figures=tuple(measure_model(lambda asked: [each.codes for each in classifier.answer(asked)], held_out, gold)),
    )


def _answers(trainer: Trainer, file: Path) -> tuple[str, Answers]:
    """What answers the names of the figures: the exported file in llama.cpp, or PyTorch where that is missing."""
    if importlib.util.find_spec("llama_cpp") is not None:
        from agent.model.embedded import EmbeddedModel

        model = EmbeddedModel(load_catalogue(), file)
        return model.provenance["engine"], lambda asked: [model.walk(name, modality).codes for name, modality in asked]
    from training.greedy import answers

    def by_torch(asked: Sequence[tuple[str, str]]) -> list[tuple[str, ...]]:
        questions = [trainer.maker.question(name, modality) for name, modality in asked]
        return [tuple(each.codes) for each in answers(trainer.model, trainer.maker.tree, questions)]

    return f"torch {trainer.torch_version}", by_torch


def _in_use() -> Path:
    """The folder of Yingma's own model under the present settings."""
    from agent.model.embedded import own_model

    path = load_settings().model_path
    found = own_model(path)
    if found is None:
        raise ModelError(
            f"{path} 不是影码自己的模型，没有卡片；请给出一个模型文件夹：./yingma model card FOLDER。",
            f"{path} is not Yingma's own model and has no card; name a model's folder: ./yingma model card FOLDER.",
        )
    return found.parent if found.is_file() else found


def _check_writable(folder: Path) -> None:
    """InputError where nothing can be written there: better now than after the training."""
    probe = folder / (CARD + ".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"文件夹 {folder} 写不进去（{error.strerror}）；请用 --out 另给一个。",
            f"Nothing can be written to the folder {folder} ({error.strerror}); name another with --out.",
        ) from error


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
