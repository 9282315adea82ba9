"""What a workspace holds that nothing needs any more: found by looking, removed only when told to, whole or not at all.

Never touched: the library, records, keys, the agenda, settings, packs, and in the journal everything that an unfinished
run goes on with, what cannot be computed again (answers of services, of language models, of packs), and every row.
"""

from __future__ import annotations

import contextlib
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from sovereign.records import Busy, Document, NotFound

if TYPE_CHECKING:
    from sovereign.inquiry.runs import RunInfo
    from sovereign.workspace import Workspace

#: Half of a file that a killed writer left, where writers put theirs. A live one is younger than this.
_DRAFTS = (".unfinished-*", ".draft-*", ".policy.toml-*")
_LIVE_S = 3600.0
#: Runs whose stages are computed from what the library holds; other purposes and profiles keep what they were told.
_COMPUTED = frozenset({"ask", "again", "revise", "reproduce"})


class Heap(Document):
    """One kind of thing that nothing needs."""

    kind: str
    what: str
    count: int
    bytes: int
    names: tuple[str, ...] = Field(default=(), description="of files and folders, relative to the workspace")


class Cleared(Document):
    """What was found, and whether it was removed."""

    removed: bool
    heaps: tuple[Heap, ...]
    notes: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(heap.bytes for heap in self.heaps)


def clear(
    workspace: Workspace,
    *,
    remove: bool = False,
    keep_days: float = 30.0,
    cache_days: float | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Cleared:
    """Find what nothing needs; with `remove`, remove it.

    Args:
        keep_days: outputs of stages of runs that were done later than so many days ago stay.
        cache_days: remove kept answers of services that are older; None leaves all of them.

    Raises:
        Busy: another process writes to the journal.
        StorageError: the journal or the disk cannot be used.
    """
    notes: list[str] = []
    heaps = [_drafts(workspace), _pages(workspace)]
    if cache_days is not None:
        heaps.append(_answers(workspace, cache_days))
    progress("looking at the journal")
    heaps.insert(0, _outputs(workspace, keep_days, remove, notes))
    if remove:
        for heap in heaps[1:]:
            for name in heap.names:
                progress(f"removing {name}")
                _remove(workspace.path / name)
    return Cleared(removed=remove, heaps=tuple(heaps), notes=tuple(notes))


def _outputs(workspace: Workspace, keep_days: float, remove: bool, notes: list[str]) -> Heap:
    """Outputs of stages that only runs need which are done, long enough ago, with their version written."""
    count = size = 0
    until = (datetime.now(UTC) - timedelta(days=keep_days)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with contextlib.suppress(NotFound), workspace.journal(create=False) as journal:
        past = [info.id for info in journal.list() if _is_past(workspace, info, until)]
        count, size = journal.forget(past, remove=remove)
        if remove and count:
            try:
                journal.compact()
            except Busy:
                notes.append("the journal is in use: its space is free for new runs, the file shrinks another time")
    return Heap(kind="journal", what=f"outputs of stages of runs done {keep_days:g} days ago", count=count, bytes=size)


def _is_past(workspace: Workspace, info: RunInfo, until: str) -> bool:
    if info.done_at is None or info.done_at > until or info.purpose not in _COMPUTED or info.record is None:
        return False
    if "live" in info.details or "profile" in info.details:
        return False
    try:
        return info.version in workspace.archive().versions(info.record)
    except NotFound:
        return False


def _drafts(workspace: Workspace) -> Heap:
    """Drafts of files and folders whose writer was killed; the library and the records look after their own."""
    old = time.time() - _LIVE_S
    roots = [workspace.path, workspace.site_path, workspace.path / "public", workspace.net_path]
    found: dict[Path, None] = {}
    for root in roots:
        for pattern in _DRAFTS:
            places = root.glob(pattern) if root == workspace.path else root.rglob(pattern)
            found |= dict.fromkeys(path for path in places if not path.is_symlink() and path.lstat().st_mtime < old)
    return _heap(workspace, "drafts", "halves of files whose writer was cut off", iter(found))


def _pages(workspace: Workspace) -> Heap:
    """Pages of records that there are not."""
    known = {path.name for path in workspace.records_path.glob("srch-*")}
    places = (path for path in workspace.site_path.glob("srch-*") if path.is_dir() and path.name not in known)
    return _heap(workspace, "pages", "pages of records that are not in the workspace", places)


def _answers(workspace: Workspace, days: float) -> Heap:
    """Kept answers of services beyond an age: asked again, where the network is there."""
    old = time.time() - days * 86400
    kept = (workspace.net_path / "cache").rglob("*")
    files = (path for path in kept if path.is_file() and path.stat().st_mtime < old)
    return _heap(workspace, "cache", f"answers of services kept for more than {days:g} days", files)


def _heap(workspace: Workspace, kind: str, what: str, places: Iterator[Path]) -> Heap:
    names, size = [], 0
    for path in sorted(places):
        with contextlib.suppress(FileNotFoundError):  # gone meanwhile
            size += _size(path)
            names.append(path.relative_to(workspace.path).as_posix())
    return Heap(kind=kind, what=what, count=len(names), bytes=size, names=tuple(names))


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(one.lstat().st_size for one in path.rglob("*") if one.is_file())
    return path.lstat().st_size


def _remove(path: Path) -> None:
    """Remove a file or folder. A folder takes a draft's name first: cut off, it is found as one by the next."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    if not path.name.startswith(".unfinished-"):
        aside = path.with_name(f".unfinished-{uuid.uuid4().hex}")
        path.rename(aside)
        path = aside
    shutil.rmtree(path, ignore_errors=True)
