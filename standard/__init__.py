"""The standard: editions as data, codes, names, search, comparison. Imports nothing of the other packages."""

import standard.compiled  # noqa: F401 - first: what is compiled has to be found before its source
from standard.catalogue import catalogue_ids, edition_ids, load_catalogue, load_edition
from standard.coder import Decoded, Field, Problem, decode, encode, standard_code, validate, with_addition, with_device
from standard.edition import Catalogue, Edition, Element, Item
from standard.search import search

__all__ = [
    "Catalogue",
    "Decoded",
    "Edition",
    "Element",
    "Field",
    "Item",
    "Problem",
    "catalogue_ids",
    "decode",
    "edition_ids",
    "encode",
    "load_catalogue",
    "load_edition",
    "search",
    "standard_code",
    "validate",
    "with_addition",
    "with_device",
]
