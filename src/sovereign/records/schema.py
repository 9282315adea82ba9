"""JSON Schema (2020-12) of every document that Sovereign writes.

`python -m sovereign.records.schema FOLDER` writes them; the repository holds them under `schemas/`. They describe a
document's form. What must hold between its fields, and between documents, is `sovereign check`'s to say.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from .attached import Attested, AttestRequest, Countersigned, Faithful, Reviewed
from .base import Document
from .event import Event, Manifest, State
from .hand import HandEntry
from .notices import Marked, SourceOutdated
from .pack import PackSpec
from .record import RECORD_SCHEMA, Record
from .results import results_schema
from .sealed import AuditRow, KeyRing
from .trust import TrustFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ID = "tag:sovereign-kernel,2026:schema:"
_HEX = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_BASE64 = {"type": "string", "contentEncoding": "base64", "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2,3}=*)?$"}

#: Name of each schema -> the document and, where the document says so itself, the value of its `schema` field.
_DOCUMENTS: dict[str, tuple[type[Document], str | None]] = {
    "record-v1": (Record, RECORD_SCHEMA),
    "manifest-v1": (Manifest, "sovereign-manifest-v1"),
    "keys-v1": (KeyRing, "sovereign-keys-v1"),
    "event-v1": (Event, None),
    "state-v1": (State, None),
    "audit-row-v1": (AuditRow, None),
    "trust-v1": (TrustFile, "sovereign-trust-v1"),
    "request-v1": (AttestRequest, "sovereign-request-v1"),
    "attested-v1": (Attested, None),
    "reviewed-v1": (Reviewed, None),
    "faithful-v1": (Faithful, None),
    "countersigned-v1": (Countersigned, None),
    "hand-entry-v1": (HandEntry, None),
    "marked-v1": (Marked, None),
    "source-outdated-v1": (SourceOutdated, None),
    "pack-v1": (PackSpec, None),
}


def schemas() -> dict[str, dict[str, Any]]:
    """All schemas by name, such as `record-v1`."""
    found = {name: _of(name, kind, constant) for name, (kind, constant) in _DOCUMENTS.items()}
    return {**found, "envelope-v1": _envelope(), "statement-v1": _statement(), "results-v1": _results()}


def write(folder: Path) -> list[Path]:
    """Write every schema as `<name>.schema.json` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, schema in schemas().items():
        path = folder / f"{name}.schema.json"
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        paths.append(path)
    return paths


def _of(name: str, kind: type[Document], constant: str | None) -> dict[str, Any]:
    schema = TypeAdapter(kind).json_schema(by_alias=True, mode="serialization")
    if constant is not None:
        schema["properties"]["schema"] = {"const": constant}
        schema["required"] = sorted({*schema.get("required", ()), "schema"})
    return {"$schema": DIALECT, "$id": _ID + name, **schema}


def _object(description: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


def _envelope() -> dict[str, Any]:
    signature = _object(
        "An Ed25519 signature over DSSE's pre-authentication encoding.",
        keyid={"type": "string", "pattern": "^SHA256:[0-9a-f]{64}$"},
        sig=_BASE64,
    )
    envelope = _object(
        "A DSSE envelope with one signature; its payload is an in-toto statement (statement-v1).",
        payload=_BASE64,
        payloadType={"const": "application/vnd.in-toto+json"},
        signatures={"type": "array", "items": signature, "minItems": 1, "maxItems": 1},
    )
    return {"$schema": DIALECT, "$id": _ID + "envelope-v1", "title": "Envelope", **envelope}


def _statement() -> dict[str, Any]:
    names: tuple[str, ...] = ("draft", "event", "publication", "gate-verdict", "correction", "retraction", "proof")
    names += ("statement-faithful", "countersignature", "reproduction", "review", "export", "hand")
    kinds = [f"tag:sovereign-kernel,2026:{name}" for name in names]
    subject = _object("What was signed.", name={"type": "string"}, digest=_object("Its digest.", sha256=_HEX))
    statement = _object(
        "An in-toto Statement v1. The predicate of an event is event-v1.",
        _type={"const": "https://in-toto.io/Statement/v1"},
        subject={"type": "array", "items": subject, "minItems": 1},
        predicateType={"enum": kinds},
        predicate={"type": "object"},
    )
    return {"$schema": DIALECT, "$id": _ID + "statement-v1", "title": "Statement", **statement}


def _results() -> dict[str, Any]:
    return {"$schema": DIALECT, "$id": _ID + "results-v1", "title": "Results", **results_schema()}


if __name__ == "__main__":
    for written in write(Path(sys.argv[1] if len(sys.argv) > 1 else "schemas")):
        print(written)
