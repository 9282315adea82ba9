"""Notices on papers: Retraction Watch's file, and what Crossref tells when it is asked."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from sovereign.records import BadInput, Document, NotFound, Record, Source, SourceCause

if TYPE_CHECKING:
    from sovereign.workspace import Workspace

_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]+")
_ARXIV = re.compile(r"\d{4}\.\d{4,5}")
#: arXiv's own DOIs are DataCite's: Crossref does not know them.
_OF_DATACITE = "10.48550/"
_MOST_BYTES = 500 << 20
_COLUMNS = ("OriginalPaperDOI", "RetractionNature", "RetractionDate", "Reason")

#: How Retraction Watch and Crossref name what was done -> what became of the paper. Others change nothing here.
NATURES: Mapping[str, SourceCause] = {
    "retraction": SourceCause.RETRACTED,
    "partial_retraction": SourceCause.RETRACTED,
    "withdrawal": SourceCause.RETRACTED,
    "removal": SourceCause.RETRACTED,
    "expression_of_concern": SourceCause.CONCERN,
    "correction": SourceCause.CORRECTED,
    "corrigendum": SourceCause.CORRECTED,
    "erratum": SourceCause.CORRECTED,
    "reinstatement": SourceCause.RESTORED,
}


class Notice(Document):
    """One notice on a paper: what was done, when, why, and where that was read."""

    doi: str
    nature: str
    cause: SourceCause
    date: str | None
    reason: str = ""
    read_at: str


class Known(Document):
    """The notices on papers, by DOI in the order of their dates, and the papers on which there was no answer."""

    notices: dict[str, tuple[Notice, ...]] = Field(default_factory=dict)
    unanswered: dict[str, str] = Field(default_factory=dict, description="DOI -> why there was no answer")

    def of(self, doi: str) -> tuple[Notice, ...]:
        return self.notices.get(doi, ())

    def with_(self, other: Known) -> Known:
        """Both together; a notice that both tell of is told once, as the first tells it."""
        merged = dict(self.notices)
        for doi, notices in other.notices.items():
            had = {(one.cause, one.date) for one in merged.get(doi, ())}
            merged[doi] = _in_order((*merged.get(doi, ()), *(n for n in notices if (n.cause, n.date) not in had)))
        return Known(notices=merged, unanswered={**self.unanswered, **other.unanswered})


def standing(notices: Sequence[Notice]) -> tuple[dict[SourceCause, Notice], bool]:
    """What holds of a paper after all notices in their order, and whether it was ever reinstated."""
    held: dict[SourceCause, Notice] = {}
    restored = False
    for notice in notices:
        if notice.cause is SourceCause.RESTORED:
            held.pop(SourceCause.RETRACTED, None)
            held.pop(SourceCause.CONCERN, None)
            restored = True
        else:
            held[notice.cause] = notice
    return held, restored


def dois_of(source: Source) -> tuple[str, ...]:
    """The DOIs that a source goes by; arXiv's own for an arXiv id."""
    return tuple(dict.fromkeys(_dois(source.id, source.about or "", source.address or "")))


def read_retractions(path: Path) -> Known:
    """Retraction Watch's file as Crossref gives it out: CSV with a header.

    Raises:
        NotFound: there is no such file.
        BadInput: it is too large, no UTF-8 CSV, or lacks the columns of Retraction Watch.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {path}", "fetch Retraction Watch's data from Crossref as CSV")
    if path.stat().st_size > _MOST_BYTES:
        raise BadInput(f"{path} has more than {_MOST_BYTES >> 20} MB", "give Retraction Watch's own file")
    with path.open("rb") as data:
        sha256 = hashlib.file_digest(data, "sha256").hexdigest()
    read_at = f"Retraction Watch, the file {path.name[:200]} (SHA-256 {sha256})"
    found: dict[str, list[Notice]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise BadInput(f"{path} has no column {missing[0]}", "give Retraction Watch's own file")
            for row in rows:
                doi = _DOI.search((row["OriginalPaperDOI"] or "").lower())
                nature = (row["RetractionNature"] or "").strip() or "Retraction"
                cause = NATURES.get(_name(nature))
                if doi and cause is not None:
                    reason = " ".join((row["Reason"] or "").replace("+", " ").split()).strip("; ")
                    notice = Notice(
                        doi=doi[0], nature=nature.lower(), cause=cause, date=_day(row["RetractionDate"] or ""),
                        reason=reason[:300], read_at=read_at,
                    )  # fmt: skip
                    found.setdefault(doi[0], []).append(notice)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} is no CSV in UTF-8: {error}", "give Retraction Watch's own file") from error
    return Known(notices={doi: _in_order(notices) for doi, notices in found.items()})


def ask_crossref(
    workspace: Workspace,
    records: Iterable[Record],
    *,
    offline: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Known:
    """Ask Crossref about the papers that records read; answers are kept, so that asking again goes on.

    A paper on which there was no answer is named, with the reason: no answer never means "not retracted". arXiv's DOIs
    are not asked for, and a DOI that Crossref does not know has no notices there.

    Raises:
        BadInput: `services.toml` will not do.
    """
    from sovereign.library.connectors import open_client, read_updates, updates_request
    from sovereign.net import HostClosed, NetError, OverBudget, Stopped

    names = {doi for record in records for source in record.sources for doi in dois_of(source)}
    due = sorted(doi for doi in names if not doi.startswith(_OF_DATACITE))
    settings, found, unanswered = workspace.services(), {}, {}
    with open_client(workspace.net_path, settings, offline=offline, progress=progress) as client:
        stopped = ""
        for number, doi in enumerate(due, 1):
            if stopped:
                unanswered[doi] = stopped
                continue
            if number % 20 == 1:
                progress(f"asking Crossref about paper {number} of {len(due)}")
            request = updates_request(settings, doi)
            try:
                answer = client.send(request, lambda one, asked=doi: read_updates(asked, one))  # type: ignore[misc]
            except NetError as error:
                unanswered[doi] = error.message
                stopped = error.message if isinstance(error, HostClosed | OverBudget | Stopped) else ""
                continue
            read_at = f"{request.url}, answered {answer.fetched_at}"
            told = [
                Notice(
                    doi=doi, nature=update.kind.replace("_", " "), cause=NATURES[update.kind], date=update.date,
                    reason=_told(update.notice, update.told_by), read_at=read_at,
                )
                for update in read_updates(doi, answer) or ()
                if update.kind in NATURES
            ]  # fmt: skip
            if told:
                found[doi] = _in_order(told)
    return Known(notices=found, unanswered=unanswered)


def _told(notice: str | None, by: str) -> str:
    return f"notice {notice}, told by {by}" if notice else f"told by {by}"


def _in_order(notices: Iterable[Notice]) -> tuple[Notice, ...]:
    """By date; one without a date before the others, a reinstatement after what else is of its day."""
    return tuple(sorted(notices, key=lambda one: (one.date or "", one.cause is SourceCause.RESTORED)))


def _name(nature: str) -> str:
    return re.sub(r"[^a-z]+", "_", nature.lower()).strip("_")


def _day(text: str) -> str | None:
    """`2023-07-12` for Retraction Watch's `7/12/2023 0:00`; what is written otherwise is kept as it is."""
    day = text.split(" ")[0]
    try:
        return datetime.strptime(day, "%m/%d/%Y").strftime("%Y-%m-%d")
    except ValueError:
        return day[:40] or None


def _dois(*names: str) -> Iterator[str]:
    for name in names:
        if found := _DOI.search(name.lower()):
            yield found[0].rstrip(".,;)")
        elif (name.startswith("arxiv:") or "arxiv.org/" in name) and (number := _ARXIV.search(name)):
            yield f"10.48550/arxiv.{number[0]}"
