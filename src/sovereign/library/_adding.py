"""One `add` under way: documents into batches, batches into the store and the index, and the report of it all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sovereign.records import NotFound

from . import gazetteer
from ._best import best_of
from ._merging import Group, holds, merged, renewed
from ._types import AddReport, Failure, Stored
from .readers import text_rank
from .readers._formats import FORMATS
from .readers._identity import PATH_SCHEME, stem
from .store import Derived, Store

if TYPE_CHECKING:
    from ._follow import Follower
    from .readers import Document, Reader

_BATCH = 2000
_PAPER = 40  # a full text weighs as many sources, so that a batch of them is written every minute or so
Progress = Callable[[int], None]


def versions_of(reader: Reader) -> str:
    """A reader with its version; of papers those of all formats, for a file's format shows only when it is read."""
    if reader.name != "paper":
        return f"{reader.name} {reader.version}"
    return " ".join(sorted(f"{one.name} {one.version}" for one in FORMATS))


class Adding:
    """Batches sources, writes them, hands them to the index, and counts."""

    def __init__(self, store: Store, follower: Follower, progress: Progress | None) -> None:
        self._store, self._follower, self._progress = store, follower, progress
        self._batch: dict[str, Stored] = {}
        self._failures: dict[str, list[Failure]] = {}
        self._files: dict[str, tuple[str, int, int, str]] = {}
        self._added = self._updated = self._unchanged = self._seen = self._weight = 0
        self._failed: list[Failure] = []
        self._file_of: dict[str, str] = {}
        self._skipped: list[str] = []

    def take(self, item: tuple[Document, Reader] | Failure | Path) -> None:
        """Read one file of a walk, or note why it is not read."""
        if isinstance(item, Path):
            self._skipped.append(str(item))
            return
        if isinstance(item, Failure):
            self._failures[item.where] = [item]
            return
        document, reader = item
        file = str(document.path)
        failures: list[Failure] = []
        for found in reader.read(document):
            if isinstance(found, Failure):
                failures.append(found)
            elif reader.name == "markdown" and self._file_of.setdefault(found.id, file) != file:
                other = self._file_of[found.id]
                failures.append(document.fail(f"has the id {found.id}, as {other} has: give one of them another"))
            elif found.id.startswith(PATH_SCHEME) and self._file_of.setdefault(found.id, stem(file)) != stem(file):
                other = self._file_of[found.id]
                failures.append(document.fail(f"has the id {found.id}, as {other} has: rename one of the files"))
            else:
                self.put(found)
        self._failures[file] = failures
        with contextlib.suppress(OSError):
            told = document.path.stat()
            self._files[str(document.path.absolute())] = (
                str(document.relative), told.st_size, told.st_mtime_ns, versions_of(reader),
            )  # fmt: skip

    def put(self, source: Stored) -> None:
        """Queue a source; of two with one id the later one stays, or of papers the better text."""
        self._batch[source.id] = best_of(source, self._batch.get(source.id))
        self._seen += 1
        self._weight += _PAPER if text_rank(source.reader) else 1
        if self._weight >= _BATCH:
            self.flush()
        elif self._progress and text_rank(source.reader) and self._seen % 10 == 0:
            self._progress(self._seen)  # papers take their time

    def flush(self) -> None:
        """Write what is queued, in one transaction, and hand it to the index."""
        papers = [source.id for source in self._batch.values() if text_rank(source.reader)]
        known = self._store.get(list(self._batch), full_texts=True) | self._store.get(papers)
        sources = [best_of(source, known.get(source.id)) for source in self._batch.values()]
        sources = self._as_merged(sources)
        with self._store.transaction():
            new, gone, added, updated = self._store.write(sources, self._derive)
            for file, failures in self._failures.items():
                self._store.replace_failures(file, failures)
            for file, state in self._files.items():
                self._store.keep_file(file, *state)
        self._follower.apply(new, gone)
        self._added += added
        self._updated += updated
        self._unchanged += len(sources) - added - updated
        for failures in self._failures.values():
            self._failed += failures
        self._batch, self._failures, self._files, self._weight = {}, {}, {}, 0
        if self._progress:
            self._progress(self._seen)

    def remove(self, ids: Sequence[str]) -> None:
        """Remove sources, in one transaction."""
        with self._store.transaction():
            gone = self._store.delete(sorted(set(ids)))
            self._store.forget_aliases(ids)
        self._follower.apply([], gone)

    def merge(self, group: Group) -> None:
        """Make one source of a group, in one transaction; notes on those that go are then on the one that stays."""
        names = [group.keep, *group.others]
        found = self._store.get(names)
        if missing := sorted(set(names) - set(found)):
            raise NotFound(f"there is no source {missing[0]} in the library", "run `sovereign library dedupe` again")
        one = merged([found[name] for name in names], group.keep)
        about = self._store.get(self._store.about(group.others)).values()
        changed = [one, *(replace(source, about=group.keep) for source in about if source.id not in names)]
        with self._store.transaction():
            gone = self._store.delete(group.others)
            for name in group.others:
                self._store.keep_alias(name, group.keep)
            new, replaced, _, _ = self._store.write(changed, self._derive)
        self._follower.apply(new, [*gone, *replaced])

    def _as_merged(self, sources: list[Stored]) -> list[Stored]:
        """Sources that were merged into another, as that one: unchanged, or with what is new of them."""
        ids = [name for source in sources for name in (source.id, source.about) if name]
        aliases = self._store.aliases(ids)
        whole = self._store.get(sorted({*aliases.values(), *self._store.merged(ids)}))
        if not whole:
            return sources
        found: dict[str, Stored] = {}
        for source in sources:
            if source.about in aliases:
                source = replace(source, about=aliases[source.about or ""])
            keep = aliases.get(source.id, source.id)
            kept = found.get(keep) or whole.get(keep)
            if kept is not None and source.kind == "work":
                source = kept if holds(kept, source) else renewed(kept, source)
            found[source.id] = source
        return list(found.values())

    def _derive(self, source: Stored) -> Derived:
        return Derived(self._follower.count_tokens(source.searched), gazetteer.names_of(source))

    def report(self) -> AddReport:
        """What was done."""
        return AddReport(self._added, self._updated, self._unchanged, tuple(self._failed), tuple(self._skipped))
