"""The nearest items to a name: by the pipeline's retriever where it has one, else by the characters of the names."""

from __future__ import annotations

from agent.pipeline import Pipeline
from standard.modality import ModalityColumn

COUNT = 8


class Nearest:
    """Compiled when it is first asked; a pure function of its arguments."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._column = ModalityColumn(pipeline.lexicon)

    def __call__(self, name: str, modality: str) -> list[str]:
        """Codes, the nearest first."""
        if self._pipeline.retriever is not None:
            return [each.code for each in self._pipeline.retriever.search([(name, modality)], COUNT)[0]]
        return self._by_characters(name[:400], modality)

    def _by_characters(self, name: str, modality: str) -> list[str]:
        from retrieval.lexical import LexicalIndex, best
        from retrieval.modality import ModalityFilter
        from retrieval.text import Cleaner

        if not hasattr(self, "_index"):
            items = self._pipeline.catalogue.items
            self._cleaner = Cleaner(self._pipeline.lexicon)
            self._index = LexicalIndex.build({code: (self._cleaner(item.name),) for code, item in items.items()})
            self._modality = [items[code].modality for code in self._index.codes]
            self._filter = ModalityFilter(self._pipeline.lexicon, set(self._modality), self._cleaner)
        text = self._cleaner(name)
        if not text:
            return []
        row = self._index.scores([text])[0]
        allowed = self._filter(name, modality)
        for at, of in enumerate(self._modality):
            if allowed is not None and of not in allowed:
                row[at] = 0
        return [code for code, score in best(row, self._index.codes, COUNT) if score > 0.1]
