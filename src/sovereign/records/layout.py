"""How the files of a record are called: its folder holds versions, events on top of them, and public keys."""

from __future__ import annotations

import re

from .event import EventType

RECORD_FILE = "record.json"
MANIFEST_FILE = "manifest.json"
SEAL_FILE = "seal.json"
AUDIT_FILE = "audit.jsonl"
#: The signed entries of the owner's hand that were in force when a version was made, one a line.
HAND_FILE = "hand.jsonl"
TEXTS = "texts"
REPRODUCTIONS = "reproductions"
EVENTS = "events"
#: What others attest, brought by an event: a folder named by the SHA-256 of the attestation.
ATTESTATIONS = "attestations"
KEYS_FILE = "keys.json"
EXPORT_FILE = "export.json"
CRATE_FILE = "ro-crate-metadata.json"

RESULTS_FILE = "results.json"
ATTESTATION_FILE = "attestation.json"
PACK_FILE = "pack.toml"
#: Sub-folders of a reproduction: each run of a repeated one, and runs of packs that were changed since.
RUNS, EARLIER = "runs", "earlier"

#: Files of a version that its manifest does not list: itself, and the seal over it.
OUTSIDE_MANIFEST = frozenset({MANIFEST_FILE, SEAL_FILE})

_VERSION = re.compile(r"v([1-9][0-9]{0,5})")
_EVENT = re.compile(r"([0-9]{4,})-([a-z]+)\.json")


def version_folder(version: int) -> str:
    """`v1` for version 1."""
    return f"v{version}"


def version_of(name: str) -> int | None:
    """The version that a folder name stands for, or None."""
    match = _VERSION.fullmatch(name)
    return int(match[1]) if match else None


def text_file(sha256: str) -> str:
    """`texts/<sha256>.txt`, relative to a version folder."""
    return f"{TEXTS}/{sha256}.txt"


def attestation_folder(sha256: str) -> str:
    """`attestations/<sha256>`, relative to a record's folder."""
    return f"{ATTESTATIONS}/{sha256}"


def event_file(number: int, kind: EventType) -> str:
    """`0001-drafted.json` for the first event."""
    return f"{number:04d}-{kind.value}.json"


def event_of(name: str) -> tuple[int, str] | None:
    """Number and type that an event's file name stands for, or None if no event is called so."""
    match = _EVENT.fullmatch(name)
    if match is None or match[1] != f"{int(match[1]):04d}":
        return None
    return int(match[1]), match[2]
