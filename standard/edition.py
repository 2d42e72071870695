"""The things of the standard: elements, items, an edition, and a catalogue of editions used together.

Values only: what makes them is in `catalogue.py`, what composes and reads codes in `coder.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from standard.layout import Family, Layout

Use = Literal["default", "items", "site"]


@dataclass(frozen=True, slots=True)
class Element:
    """One element: a part, a scan, a position... `code` is written in full (`010701`), as the standard writes it."""

    slot: str
    code: str
    name: str
    modalities: tuple[str, ...]
    printed: str = ""  # what the name of an item says for it; empty: nothing
    bracket: bool = False  # a scan that stands in brackets after a named part
    group: str = ""  # the standard's class of a scan or post-processing; empty elsewhere
    use: Use = "items"  # of a device; see devices.tsv


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the standard. Equal and hashed by edition, code and name.

    `slots` has the code of every slot of the layout, also where it means nothing (`00`); `elements` has the names of
    those that mean something, without the addition and constants.
    """

    code: str
    name: str
    modality: str
    edition: str
    slots: Mapping[str, str] = field(compare=False)
    elements: Mapping[str, str] = field(compare=False)


@dataclass(frozen=True, eq=False)
class Edition:
    """One edition of one family of the standard."""

    id: str
    version: str
    title_zh: str
    title_en: str
    family: Family
    source: str
    mark: str
    layouts: tuple[Layout, ...]
    all_elements: tuple[Element, ...] = field(repr=False)
    items: Mapping[str, Item] = field(default_factory=dict, repr=False)

    @property
    def title(self) -> str:
        """The title in Chinese."""
        return self.title_zh

    @cached_property
    def modalities(self) -> tuple[str, ...]:
        """Its modalities, in the order of the layouts."""
        return tuple(modality for layout in self.layouts for modality in layout.modalities)

    @cached_property
    def _layouts(self) -> dict[str, Layout]:
        return {modality: layout for layout in self.layouts for modality in layout.modalities}

    @cached_property
    def _elements(self) -> dict[tuple[str, str], dict[str, Element]]:
        """Elements by slot and modality, then code."""
        index: dict[tuple[str, str], dict[str, Element]] = {}
        for element in self.all_elements:
            for modality in element.modalities:
                index.setdefault((element.slot, modality), {})[element.code] = element
        return index

    @cached_property
    def devices(self) -> dict[str, Element]:
        """The device types by code."""
        return {element.code: element for element in self.all_elements if element.slot == "device"}

    @cached_property
    def _default_devices(self) -> dict[str, str]:
        return {
            modality: device.code
            for device in self.devices.values()
            if device.use == "default"
            for modality in device.modalities
        }

    def layout(self, modality: str) -> Layout | None:
        """The layout of the codes of a modality; None where the edition does not have it."""
        return self._layouts.get(modality)

    def default_device(self, modality: str) -> str | None:
        """The device code that stands where no device is asked for."""
        return self._default_devices.get(modality)

    def device_of(self, code: str) -> Element | None:
        """The device type that a code begins with."""
        sizes = {layout.fields[0].length for layout in self.layouts}
        return next((device for size in sizes if (device := self.devices.get(code[:size])) is not None), None)

    def element(self, slot: str, modality: str, code: str) -> Element | None:
        """One element; None where the modality has none with this code."""
        return self._elements.get((slot, modality), {}).get(code)

    def elements(self, slot: str, modality: str | None = None) -> tuple[Element, ...]:
        """The elements of a slot, of one modality or of all, in the order of the table."""
        if modality is not None:
            return tuple(self._elements.get((slot, modality), {}).values())
        return tuple(element for element in self.all_elements if element.slot == slot)

    def with_items(self, items: Mapping[str, Item]) -> Edition:
        """The same edition with other items."""
        return replace(self, items=items)


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Editions used together, one of each family; their device codes never meet."""

    id: str
    editions: tuple[Edition, ...]

    @cached_property
    def items(self) -> Mapping[str, Item]:
        """All items by code, in the order of the editions."""
        return {code: item for edition in self.editions for code, item in edition.items.items()}

    @cached_property
    def modalities(self) -> tuple[str, ...]:
        """The modalities of all editions."""
        return tuple(modality for edition in self.editions for modality in edition.modalities)

    def get(self, code: str) -> Item | None:
        """The item with exactly this code."""
        return self.items.get(code)

    def edition_for(self, modality: str) -> Edition | None:
        """The edition that has a modality."""
        return next((edition for edition in self.editions if edition.layout(modality) is not None), None)
