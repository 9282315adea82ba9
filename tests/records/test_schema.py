"""The committed JSON Schemas are current, and every document that is written validates against its own."""

from __future__ import annotations

import base64
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from tests.support.forge import leaves, replaced, unpack
from tests.support.records import NOW, PACK_TOML, RECORD_ID, write_small

from sovereign.records import EventType, KeyRole
from sovereign.records.schema import schemas, write
from sovereign.seal import Key, KeyStore

_ROOT = Path(__file__).resolve().parents[2]
_SCHEMAS = schemas()
#: Validated by tests/attesting and tests/hand.
DETAILS_SCHEMAS = {"attested-v1", "reviewed-v1", "faithful-v1", "countersigned-v1"}
DETAILS_SCHEMAS |= {"hand-entry-v1", "marked-v1", "source-outdated-v1"}


def _validate(name: str, value: Any) -> None:
    Draft202012Validator(_SCHEMAS[name]).validate(value)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every file of an export with two versions and three events."""
    folder = tmp_path_factory.mktemp("written")
    key = Key.generate()
    archive, _ = write_small(folder, key, with_run=False)
    write_small(folder, key, version=2)
    archive.append_event(RECORD_ID, EventType.APPROVED, key=key, now=NOW, note="read", details={"reviewer": "A"})
    return unpack(archive.export(RECORD_ID, folder / "x.zip", key=key).read_bytes())[1]


def test_committed_schemas_are_current(tmp_path: Path) -> None:
    due = {path.name: path.read_text(encoding="utf-8") for path in write(tmp_path)}
    committed = {path.name: path.read_text(encoding="utf-8") for path in (_ROOT / "schemas").glob("*.json")}
    assert committed == due, "write them again with `python -m sovereign.records.schema schemas`"


@pytest.mark.parametrize("name", sorted(_SCHEMAS))
def test_schemas_are_of_the_dialect_that_they_name(name: str) -> None:
    schema = _SCHEMAS[name]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].endswith(f":{name}")
    Draft202012Validator.check_schema(schema)


def test_every_written_document_validates(files: dict[str, bytes]) -> None:
    seen = set()
    for path, data in files.items():
        name = path.rsplit("/", 1)[-1]
        if name in ("record.json", "manifest.json", "keys.json", "results.json"):
            kind = name.removesuffix(".json") + "-v1"
            _validate(kind, json.loads(data))
        elif name == "audit.jsonl":
            kind = "audit-row-v1"
            for line in data.splitlines():
                _validate(kind, json.loads(line))
        elif name == "ro-crate-metadata.json":
            continue  # of a schema that is not ours: tests/archive/test_crate.py
        elif name.endswith(".json"):
            kind = "envelope-v1"
            envelope = json.loads(data)
            _validate(kind, envelope)
            statement = json.loads(base64.b64decode(envelope["payload"]))
            _validate("statement-v1", statement)
            if path.startswith("events/"):
                _validate("event-v1", statement["predicate"])
                seen.add("event-v1")
            seen.add("statement-v1")
        elif name == "pack.toml":
            kind = "pack-v1"
            _validate(kind, json.loads(json.dumps(tomllib.loads(data.decode()))))
        else:
            continue
        seen.add(kind)
    assert seen == set(_SCHEMAS) - {"state-v1", "trust-v1", "request-v1", *DETAILS_SCHEMAS}
    _validate("pack-v1", tomllib.loads(PACK_TOML))


def test_the_state_validates(tmp_path: Path) -> None:
    archive, _ = write_small(tmp_path, Key.generate())
    _validate("state-v1", archive.state(RECORD_ID).to_json())


def test_the_trust_file_of_a_workspace_validates(tmp_path: Path) -> None:
    Key.generate().save(tmp_path / "owner.pem")
    store = KeyStore(tmp_path)
    store.new("lab-2", KeyRole.REPRODUCER, valid_until="2027-12-31T23:59:59Z")
    store.revoke("owner", "lost", NOW)
    _validate("trust-v1", json.loads((tmp_path / "trust.json").read_bytes()))


def test_documents_of_another_form_do_not_validate(files: dict[str, bytes]) -> None:
    """The positive control: a field too many, too few, or of another kind is refused by the record's schema."""
    record = json.loads(files["v2/record.json"])
    with pytest.raises(ValidationError):
        _validate("record-v1", {**record, "extra": 1})
    for name in ("id", "schema", "claims", "counts", "body_digest"):
        with pytest.raises(ValidationError):
            _validate("record-v1", {key: value for key, value in record.items() if key != name})
    wrong = {"id": "SRCH:x", "version": 0, "schema": "other", "body_digest": "0", "verification_level": 8, "claims": {}}
    for name, value in wrong.items():
        with pytest.raises(ValidationError):
            _validate("record-v1", {**record, name: value})
    for path, _ in leaves(record):
        with pytest.raises(ValidationError):
            _validate("record-v1", replaced(record, path, [{"of": "another kind"}]))
