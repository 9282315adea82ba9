"""Requests, and the details of events that bring what others sign, validate against the schemas that are published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError
from tests.support.party import answer_bytes, review_bytes, write_executed
from tests.support.records import PACK_FILES, RECORD_ID

from sovereign import attesting
from sovereign.check import unpack
from sovereign.records import KeyRole, TrustedKey
from sovereign.seal import Key, digest, key_entry
from sovereign.workspace import Workspace

_SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"


def _validate(name: str, value: object) -> None:
    Draft202012Validator(json.loads((_SCHEMAS / f"{name}-v1.schema.json").read_text(encoding="utf-8"))).validate(value)


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    workspace = Workspace.create(tmp_path / "w", starter=False)
    write_executed(workspace.records_path, workspace.key())
    return workspace


def test_the_details_of_every_such_event_validate(space: Workspace, tmp_path: Path) -> None:
    lab = Key.generate()
    entry = key_entry(lab.public_bytes)
    fields = {"id": "b", "fingerprint": lab.fingerprint, "public_key": entry.public_key, "party": "Lab B"}
    space.keystore().declare([TrustedKey.model_validate({**fields, "role": KeyRole.SECOND_PARTY})])
    manifest = (space.archive().path(RECORD_ID, 1) / "manifest.json").read_bytes()
    for data in (answer_bytes(lab), review_bytes(lab, manifest)):
        (tmp_path / "a.zip").write_bytes(data)
        attesting.bring(space, tmp_path / "a.zip", None, space.key())
    attesting.countersign(space, RECORD_ID, Key.generate(), "")
    proved = Workspace.create(tmp_path / "p", starter=False)
    write_executed(proved.records_path, proved.key(), proof=digest(PACK_FILES["run.py"]))
    attesting.vouch(proved, RECORD_ID, "toy-experts", (), "", proved.key())
    seen = set()
    for event in (*space.archive().events(RECORD_ID), *proved.archive().events(RECORD_ID)):
        if event.type.value != "drafted":
            _validate(event.type.value, event.details)
            with pytest.raises(ValidationError):
                _validate(event.type.value, {**event.details, "extra": 1})
            seen.add(event.type.value)
    assert seen == {"attested", "reviewed", "countersigned", "faithful"}


def test_a_request_validates(space: Workspace, tmp_path: Path) -> None:
    attesting.request(space, RECORD_ID, tmp_path / "r.zip")
    files = unpack((tmp_path / "r.zip").read_bytes(), {"request.json"})
    _validate("request", json.loads(files["request.json"]))
    assert {name for name in files if name.startswith("packs/")} == {f"packs/toy-experts/{name}" for name in PACK_FILES}
