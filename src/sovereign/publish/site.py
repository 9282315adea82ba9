"""Pages on disk: one folder per record and a list of all, every file replaced whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sovereign.records import Event, Record, State, StorageError

from . import _words as words
from ._view import Texts
from .page import page_twin, render_list, render_page, render_texts

if TYPE_CHECKING:
    from sovereign.archive import Archive

SITE_SCHEMA = "sovereign-site-v1"
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
) -> Path:
    """Write a record's page, its JSON twin and the pages of its stored texts; return the path of `index.html`.

    Under `out` lie afterwards `srch-xxxxxxxx/index.html`, `index.json`, `summary.json` and `sources/<sha256>.html`.
    The page itself is replaced last, so that a reader never follows a link of it into nothing; pages of texts that
    it no longer uses are removed. A write that is cut off leaves the page before it.

    Raises:
        StorageError: the disk is full or the folder is not writable.
    """
    folder = Path(out) / record.folder
    page = render_page(
        record,
        state,
        texts=texts,
        versions=versions,
        events=events,
        signer=events[-1].by if events else None,
    )
    files = render_texts(record, texts=texts)
    twin = page_twin(record, state, texts=texts, versions=versions, events=events)
    with _storing(folder):
        for name, content in files.items():
            _replace(folder / name, content)
        _replace(folder / "index.json", _json(twin))
        _replace(folder / _SUMMARY, _json(summary(record, state)))
        _replace(folder / "index.html", page)
        for path in (folder / "sources").glob("*"):
            if f"sources/{path.name}" not in files:
                path.unlink()
    return folder / "index.html"


def publish_record(archive: Archive, record_id: str, out: str | Path) -> Path:
    """Write the page of a record's newest version and the list of all records; return the path of the page.

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


def write_site(archive: Archive, out: str | Path, *, public_only: bool = False) -> Path:
    """Write the pages of all records and the list of them; return the path of the list.

    Args:
        archive: the records.
        out: the folder of the site; pages of records that are not written are removed from it.
        public_only: leave out drafts and rejected records, as for a host that others see.
    """
    written: set[str] = set()
    for record_id in archive.list():
        if public_only and not archive.state(record_id).public:
            continue
        record = archive.load(record_id)
        written.add(record.folder)
        write_page(
            record,
            archive.state(record_id),
            archive.texts(record_id, record.version),
            out,
            versions=archive.versions(record_id),
            events=archive.events(record_id),
        )
    with _storing(Path(out)):
        for path in Path(out).glob("srch-*"):
            ours = _FOLDER.fullmatch(path.name) and (path / _SUMMARY).is_file() and not path.is_symlink()
            if ours and path.name not in written:
                shutil.rmtree(path)
    return write_list(out)


def write_list(out: str | Path) -> Path:
    """Write `index.html` and `index.json`, the list of the records that have a page; newest first."""
    out = Path(out)
    with _storing(out), _lock(out):
        rows = [row for path in sorted(out.glob(f"srch-*/{_SUMMARY}")) if (row := _read_summary(path))]
        rows.sort(key=lambda row: str(row["id"]))
        rows.sort(key=lambda row: str(row["created_at"]), reverse=True)
        _replace(out / "index.json", _json({"schema": SITE_SCHEMA, "records": rows}))
        _replace(out / "index.html", render_list(rows))
    return out / "index.html"


def summary(record: Record, state: State) -> dict[str, Any]:
    """What the list of records says of one of them."""
    return {
        "id": record.id,
        "folder": record.folder,
        "version": record.version,
        "created_at": record.times.created_at,
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
    }


_TEXT_FIELDS = ("id", "created_at", "question", "status", "status_word", "banner", "gate")
_NUMBER_FIELDS = ("version", "cells", "gaps", "cells_reproduced", "level")


def _read_summary(path: Path) -> dict[str, Any] | None:
    """A record's summary, or None for a folder that is not one of ours: the list must come out whatever lies there."""
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(row, dict) or row.get("folder") != path.parent.name or not _FOLDER.fullmatch(path.parent.name):
        return None
    sound = all(isinstance(row.get(name), str) for name in _TEXT_FIELDS) and all(
        isinstance(row.get(name), int) for name in _NUMBER_FIELDS
    )
    return row if sound else None


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _replace(path: Path, content: str) -> None:
    """Put the content under the name in one step, readable for a web server."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _lock(out: Path) -> Iterator[None]:
    out.mkdir(parents=True, exist_ok=True)
    handle = os.open(out / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def _storing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "free some space; the record itself is stored, its page can be written again"
            raise StorageError(f"the disk is full: the pages under {folder} were not all written", remedy) from error
        raise StorageError(
            f"the pages under {folder} cannot be written: {error.strerror or error}",
            "make the folder writable; the record itself is stored, its page can be written again",
        ) from error
