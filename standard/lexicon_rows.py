"""The rows of the lexicon's tables, as strict models: what a column means, and which values hold."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator

MODALITIES = ("CT", "MR", "XR", "MG", "US", "NM")
Source = Literal["standard", "guide", "article", "committee", "usage", "inferred"]
Certainty = Literal["", "review"]


class Row(BaseModel):
    """Base of all rows: strict, no unknown column, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _modalities(text: str) -> str:
    wrong = [each for each in text.split("/") if text and each not in MODALITIES]
    if wrong:
        raise ValueError(f"modality {wrong[0]!r} is none of {', '.join(MODALITIES)}")
    return text


class FormRow(Row):
    """One surface form. `element` is a name of the edition (parts without their side), or a word of this lexicon."""

    surface: str
    element: str
    modality: str  # CT/MR: the modalities it holds for; empty = all
    certainty: Certainty  # review: a person has to look when this form decides
    source: Source
    example: str  # a name that holds the form and reads as this element

    _modality = field_validator("modality")(_modalities)


class PatternRow(Row):
    """A form that only a pattern catches (numbers): `slot` and `element` as in the other tables, noise included."""

    pattern: str
    slot: Literal["noise", "separator", "modality", "part", "side", "position"]
    element: str
    modality: str
    source: Source
    example: str

    _modality = field_validator("modality")(_modalities)


class EnclosedRow(Row):
    """A form that is noise, of the kind `element`, only in a bracket: a disease that names a part, 胸部CT(肾结石术后).

    Behind the opening, with 左, 右, 双 and 伴 before it or not, and in no list: anywhere else the part may be
    ordered."""

    surface: str
    element: str
    source: Source
    example: str


class IdiomRow(Row):
    """A form that fills several slots at once: `slots` is `slot=element` joined by `;`."""

    surface: str
    modality: str
    slots: str
    certainty: Certainty
    source: Source
    example: str

    _modality = field_validator("modality")(_modalities)


class VesselRow(Row):
    """Angiography of a region goes to a vessel part: region (part), kind A or V, vessel part."""

    region: str
    kind: Literal["A", "V"]
    modality: str
    element: str
    certainty: Certainty
    source: Source


class VesselGroupRow(Row):
    """Regions named together (`;`) whose vessels are one region's: 头部和颈部CTA is 头颈部."""

    modality: str
    regions: str
    region: str
    source: Source


class GroupRow(Row):
    """Several parts named together that are one part: `least` of `members` (joined by `;`) make `element`."""

    modality: str
    members: str
    least: str
    element: str
    source: Source
    example: str


class ContainmentRow(Row):
    """`whole` holds `members`. `adjoining`: of both words side by side, the finer or the whole is meant, or that is
    unclear.

    `listed`: with a separator between them they are both, one (the whole), or unclear."""

    modality: str
    whole: str
    members: str
    adjoining: Literal["finer", "whole", "unclear"]
    listed: Literal["both", "one", "unclear"]
    source: Source


class HeadingRow(Row):
    """A word that heads a finer part (腹部_胆囊): dropped beside `members` (`*` any); `own`: an exam when alone.

    `path`: an exam when alone, and a heading before a separator only (泌尿系_前列腺), not before a bracket."""

    modality: str
    heading: str
    members: str
    own: Literal["", "yes", "path"]
    source: Source


class FallbackRow(Row):
    """The edition lacks part + scan: take `to_part` and `to_scan` (`*` any, `=` the same) that hold it."""

    modality: str
    part: str
    scan: str
    to_part: str
    to_scan: str
    certainty: Certainty
    source: Source


class PositionFallbackRow(Row):
    """The edition lacks the position for the part (`*` any): take `to_position` where it has that."""

    part: str
    position: str
    to_position: str
    certainty: Certainty
    source: Source


class PositionDefaultRow(Row):
    """The position of a plain film of `part` that names none."""

    part: str
    position: str
    certainty: Certainty
    source: Source


class PositionHomeRow(Row):
    """The edition keeps a position of `part` under `to_part` with side `to_side` (`=` the side of the name)."""

    position: str
    part: str
    to_part: str
    to_side: str
    source: Source


class GenericRow(Row):
    """`general` says less than each of `specific` (`*` all): where both are said, the specific one is meant."""

    slot: str
    general: str
    specific: str
    source: Source


class AngiographyRow(Row):
    """A scan of vessels, its kind (A, V, ? not said), and the edition's scan for arteries and for veins."""

    scan: str
    modality: str
    kind: Literal["A", "V", "?"]
    by_kind_A: str  # noqa: N815 (a column of the table)
    by_kind_V: str  # noqa: N815
    source: Source


class PairRow(Row):
    """Two scans that the edition has as one item of some parts (平扫 + DWI of the whole spine)."""

    modality: str
    scan: str
    other: str
    together: str
    source: Source


class DeviceRow(Row):
    """A kind of scanner: what a name says of it (a regular expression on canonical text), and its device code."""

    pattern: str
    modality: str
    device: str
    source: Source
    example: str


class InherentRow(Row):
    """A post-processing that angiography holds by itself: said beside it, it orders nothing more."""

    modality: str
    post: str
    source: Source


class OnePartRow(Row):
    """A scan or post-processing that by its own name belongs to one part (MRCP to the bile ducts)."""

    element: str
    modality: str
    part: str
    source: Source


class UnsidedRow(Row):
    """A part whose name begins with 左, 右 or 双 and is no side of another part."""

    element: str
    reason: str
    source: Source


class ChildRow(Row):
    """A part that the edition has for children apart: a child's word elsewhere in a name leaves open which is meant."""

    modality: str
    part: str
    child: str
    source: Source


class TouchingRow(Row):
    """Words for parts (joined by `;`) that are exams of their own though nothing stands between them: 头胸腹CT."""

    modality: str
    together: str
    source: Source
    example: str


class ExclusiveRow(Row):
    """Sub-items (joined by `;`) of which a patient can have one at a time; two in a name leave open which is meant."""

    modality: str
    subitems: str
    source: Source
    example: str


class DetailRow(Row):
    """A word that is noise beside parts of these regions (level-1 parts joined by `;`), and beside others a doubt."""

    surface: str
    regions: str
    source: Source


class PositionAtomsRow(Row):
    """The single views (joined by `;`) of a position whose name is not views joined by 、."""

    position: str
    atoms: str
    source: Source
