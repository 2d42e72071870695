"""Which families of modalities a modality column names: CT, 放射科, 超声影像检查 …, by the lexicon's forms.

A family is CT, MR, XR (plain film, contrast studies and the breast together), US or NM.
"""

from __future__ import annotations

from standard.lexicon import Lexicon
from standard.text import canonical

ALL_FAMILIES = frozenset({"CT", "MR", "XR", "US", "NM"})
# the lexicon's element of a modality form -> the families that it allows
FAMILIES_OF = {
    "CT": frozenset({"CT"}),
    "MR": frozenset({"MR"}),
    "US": frozenset({"US"}),
    **dict.fromkeys(("XR", "MG", "RF", "移动DR"), frozenset({"XR"})),
    **dict.fromkeys(("NM", "PET/CT", "PET/MR", "SPECT"), frozenset({"NM"})),
    "放射": ALL_FAMILIES - {"US"},
}


class ModalityColumn:
    """Reads the texts of a modality column; a pure function, each text worked out once."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._forms = {form.surface: FAMILIES_OF[form.element] for form in lexicon.of("modality")}
        self._longest = max(map(len, self._forms), default=0)
        self._known: dict[str, frozenset[str]] = {}

    def __call__(self, column: str) -> frozenset[str]:
        """The families that every modality word of the text allows; all where it has none, or they contradict."""
        known = self._known.get(column)
        if known is None:
            known = self._known[column] = self._read(canonical(column).text)
        return known

    def _read(self, text: str) -> frozenset[str]:
        allowed, at = ALL_FAMILIES, 0
        while at < len(text):
            for end in range(min(len(text), at + self._longest), at, -1):
                families = self._forms.get(text[at:end])
                if families is not None:
                    allowed &= families
                    at = end
                    break
            else:
                at += 1
        return allowed or ALL_FAMILIES
