"""Works as a bibliography: one entry each, under a key that says who, when and what."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from . import _bibtex, _csl, _ris
from ._entry import Entry

_WRITERS: dict[str, Callable[[Sequence[tuple[str, Entry]]], str]] = {
    "bibtex": _bibtex.write,
    "ris": _ris.write,
    "csl-json": _csl.write,
}
FORMATS = tuple(_WRITERS)
_SMALL = frozenset("a an the on in of for from to and with by at is are what how why do does".split())


def export(entries: Iterable[Entry], form: str) -> str:
    """Entries in one of `FORMATS`, in their order; keys are kept where they can be, and no two are alike."""
    taken: set[str] = set()
    keyed = []
    for entry in entries:
        wanted = key = entry.key if re.fullmatch(r"[^\s{}(),#%~\"'=\\]{1,100}", entry.key) else _key(entry)
        for number in range(2, 100_000):
            if key.casefold() not in taken:
                break
            key = f"{wanted}-{number}"
        taken.add(key.casefold())
        keyed.append((key, entry))
    return _WRITERS[form](keyed)


def _key(entry: Entry) -> str:
    """`vaswani2017attention`: family name, year, first word that says something."""
    family = entry.authors[0][0] if entry.authors else ""
    words = [word for word in re.findall(r"[^\W_]+", entry.title) if word.casefold() not in _SMALL]
    made = "".join(_ascii(part) for part in (family.split()[-1] if family else "", str(entry.year or ""), *words[:1]))
    return made or "work"


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", plain.lower())
