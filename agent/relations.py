"""Relations between elements, by family: which part holds which, what only heads another, what says less.

Compiled from containment.tsv, heading.tsv and generic.tsv of standard/data/rules.
"""

from __future__ import annotations

from standard.lexicon import Lexicon, split


class Containment:
    """Which part holds which, by family, and which relation a general scan has to a special one."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._members: dict[str, dict[str, dict[str, str]]] = {}
        self._listed: dict[tuple[str, str, str], str] = {}
        for row in lexicon.containments:
            for family in split(row.modality):
                whole = self._members.setdefault(family, {}).setdefault(row.whole, {})
                members = row.members.split(";")
                whole.update(dict.fromkeys(members, row.adjoining))
                for member in members:
                    self._listed[family, row.whole, member] = row.listed
        self._paths: dict[tuple[str, str], frozenset[str]] = {}
        self._headings: dict[tuple[str, str], tuple[frozenset[str], bool]] = {}
        for heading in lexicon.headings:
            for family in split(heading.modality):
                key = (family, heading.heading)
                names = frozenset(heading.members.split(";"))
                if heading.own == "path":
                    self._paths[key] = names
                    continue
                self._headings[key] = (names, bool(heading.own))
        self._general: dict[str, frozenset[str]] = {}
        self.specific_of_all: set[str] = set()
        for generic in lexicon.generics:
            if generic.specific == "*":
                self.specific_of_all.add(generic.general)
            else:
                self._general[generic.general] = frozenset(generic.specific.split(";"))

    def adjoining(self, family: str, whole: str, member: str) -> str:
        """`finer`, `whole` or `unclear` where `whole` holds `member`, else empty."""
        return self._members.get(family, {}).get(whole, {}).get(member, "")

    def near(self, family: str, one: str, other: str) -> bool:
        """One holds the other, or a whole that is meant where it adjoins a part holds both (上腹部: 胆囊, 胰胆管)."""
        if one == other or self.adjoining(family, one, other) or self.adjoining(family, other, one):
            return True
        wholes = self._members.get(family, {}).values()
        return any("whole" == members.get(one) == members.get(other) for members in wholes)

    def listed(self, family: str, one: str, other: str) -> str:
        """`both`, `one` or `unclear` for two parts in a list of which one holds the other, else empty."""
        return self._listed.get((family, one, other)) or self._listed.get((family, other, one), "")

    def doubtful(self, family: str, before: str, after: str, between: bool) -> bool:
        """Whether a part and a finer one of it may be two exams though nothing separates them: 骨盆双髋; the finer one
        first, 眼脑; the modality between them (`between`), 胸部CT肋骨重建."""
        first, second = self.adjoining(family, before, after), self.adjoining(family, after, before)
        if "unclear" in (first, second):
            return True
        return family != "US" and "finer" in (first, second) and (between or not first)

    def heads(self, family: str, heading: str, member: str, path: bool = True) -> bool:
        """`heading` only says where `member` is; `path`: with a separator between them."""
        members, _ = self._headings.get((family, heading), (frozenset(), True))
        if path:
            members |= self._paths.get((family, heading), frozenset())
        return member != heading and (member in members or "*" in members)

    def related(self, family: str, one: str, other: str) -> bool:
        """The same part, or one holds the other or only says where it is."""
        return one == other or any(
            self.adjoining(family, *pair) or self.heads(family, *pair) for pair in ((one, other), (other, one))
        )

    def is_heading(self, family: str, element: str) -> bool:
        """A region under which finer parts are written (腹部, 颈部), whether or not it is an exam by itself."""
        return (family, element) in self._headings or (family, element) in self._paths

    def only_heading(self, family: str, element: str) -> bool:
        """A heading that is no exam by itself (四肢, 浅表器官)."""
        return not self._headings.get((family, element), (None, True))[1]

    def general(self, scan: str, other: str) -> bool:
        """`scan` says less than `other` does."""
        return scan in self.specific_of_all or other in self._general.get(scan, ())

    def most_specific(self, scans: list[tuple[str, int]]) -> list[tuple[str, int]]:
        """The scans without those that another one says better, each once."""
        names = dict(reversed(scans))
        return [
            (scan, index)
            for scan, index in dict(scans).items()
            if not any(scan != other and self.general(scan, other) for other in names)
        ]
