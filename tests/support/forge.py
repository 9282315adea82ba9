"""A forger's tools: take an export apart, change what is in it, and sign all of it again with a key of choice."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sovereign.check import CrateAbout, crate_metadata
from sovereign.judge import assess
from sovereign.records import Evidence, Judgement, KeyRing, Record
from sovereign.records.layout import CRATE_FILE
from sovereign.seal import (
    Key,
    body_digest,
    canonical,
    digest,
    key_ring,
    open_envelope,
    pack_files,
    public_keys,
    sign,
    statement,
)

Files = dict[str, bytes]


def unpack(data: bytes) -> tuple[str, Files]:
    """The folder of an export and its files (path within the folder -> content)."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        folder = next(name.split("/")[0] for name in names if "/" in name)
        return folder, {name.removeprefix(f"{folder}/"): archive.read(name) for name in names}


def repack(folder: str, files: Mapping[str, bytes], path: Path) -> Path:
    """A well-formed container of these files, whatever is in them."""
    inside = {f"{folder}/{name}": data for name, data in files.items() if name != CRATE_FILE}
    path.write_bytes(pack_files({**inside, **{name: files[name] for name in files if name == CRATE_FILE}}))
    return path


def record_of(files: Files, version: int = 1) -> dict[str, Any]:
    """record.json as plain values."""
    record: dict[str, Any] = json.loads(files[f"v{version}/record.json"])
    return record


def with_record(files: Files, record: dict[str, Any], version: int = 1) -> Files:
    """The files with another record.json; nothing else is adapted to it."""
    return {**files, f"v{version}/record.json": canonical(record)}


def judged_again(files: Files, record: dict[str, Any]) -> dict[str, Any]:
    """The record with the judgement that its (forged) evidence gives: consistent as far as rules can see."""
    outside = {"schema", "id", "version", "times", "body_digest", *Judgement.model_fields}
    evidence = Evidence.model_validate({name: value for name, value in record.items() if name not in outside})
    texts = {digest(data): data.decode() for name, data in files.items() if "/texts/" in name}
    return {**record, **assess(evidence, texts.get).to_json()}


def resign(files: Files, key: Key) -> Files:
    """Every digest made to fit the files as they are, and every statement signed with `key`, attestations too."""
    files = dict(files)
    attested = {open_envelope(data).signatures[0][0] for name, data in files.items() if name.startswith("attestations/")
                and name.endswith("/attestation.json")}  # fmt: skip
    known = public_keys(KeyRing.model_validate_json(files["keys.json"]))
    files["keys.json"] = canonical(key_ring([key.public_bytes, *(known[name] for name in attested if name in known)]))
    manifests = {}
    for version in sorted({int(name.split("/")[0][1:]) for name in files if name.startswith("v")}):
        manifests[version] = _reseal(files, version, key)
    previous = None
    for name in sorted(name for name in files if name.startswith("events/")):
        event = open_envelope(files[name]).statement
        predicate = event["predicate"]
        manifest = manifests.get(predicate["version"], predicate["manifest"])
        predicate |= {"previous": previous, "manifest": manifest, "by": key.fingerprint}
        subjects = {f"v{predicate['version']}/manifest.json": manifest}
        over = [item["name"] for item in event["subject"] if not item["name"].endswith("/manifest.json")]
        subjects |= {path: digest(files[path]) for path in over if path in files}
        if "files" in predicate["details"]:
            predicate["details"]["files"] = {path: digest(files[path]) for path in over}
        files[name] = sign(statement(event["predicateType"], subjects, predicate), key)
        previous = digest(files[name])
    return relist(files, key)


def relist(files: Files, key: Key) -> Files:
    """An export's own list and crate made to fit the files as they are; nothing else is signed again."""
    files = dict(files)
    if "export.json" in files:
        old = open_envelope(files.pop("export.json")).statement
        predicate = {**old["predicate"], "by": key.fingerprint}
        files |= _crate({**files, "export.json": b""}, predicate, key)
        subjects = {name: digest(data) for name, data in files.items()}
        files["export.json"] = sign(statement(old["predicateType"], subjects, predicate), key)
    return files


def _crate(files: Files, predicate: dict[str, Any], key: Key) -> Files:
    """The crate's metadata for the files as they are; the old one where they make no record."""
    events = sorted(name for name in files if name.startswith("events/"))
    versions = sorted(int(name.split("/")[0][1:]) for name in files if name.endswith("/record.json"))
    try:
        record = Record.model_validate(record_of(files, versions[-1]))
        at = open_envelope(files[events[-1]]).statement["predicate"]["at"]
        inside = {name: data for name, data in files.items() if name != CRATE_FILE}
        about = CrateAbout.model_validate(predicate["crate"])
        return {CRATE_FILE: crate_metadata(inside, record, about, at, key.fingerprint)}
    except (ValueError, IndexError, KeyError):
        return {}


def _reseal(files: Files, version: int, key: Key) -> str:
    prefix = f"v{version}/"
    for name in [n for n in files if n.startswith(f"{prefix}reproductions/") and n.endswith("attestation.json")]:
        files[name] = sign(open_envelope(files[name]).statement, key)
    record = record_of(files, version)
    record["body_digest"] = body_digest(record)
    files[f"{prefix}record.json"] = canonical(record)
    inside = {name.removeprefix(prefix): data for name, data in files.items() if name.startswith(prefix)}
    manifest = json.loads(inside["manifest.json"])
    manifest |= {"record": record["id"], "version": record["version"], "body_digest": record["body_digest"]}
    manifest["files"] = {n: digest(data) for n, data in inside.items() if n not in ("manifest.json", "seal.json")}
    files[f"{prefix}manifest.json"] = canonical(manifest)
    seal = open_envelope(inside["seal.json"]).statement
    subjects = {name: digest(files[prefix + name]) for name in ("manifest.json", "record.json")}
    predicate = {
        "record": record["id"],
        "version": record["version"],
        "body_digest": record["body_digest"],
        "library_digest": record["library_digest"],
        "code_version": record["provenance"]["code_version"],
        "at": record["times"]["created_at"],
        "by": key.fingerprint,
    }
    files[f"{prefix}seal.json"] = sign(statement(seal["predicateType"], subjects, predicate), key)
    return subjects["manifest.json"]


def with_event(files: Files, name: str, change: dict[str, Any]) -> Files:
    """The files with another predicate of an event; to be signed again."""
    event = open_envelope(files[name]).statement
    said = {**event, "predicate": {**event["predicate"], **change}}
    return {**files, name: sign(said, Key.generate())}


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every leaf of a JSON value with its path; an empty list or object is a leaf."""
    if isinstance(value, dict) and value:
        for name in sorted(value):
            yield from leaves(value[name], (*path, name))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def replaced(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    """A copy of a JSON value with another leaf at `path`."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)  # type: ignore[index,call-overload]
    return copy


def another(value: Any) -> Any:
    """A value of the same kind that is not `value`."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        # the last character: keeps hexadecimal digests, ids and fingerprints well formed
        return value[:-1] + ("0" if value[-1] != "0" else "1") if value else "x"
    return ["x"] if value == [] else {"x": "x"} if value == {} else "x"


def written(path: tuple[str | int, ...]) -> str:
    """A path as `check` writes it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
