"""Families of modalities as bits, so that what several words allow is one `and`.

X-ray and mammography are one family: a name says by its words which of their devices is meant.
"""

from __future__ import annotations

from typing import Final

from standard.lexicon_rows import MODALITIES

MASK: Final = {modality: 1 << index for index, modality in enumerate(MODALITIES)}
ALL: Final = (1 << len(MODALITIES)) - 1
XRAY: Final = MASK["XR"] | MASK["MG"]
# What a modality word of the lexicon allows.
FAMILY_OF: Final = {
    "CT": MASK["CT"],
    "MR": MASK["MR"],
    "XR": MASK["XR"] | MASK["MG"],
    "MG": MASK["XR"] | MASK["MG"],
    "RF": MASK["XR"] | MASK["MG"],
    "移动DR": MASK["XR"] | MASK["MG"],
    "US": MASK["US"],
    "PET/CT": MASK["NM"],
    "PET/MR": MASK["NM"],
    "SPECT": MASK["NM"],
    "NM": MASK["NM"],
    "放射": ALL & ~MASK["US"],
}
