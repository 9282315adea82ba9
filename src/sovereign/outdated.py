"""Why a record may not be what it would be today: sources retracted, changed or gone, a library that grew, other rules.

Nothing is written and nothing is asked of the network. What a new version would say is found by asking again; this
tells whether that is worth while.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sovereign.inquiry.plan import plan
from sovereign.inquiry.search import search
from sovereign.inquiry.vocabulary import shipped
from sovereign.judge import RULES, SCHEME
from sovereign.records import BadInput, Document, NotFound, Profile, Record

if TYPE_CHECKING:
    from sovereign.library import Library
    from sovereign.workspace import Workspace

_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]+")
_ARXIV = re.compile(r"\d{4}\.\d{4,5}")
_MOST_BYTES = 500 << 20
_COLUMNS = ("OriginalPaperDOI", "RetractionNature", "RetractionDate", "Reason")
_SHOWN = 5


class Retraction(Document):
    """A row of Retraction Watch: which paper, what was done, when and why."""

    doi: str
    nature: str
    date: str
    reason: str


class Cause(Document):
    """One cause for which a record may be outdated. `serious` ones touch what its claims rest on."""

    kind: str
    what: str
    serious: bool
    about: tuple[str, ...] = ()


class Outdated(Document):
    """A record with its causes; none means that it would come out the same."""

    record: str
    version: int
    question: str
    causes: tuple[Cause, ...]


def outdated(
    workspace: Workspace,
    records: tuple[str, ...] = (),
    *,
    retractions: Mapping[str, Retraction] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Outdated, ...]:
    """Look at the newest version of each record, or of those named, and say why it may be outdated.

    Raises:
        NotFound: no such record, or the workspace has no library.
    """
    archive = workspace.archive()
    names = records or archive.list()
    policy = workspace.policy().to_json()
    found = []
    with workspace.library() as library:
        for number, name in enumerate(names, 1):
            if number % 20 == 0:
                progress(f"record {number} of {len(names)}")
            record = archive.load(name)
            causes = [
                *_retracted(record, retractions or {}),
                *_sources(record, library),
                *_newer(record, library),
                *_rules(record, policy),
            ]
            found.append(
                Outdated(record=record.id, version=record.version, question=record.question.text, causes=tuple(causes))
            )
    return tuple(found)


def read_retractions(path: Path) -> dict[str, Retraction]:
    """Retraction Watch's file as Crossref gives it out: CSV with a header, by the DOI of the paper, in lower case.

    Raises:
        NotFound: there is no such file.
        BadInput: it is too large, no UTF-8 CSV, or lacks the columns of Retraction Watch.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {path}", "fetch Retraction Watch's data from Crossref as CSV")
    if path.stat().st_size > _MOST_BYTES:
        raise BadInput(f"{path} has more than {_MOST_BYTES >> 20} MB", "give Retraction Watch's own file")
    found: dict[str, Retraction] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise BadInput(f"{path} has no column {missing[0]}", "give Retraction Watch's own file")
            for row in rows:
                doi = _DOI.search((row["OriginalPaperDOI"] or "").lower())
                nature = (row["RetractionNature"] or "").strip()
                if doi and nature.lower() != "reinstatement":
                    found[doi[0]] = Retraction(
                        doi=doi[0], nature=nature or "Retraction", date=(row["RetractionDate"] or "").split(" ")[0],
                        reason=(row["Reason"] or "").replace("+", "").strip("; "),
                    )  # fmt: skip
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} is no CSV in UTF-8: {error}", "give Retraction Watch's own file") from error
    return found


def _retracted(record: Record, retractions: Mapping[str, Retraction]) -> Iterator[Cause]:
    for source in record.sources:
        for doi in dict.fromkeys(_dois(source.id, source.about or "", source.address or "")):
            if row := retractions.get(doi):
                reason = f" ({row.reason[:200]})" if row.reason else ""
                what = f"{source.id}: {row.nature.lower()} of {doi}, {row.date}{reason}"
                yield Cause(kind="source retracted", what=what, serious=True, about=(source.id,))


def _dois(*names: str) -> Iterator[str]:
    """The DOIs that a source goes by; arXiv's own for an arXiv id."""
    for name in names:
        if found := _DOI.search(name.lower()):
            yield found[0].rstrip(".,;)")
        elif (name.startswith("arxiv:") or "arxiv.org/" in name) and (number := _ARXIV.search(name)):
            yield f"10.48550/arxiv.{number[0]}"


def _sources(record: Record, library: Library) -> Iterator[Cause]:
    sources = [source for source in record.sources if not source.id.startswith(SCHEME)]  # no library holds those
    held = library.get_many([source.id for source in sources])
    quoted = {quote.source for claim in record.claims for quote in claim.quotes}
    gone = [source.id for source in sources if source.id not in held]
    changed = [source.id for source in sources if source.id in held and held[source.id].sha256 != source.sha256]
    for kind, names in (("source gone", gone), ("source changed", changed)):
        for cited in (True, False):
            concerned = tuple(name for name in names if (name in quoted) == cited)
            if concerned:
                rests = "claims rest on" if cited else "no claim rests on"
                yield Cause(kind=kind, what=f"{rests} {_some(concerned)}", serious=cited, about=concerned)


def _newer(record: Record, library: Library) -> Iterator[Cause]:
    """Sources that today's search would keep and that the record has not read; other profiles search otherwise."""
    if record.provenance.profile is not Profile.SOVEREIGN or library.digest() == record.library_digest:
        return
    found = search(plan(record.question.text, library, shipped()), library)
    read = {source.id for source in record.sources}
    news = tuple(kept.source for kept in found.kept if kept.source not in read)
    if news:
        what = f"{len(news)} sources would be kept today that it has not read: {_some(news)}"
        yield Cause(kind="library grew", what=what, serious=True, about=news)


def _rules(record: Record, policy: Mapping[str, object]) -> Iterator[Cause]:
    made = record.provenance
    if made.rules != RULES:
        yield Cause(kind="rules changed", what=f"judged by rules {made.rules}; today's are {RULES}", serious=True)
    other = [name for name, value in made.policy.to_json().items() if policy.get(name) != value]
    if other:
        yield Cause(kind="policy changed", what=f"the policy has other values of {_some(other)}", serious=False)
    today = {vocabulary.name: vocabulary.digest for vocabulary in shipped()}
    words = [name for name, digest in made.vocabularies.items() if today.get(name) != digest]
    if words:
        yield Cause(kind="vocabulary changed", what=f"other terms in {_some(words)}", serious=False)


def _some(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
