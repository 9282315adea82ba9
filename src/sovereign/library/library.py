"""The library: sources in SQLite, a lexical index that follows it, a gazetteer of names, and one digest over it all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from sovereign.records import Busy, NotFound, Source, StorageError

from . import gazetteer
from ._adding import Adding, Progress, versions_of
from ._merging import Card, Group, groups
from ._types import AddReport, Failure, Hit, Owner, Stored, sha256_of
from ._walk import files_of
from .digest import library_digest
from .lock import WriterLock
from .readers import Document, reader_for
from .store import Store, storage

if TYPE_CHECKING:
    from ._follow import Follower

_MAX_TERMS = 64
_COMMON_MENTIONS = 25


class Library:
    """A folder with `library.sqlite` and the index that follows it. Many readers, one writer at a time.

    Open it with `Library.open`; it is a context manager. `notices` holds what was repaired on the way.
    """

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self.notices: list[str] = []
        self._store = store
        self._lock = WriterLock(folder / "library.lock")
        self._follower: Follower | None = None

    @classmethod
    def open(cls, path: str | Path, create: bool = False) -> Library:
        """Open the library in a folder, creating it if asked.

        Raises:
            NotFound: there is none and `create` is false.
            StorageError: the disk is full or read-only, or the file is damaged.
        """
        folder = Path(path)
        file = folder / "library.sqlite"
        if not create and not file.is_file():
            raise NotFound(f"there is no library in {folder}", "create a workspace with `sovereign init`")
        with storage(file):
            folder.mkdir(parents=True, exist_ok=True)
        return cls(folder, Store(file))

    def close(self) -> None:
        """Let go of the files."""
        if self._follower is not None:
            self._follower.close()
        self._store.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- writing

    def add(self, path: str | Path, progress: Progress | None = None) -> AddReport:
        """Read a file or a folder into the library.

        Documents are committed in batches; one that is stored unchanged is skipped, so a killed `add` is resumed by
        running it again. What cannot be read is a failure in the report and in `status()`, and the rest goes on.

        Args:
            path: a file or folder.
            progress: called with the number of documents seen so far, after each batch.

        Raises:
            NotFound: the path does not exist.
            Busy: another process is writing.
            StorageError: the disk is full; what was committed is kept.
        """
        root = Path(path)
        if not root.exists():
            raise NotFound(f"{root} does not exist", "name a file or a folder")
        with self._writing(progress) as adding:
            for item in files_of(root):
                adding.take(item)
        return adding.report()

    @contextlib.contextmanager
    def alone(self, wait_s: float = 600.0) -> Iterator[None]:
        """Nobody else writes inside, so what is read there is one state of the library.

        Raises:
            Busy: another process writes for longer than `wait_s` seconds.
        """
        self._lock.acquire(wait_s)
        try:
            yield
        finally:
            self._lock.release()

    def put(self, sources: Iterable[Stored]) -> AddReport:
        """Store sources that were read elsewhere: found by a service, or fetched. Of one id the newer stays."""
        with self._writing() as adding:
            for source in sources:
                adding.put(source)
        return adding.report()

    def add_measurement(
        self, source_id: str, title: str, text: str, meta: Mapping[str, Any], index_text: str | None = None
    ) -> Stored:
        """Store a pack's results as a source of kind `measurement`; `index_text` is what a search sees of it."""
        source = Stored(
            id=source_id, title=title, kind="measurement", text_level=None, sha256=sha256_of(text), text=text,
            meta=dict(meta), reader="measurement 1", index_text=index_text,
        )  # fmt: skip
        with self._writing() as adding:
            adding.put(source)
        return source

    def remove(self, *source_ids: str) -> None:
        """Remove sources: all that are named, or, if one of them is not there, none.

        Raises:
            NotFound: there is no such source.
        """
        with self._writing() as adding:
            missing = sorted(set(source_ids) - set(self._store.get(list(source_ids))))
            if missing:
                raise NotFound(
                    f"there is no source {', '.join(missing[:5])} in the library", "see `sovereign library search`"
                )
            adding.remove(source_ids)

    def duplicates(self) -> list[Group]:
        """The works that several sources are of (a preprint and its published version), and why we say so."""
        return groups(Card(*card) for card in self._store.cards())

    def merge(self, found: Sequence[Group]) -> None:
        """Make one source of each group: the best text, all identifiers, and the cards of all that it was made of.

        Each group is one transaction. The names of those that are gone lead to the one that stays, also in notes that
        are about them, and adding one of them again changes nothing.

        Raises:
            NotFound: a source of a group is not there any more; the groups before it are merged.
        """
        with self._writing() as adding:
            for group in found:
                adding.merge(group)

    def refresh(self, progress: Progress | None = None) -> tuple[AddReport, list[str]]:
        """Read again the files that changed since they were added, or whose reader did.

        Returns the report, and the files that are not there any more: their sources stay.
        """
        gone: list[str] = []
        with self._writing(progress) as adding:
            for file, relative, size, changed, reader in self._store.files():
                path = Path(file)
                try:
                    found = path.stat()
                except OSError:
                    gone.append(file)
                    continue
                now = reader_for(path)
                if now is None or (found.st_size, found.st_mtime_ns, versions_of(now)) == (size, changed, reader):
                    continue
                adding.take((Document(path, PurePosixPath(relative)), now))
        return adding.report(), gone

    def told_by_services(self) -> list[str]:
        """The ids of works that a service told of and can be asked for again: those with an arXiv id or a DOI."""
        return [name for name in self._store.told_by_services() if name.startswith(("arxiv:", "doi:"))]

    @contextlib.contextmanager
    def _writing(self, progress: Progress | None = None) -> Iterator[Adding]:
        """The frame of every write: the lock, the index that follows, what is queued written, the digests kept.

        After an error what was not committed is dropped, and the next use of the index catches up.
        """
        with self._lock:
            follower = self._following(write=True)
            adding = Adding(self._store, follower, progress)
            try:
                yield adding
                adding.flush()
                follower.finish()
                with self._store.transaction():
                    self._store.keep_digests()
            except BaseException:
                follower.abandon()
                raise

    # -- reading

    def get(self, source_id: str) -> Stored:
        """A stored source.

        Raises:
            NotFound: there is no such source.
        """
        found = self._store.get([source_id])
        if source_id not in found:
            kept = self._store.aliases([source_id]).get(source_id)
            remedy = f"it was merged into {kept}" if kept else "see `sovereign library search`"
            raise NotFound(f"there is no source {source_id} in the library", remedy)
        return found[source_id]

    def get_many(self, source_ids: Iterable[str]) -> dict[str, Stored]:
        """Stored sources by id; unknown ids are absent."""
        return self._store.get(list(source_ids))

    def __contains__(self, source_id: object) -> bool:
        return isinstance(source_id, str) and bool(self._store.get([source_id]))

    def bibliography(self, form: str, cited: Iterable[Source] | None = None) -> str:
        """The works of the library, or those that a record cites, as a bibliography, in the order of their ids.

        Args:
            form: `bibtex`, `ris` or `csl-json`.
            cited: sources of a record; notes and measurements among them are left out, and of works that the library
                does not hold (any more) what the record says is written.
        """
        from .bibliography._entry import abstract_of, entry_of
        from .bibliography._export import export

        told = {one.id: one for one in cited or () if one.kind == "work"}
        wanted = self.ids("work") if cited is None else sorted(told)
        entries = []
        for start in range(0, len(wanted), 500):
            held = self.get_many(wanted[start : start + 500])
            for name in wanted[start : start + 500]:
                one: Any = held.get(name) or told[name]
                meta, abstract = (held[name].meta, abstract_of(held[name])) if name in held else ({}, "")
                entries.append(entry_of(one.id, one.title, one.authors, one.year, one.address, meta, abstract))
        return export(entries, form)

    def text(self, sha256: str) -> str | None:
        """A stored text by the SHA-256 of its UTF-8 bytes, or None."""
        return self._store.text(sha256)

    def ids(self, kind: str | None = None) -> list[str]:
        """All source ids, sorted; those of one kind, if given."""
        return self._store.ids(kind)

    @property
    def size(self) -> int:
        """Number of sources."""
        return self._store.number("sources")

    def search(
        self,
        query: str,
        k: int = 50,
        require: Sequence[Sequence[str]] = (),
        kinds: Sequence[str] | None = None,
    ) -> list[Hit]:
        """The k best sources for a query, by BM25 over its distinct words without stop words.

        Ranks depend on the sources and the query alone: not on the order of insertion, nor on what was removed.

        Args:
            query: any text; nothing in it is syntax. Of a long one the 64 rarest words count.
            k: how many sources at most.
            require: groups of phrases; a source must hold at least one phrase of every group (in title or body, words
                adjacent and in order, compared as index terms). They do not change the score.
            kinds: source kinds to search; all, if None.

        Raises:
            StorageError: the index is damaged and cannot be rebuilt now.
        """
        if k < 1 or self.size == 0:
            return []
        try:
            return self._following().search(query, k, require, kinds, _MAX_TERMS)
        except StorageError as error:
            self._rebuild(f"the index was damaged ({error.message}); it was rebuilt from the library")
            return self._following().search(query, k, require, kinds, _MAX_TERMS)

    def document_frequency(self, term: str) -> int:
        """Number of sources that hold a word or, given several, the phrase."""
        return self._following().frequency(term) if self.size else 0

    def owners(self, name: str) -> list[Owner]:
        """The sources that a name leads to, its own before those that mention it; case, hyphens and dots aside.

        Two systems of one name are two owners.
        """
        rows = self._store.names([gazetteer.normalise(name)])
        found = [Owner(source, surface, role) for _, source, role, surface in rows]
        return sorted(found, key=lambda owner: (owner.role != gazetteer.OWNER, owner.source))

    def names_in(self, text: str) -> list[str]:
        """Names known to the gazetteer that stand in a text, as they stand there, in its order.

        A word that is written like any other ("focus", or "Focus" at the start) counts only if the library does not use
        it as a word: if hardly more sources hold it than name a system by it.
        """
        runs = gazetteer.candidates(text[:100_000])
        norms = {surface: gazetteer.normalise(surface) for _, _, surface in runs}
        known: dict[str, set[str]] = {}
        owned: set[str] = set()
        for norm, source, role, _ in self._store.names(sorted(set(norms.values()))):
            known.setdefault(norm, set()).add(source)
            if role == gazetteer.OWNER:
                owned.add(norm)
        found: list[str] = []
        end = 0
        for start, stop, surface in runs:
            norm = norms[surface]
            if start < end or norm not in known or (norm not in owned and len(known[norm]) > _COMMON_MENTIONS):
                continue
            shaped = gazetteer.is_shaped(surface)
            if not shaped and self.document_frequency(surface) > 3 + 2 * len(known[norm]):
                continue
            end = stop
            if surface not in found:
                found.append(surface)
        return found

    def digest(self) -> str:
        """The library digest, in hexadecimal: equal for equal sources and readers, whatever the history."""
        return library_digest(self.readers(), self._store.bucket_digests())

    def readers(self) -> dict[str, str]:
        """Names and versions of the readers that read the sources held."""
        versions: dict[str, set[str]] = {}
        for _, _, reader, _ in self._store.counts():
            name, _, version = reader.partition(" ")
            versions.setdefault(name, set()).add(version)
        return {name: "+".join(sorted(found)) for name, found in sorted(versions.items())}

    def failures(self) -> list[Failure]:
        """What could not be read, by file, as of its last reading."""
        return self._store.failures()

    def status(self) -> dict[str, Any]:
        """Counts, failures, index state, size on disk, digest: plain values for JSON."""
        kinds: dict[str, int] = {}
        levels: dict[str, int] = {}
        for kind, level, _, number in self._store.counts():
            kinds[kind] = kinds.get(kind, 0) + number
            if level:
                levels[level] = levels.get(level, 0) + number
        return {
            "path": str(self.folder),
            "sources": self.size,
            "kinds": kinds,
            "text_levels": levels,
            "readers": self.readers(),
            "failures": [{"where": f.where, "reason": f.reason} for f in self.failures()],
            "index": self._following(needed=False).status(),
            "bytes_on_disk": sum(f.stat().st_size for f in self.folder.rglob("*") if f.is_file()),
            "digest": self.digest(),
            "notices": list(self.notices),
        }

    # -- the index

    def _following(self, write: bool = False, needed: bool = True) -> Follower:
        """The index, up to date if nobody else is writing; repaired or rebuilt where that is needed."""
        from ._follow import Follower

        if self._follower is None:
            self._follower = Follower(self.folder, self._store)
        follower = self._follower
        if write or follower.lags():
            try:
                self._lock.acquire(wait_s=0.0)  # a search never waits for a writer
            except Busy:
                if needed and follower.is_broken():
                    raise
                return follower  # whoever holds the lock will bring it up to date
            try:
                notice = follower.catch_up()
            finally:
                self._lock.release()
            if notice:
                self.notices.append(notice)
        return follower

    def _rebuild(self, notice: str) -> None:
        from ._follow import Follower

        with self._lock:
            if self._follower is not None:
                self._follower.close()
            self._follower = Follower(self.folder, self._store)
            self._follower.rebuild()
            self.notices.append(notice)
