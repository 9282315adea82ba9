"""Pages on disk: one folder per record and a list of all, every file replaced whole or not at all."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sovereign.judge.history import fold
from sovereign.records import Event, Record, State
from sovereign.records.record import folder_name

from . import _words as words
from ._contract_values import contract_values, correction_events
from ._disk import as_json, lock, replace, replace_if_other, storing
from ._view import Texts
from .contracts import CONTRACTS
from .frame import TITLE, addresses, frame_pages
from .page import page_twin, render_page, render_texts

if TYPE_CHECKING:
    from sovereign.archive import Archive

_FOLDER = re.compile(r"srch-[0-9a-f]{8}")
_SUMMARY = "summary.json"


def write_page(
    record: Record,
    state: State,
    texts: Texts,
    out: str | Path,
    *,
    versions: Sequence[int] = (),
    events: Sequence[Event] = (),
    base_url: str | None = None,
) -> Path:
    """Write a record's page, its JSON twin, its contracts and the pages of its stored texts; return the page's path.

    Under `out` lie afterwards `srch-xxxxxxxx/index.html`, `index.json`, `summary.json`, the files of `CONTRACTS` and
    `sources/<sha256>.html`.
    The page itself is replaced last, so that a reader never follows a link of it into nothing; pages of texts that
    it no longer uses are removed. A write that is cut off leaves the page before it.

    Raises:
        StorageError: the disk is full or the folder is not writable.
    """
    folder = Path(out) / record.folder
    at = _beside(record.folder, base_url)
    page = render_page(
        record,
        state,
        texts=texts,
        versions=versions,
        events=events,
        signer=events[-1].by if events else None,
        at=at,
    )
    made = contract_values(record, state, events, at, lambda digest: texts(digest) is not None)
    files = render_texts(record, texts=texts)
    twin = page_twin(record, state, texts=texts, versions=versions, events=events)
    with storing(folder):
        for name, content in files.items():
            replace(folder / name, content)
        replace(folder / "index.json", as_json(twin))
        for name, contract in made.items():
            replace(folder / CONTRACTS[name][1], as_json(contract.to_json()))
        replace(folder / _SUMMARY, as_json(summary(record, state, events, base_url)))
        replace(folder / "index.html", page)
        for path in (folder / "sources").glob("*"):
            if f"sources/{path.name}" not in files:
                path.unlink()
    return folder / "index.html"


def publish_record(archive: Archive, record_id: str, out: str | Path) -> Path:
    """Write the page of a record's newest version and the pages around all records; return the path of the page.

    Raises:
        NotFound: the archive has no such record.
        StorageError: the record is damaged, or the disk does not take the page.
    """
    record = archive.load(record_id)
    path = write_page(
        record,
        archive.state(record.id),
        archive.texts(record.id, record.version),
        out,
        versions=archive.versions(record.id),
        events=archive.events(record.id),
    )
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
            is a draft is shown as it was published last.
        base_url: where the site will stand, for feed, sitemap and data that need whole addresses.
        title: the site's name.
        fresh: write every page, also those that did not change.
        progress: told what is being done, a line at a time.

    Raises:
        BadInput: `base_url` is no address of a site.
        StorageError: a record is damaged, or the disk does not take the pages.
    """
    addresses(base_url)
    root = Path(out)
    shown: set[str] = set()
    written = 0
    records = archive.list()
    for number, record_id in enumerate(records, 1):
        events = archive.events(record_id)
        if public_only:
            events = last_public(events)
        if not events:
            continue
        state = fold(events)
        folder = folder_name(state.record)
        shown.add(folder)
        before = _read_summary(root / folder / _SUMMARY)
        if not fresh and before and before["made_from"] == made_from(events, base_url):
            continue
        if number % 50 == 0 or written == 0:
            progress(f"writing pages: record {number} of {len(records)}")
        record = archive.load(record_id, state.version)
        texts = archive.texts(record_id, state.version)
        write_page(
            record, state, texts, out, versions=range(1, state.version + 1), events=events, base_url=base_url
        )
        written += 1
    removed = _remove_others(root, shown)
    return Published(write_list(out, base_url=base_url, title=title), written, len(shown) - written, removed)


def last_public(events: Sequence[Event]) -> tuple[Event, ...]:
    """The events up to where the record was public last: none for one that never was, or that was rejected since."""
    for end in range(len(events), 0, -1):
        state = fold(events[:end])
        if state.public:
            return tuple(events[:end])
    return ()


def made_from(events: Sequence[Event], base_url: str | None) -> str:
    """What a record's pages are made from: its events (they name the manifests), the pages' code, the place."""
    told = sha256(_code().encode())
    told.update(repr(base_url).encode())
    for event in events:
        told.update(event.model_dump_json().encode())
    return told.hexdigest()


def write_list(out: str | Path, *, base_url: str | None = None, title: str = TITLE) -> Path:
    """Write the pages around the records that have a page: index, rules, corrections, feed; return the index's path."""
    out = Path(out)
    with storing(out), lock(out):
        rows = [row for path in sorted(out.glob(f"srch-*/{_SUMMARY}")) if (row := _read_summary(path))]
        rows.sort(key=lambda row: str(row["id"]))
        rows.sort(key=lambda row: str(row["created_at"]), reverse=True)
        for name, content in frame_pages(rows, base_url=base_url, title=title).items():
            replace_if_other(out / name, content)
        if base_url is None:
            (out / "sitemap.xml").unlink(missing_ok=True)
    return out / "index.html"


def summary(record: Record, state: State, events: Sequence[Event] = (), base_url: str | None = None) -> dict[str, Any]:
    """What the pages around the records say of one of them."""
    kinds = {f"{record.id}/events/{event.number}": event.type.value for event in events}
    return {
        "id": record.id,
        "folder": record.folder,
        "version": record.version,
        "created_at": record.times.created_at,
        "changed_at": state.last_event_at,
        "question": record.question.text,
        "status": record.answer.status.value,
        "status_word": words.STATUS[record.answer.status],
        "banner": words.standing(state)[0],
        "public": state.public,
        "cells": record.counts.cells,
        "gaps": record.counts.gaps,
        "cells_reproduced": record.counts.cells_reproduced,
        "gate": record.gate_verdict.status.value,
        "level": record.verification_level,
        "tier": record.quality_tier.value,
        "corrections": [
            {**event.to_json(), "kind": kinds[event.event_id]} for event in correction_events(record.id, events)
        ],
        "history": [
            {"number": event.number, "type": event.type.value, "at": event.at, "version": event.version,
             "note": event.note}
            for event in events
        ],
        "made_from": made_from(events, base_url),
    }  # fmt: skip


_TEXT_FIELDS = (
    "id", "created_at", "changed_at", "question", "status", "status_word", "banner", "gate", "tier", "made_from",
)  # fmt: skip
_NUMBER_FIELDS = ("version", "cells", "gaps", "cells_reproduced", "level")


def _read_summary(path: Path) -> dict[str, Any] | None:
    """A record's summary, or None for a folder that is not one of ours: the list must come out whatever lies there."""
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(row, dict) or row.get("folder") != path.parent.name or not _FOLDER.fullmatch(path.parent.name):
        return None
    sound = (
        all(isinstance(row.get(name), str) for name in _TEXT_FIELDS)
        and all(isinstance(row.get(name), int) for name in _NUMBER_FIELDS)
        and all(isinstance(row.get(name), list) for name in ("corrections", "history"))
    )
    return row if sound else None


def _remove_others(root: Path, shown: set[str]) -> int:
    """Remove the pages of records that the site does not show; nothing that we did not write."""
    removed = 0
    with storing(root):
        for path in root.glob("srch-*"):
            ours = _FOLDER.fullmatch(path.name) and (path / _SUMMARY).is_file() and not path.is_symlink()
            if ours and path.name not in shown:
                shutil.rmtree(path)
                removed += 1
    return removed


@lru_cache(maxsize=1)
def _code() -> str:
    """A digest of the code and templates that make pages: a change in them makes every page anew."""
    told = sha256()
    for folder in (resources.files(__package__), resources.files(__package__) / "templates"):
        for item in sorted(folder.iterdir(), key=lambda item: item.name):
            if item.is_file() and item.name.endswith((".py", ".j2", ".css")):
                told.update(item.name.encode() + item.read_bytes())
    return told.hexdigest()


def _beside(folder: str, base_url: str | None) -> Callable[[str], str]:
    at = addresses(base_url)
    return (lambda path: at(f"{folder}/{path}")) if base_url else str


