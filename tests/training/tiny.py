"""A very small model for the tests of training; as a program: `python tests/training/tiny.py FOLDER NAMES WEIGHTS`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from standard import load_catalogue
from standard.lexicon import load_lexicon
from training.generator import Generator
from training.recipe import Recipe, Schedule, Size, read_recipe


def tiny_recipe(checkpoint: float) -> Recipe:
    """Two blocks of 64 floats."""
    recipe = read_recipe()
    plan = recipe.training.model_dump() | {"buffer": 4000, "held_out": 300, "checkpoint": checkpoint}
    size = Size(layers=2, width=64, heads=2, hidden=128, context=512)
    return recipe.model_copy(update={"size": size, "training": Schedule(**plan)})


def tiny_trainer(folder: Path, names: int, seed: int = 0, checkpoint: float = 1.0) -> Any:
    """A run on one thread, at its checkpoint if it has one."""
    import torch

    from training.loop import Run, Trainer
    from training.rows import RowMaker, own_vocabulary

    torch.set_num_threads(1)
    catalogue, lexicon = load_catalogue(), load_lexicon()
    maker = RowMaker(catalogue, lexicon, own_vocabulary())
    generators = (Generator(catalogue, lexicon, each) for each in (seed, seed + 1))
    trainer = Trainer(Run(tiny_recipe(checkpoint), names, seed, ["test"], folder), *generators, maker)
    trainer.resume()
    return trainer


def main(folder: str, names: str, weights: str) -> None:
    """Train to the end and write the weights to a file; a line on stdout after each step."""
    import torch

    trainer = tiny_trainer(Path(folder), int(names))
    trainer.train(lambda at: print(at.names, trainer.saved, flush=True))
    torch.save(trainer.model.state_dict(), weights)


if __name__ == "__main__":
    main(*sys.argv[1:])
