"""Which modalities a query may mean: from the modality column and from the name, by the lexicon's forms.

The filter only leaves out what neither says: a column of CT beside a name that says MRI keeps both.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from retrieval.text import Cleaner

if TYPE_CHECKING:
    from standard.lexicon import Lexicon

# the lexicon's modality -> modalities of items. X-ray departments write DR for films, contrast studies and the breast.
ITEMS = {
    "CT": ("CT",),
    "MR": ("MR",),
    "XR": ("DR", "RF", "MG"),
    "移动DR": ("DR",),
    "RF": ("RF", "DR"),
    "MG": ("MG", "DR"),
    "US": ("US",),
    "放射": ("CT", "MR", "DR", "RF", "MG"),
    "NM": ("PET/CT", "PET/MR", "SPECT"),
    "PET/CT": ("PET/CT",),
    "PET/MR": ("PET/MR",),
    "SPECT": ("SPECT",),
}


class ModalityFilter:
    """Reads modalities for a catalogue that has `known` modalities."""

    def __init__(self, lexicon: Lexicon, known: Collection[str], cleaner: Cleaner) -> None:
        self._cleaner = cleaner
        self._known = frozenset(known)
        self._said: dict[str, frozenset[str]] = {}
        self._doubtful = frozenset(
            cleaner.fold(form.surface)
            for form in lexicon.forms
            if form.slot not in ("modality", "noise") and (form.slot, form.element) != ("scan", "常规")
        )
        for form in lexicon.of("modality"):
            items = frozenset(ITEMS.get(form.element, ()))
            self._said[cleaner.fold(form.surface)] = self._said.get(cleaner.fold(form.surface), frozenset()) | items
        for modality in known:
            self._said.setdefault(cleaner.fold(modality), frozenset((modality,)))

    def __call__(self, name: str, column: str) -> frozenset[str] | None:
        """The modalities of items to search; None when nothing is said, or nothing that the catalogue has."""
        whole = self._said.get(self._cleaner.fold(column))
        said = (self._read(column) if whole is None else whole) | self._read(name)
        return (said & self._known) or None

    def _read(self, text: str) -> frozenset[str]:
        """What the forms in a text say together; forms that may mean something else too (床旁) say nothing."""
        folded = self._cleaner.fold(text)
        words = (folded[start:stop] for start, stop in self._cleaner.cover(folded))
        return frozenset[str]().union(*(self._said.get(word, ()) for word in words if word not in self._doubtful))
