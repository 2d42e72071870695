"""The kind of scanner that a name says, for sites that ask for device codes (16排CT…: 22…, 3.0T MR…: 33…).

The standard recommends codes that do not tell devices apart; they are the default, and there device words are noise.
Source: RULES 23 to 26 of the publication (table 2: 21 to 25 for CT, 31 to 35 for MR).
"""

from __future__ import annotations

import re

from standard import Catalogue, with_device
from standard.lexicon import Lexicon


class DeviceReader:
    """Finds the device of a canonical text, and puts it into codes."""

    def __init__(self, catalogue: Catalogue, lexicon: Lexicon) -> None:
        self.catalogue = catalogue
        self._patterns = [(re.compile(row.pattern), row.modality, row.device) for row in lexicon.devices]

    def device(self, text: str, modality: str) -> str:
        """The device code that the text says for a modality; empty where it says none, or several."""
        said = {device for pattern, own, device in self._patterns if own == modality and pattern.search(text)}
        return said.pop() if len(said) == 1 else ""

    def applied(self, text: str, codes: tuple[str, ...]) -> tuple[str, ...]:
        """The codes with the device that the text says, where it says one for their modality."""
        out = []
        for code in codes:
            device = self.device(text, self.catalogue.items[code].modality)
            out.append(with_device(self.catalogue, code, device) if device else code)
        return tuple(out)
