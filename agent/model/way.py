"""How far an answer is in the tree of answers, and what may still follow: no exam twice, at most MOST_EXAMS of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from prompts.embedded import MOST_EXAMS, AnswerTree, Node, Vocabulary
from prompts.schema import Exam
from standard import Catalogue


class WalkTree(AnswerTree):
    """An answer tree that also knows the way to each code as a further exam: nodes and their children, last first."""

    def __init__(self, catalogue: Catalogue, vocabulary: Vocabulary) -> None:
        super().__init__(catalogue, vocabulary)
        self.ways: dict[str, tuple[tuple[Node, int], ...]] = {}
        left_out = set(self.left_out)
        for code in catalogue.items:
            if code not in left_out:
                node, way = self.more, []
                for token in self.answer((code, code))[len(self.answer((code,))) - 1 : -1]:
                    way.append((node, token))
                    node = node.children[token]
                self.ways[code] = tuple(reversed(way))


@dataclass(slots=True)
class Way:
    """How far an answer is. `spent`, by id of a node: the children that lead only to exams already given."""

    tree: WalkTree
    node: Node
    tokens: list[int] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    exams: list[Exam] = field(default_factory=list)
    spent: dict[int, set[int]] = field(default_factory=dict)
    done: bool = False

    def take(self, token: int) -> None:
        """Goes on by one token, which is a child of the node."""
        self.tokens.append(token)
        self.node = self.node.children[token]
        if self.node.exam is not None:
            self.codes.append(self.node.code)
            self.exams.append(self.node.exam)
            self._spend(self.node.code)
            self.node = self.tree.more
        elif not self.node.children:
            self.done = True

    def allowed(self) -> np.ndarray[Any, Any]:
        """The children that may follow, as an array of ids."""
        if self.node is self.tree.more and len(self.codes) >= MOST_EXAMS:
            return np.array([self.tree.end])
        assert self.node.tokens is not None
        spent = self.spent.get(id(self.node))
        tokens = self.node.tokens
        return np.delete(tokens, np.searchsorted(tokens, list(spent))) if spent else tokens

    def _spend(self, code: str) -> None:
        """Notes that an exam may not be given again: its last token, and what leads to nothing else."""
        for node, token in self.tree.ways[code]:
            spent = self.spent.setdefault(id(node), set())
            spent.add(token)
            if len(spent) < len(node.children):
                break
