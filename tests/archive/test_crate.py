"""An export is an RO-Crate 1.2 with Process Run Crate parts: by other people's tools, and field by field."""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.support.forge import record_of, repack, unpack
from tests.support.party import answer_bytes, write_executed
from tests.support.records import NOW, RECORD_ID, write_small

from sovereign import attesting
from sovereign.archive import Archive
from sovereign.check import CrateAbout, check_path
from sovereign.records import BadInput, EventType, KeyRole, TrustedKey
from sovereign.seal import Key, canonical, digest, key_entry, open_envelope, sign, statement
from sovereign.workspace import Workspace

ABOUT = CrateAbout(license="CC-BY-4.0", author="Ada Lovelace", author_id="https://orcid.org/0000-0001-2345-6789")


@pytest.fixture(scope="module")
def owner() -> Key:
    return Key.generate()


@pytest.fixture(scope="module")
def export(owner: Key, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crate")
    archive, _ = write_small(folder / "records", owner)
    archive.append_event(RECORD_ID, EventType.APPROVED, key=owner, now="2026-03-02T08:00:00Z")
    return archive.export(RECORD_ID, folder / "x.zip", key=owner, about=ABOUT)


def _graph(path: Path) -> dict[str, dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        document = json.loads(archive.read("ro-crate-metadata.json"))
    assert document["@context"] == "https://w3id.org/ro/crate/1.2/context"
    found = {entity["@id"]: entity for entity in document["@graph"]}
    assert len(found) == len(document["@graph"])
    return found


def test_every_file_is_described_with_its_digest_and_size(export: Path) -> None:
    graph = _graph(export)
    assert graph["ro-crate-metadata.json"]["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.2"}
    parts = {part["@id"] for part in graph["./"]["hasPart"]}
    with zipfile.ZipFile(export) as archive:
        names = set(archive.namelist()) - {"ro-crate-metadata.json"}
        assert parts == names
        for name in names - {"srch-0a1b2c3d/export.json"}:
            data = archive.read(name)
            assert (graph[name]["sha256"], graph[name]["contentSize"]) == (digest(data), str(len(data)))
    assert "sha256" not in graph["srch-0a1b2c3d/export.json"]


def test_the_root_says_what_it_is_and_whose(export: Path, owner: Key) -> None:
    graph = _graph(export)
    root = graph["./"]
    assert root["name"].startswith("SRCH:0A1B2C3D: ") and root["datePublished"] == "2026-03-02T08:00:00Z"
    licence = graph[root["license"]["@id"]]
    assert (licence["@id"], licence["@type"]) == ("https://spdx.org/licenses/CC-BY-4.0", "CreativeWork")
    author = graph[root["author"]["@id"]]
    assert author["name"] == "Ada Lovelace" and author["identifier"] == owner.fingerprint


def test_each_run_is_an_action_with_instrument_objects_results_agent_and_time(export: Path) -> None:
    graph = _graph(export)
    (action,) = [one for one in graph.values() if one["@type"] == "CreateAction"]
    assert graph["./"]["mentions"] == {"@id": action["@id"]}
    script = graph[action["instrument"][0]["@id"]]
    assert script["@type"] == ["File", "SoftwareSourceCode"] and script["@id"].endswith("/run.py")
    assert action["object"]["@id"].endswith("/pack.toml")
    assert [one["@id"].rsplit("/", 1)[1] for one in action["result"]] == ["results.json", "attestation.json"]
    assert action["agent"]["@id"] in graph and action["actionStatus"].endswith("CompletedActionStatus")
    assert action["endTime"] == NOW.replace("Z", "+00:00")


def test_every_reference_leads_somewhere(export: Path) -> None:
    graph = _graph(export)

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            return {value["@id"]} if set(value) == {"@id"} else set().union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    known = {*graph, "https://w3id.org/ro/crate/1.2"}
    assert {name for entity in graph.values() for value in entity.values() for name in references(value)} <= known


def test_equal_content_gives_equal_bytes_and_another_licence_does_not(owner: Key, tmp_path: Path) -> None:
    archive, _ = write_small(tmp_path / "records", owner)
    one = archive.export(RECORD_ID, tmp_path / "1.zip", key=owner, about=ABOUT).read_bytes()
    assert archive.export(RECORD_ID, tmp_path / "2.zip", key=owner, about=ABOUT).read_bytes() == one
    assert archive.export(RECORD_ID, tmp_path / "3.zip", key=owner).read_bytes() != one
    assert check_path(tmp_path / "3.zip", trust=[owner.fingerprint]).exit_code == 0
    assert _graph(tmp_path / "3.zip")["./"]["license"] == {"@id": "#licence"}


def test_another_partys_run_is_an_action_of_its_own(tmp_path: Path) -> None:
    space = Workspace.create(tmp_path / "w", starter=False)
    archive: Archive = write_executed(space.records_path, space.key())
    lab = Key.generate()
    entry = key_entry(lab.public_bytes)
    fields = {"id": "b", "fingerprint": lab.fingerprint, "public_key": entry.public_key, "party": "Lab B"}
    space.keystore().declare([TrustedKey.model_validate({**fields, "role": KeyRole.SECOND_PARTY})])
    (tmp_path / "answer.zip").write_bytes(answer_bytes(lab))
    attesting.bring(space, tmp_path / "answer.zip", None, space.key())
    graph = _graph(archive.export(RECORD_ID, tmp_path / "x.zip", key=space.key()))
    agents = {one["agent"]["@id"] for one in graph.values() if one["@type"] == "CreateAction"}
    assert agents == {"#owner", f"#{lab.fingerprint}"}
    assert graph[f"#{lab.fingerprint}"]["name"] == "Lab B"
    assert check_path(tmp_path / "x.zip", trust=[space.key().fingerprint]).exit_code == 0


def _resigned(files: dict[str, bytes], owner: Key, **changed: Any) -> dict[str, bytes]:
    """The signed list made to fit the files as they are, the crate left as the forger wrote it."""
    predicate = open_envelope(files["export.json"]).statement["predicate"]
    predicate["crate"] = {**predicate["crate"], **changed}
    subjects = {name: digest(data) for name, data in files.items() if name != "export.json"}
    kind = open_envelope(files["export.json"]).statement["predicateType"]
    return {**files, "export.json": sign(statement(kind, subjects, predicate), owner)}


def test_no_field_of_the_crate_can_be_forged_with_the_right_key(export: Path, owner: Key, tmp_path: Path) -> None:
    folder, files = unpack(export.read_bytes())
    crate = json.loads(files["ro-crate-metadata.json"])
    root = next(one for one in crate["@graph"] if one["@id"] == "./")
    root["description"] = "Everything is proven."
    forged = _resigned({**files, "ro-crate-metadata.json": canonical(crate)}, owner)
    report = check_path(repack(folder, forged, tmp_path / "x.zip"), trust=[owner.fingerprint])
    assert report.exit_code == 5
    assert [(f.check, f.where) for f in report.faults] == [("crate", "ro-crate-metadata.json: @graph[1].description")]
    without = _resigned({name: data for name, data in files.items() if name != "ro-crate-metadata.json"}, owner)
    report = check_path(repack(folder, without, tmp_path / "x.zip"), trust=[owner.fingerprint])
    assert [fault.where for fault in report.faults] == ["ro-crate-metadata.json"]


def test_a_crate_of_another_form_is_no_clean_pass(export: Path, owner: Key, tmp_path: Path) -> None:
    folder, files = unpack(export.read_bytes())
    forged = _resigned({**files, "ro-crate-metadata.json": b"{}"}, owner, form=99)
    report = check_path(repack(folder, forged, tmp_path / "x.zip"), trust=[owner.fingerprint])
    assert (report.exit_code, report.faults) == (9, [])
    assert "form 99" in report.not_recomputed[0]


@pytest.mark.parametrize("value", ["javascript:alert(1)", "http://x y", '"><script>', "two words"])
def test_addresses_and_licences_are_what_they_say(value: str) -> None:
    with pytest.raises(ValueError, match="author_id"):
        CrateAbout(author_id=value)
    with pytest.raises(ValueError, match="license"):
        CrateAbout(license=value)


def test_the_question_is_in_it_as_it_was_asked(export: Path) -> None:
    _, files = unpack(export.read_bytes())
    assert record_of(files)["question"]["text"] in _graph(export)["./"]["name"]


def test_the_python_library_reads_it(export: Path, tmp_path: Path) -> None:
    rocrate = pytest.importorskip("rocrate.rocrate", reason="the package rocrate is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        crate = rocrate.ROCrate(str(export))
        assert crate.root_dataset["license"].id == "https://spdx.org/licenses/CC-BY-4.0"
        assert len(crate.data_entities) == len(_graph(export)["./"]["hasPart"])
        crate.write(tmp_path / "again")
    for name in _graph(export)["./"]["hasPart"]:
        assert (tmp_path / "again" / name["@id"]).is_file()


@pytest.fixture
def validator(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The RO-Crate validator, given the JSON-LD context that its sister package carries, since tests stay offline."""
    services = pytest.importorskip("rocrate_validator.services", reason="roc-validator is not installed")
    rocrate = pytest.importorskip("rocrate", reason="the package rocrate is not installed")
    from rdflib.plugins.shared.jsonld import context, util
    from rocrate_validator.utils.http import HttpRequester

    held = Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld"
    text = held.read_text(encoding="utf-8")

    class Answer:
        status_code, ok, url = 200, True, "https://w3id.org/ro/crate/1.2/context"
        headers = {"Content-Type": "application/ld+json"}  # noqa: RUF012
        content = text.encode()

        def json(self) -> Any:
            return json.loads(text)

        def raise_for_status(self) -> None:
            return None

    def fetch(url: str, *_: Any, **__: Any) -> Answer:
        assert url.startswith("https://w3id.org/ro/crate/"), f"the validator asks for {url}"
        return Answer()

    read = util.source_to_json

    def source(name: Any, *args: Any, **kwargs: Any) -> Any:
        known = isinstance(name, str) and name.startswith("https://w3id.org/ro/crate/")
        return (json.loads(text), None) if known else read(name, *args, **kwargs)

    monkeypatch.setattr(HttpRequester, "__getattr__", lambda _, name: fetch if name in ("get", "head") else None)
    monkeypatch.setattr(util, "source_to_json", source)
    monkeypatch.setattr(context, "source_to_json", source)
    return services


def _issues(services: Any, path: Path, profile: str) -> set[str]:
    from rocrate_validator.models import Severity

    settings = services.ValidationSettings(
        rocrate_uri=str(path), profile_identifier=profile, requirement_severity=Severity.REQUIRED
    )
    return {
        f"{issue.check.identifier}: {issue.message}"
        for issue in services.validate(settings).get_issues()
        # the validator's Process Run Crate 0.5 inherits RO-Crate 1.1 alone, which is not what we say that we conform to
        if not issue.check.identifier.startswith("ro-crate-1.1_")
    }


@pytest.mark.parametrize("profile", ["ro-crate-1.2", "process-run-crate-0.5"])
def test_the_validator_finds_nothing_that_is_required(
    validator: Any, profile: str, export: Path, owner: Key, tmp_path: Path
) -> None:
    assert _issues(validator, export, profile) == set()
    archive, _ = write_small(tmp_path / "records", owner, with_run=False)
    plain = archive.export(RECORD_ID, tmp_path / "plain.zip", key=owner)
    assert _issues(validator, plain, profile) == set()


def test_the_validator_finds_what_is_missing(validator: Any, export: Path, tmp_path: Path) -> None:
    """The positive control: the same crate without its licence, and with an action without its instrument."""
    folder, files = unpack(export.read_bytes())
    crate = json.loads(files["ro-crate-metadata.json"])
    for entity in crate["@graph"]:
        entity.pop("license", None)
        entity.pop("instrument", None)
    broken = repack(folder, {**files, "ro-crate-metadata.json": canonical(crate)}, tmp_path / "x.zip")
    assert any("license" in one for one in _issues(validator, broken, "ro-crate-1.2"))
    assert any("instrument" in one for one in _issues(validator, broken, "process-run-crate-0.5"))


def test_export_options_that_will_not_do_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.support.calls import Call

    space = Workspace.create(tmp_path / "w", starter=False)
    write_executed(space.records_path, space.key())
    call = Call(space.path, capsys)
    refused = call("export", RECORD_ID, "-o", str(tmp_path / "x.zip"), "--author-id", "me")
    assert (refused.code, "author_id" in refused.err) == (BadInput.exit_code, True)
    chosen = ("--license", "MIT", "--author", "Lab", "--organization")
    written = call("export", RECORD_ID, "-o", str(tmp_path / "x.zip"), *chosen)
    assert written.code == 0
    assert _graph(tmp_path / "x.zip")["#owner"]["@type"] == "Organization"
