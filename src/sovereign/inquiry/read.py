"""Read: the stored text of every kept source, with its kind and level. The text is the best that the library has:
TeX, HTML or JATS before PDF before the abstract; `reader` and `text_level` tell which it was."""

from __future__ import annotations

from sovereign.records import Source

from .documents import Found, LibraryPort, Reading, ReadSource


def read(found: Found, library: LibraryPort) -> Reading:
    """The kept sources as they were read, in their order; texts stay in the library and are named by SHA-256."""
    sources = []
    for kept in found.kept:
        stored = library.get(kept.source)
        source = Source(
            id=stored.id,
            title=stored.title,
            kind=stored.kind,
            text_level=stored.text_level,
            sha256=stored.sha256,
            about=stored.about,
            systems=tuple(stored.systems),
            address=stored.address,
            authors=tuple(stored.authors),
            year=stored.year,
            reader=stored.reader or None,
            kept_for=kept.kept_for,
            rank=kept.rank,
        )
        sources.append(ReadSource(source=source, body_start=stored.body_start))
    return Reading(sources=tuple(sources))
