"""Why a record may not be what it would be today: sources retracted, changed or gone, a library that grew, other rules.

Nothing is written and nothing is asked of the network. What a new version would say is found by asking again; this
tells whether that is worth while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from sovereign.inquiry.plan import plan
from sovereign.inquiry.search import search
from sovereign.inquiry.vocabulary import shipped
from sovereign.judge import RULES, SCHEME, in_force
from sovereign.records import Document, HandGiven, Profile, Record, SourceCause

from .notices import Known, dois_of, standing

if TYPE_CHECKING:
    from sovereign.library import Library
    from sovereign.workspace import Workspace

_SHOWN = 5
_KIND = {
    SourceCause.RETRACTED: "retracted",
    SourceCause.CONCERN: "of concern",
    SourceCause.CORRECTED: "corrected",
}


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
    known: Known | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Outdated, ...]:
    """Look at the newest version of each record, or of those named, and say why it may be outdated.

    Args:
        known: notices on papers, from Retraction Watch's file or from Crossref.

    Raises:
        NotFound: no such record, or the workspace has no library.
    """
    archive = workspace.archive()
    names = records or archive.list()
    policy, entries = workspace.policy().to_json(), workspace.hand().entries()
    found = []
    with workspace.library() as library:
        for number, name in enumerate(names, 1):
            if number % 20 == 0:
                progress(f"record {number} of {len(names)}")
            record = archive.load(name)
            causes = [
                *_told(record, known or Known()),
                *_sources(record, library),
                *_newer(record, library, entries),
                *_hand(record, entries),
                *_rules(record, policy),
            ]
            found.append(
                Outdated(record=record.id, version=record.version, question=record.question.text, causes=tuple(causes))
            )
    return tuple(found)


def _told(record: Record, known: Known) -> Iterator[Cause]:
    """What notices say of the papers that the record read, and on which papers there was no answer."""
    for source in record.sources:
        for doi in dois_of(source):
            for cause, notice in standing(known.of(doi))[0].items():
                reason = f" ({notice.reason})" if notice.reason else ""
                what = f"{source.id}: {notice.nature} of {doi}, {notice.date or 'no date'}{reason}"
                serious = cause is not SourceCause.CORRECTED
                yield Cause(kind=f"source {_KIND[cause]}", what=what, serious=serious, about=(source.id,))
            if doi in known.unanswered:
                what = f"{source.id}: no answer on {doi}: {known.unanswered[doi]}"
                yield Cause(kind="not known", what=what, serious=False, about=(source.id,))


def _hand(record: Record, entries: tuple[HandGiven, ...]) -> Iterator[Cause]:
    """What the owner's hand has marked since, and what was taken back that the record carries."""
    if record.provenance.profile is not Profile.SOVEREIGN:
        return
    carried = {applied.sha256: applied.entry for applied in record.hand}
    due = {given.sha256: given.entry for given in in_force(entries, record.question.text)}
    since = [f"entry {entry.number} ({entry.kind.value})" for name, entry in due.items() if name not in carried]
    back = [f"entry {entry.number} ({entry.kind.value})" for name, entry in carried.items() if name not in due]
    for names, what in ((since, "made since"), (back, "taken back since")):
        if names:
            yield Cause(kind="owner's hand", what=f"{what}: {_some(names)}", serious=True)


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


def _newer(record: Record, library: Library, entries: tuple[HandGiven, ...]) -> Iterator[Cause]:
    """Sources that today's search would keep and that the record has not read; other profiles search otherwise."""
    if record.provenance.profile is not Profile.SOVEREIGN or library.digest() == record.library_digest:
        return
    hand = in_force(entries, record.question.text)
    found = search(plan(record.question.text, library, shipped()), library, hand)
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
