"""Answers of the decoder in PyTorch: at each place the likeliest token that the edition's tree of answers allows.

For measuring where llama.cpp is missing, and for holding the two against each other. Slow: nothing is remembered from
one token to the next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from prompts.embedded import EOS, MOST_EXAMS, AnswerTree, Node
from training.decoder import Decoder

TOGETHER = 256  # questions in one batch


@dataclass(slots=True)
class Answer:
    """Tokens and codes of an answer (no codes: the refusal), and the natural logarithm of its probability."""

    tokens: list[int] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    logprob: float = 0.0
    node: Node | None = None

    def take(self, token: int, tree: AnswerTree) -> None:
        """Go on by a token that the node allows; `node` is None behind the end."""
        assert self.node is not None
        node = self.node.children[token]
        self.tokens.append(token)
        if node.code:
            self.codes.append(node.code)
            node = tree.more
        self.node = node if node.children else None

    def allowed(self, tree: AnswerTree) -> list[int]:
        """The tokens that may follow; none that leads only to exams already given."""
        assert self.node is not None
        if self.node is tree.more and len(self.codes) >= MOST_EXAMS:
            return [tree.end]
        return [token for token, child in self.node.children.items() if _leads_on(child, self.codes)]


def _leads_on(node: Node, given: Sequence[str]) -> bool:
    """Whether behind a node there is an exam that is not among the given ones, or the end of the answer."""
    if node.code:
        return node.code not in given
    return not node.children or any(_leads_on(child, given) for child in node.children.values())


def answers(model: Decoder, tree: AnswerTree, questions: Sequence[Sequence[int]]) -> list[Answer]:
    """The answer to each question (tokens up to and with the mark), in order."""
    found = [Answer(node=tree.first) for _ in questions]
    order = sorted(range(len(questions)), key=lambda at: len(questions[at]))
    with torch.no_grad():
        for at in range(0, len(order), TOGETHER):
            part = order[at : at + TOGETHER]
            _finish(model, tree, [questions[each] for each in part], [found[each] for each in part])
    return found


def _finish(model: Decoder, tree: AnswerTree, questions: Sequence[Sequence[int]], found: Sequence[Answer]) -> None:
    """A token for each unfinished answer, until there is none."""
    while open_ones := [at for at, each in enumerate(found) if each.node is not None]:
        rows = [[*questions[at], *found[at].tokens] for at in open_ones]
        longest, start = max(map(len, rows)), min(map(len, rows)) - 1
        ids = torch.tensor([[*row, *[EOS] * (longest - len(row))] for row in rows])
        ends = torch.tensor([len(row) - 1 - start for row in rows])
        states = model(ids, start)[torch.arange(len(rows)), ends]
        logprobs = torch.log_softmax(model.logits(states), -1)
        for at, row in zip(open_ones, logprobs, strict=True):
            answer = found[at]
            assert answer.node is not None
            allowed = answer.allowed(tree)
            values = row[allowed]
            best = int(values.argmax())
            if len(answer.node.children) > 1:  # where the tree goes on in one way only, there is no choice
                answer.logprob += float(values[best])
            answer.take(allowed[best], tree)
    assert all(math.isfinite(each.logprob) for each in found)
