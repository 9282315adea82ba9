"""An outdated source as a signed event on each record that read it; once, until a later event takes it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sovereign.judge import SCHEME, quoting, source_notices
from sovereign.judge.history import RETRACTED
from sovereign.records import BadInput, Document, Event, EventType, Record, SourceCause, SourceOutdated

from .notices import Known, dois_of, standing

if TYPE_CHECKING:
    from sovereign.archive import Archive
    from sovereign.library import Library
    from sovereign.seal import Key
    from sovereign.workspace import Workspace

_LIBRARY = "the library of this workspace"
_SAID = {
    SourceCause.RETRACTED: "was retracted",
    SourceCause.CONCERN: "has an expression of concern",
    SourceCause.CORRECTED: "was corrected",
}
_OF_PAPERS = (SourceCause.RETRACTED, SourceCause.CONCERN)


class SignedNotice(Document):
    """An event that was added: on which record, under which number, and what it says."""

    record: str
    event: int
    details: SourceOutdated


def sign_notices(
    workspace: Workspace,
    records: Sequence[str] = (),
    *,
    known: Known | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[SignedNotice, ...]:
    """Sign what became of the sources of each record, or of those named, and make their pages again.

    Looked at are the newest version and the one that is public. A retracted record takes no more events. Called again
    it signs nothing that is signed already, so one that was cut off is simply called again.

    Raises:
        NotFound: there is no such record.
    """
    from sovereign.publish import publish_record

    archive, key = workspace.archive(), workspace.key()
    made: list[SignedNotice] = []
    names = tuple(records) or archive.list()
    with workspace.library() as library:
        for number, name in enumerate(names, 1):
            if number % 20 == 0:
                progress(f"record {number} of {len(names)}")
            signed = _sign(archive, name, library, known or Known(), key)
            if signed:
                publish_record(archive, signed[0].record, workspace.site_path)
            made += signed
    return tuple(made)


def _sign(archive: Archive, name: str, library: Library, known: Known, key: Key) -> list[SignedNotice]:
    """What is due on one record, signed. Where somebody else added an event meanwhile, it is looked at once more."""
    made: list[SignedNotice] = []
    while True:
        state = archive.state(name)
        if state.standing == RETRACTED:
            return made
        seen = state.events
        try:
            for details in _due(archive, name, library, known):
                event = archive.append_event(
                    state.record, EventType.OUTDATED, key=key, now=_now(), note=details.what,
                    details=details.to_json(), after=seen,
                )  # fmt: skip
                seen = event.number
                made.append(SignedNotice(record=state.record, event=event.number, details=details))
        except BadInput:
            if archive.state(name).events == seen:
                raise
            continue
        return made


def _due(archive: Archive, name: str, library: Library, known: Known) -> Iterator[SourceOutdated]:
    """What is to be signed: each cause once, of the newest version that read the source."""
    events = archive.events(name)
    said: set[tuple[str, SourceCause]] = set()
    for version in _versions(events):
        record = archive.load(name, version)
        held = {(one.details.source, one.details.cause) for one in source_notices(record.evidence(), events)}
        for details in _findings(record, library, known, held):
            if (details.source, details.cause) not in said:
                said.add((details.source, details.cause))
                yield details


def _versions(events: Sequence[Event]) -> list[int]:
    """The newest version, then the one that is public, if that is another."""
    public = [event.version for event in events if event.type in (EventType.APPROVED, EventType.CORRECTED)]
    return list(dict.fromkeys([events[-1].version, *public[-1:]]))


def _findings(
    record: Record, library: Library, known: Known, held: set[tuple[str, SourceCause]]
) -> Iterator[SourceOutdated]:
    """What became of a version's sources that is not told yet, and what was told and holds no longer."""
    sources = [source for source in record.sources if not source.id.startswith(SCHEME)]
    stored = library.get_many([source.id for source in sources])
    for source in sources:
        base = {
            "version": record.version,
            "source": source.id,
            "sha256": source.sha256,
            "claims": quoting(record.evidence(), source.id),
        }
        told = {cause for name, cause in held if name == source.id}
        taken_back: list[SourceCause] = []
        why = ""
        for doi in dois_of(source):
            holds, restored = standing(known.of(doi))
            for cause, notice in holds.items():
                if cause not in told:
                    reason = f" ({notice.reason})" if notice.reason else ""
                    what = f"{source.id} {_SAID[cause]}: {notice.nature} of {doi}{reason}"
                    yield SourceOutdated(
                        **base, cause=cause, what=what[:1000], read_at=notice.read_at[:1000], doi=doi, date=notice.date
                    )
            gone = [cause for cause in _OF_PAPERS if cause in told and cause not in holds] if restored else []
            if gone:
                taken_back += gone
                why = known.of(doi)[-1].read_at
        now = stored.get(source.id)
        changed = None if now is None else now.sha256 != source.sha256
        if now is None and SourceCause.GONE not in told:
            what = f"{source.id} is in the library no more"
            yield SourceOutdated(**base, cause=SourceCause.GONE, what=what, read_at=_LIBRARY)
        if changed and now is not None and SourceCause.CHANGED not in told:
            what = f"the text of {source.id} in the library is another one now, of SHA-256 {now.sha256}"
            yield SourceOutdated(**base, cause=SourceCause.CHANGED, what=what, read_at=_LIBRARY)
        back = [SourceCause.GONE] if now is not None and SourceCause.GONE in told else []
        back += [SourceCause.CHANGED] if changed is False and SourceCause.CHANGED in told else []
        if taken_back or back:
            causes = tuple(dict.fromkeys((*taken_back, *back)))
            what = f"{source.id} is no longer {' or '.join(cause.value for cause in causes)}"
            read_at = "; ".join(part for part in (why, _LIBRARY if back else "") if part)
            yield SourceOutdated(
                **base, cause=SourceCause.RESTORED, what=what, read_at=read_at[:1000], takes_back=causes
            )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
