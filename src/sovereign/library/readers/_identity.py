"""Which work a file is: the identifier in its name, its own, or one made of its path."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ._formats import BUNDLE_SUFFIXES, FORMATS
from ._paper import Paper
from ._port import slug

PATH_SCHEME = "work:"  # of ids that are made of a path
_NEW = r"\d{2}(?:0[1-9]|1[0-2])\.\d{4,5}"
_OLD = r"[a-z][a-z-]+(?:\.[A-Z]{2})?[/_]?\d{2}(?:0[1-9]|1[0-2])\d{3}"
_ARXIV_NAME = re.compile(rf"(?:arxiv[-_. :]?)?({_NEW}|{_OLD})(?:v\d{{1,2}})?", re.IGNORECASE)
_ARCHIVES = frozenset(
    """acc-phys adap-org alg-geom ao-sci astro-ph atom-ph bayes-an chao-dyn chem-ph cmp-lg comp-gas cond-mat cs dg-ga
    funct-an gr-qc hep-ex hep-lat hep-ph hep-th math math-ph mtrl-th nlin nucl-ex nucl-th patt-sol physics plasm-ph
    q-alg q-bio quant-ph solv-int supr-con""".split()
)
_PMC_NAME = re.compile(r"(PMC\d{5,9})", re.IGNORECASE)
_DOI = re.compile(r"10\.\d{4,9}/\S{1,300}")


def arxiv_id(text: str) -> str | None:
    """The arXiv identifier, without version, that a whole text is (2004.14974v2, hep-th/9901001, hep-th_9901001)."""
    match = _ARXIV_NAME.fullmatch(text.strip())
    if not match:
        return None
    found = match[1]
    if found[0].isdigit():
        return found
    archive, number = re.fullmatch(r"(.*?)[/_]?(\d{7})", found).groups()  # type: ignore[union-attr]
    return f"{archive}/{number}" if archive.split(".")[0].lower() in _ARCHIVES else None


def doi(text: str) -> str | None:
    """The DOI that a text is, in lower case and without a resolver's address; None if it is none."""
    bare = re.sub(r"^(?:https?://(?:dx\.)?doi\.org/|doi:)\s*", "", text.strip(), flags=re.IGNORECASE)
    return bare.rstrip(".,;)").lower() if _DOI.fullmatch(bare) else None


def stem(name: str) -> str:
    """A file's name without the suffixes that say how to read it."""
    lower = name.lower()
    endings = sorted({*BUNDLE_SUFFIXES, *(s for one in FORMATS for s in one.suffixes)}, key=len, reverse=True)
    ending = next((e for e in endings if lower.endswith(e) and len(lower) > len(e)), "")
    return name[: len(name) - len(ending)]


def source_id(paper: Paper, relative: PurePosixPath) -> str:
    """The id of a file's work: what it says it is, then its name, then its path in the folder that was added."""
    name = stem(relative.name)
    if found := paper.ids.get("arxiv") or arxiv_id(name) or arxiv_id(relative.parent.name):
        return f"arxiv:{found}"
    for scheme in ("doi", "pmc"):
        if paper.ids.get(scheme):
            return f"{scheme}:{paper.ids[scheme]}"
    if match := _PMC_NAME.fullmatch(name):
        return f"pmc:{match[1].upper()}"
    return f"{PATH_SCHEME}{slug((relative.parent / name).as_posix())}"[:390]


def year_of(source_id: str) -> int | None:
    """The year that an arXiv identifier tells."""
    digits = re.search(r"\d{2}", source_id.removeprefix("arxiv:")) if source_id.startswith("arxiv:") else None
    return (1900 if int(digits[0]) > 90 else 2000) + int(digits[0]) if digits else None


def address_of(source_id: str) -> str | None:
    """Where a person finds the original, for the schemes that say so."""
    scheme, _, local = source_id.partition(":")
    where = {
        "arxiv": "https://arxiv.org/abs/",
        "doi": "https://doi.org/",
        "pmc": "https://pmc.ncbi.nlm.nih.gov/articles/",
    }
    return where[scheme] + local if scheme in where else None
