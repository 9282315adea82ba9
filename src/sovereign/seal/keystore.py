"""The keys of a workspace: private ones that it signs with, and what it knows of everybody's.

    keys/owner.pem   a private key; its id is the file's name
    keys/trust.json  role, party, validity and revocation of own and other keys (a trust file)

A private key without an entry is an owner's, without an end. Keys of one workspace are one party's.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from sovereign.records import BadInput, KeyRole, NotFound, Revocation, StorageError, TrustedKey, TrustFile

from .canonical import canonical
from .errors import SealError
from .keys import Key, fingerprint_of

TRUST_FILE = "trust.json"
OWNER_ID = "owner"
_MAX = 2**20
_NEW = "make one with `sovereign keys new`"


class KeyStore:
    """Keys under one folder. Whoever asks for a key to sign with gets one that is not revoked and holds now."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def own(self) -> tuple[TrustedKey, ...]:
        """The workspace's own keys, in the order of their ids."""
        return self._split()[0]

    def others(self) -> tuple[TrustedKey, ...]:
        """Keys of others that its owner has declared, in the order of their ids."""
        return self._split()[1]

    def entry(self, name: str) -> TrustedKey:
        """The key of that id or fingerprint. Raises NotFound."""
        own, others = self._split()
        for key in (*own, *others):
            if name in (key.id, key.fingerprint):
                return key
        raise NotFound(f"there is no key {name!r}", "see `sovereign keys list`")

    def known(self, fingerprint: str) -> TrustedKey | None:
        """What is known of a key, or None."""
        own, others = self._split()
        return next((key for key in (*own, *others) if key.fingerprint == fingerprint), None)

    def private(self, name: str, now: str) -> Key:
        """The private key of that id, to sign with.

        Raises:
            NotFound: no such private key here.
            BadInput: it is revoked, does not hold at `now`, or others may read its file.
        """
        entry = self.entry(name)
        if entry.revoked is not None:
            raise BadInput(f"the key {entry.id} is revoked: {entry.revoked.reason}", _NEW)
        if not entry.holds_at(now):
            until = f"from {entry.valid_from or 'ever'} until {entry.valid_until or 'ever'}"
            raise BadInput(f"the key {entry.id} holds {until}; it is {now}", _NEW)
        return Key.load(self.folder / f"{entry.id}.pem")

    def owner(self, now: str) -> Key:
        """The owner's key to sign with: `owner`, or the first other one of that role that still holds.

        Raises:
            NotFound: there is no owner's key.
            BadInput: all are revoked or out of their time, or others may read the file.
        """
        found = [key for key in self.own() if key.role is KeyRole.OWNER]
        found.sort(key=lambda key: (key.id != OWNER_ID, key.id))
        if not found:
            raise NotFound(f"there is no owner's key in {self.folder}", "make one with `sovereign init`")
        usable = [key for key in found if key.revoked is None and key.holds_at(now)]
        return self.private((usable or found)[0].id, now)

    def new(
        self, name: str, role: KeyRole, *, valid_from: str | None = None, valid_until: str | None = None
    ) -> TrustedKey:
        """Make a key pair and its entry. Raises BadInput where the id is taken or the dates cannot be."""
        with self._changing() as (own, others):
            if any(key.id == name for key in (*own, *others)):
                raise BadInput(f"there is a key {name} already", "choose another id")
            key = Key.generate()
            entry = self._entry(name, key, role, own, valid_from, valid_until)
            key.save(self.folder / f"{name}.pem")
            self._write([*own, entry, *others])
        return entry

    def revoke(self, name: str, reason: str, now: str) -> TrustedKey:
        """Mark a key as revoked. It stays revoked. Raises NotFound, BadInput (no reason, or revoked before)."""
        with self._changing() as (own, others):
            entry = self.entry(name)
            if entry.revoked is not None:
                raise BadInput(f"the key {entry.id} is revoked since {entry.revoked.at}", "a revocation is for good")
            try:
                gone = Revocation(at=now, reason=reason.strip())
            except ValidationError as error:
                what = "a revocation needs a reason of at most 400 characters"
                raise BadInput(what, "give it with --reason") from error
            entry = entry.model_copy(update={"revoked": gone})
            self._write([entry if key.fingerprint == entry.fingerprint else key for key in (*own, *others)])
        return entry

    def declare(self, keys: Sequence[TrustedKey]) -> tuple[TrustedKey, ...]:
        """Add keys of others, or replace what was known of them; what was revoked stays revoked.

        Raises:
            BadInput: one of them is this workspace's own, is said to be held by its party, or has a taken id.
        """
        with self._changing() as (own, others):
            known = {key.fingerprint: key for key in others}
            for key in keys:
                mine = next((one for one in own if one.fingerprint == key.fingerprint), None)
                if mine is not None:
                    what = f"the key {mine.id} is your own: what it attests is a repeat, not another party's"
                    raise BadInput(what, "declare the key of somebody else")
                if any(one.party and one.party == key.party for one in own):
                    raise BadInput(f"the party {key.party!r} is yourself", "name the party that holds the key")
                before = known.get(key.fingerprint)
                if before is not None and before.revoked is not None and key.revoked is None:
                    key = key.model_copy(update={"revoked": before.revoked})
                taken = {one.id for one in (*own, *known.values()) if one.fingerprint != key.fingerprint}
                if key.id in taken:
                    raise BadInput(f"there is another key {key.id}", "choose an id with --id")
                known[key.fingerprint] = key
            self._write([*own, *known.values()])
        return tuple(keys)

    def trust_file(self, *, everybody: bool = False) -> TrustFile:
        """The own keys as a trust file for others, or with the keys of others that are declared here."""
        own, others = self._split()
        return TrustFile(keys=tuple(sorted((*own, *(others if everybody else ())), key=lambda key: key.id)))

    def _split(self) -> tuple[tuple[TrustedKey, ...], tuple[TrustedKey, ...]]:
        listed = {key.fingerprint: key for key in read_trust_file(self.folder / TRUST_FILE).keys}
        own: list[TrustedKey] = []
        for path in sorted(self.folder.glob("*.pem")):
            key = Key.load(path)
            entry = listed.pop(key.fingerprint, None)
            if entry is None:
                entry = self._entry(path.stem, key, KeyRole.OWNER, own, None, None)
            own.append(entry.model_copy(update={"id": path.stem}))
        return tuple(own), tuple(sorted(listed.values(), key=lambda key: key.id))

    def _entry(
        self, name: str, key: Key, role: KeyRole, own: Sequence[TrustedKey], since: str | None, until: str | None
    ) -> TrustedKey:
        party = next((one.party for one in own if one.party), key.fingerprint)
        try:
            return TrustedKey(
                id=name,
                fingerprint=key.fingerprint,
                public_key=base64.b64encode(key.public_bytes).decode("ascii"),
                party=party,
                role=role,
                valid_from=since,
                valid_until=until,
            )
        except ValidationError as error:
            what = f"{name!r} cannot be a key here: {_first(error)}"
            raise BadInput(what, "see `sovereign keys new --help`") from error

    @contextlib.contextmanager
    def _changing(self) -> Iterator[tuple[tuple[TrustedKey, ...], tuple[TrustedKey, ...]]]:
        """One writer at a time; what is there, read under its lock."""
        try:
            handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(f"{self.folder} cannot be written: {error.strerror}", "make it writable") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield self._split()
        finally:
            os.close(handle)

    def _write(self, keys: Sequence[TrustedKey]) -> None:
        """Write trust.json whole or not at all."""
        data = canonical(TrustFile(keys=tuple(sorted(keys, key=lambda key: key.id))))
        try:
            handle, name = tempfile.mkstemp(prefix=".trust-", dir=self.folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(self.folder / TRUST_FILE)
            finally:
                Path(name).unlink(missing_ok=True)
        except OSError as error:
            path = self.folder / TRUST_FILE
            raise StorageError(f"{path} cannot be written: {error.strerror}", "free some disk space") from error


def read_trust_file(path: Path) -> TrustFile:
    """The trust file at `path`; an empty one where there is none.

    Raises:
        BadInput: it is no trust file, or a public key in it is not the one that its fingerprint names.
        StorageError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX + 1)
    except FileNotFoundError:
        return TrustFile()
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    return parse_trust_file(data, str(path))


def parse_trust_file(data: bytes, name: str) -> TrustFile:
    """The trust file in these bytes, which need not be canonical: people edit it. Raises BadInput."""
    try:
        if len(data) > _MAX:
            raise ValueError(f"it is larger than {_MAX} bytes")
        found = TrustFile.model_validate(json.loads(data.decode("utf-8"), object_pairs_hook=_no_twice), strict=False)
        for key in found.keys:
            raw_key(key)
    except (ValueError, RecursionError, SealError) as error:
        what = _first(error) if isinstance(error, ValidationError) else str(error).splitlines()[0]
        raise BadInput(f"{name} is no trust file: {what}", "see docs/trust.md for its form") from error
    return found


def raw_key(entry: TrustedKey) -> bytes | None:
    """The raw public key of an entry; None where it names a fingerprint alone. Raises SealError."""
    if entry.public_key is None:
        return None
    try:
        raw = base64.b64decode(entry.public_key, validate=True)
    except ValueError as error:
        raise SealError(f"the public key of {entry.id} is not base64") from error
    if fingerprint_of(raw) != entry.fingerprint or len(raw) != 32:
        raise SealError(f"the public key of {entry.id} is not the one that its fingerprint names")
    return raw


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    return ".".join(str(part) for part in problem["loc"]) + f": {problem['msg']}"


def _no_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is given twice")
    return found
