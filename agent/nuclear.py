"""Nuclear medicine: the lexicon's parts are the wordings of the edition's items, one item each.

`PET/CT` + 躯干 is the item PET/CT躯干; `SPECT` + 全身骨显像 is SPECT全身骨显像. PET with no machine said is
for a person.
"""

from __future__ import annotations

from typing import Final

from agent.group import Group
from agent.reading import Exam
from agent.resolve import Issue, Resolved, Shared
from standard import Catalogue

MACHINES: Final = ("PET/CT", "PET/MR", "SPECT")


class Nuclear:
    """Resolver of the family NM."""

    def __init__(self, catalogue: Catalogue, shared: Shared) -> None:
        self.shared = shared
        self.codes = {
            (item.modality, item.name.removeprefix(item.modality)): code
            for code, item in catalogue.items.items()
            if item.modality in MACHINES
        }

    def exams(self, group: Group) -> Resolved:
        """See module."""
        exams: list[Exam] = []
        issues: list[Issue] = []
        said = list(dict.fromkeys(name for name, _ in group.modalities if name in MACHINES))
        if len(said) > 1:
            issues.append(("conflict_modality", tuple(index for _, index in group.modalities), "/".join(said)))
        if not group.parts:
            issues.append(("missing_part", tuple(index for _, index in group.modalities), ""))
        for part in self.shared.fold("NM", group.parts):
            machines = [name for name in MACHINES if (name, part.element) in self.codes]
            chosen = [name for name in machines if name in said] if said else machines
            if len(chosen) == 1:
                code = self.codes[chosen[0], part.element]
                exams.append(Exam(chosen[0], part.element, "", "", "", code))
            elif not chosen:
                issues.append(("uncatalogued", (part.index,), part.element))
            else:
                issues.append(("missing_modality", (part.index,), "/".join(chosen)))
        return Resolved(exams, issues)
