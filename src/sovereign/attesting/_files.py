"""Requests and answers as files: containers of one form, unpacked safely, written whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from sovereign.check import Unsafe, unpack
from sovereign.records import AttestRequest, BadInput, KeyRing, NotFound, StorageError
from sovereign.records.layout import ATTESTATION_FILE, KEYS_FILE, RESULTS_FILE
from sovereign.seal import SealError, pack_files, parse, public_keys

REQUEST_FILE, PACKS = "request.json", "packs"
_LOOSE = frozenset({REQUEST_FILE, KEYS_FILE})
_LARGEST = 64 * 2**20
_ASK = "ask for the file that `sovereign attest run` or `attest review` wrote"


def read_answer(path: Path) -> tuple[dict[str, bytes], list[dict[str, bytes]]]:
    """Public keys (fingerprint -> raw) and signed parts of an answer, unpacked safely and not yet verified.

    Raises:
        NotFound: it cannot be read.
        BadInput: it is no answer of `attest run` or `attest review`.
    """
    files = _unpacked(path, "answer")
    try:
        keys = dict(public_keys(KeyRing.model_validate(parse(files.pop(KEYS_FILE, b"")))))
    except (SealError, ValidationError) as error:
        raise BadInput(f"{path} names no public key: {str(error).splitlines()[0]}", _ASK) from error
    parts: dict[str, dict[str, bytes]] = {}
    for name, data in files.items():
        folder, _, rest = name.partition("/")
        if rest not in (ATTESTATION_FILE, RESULTS_FILE):
            raise BadInput(f"{path}: {name} is no part of an answer", _ASK)
        parts.setdefault(folder, {})[rest] = data
    if not parts or any(ATTESTATION_FILE not in part for part in parts.values()):
        raise BadInput(f"{path} holds no attestation", _ASK)
    return keys, [parts[name] for name in sorted(parts)]


def read_request(path: Path) -> tuple[AttestRequest, dict[str, dict[str, bytes]]]:
    """What is asked, and the files of each pack (name -> path in it -> content). Raises NotFound, BadInput."""
    files = _unpacked(path, "request")
    try:
        asked = AttestRequest.model_validate(parse(files.pop(REQUEST_FILE, b"")))
    except (SealError, ValidationError) as error:
        raise BadInput(f"{path} is no request: {str(error).splitlines()[0]}", "ask for it again") from error
    packs: dict[str, dict[str, bytes]] = {one.name: {} for one in asked.packs}
    for name, data in files.items():
        head, _, rest = name.partition("/")
        pack, _, inner = rest.partition("/")
        if head != PACKS or pack not in packs or not inner:
            raise BadInput(f"{path}: {name} is no part of a request", "ask for it again")
        packs[pack][inner] = data
    return asked, packs


def free(output: Path, force: bool) -> None:
    """BadInput where a file would be overwritten that must not be."""
    if output.exists() and not force:
        raise BadInput(f"{output} exists and is not overwritten", "choose another name, or use --force")


def write(output: Path, files: Mapping[str, bytes], force: bool) -> None:
    """Write a container whole or not at all."""
    free(output, force)
    try:
        with tempfile.NamedTemporaryFile(dir=output.parent, prefix=".attest-", delete=False) as file:
            file.write(pack_files(files))
        Path(file.name).replace(output)
    except OSError as error:
        raise StorageError(f"{output} cannot be written: {error.strerror}", "choose another place") from error


def now() -> str:
    """UTC, ISO 8601, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _unpacked(path: Path, what: str) -> dict[str, bytes]:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}", "name a file") from error
    if len(data) > _LARGEST:
        raise BadInput(f"{path} is larger than {_LARGEST} bytes", "no answer and no request is")
    try:
        return unpack(data, _LOOSE)
    except Unsafe as error:
        raise BadInput(f"{path} is no {what}: {error}", "ask for it again") from error
