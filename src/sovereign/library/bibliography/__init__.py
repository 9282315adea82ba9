"""Bibliographies in and out: BibTeX, RIS and CSL-JSON. (Out: `Library.bibliography`.)"""

from ._reader import BibliographyReader

__all__ = ["BibliographyReader"]
