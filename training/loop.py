"""Training of the decoder: steps over generated names, a checkpoint each minute, the same weights however often killed.

A run is decided by its recipe, number of names, seed, and the program and data that make the names; of these the name
of its checkpoint is made, so that the same arguments find it again and others begin anew beside it. With the same
number of threads on the same kind of machine, the weights are the same to the last bit.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from training.decoder import Decoder, best_kind
from training.generator import Generator
from training.recipe import Recipe
from training.rows import NOT_ASKED, Place, RowMaker, Source, Step, cut, make_step

HELD_OUT_SEED = 1  # added to the seed: names that training does not see
SHOWN = 200  # steps over which loss and speed are told
BETAS = (0.9, 0.95)  # of AdamW


class Progress(NamedTuple):
    """How far a run is: `loss` and `rate` (names/s) of the last steps, `right` of the last measuring, if any."""

    names: int
    total: int
    rate: float
    loss: float
    right: float | None

    @property
    def seconds_left(self) -> float:
        """At the speed of the last steps; 0 where there is none yet."""
        return (self.total - self.names) / self.rate if self.rate else 0.0


@dataclass(frozen=True)
class Run:
    """What a run is decided by, and where its state lies. `versions`: of all that makes its names."""

    recipe: Recipe
    names: int
    seed: int
    versions: Sequence[str]
    folder: Path

    @property
    def checkpoint(self) -> Path:
        """The file of this run's state."""
        told = [self.recipe.size.model_dump(), self.recipe.training.model_dump(), self.names, self.seed]
        name = hashlib.sha256(json.dumps([told, self.versions]).encode()).hexdigest()[:12]
        return self.folder / f"decoder-{name}.pt"


class Trainer:
    """One run. `place` is how far it is; `train` goes on from there to the end."""

    def __init__(self, run: Run, generator: Generator, held_out: Generator, maker: RowMaker) -> None:
        self.run, self.place, self.seconds = run, Place(), 0.0
        self.maker, self.saved = maker, 0  # `saved`: names learnt up to the checkpoint
        self._plan, self._kind = run.recipe.training, best_kind()
        self._source = Source(generator, maker, run.seed, run.names, self._plan.buffer, self._plan.rows)
        self.model = Decoder(run.recipe.size, len(maker.vocabulary.texts), run.seed)
        self._optimizers = self._make_optimizers()
        rows = [maker.row(name) for name in held_out.names(self._plan.held_out)]
        self._held_out = [make_step(each) for each in cut(rows, self._plan.rows)]

    @property
    def parameters(self) -> int:
        """Of the model, in number."""
        return sum(each.numel() for each in self.model.parameters())

    @property
    def arithmetic(self) -> str:
        """What it computes in: bfloat16 or float32."""
        return str(self._kind).removeprefix("torch.")

    @property
    def torch_version(self) -> str:
        """Of PyTorch."""
        return str(torch.__version__)

    def resume(self) -> bool:
        """Take up this run's checkpoint; false where there is none."""
        try:
            state = torch.load(self.run.checkpoint, weights_only=True)
        except FileNotFoundError:
            return False
        self.place, self.seconds = Place(*state["place"]), state["seconds"]
        self.saved = self.place.names
        self.model.load_state_dict(state["model"])
        for optimizer, each in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(each)
        return True

    def save(self) -> None:
        """Write the checkpoint: whole or not at all."""
        state = {
            "place": tuple(self.place),
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "optimizers": [each.state_dict() for each in self._optimizers],
        }
        self.run.folder.mkdir(parents=True, exist_ok=True)
        part = self.run.checkpoint.with_suffix(".part")
        with open(part, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.run.checkpoint)
        self.saved = self.place.names

    def train(self, progress: Callable[[Progress], None]) -> None:
        """To the last name. An exception (a KeyboardInterrupt too) leaves the last checkpoint."""
        began = saved = time.perf_counter()
        before = self.seconds
        past: deque[tuple[float, int, float]] = deque(maxlen=SHOWN)
        right = None
        for rows, place in self._source.steps(self.place):
            loss = self._learn(make_step(rows))
            self.place = place
            now = time.perf_counter()
            self.seconds = before + now - began
            past.append((now, place.names, loss))
            if now - saved >= self._plan.checkpoint or place.names == self.run.names:
                self.save()
                right = self.share_right()
                saved = time.perf_counter()
            progress(
                Progress(place.names, self.run.names, _rate(past), sum(each[2] for each in past) / len(past), right)
            )

    def share_right(self) -> float:
        """Of the held-out names, the share whose whole answer comes out right, taking the likeliest tokens."""
        right = total = 0
        with torch.no_grad():
            for step in self._held_out:
                guessed = self._logits(step).argmax(-1)
                right += int(step.right(guessed).sum())
                total += step.names
        return right / total

    def held_out_loss(self) -> float:
        """The loss on the held-out names: nats a token of answers."""
        with torch.no_grad():
            counts = [int((step.wanted != NOT_ASKED).sum()) for step in self._held_out]
            pairs = [(float(self._loss(step)) * n, n) for step, n in zip(self._held_out, counts, strict=True)]
        return sum(loss for loss, _ in pairs) / sum(count for _, count in pairs)

    def _learn(self, step: Step) -> float:
        """One step of all optimizers; its loss."""
        factor = self._factor(self.place.names / self.run.names)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor
            optimizer.zero_grad(set_to_none=True)
        loss = self._loss(step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self._plan.clip)
        for optimizer in self._optimizers:
            optimizer.step()
        return float(loss.detach())

    def _loss(self, step: Step) -> Any:
        return functional.cross_entropy(self._logits(step), step.wanted)

    def _logits(self, step: Step) -> Any:
        states = self.model(step.ids, step.start, self._kind)
        return self.model.logits(states.flatten(0, 1)[step.at])

    def _factor(self, done: float) -> float:
        """Of the learning rate: up over the warm-up, then down to 0 in a line."""
        warm = self._plan.warm_up
        return min(1.0, (done + 1e-3) / warm) if done < warm else (1 - done) / (1 - warm)

    def _make_optimizers(self) -> list[torch.optim.Optimizer]:
        """Muon for the matrices of the blocks, AdamW for embedding and norms."""
        plan, named = self._plan, list(self.model.named_parameters())
        matrices = [each for name, each in named if name.startswith("blk.") and each.dim() == 2]
        norms = [each for _, each in named if each.dim() == 1]
        others = [
            {"params": [self.model.token_embd.weight], "peak": plan.other_rate},
            {"params": norms, "peak": plan.other_rate, "weight_decay": 0.0},
        ]
        return [
            torch.optim.Muon([{"params": matrices, "peak": plan.matrix_rate}], weight_decay=plan.weight_decay),
            torch.optim.AdamW(others, betas=BETAS, weight_decay=plan.weight_decay, fused=True),
        ]


def _rate(past: Sequence[tuple[float, int, float]]) -> float:
    """Names a second over the remembered steps; 0 where there is only one."""
    (first, from_names, _), (last, to_names, _) = past[0], past[-1]
    return (to_names - from_names) / (last - first) if last > first else 0.0
