"""The library digest: one SHA-256 over all sources and their readers, kept in 256 buckets so that a change is cheap.

A bucket holds the sources whose id's SHA-256 begins with its byte; its digest is over its entries sorted by id. The
library's digest is over the readers' names and versions and the 256 bucket digests. So it depends on what the library
holds and on nothing else: not on the order of insertion, nor on what was there before and has been removed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

BUCKETS = 256
EMPTY = hashlib.sha256(b"").digest()


def bucket_of(source_id: str) -> int:
    """The bucket, 0 to 255, of a source id."""
    return hashlib.sha256(source_id.encode()).digest()[0]


def bucket_digest(entries: Iterable[tuple[str, bytes]]) -> bytes:
    """Digest of a bucket from its (source id, entry) pairs, in any order."""
    total = hashlib.sha256()
    for source_id, entry in sorted(entries):
        total.update(source_id.encode() + b"\0" + entry)
    return total.digest()


def library_digest(readers: Mapping[str, str], buckets: Sequence[bytes]) -> str:
    """Digest of a library, in hexadecimal, from its readers' versions and its bucket digests."""
    total = hashlib.sha256(b"sovereign-library-v1\n")
    for name in sorted(readers):
        total.update(f"{name} {readers[name]}\n".encode())
    for digest in buckets:
        total.update(digest)
    return total.hexdigest()
