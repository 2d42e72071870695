"""Yingma's own model, walked along the items of an edition: prompt in, the likeliest answer and its doubt out.

    <s>c:胸部CT平扫⇒  ──▶  first ─ CT ─ 胸部 ─ 平扫 ─▶ more ─ end          log-probability -0.02
                                       └ 胸腔 …                            runner-up, -4.1

At each node of the `AnswerTree` the likeliest child is taken, so the answer is always one that the edition has. Its
log-probability is over the whole vocabulary at each choice, so what the model would rather have said, but may not,
shows as doubt. A node with one child is no choice and costs no evaluation of its own.

One regime: before each name the cache is emptied, and the whole prompt is one batch. So an answer does not depend on
what was asked before. A draft (a likely answer) goes into the same batch; what of it equals the walk's own choices
needs no further batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agent.model.evaluate import CONTEXT, Evaluator, Logits
from agent.model.way import WalkTree, Way
from prompts.embedded import BOS, END, FIRST_TEXT, MARK, REFUSAL, SPECIAL, Vocabulary
from prompts.schema import Exam
from standard import Catalogue
from standard.errors import ModelError

CHARACTERS = "yingma.characters"  # the file's key for how many tokens are single characters
# A runner-up that must be less likely than e to this power is not worked out: no threshold lies so far down.
WORTH = -7.0
SMALL = 1e-30  # below, exponentials in float32 lose digits


class Walk(NamedTuple):
    """An answer: its codes and exams (none: the refusal), tokens, JSON; natural logarithms of probabilities.

    `runner_up`: the codes of the next best answer; None where none was worked out. Then `runner_up_logprob` is an
    upper bound of its log-probability, or None where there was no choice at all. A runner-up may be likelier than the
    answer, which is the likeliest at each choice and not always as a whole.
    """

    codes: tuple[str, ...]
    exams: tuple[Exam, ...]
    tokens: tuple[int, ...]
    reply: str
    logprob: float
    runner_up: tuple[str, ...] | None
    runner_up_logprob: float | None
    tokens_in: int


class _Choice(NamedTuple):
    """One choice on the way: after how many tokens, between which, their logits, the place of the one taken.

    `whole` is ln(sum(exp(logits))) of the whole vocabulary, so logit - whole is a log-probability; `taken` is that of
    the token taken.
    """

    at: int
    allowed: np.ndarray[Any, Any]
    logits: Logits
    best: int
    whole: float
    taken: float

    def second(self) -> tuple[int, float]:
        """The next best token and its log-probability; -1 and minus infinity where there is none."""
        if len(self.logits) == 1:
            return -1, -math.inf
        others = self.logits.copy()
        others[self.best] = -np.inf
        at = int(others.argmax())
        return int(self.allowed[at]), others.item(at) - self.whole


class Walker:
    """One loaded GGUF. Not safe across threads. ModelError where the file is no model of this kind."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        self.evaluator = Evaluator(path, threads)
        try:
            self.vocabulary = read_vocabulary(self.evaluator)
        except ModelError:
            self.evaluator.close()
            raise
        self._table: Logits = np.zeros((CONTEXT, self.evaluator.n_vocab), dtype=np.float32)  # logits at each choice
        self._prompt = 0  # tokens of the prompt in the cache
        self._cached: list[int] = []  # tokens of an answer behind it
        self._rows: Logits = np.zeros((0, 0), dtype=np.float32)  # what the last batch gave
        self._rows_from = 0  # behind how many tokens of the answer its first row stands

    def tree(self, catalogue: Catalogue) -> WalkTree:
        """What may be answered in a catalogue."""
        return WalkTree(catalogue, self.vocabulary)

    def prompt(self, question: str) -> list[int]:
        """The tokens of a question of `Asker.question`."""
        return [BOS, *self.vocabulary.encode(question + MARK)]

    def walk(self, question: str, tree: WalkTree, draft: Sequence[int] = (), runner_up: bool = True) -> Walk:
        """The answer to a question of `Asker.question`, among those of a tree that `tree` made.

        One likeliest token after another; with `runner_up`, the likelier of that and the best other answer.

        `draft`: tokens of a likely answer (`AnswerTree.answer`). It changes what the answer costs, and
        log-probabilities by rounding. ModelError where llama.cpp fails; the next walk is not touched by it.
        """
        prompt = self.prompt(question)
        way = Way(tree, tree.first)
        # Behind the end nothing is chosen, so the end itself is not evaluated.
        self._begin(prompt, draft[:-1] if draft and draft[-1] in (tree.end, tree.refusal) else draft)
        choices = self._finish(way)
        other: Way | None = None
        logprob, second = _sum(choices), None
        if runner_up and choices:
            other, second = self._runner_up(way, choices)
        if other is not None and second is not None and second > logprob:  # one token after another is not the whole
            way, other, logprob, second = other, way, second, logprob
        texts = self.vocabulary.texts
        return Walk(
            tuple(way.codes),
            tuple(way.exams),
            tuple(way.tokens),
            "".join([texts[token] for token in way.tokens]),
            logprob,
            tuple(other.codes) if other is not None else None,
            second,
            len(prompt),
        )

    def close(self) -> None:
        """Frees the model. Once more does nothing."""
        self.evaluator.close()

    # -- parts -----------------------------------------------------------------------------------------------------

    def _finish(self, way: Way) -> list[_Choice]:
        """Takes the likeliest child until the answer ends; the choices that this took.

        Between two batches only what the next one needs: there the processor's caches hold llama.cpp's data, and each
        call of numpy takes four times as long as behind another one.
        """
        made: list[tuple[int, np.ndarray[Any, Any], Logits, int]] = []
        while not way.done:
            if len(way.node.children) == 1:
                way.take(next(iter(way.node.children)))
                continue
            row = self._logits(way.tokens)
            self._table[len(made)] = row
            allowed = way.allowed()
            logits = row.take(allowed)
            best = int(logits.argmax())
            made.append((len(way.tokens), allowed, logits, best))
            way.take(allowed.item(best))
        wholes = _log_sums(self._table[: len(made)])
        choices = [
            _Choice(at, allowed, logits, best, whole, min(0.0, logits.item(best) - whole))
            for (at, allowed, logits, best), whole in zip(made, wholes, strict=True)
        ]
        if not math.isfinite(sum(wholes) + _sum(choices)):
            raise ModelError(
                "模型算出的不是数；请换一个完好的模型文件。",
                "What the model computes is no number; use a model file that is whole.",
            )
        return choices

    def _runner_up(self, way: Way, choices: list[_Choice]) -> tuple[Way | None, float | None]:
        """Branches where the second child loses least, and goes on from there as the walk does."""
        seconds = [choice.second() for choice in choices]
        losses = [choice.taken - logprob for choice, (_, logprob) in zip(choices, seconds, strict=True)]
        at = losses.index(min(losses))
        second, logprob = seconds[at]
        if second < 0:
            return None, None
        logprob += _sum(choices[:at])
        if logprob <= WORTH:
            return None, logprob
        other = Way(way.tree, way.tree.first)
        for token in (*way.tokens[: choices[at].at], second):
            other.take(token)
        logprob += _sum(self._finish(other))
        return other, logprob

    def _begin(self, prompt: Sequence[int], draft: Sequence[int]) -> None:
        """Empties the cache and evaluates prompt and draft as one batch, with logits behind each token of the draft."""
        self.evaluator.clear()
        self._prompt, self._cached, self._rows_from = len(prompt), list(draft), 0
        self._rows = self.evaluator.feed([*prompt, *draft], len(draft) + 1)

    def _logits(self, tokens: list[int]) -> Logits:
        """The logits behind prompt and `tokens`, (n_vocab,); evaluates what the cache does not hold of them yet."""
        cached, count = self._cached, len(tokens)
        common = len(cached)
        if cached != tokens[:common]:
            common = next(at for at, token in enumerate(cached) if [token] != tokens[at : at + 1])
        if common == count and 0 <= count - self._rows_from < len(self._rows):
            kept: Logits = self._rows[count - self._rows_from]
            return kept
        common = min(common, count - 1)  # the last one is evaluated again where its logits are gone
        if common < len(cached):
            self.evaluator.cut(self._prompt + common)
        self._rows = self.evaluator.feed(tokens[common:])
        self._cached, self._rows_from = list(tokens), count
        last: Logits = self._rows[0]
        return last


def _log_sums(table: Logits) -> list[float]:
    """ln(sum(exp(logits))) of each row."""
    with np.errstate(over="ignore"):
        sums = np.add.reduce(np.exp(table), axis=1).tolist()
    if min(sums, default=1.0) > SMALL and max(sums, default=1.0) < math.inf:
        return [math.log(each) for each in sums]
    # Logits so large or small that float32 does not hold their exponentials: measured from the largest.
    tops = np.maximum.reduce(table, axis=1)
    sums = np.add.reduce(np.exp(table - tops[:, None]), axis=1).tolist()
    return [top + math.log(each) for top, each in zip(tops.tolist(), sums, strict=True)]


def _sum(choices: Sequence[_Choice]) -> float:
    return sum([choice.taken for choice in choices], 0.0)


def read_vocabulary(evaluator: Evaluator) -> Vocabulary:
    """The vocabulary that the file holds. ModelError where it lacks what an answer begins and ends with."""
    texts = evaluator.texts()
    said = evaluator.metadata(CHARACTERS)
    if said.isdecimal():
        characters = int(said)
    else:
        # Fragments of answers come behind the single characters and are longer.
        characters = next((at for at, text in enumerate(texts[FIRST_TEXT:]) if len(text) != 1), len(texts) - FIRST_TEXT)
    vocabulary = Vocabulary(texts, characters)
    if not {REFUSAL, END} <= vocabulary.ids.keys() or texts[: len(SPECIAL)] != SPECIAL:
        raise ModelError(
            "这个文件不是影码自己的模型（词表里没有答案的开头和结尾）；请检查 YINGMA_MODEL_PATH。",
            "This file is not Yingma's own model (its vocabulary lacks what an answer begins and ends with); "
            "check YINGMA_MODEL_PATH.",
        )
    return vocabulary
