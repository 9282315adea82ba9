"""Pages on disk: one folder per record and a list of all, every file replaced whole or not at all."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sovereign.judge.history import fold
from sovereign.records import Event, Record, State, record_id_of
from sovereign.records.record import folder_name

from ._contract_values import contract_values
from ._disk import as_json, lock, replace, storing
from ._place import Place, addresses, version_page
from ._summary import FOLDER, SUMMARY, made_from, read_summary, summary
from ._view import Texts, View, remembered
from ._workers import Due, Task, helped, processes
from .contracts import CONTRACTS
from .frame import TITLE, frame_pages
from .page import page_twin, render_page, render_texts

if TYPE_CHECKING:
    from sovereign.archive import Archive

_VERSION = re.compile(r"v[1-9][0-9]*")


def write_page(
    record: Record,
    state: State,
    texts: Texts,
    out: str | Path,
    *,
    versions: Sequence[int] = (),
    events: Sequence[Event] = (),
    base_url: str | None = None,
    earlier: Sequence[tuple[Record, Texts]] = (),
    made_from: str = "",
    told: Sequence[Event] | None = None,
) -> Path:
    """Write a record's page, its JSON twin, its contracts and the pages of its stored texts; return the page's path.

    Under `out` lie afterwards `srch-xxxxxxxx/index.html`, `index.json`, `summary.json`, the files of `CONTRACTS` and
    `sources/<sha256>.html`; the same but for the summary under `v1/` and so on for each version in `earlier`.
    The page itself is replaced last, so that a reader never follows a link of it into nothing; pages that it no longer
    links are removed. A write that is cut off leaves the page before it. What is there already is not written.

    Args:
        versions: the numbers of all versions, whether they have a page or not.
        earlier: the versions before this one that keep a page of their own, each with its texts.
        told: events that tell of its sources, if there are more than `events`: those after the version that is shown.
        made_from: kept in the summary, so that the pages need not be made again while it is the same.

    Raises:
        StorageError: the disk is full or the folder is not writable.
    """
    folder = Path(out) / record.folder
    paged = [one.version for one, _ in earlier]
    with storing(folder):
        for one, its_texts in earlier:
            place = Place(record.folder, one.version, record.version, base_url)
            stood = fold([event for event in events if event.version <= one.version])
            now = stood if state.standing != "retracted" else state
            _write_version(
                one, now, its_texts, Path(out), place, versions, [*paged, record.version], events, state, told
            )
        place = Place(record.folder, record.version, record.version, base_url)
        made = as_json(summary(record, state, events, [one for one, _ in earlier], made_from, told))
        _write_version(
            record, state, texts, Path(out), place, versions, [*paged, record.version], events, state, told,
            {SUMMARY: made},
        )  # fmt: skip
        for path in folder.glob("v*"):
            ours = _VERSION.fullmatch(path.name) and not path.is_symlink()
            if ours and path.name not in map(version_page, paged):
                shutil.rmtree(path)
    return folder / "index.html"


def _write_version(
    record: Record,
    shown: State,
    texts: Texts,
    out: Path,
    place: Place,
    versions: Sequence[int],
    paged: Sequence[int],
    events: Sequence[Event],
    state: State,
    told: Sequence[Event] | None,
    more: dict[str, str] | None = None,
) -> None:
    """The files of one version: those that others link first, the page last. `shown` is its standing."""
    texts = remembered(texts)
    view = View(record, texts)
    links = place.links(paged)
    page = render_page(
        record, shown, texts=texts, versions=versions, events=events, signer=events[-1].by if events else None,
        at=place.at, up=place.up, links=links, told=told, view=view,
    )  # fmt: skip
    twin = page_twin(
        record, state, texts=texts, versions=versions, events=events, links=links, told=told, view=view
    )
    made = contract_values(record, state, events, place, paged, lambda digest: texts(digest) is not None)
    files = render_texts(record, texts=texts, up=place.up, view=view)
    folder = out / place.folder
    for name, content in files.items():
        replace(folder / name, content)
    replace(folder / "index.json", as_json(twin))
    for name, contract in made.items():
        replace(folder / CONTRACTS[name][1], as_json(contract.to_json()))
    for name, content in (more or {}).items():
        replace(folder / name, content)
    replace(folder / "index.html", page)
    for path in (folder / "sources").glob("*"):
        if f"sources/{path.name}" not in files:
            path.unlink()


def publish_record(archive: Archive, record_id: str, out: str | Path) -> Path:
    """Write the pages of a record's versions and the pages around all records; return the path of the newest's page.

    Raises:
        NotFound: the archive has no such record.
        StorageError: the record is damaged, or the disk does not take the page.
    """
    record_id = record_id_of(record_id)
    stamp = made_from(archive.stamp(record_id), None, False)
    events = archive.events(record_id)
    path = write_due(archive, Due(record_id, len(events), earlier_pages(events, public_only=False), stamp), out, None)
    write_list(out)
    return path


@dataclass(frozen=True)
class Published:
    """What a building of the site did, in numbers of records."""

    index: Path
    written: int
    unchanged: int
    removed: int


def write_site(
    archive: Archive,
    out: str | Path,
    *,
    public_only: bool = False,
    base_url: str | None = None,
    title: str = TITLE,
    fresh: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Published:
    """Write the pages of all records and the pages around them. What did not change is not written again.

    Args:
        archive: the records.
        out: the folder of the site; pages of records that are not written are removed from it.
        public_only: leave out drafts and rejected records, as for a host that others see. A record whose newest version
            is a draft is shown as it was published last; earlier versions keep a page if they were public.
        base_url: where the site will stand, for feed, sitemap and data that need whole addresses.
        title: the site's name.
        fresh: make every page again, also those that did not change.
        progress: told what is being done, a line at a time.

    Raises:
        BadInput: `base_url` is no address of a site.
        StorageError: a record is damaged, or the disk does not take the pages.
    """
    addresses(base_url)
    root = Path(out)
    rows: dict[str, dict[str, Any] | None] = {}
    due: list[Due] = []
    for record_id in archive.list():
        folder = folder_name(record_id)
        stamp = made_from(archive.stamp(record_id), base_url, public_only)
        before = None if fresh else read_summary(root / folder / SUMMARY)
        if before is not None and before["made_from"] == stamp:
            rows[folder] = before
            continue
        events = archive.events(record_id)
        if public_only:
            events = last_public(events)
        if events:
            rows[folder] = None
            due.append(Due(record_id, len(events), earlier_pages(events, public_only=public_only), stamp))
    _write_all(archive, root, base_url, due, progress)
    removed = _remove_others(root, rows)
    progress("writing the pages around the records")
    index = write_list(out, base_url=base_url, title=title, known=rows)
    return Published(index, len(due), len(rows) - len(due), removed)


def _write_all(
    archive: Archive, root: Path, base_url: str | None, due: Sequence[Due], progress: Callable[[str], None]
) -> None:
    """Write the records that are due, every n-th here and the others in processes beside this one."""
    number = processes(len(due))
    tasks = [Task(str(archive.folder), str(root), base_url, due[at::number]) for at in range(1, number)]
    with storing(root), helped(tasks):
        for at, one in enumerate(due[::number]):
            if at % 25 == 0:
                progress(f"writing pages: about {at * number} of {len(due)} records")
            write_due(archive, one, root, base_url)


def write_due(archive: Archive, due: Due, out: str | Path, base_url: str | None) -> Path:
    """Write the pages of one record as it stood after the events that they tell."""
    told = archive.events(due.record)
    events = told[: due.events]
    state = fold(events)
    return write_page(
        archive.load(due.record, state.version),
        state,
        archive.texts(due.record, state.version),
        out,
        versions=range(1, state.version + 1),
        events=events,
        base_url=base_url,
        earlier=[(archive.load(due.record, one), archive.texts(due.record, one)) for one in due.earlier],
        made_from=due.made_from,
        told=told,
    )


def last_public(events: Sequence[Event]) -> tuple[Event, ...]:
    """The events up to where the record was public last: none for one that never was, or that was rejected since."""
    for end in range(len(events), 0, -1):
        state = fold(events[:end])
        if state.public:
            return tuple(events[:end])
    return ()


def earlier_pages(events: Sequence[Event], *, public_only: bool) -> tuple[int, ...]:
    """The versions before the newest that keep a page: all, or those that were public while they were the newest."""
    states = [fold(events[:end]) for end in range(1, len(events) + 1)]
    newest = states[-1].version
    return tuple(sorted({one.version for one in states if one.version < newest and (one.public or not public_only)}))


def write_list(
    out: str | Path,
    *,
    base_url: str | None = None,
    title: str = TITLE,
    known: Mapping[str, dict[str, Any] | None] = MappingProxyType({}),
) -> Path:
    """Write the pages around the records that have a page: index, rules, corrections, feed; return the index's path.

    `known` are summaries that were read just now, by folder.
    """
    out = Path(out)
    with storing(out), lock(out):
        places = (path / SUMMARY for path in sorted(out.glob("srch-*")))
        rows = [row for path in places if (row := known.get(path.parent.name) or read_summary(path))]
        rows.sort(key=lambda row: str(row["id"]))
        rows.sort(key=lambda row: str(row["created_at"]), reverse=True)
        pages = frame_pages(rows, base_url=base_url, title=title)
        for name in sorted(pages, key=lambda name: (name == "index.html", name)):
            replace(out / name, pages[name])
        for path in (*out.glob("index-*.html"), out / "sitemap.xml"):
            if path.name not in pages:
                path.unlink(missing_ok=True)
    return out / "index.html"


def _remove_others(root: Path, shown: Container[str]) -> int:
    """Remove the pages of records that the site does not show; nothing that we did not write."""
    removed = 0
    with storing(root):
        for path in root.glob("srch-*"):
            ours = FOLDER.fullmatch(path.name) and (path / SUMMARY).is_file() and not path.is_symlink()
            if ours and path.name not in shown:
                shutil.rmtree(path)
                removed += 1
    return removed
