"""The ledger of the owner's hand: entries that are signed, chained by hash, and never rewritten.

    hand/0001-wrong.json   a signed statement; its predicate is the entry
    hand/keys.json         the public keys that signed
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sovereign.judge import in_force
from sovereign.records import BadInput, HandEntry, HandGiven, KeyRing, KeyRole
from sovereign.records.layout import KEYS_FILE
from sovereign.seal import (
    PREDICATE_HAND,
    Key,
    SealError,
    canonical,
    digest,
    fingerprint_of,
    key_ring,
    public_keys,
    sign,
    statement,
    verify,
)

from . import _disk
from .reader import edited, read_bytes, read_model

_NAME = re.compile(r"([0-9]{4,})-([a-z]+)\.json")


class Writing:
    """The one writer of a ledger, while it holds the lock."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.entries = ledger.entries()

    def sign(
        self, fields: Mapping[str, Any], signed_over: Mapping[str, str], key: Key
    ) -> tuple[HandGiven, Callable[[], None]]:
        """Sign the next entry; its number, the entry before it and the signer are put in. Nothing is written yet.

        Args:
            fields: the other fields of a `HandEntry`.
            signed_over: name -> SHA-256 of what the owner looked at.

        Returns:
            The entry, and what writes it; that raises StorageError where the disk does not take it.

        Raises:
            BadInput: these fields make no entry.
        """
        head = self.entries[-1].sha256 if self.entries else None
        place = {"number": len(self.entries) + 1, "previous": head, "by": key.fingerprint}
        try:
            entry = HandEntry.model_validate({**fields, **place})
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            at = ".".join(map(str, problem["loc"]))
            raise BadInput(f"this is no entry of the owner's hand: {at}: {problem['msg']}") from error
        data = sign(statement(PREDICATE_HAND, signed_over, entry.to_json()), key)
        given = HandGiven(sha256=digest(data), entry=entry)

        def write() -> None:
            self._ledger._put(given, data, key)
            self.entries = (*self.entries, given)

        return given, write


class Ledger:
    """The entries under one folder. Reading takes no lock: names appear whole or not at all.

    Args:
        folder: need not exist yet; then there are no entries.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def entries(self) -> tuple[HandGiven, ...]:
        """All entries in their order, each signature verified and the chain intact.

        Raises:
            StorageError: an entry is missing, out of order, or was edited.
        """
        return tuple(given for given, _ in self._read())

    def in_force(self, question: str) -> tuple[HandGiven, ...]:
        """The entries that hold for a question. Raises what `entries` raises."""
        return in_force(self.entries(), question)

    def envelopes(self, given: Sequence[HandGiven]) -> tuple[bytes, ...]:
        """The signed envelopes of these entries, in their order."""
        held = {one.sha256: data for one, data in self._read()}
        return tuple(held[one.sha256] for one in given)

    def keys_of(self, given: Sequence[HandGiven]) -> Mapping[bytes, KeyRole]:
        """The raw public keys that signed these entries, each with its role."""
        signers = {one.entry.by for one in given}
        return {raw: role for raw, role in self.keys().items() if fingerprint_of(raw) in signers}

    def keys(self) -> Mapping[bytes, KeyRole]:
        """The raw public keys that signed, each with its role."""
        if not (self.folder / KEYS_FILE).is_file():
            return {}
        ring = read_model(KeyRing, self.folder / KEYS_FILE)
        try:
            raw = public_keys(ring)
        except SealError as error:
            raise edited(self.folder / KEYS_FILE, error.message) from error
        return {raw[entry.fingerprint]: entry.role for entry in ring.keys}

    @contextlib.contextmanager
    def writing(self) -> Iterator[Writing]:
        """Be the one writer: writers come one after another, so that each has seen all entries before its own.

        Raises:
            Busy: another process held the lock for half a minute.
        """
        with _disk.lock(self.folder):
            yield Writing(self)

    def _put(self, given: HandGiven, data: bytes, key: Key) -> None:
        """An entry in its place, its key before it: what is there can always be verified."""
        with _disk.storing("the entry of the owner's hand"), _disk.scratch(self.folder) as built:
            known = self.keys()
            if key.public_bytes not in known:
                ring = key_ring((), {**known, key.public_bytes: KeyRole.OWNER})
                _disk.write_file(built / KEYS_FILE, canonical(ring))
                _disk.publish_file(built / KEYS_FILE, self.folder / KEYS_FILE, overwrite=True)
            _disk.write_file(built / "entry", data)
            name = f"{given.entry.number:04d}-{given.entry.kind.value}.json"
            _disk.publish_file(built / "entry", self.folder / name)

    def _read(self) -> list[tuple[HandGiven, bytes]]:
        if not self.folder.is_dir():
            return []
        known = {fingerprint_of(raw): raw for raw in self.keys()}
        found: list[tuple[HandGiven, bytes]] = []
        paths = (path for path in self.folder.iterdir() if _NAME.fullmatch(path.name))
        for path in sorted(paths, key=lambda path: int(path.name.partition("-")[0])):
            data = read_bytes(path)
            try:
                signed = verify(data, known)
                entry = HandEntry.model_validate(signed.predicate)
            except (SealError, ValidationError) as error:
                raise edited(path, str(error).splitlines()[0]) from error
            head = found[-1][0].sha256 if found else None
            named = f"{entry.number:04d}-{entry.kind.value}.json"
            if (entry.previous, entry.number, named) != (head, len(found) + 1, path.name):
                raise edited(path, "it does not follow the entry before it")
            if signed.predicate_type != PREDICATE_HAND or signed.fingerprint != entry.by:
                raise edited(path, "it is not signed as an entry of the owner's hand")
            found.append((HandGiven(sha256=digest(data), entry=entry), data))
        return found
