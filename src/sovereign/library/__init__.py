"""Sources: read from files, stored once, searched by words, found by the names of systems."""

from ._types import AddReport, Failure, Hit, Owner, Stored
from .gazetteer import normalise as normalise_name
from .library import Library

__all__ = ["AddReport", "Failure", "Hit", "Library", "Owner", "Stored", "normalise_name"]
