"""`ro-crate-metadata.json` of an export, from its files alone: the same function writes it and checks it.

RO-Crate 1.2 (https://w3id.org/ro/crate/1.2), and for each run of a pack the parts of Process Run Crate 0.5
(https://w3id.org/ro/wfrun/process/0.5): a `CreateAction` with its instrument, objects, results, agent and times.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import Field

from sovereign.records import Document, Record, Reproduction
from sovereign.records.layout import (
    ATTESTATION_FILE,
    ATTESTATIONS,
    CRATE_FILE,
    EVENTS,
    EXPORT_FILE,
    PACK_FILE,
    REPRODUCTIONS,
    RESULTS_FILE,
    RUNS,
    version_folder,
)
from sovereign.seal import canonical, digest, open_envelope

#: The form of the crate that this version writes; another form is not written again by `check`.
CRATE_FORM = 1

_CRATE = "https://w3id.org/ro/crate/1.2"
_PROCESS = "https://w3id.org/ro/wfrun/process/0.5"
_COMPLETED = "http://schema.org/CompletedActionStatus"
_SPDX = "https://spdx.org/licenses/"
_NO_LICENCE = "#licence"
_SOFTWARE = "tag:sovereign-kernel,2026:software"
_PYTHON = "https://www.python.org/"
_IDENTIFIER = "#identifier"
_OWNER = "#owner"
_FORMATS = {
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".py": "text/x-python",
    ".toml": "application/toml",
    ".txt": "text/plain",
}

Entity = dict[str, Any]


class CrateAbout(Document):
    """What an export says of itself beside its files: chosen by the owner, signed with the list of files."""

    form: int = Field(default=CRATE_FORM, ge=1)
    license: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9.+-]{1,100}|https?://[^\s\"<>]{1,380})?$",
        description="SPDX identifier or URL; empty: none is granted",
    )
    author: str = Field(default="", max_length=400)
    author_id: str = Field(default="", pattern=r"^(https?://[^\s\"<>]{1,380})?$", description="such as an ORCID's URL")
    organization: bool = Field(default=False, description="the author is an organization, not a person")


def crate_metadata(files: Mapping[str, bytes], record: Record, about: CrateAbout, at: str, signer: str) -> bytes:
    """The canonical bytes of `ro-crate-metadata.json`.

    Args:
        files: every file of the export but itself, path within the record's folder -> content.
        record: the newest version.
        at: the time of the last event, which is when this state of the record came to be.
        signer: fingerprint of the owner's key.
    """
    root, owner = record.folder, about.author_id or _OWNER
    actions = list(_actions(files, record, root, owner))
    scripts = {action["instrument"][0]["@id"] for action in actions}
    parts = [_file(f"{root}/{path}", path, data, scripts) for path, data in sorted(files.items())]
    graph: list[Entity] = [
        {
            "@id": CRATE_FILE,
            "@type": "CreativeWork",
            "name": "RO-Crate metadata",
            "about": {"@id": "./"},
            "conformsTo": {"@id": _CRATE},
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": f"{record.id}: {record.question.text}",
            "description": " ".join(sentence.text for sentence in record.answer.sentences) or record.question.text,
            "identifier": {"@id": _IDENTIFIER},
            "version": str(record.version),
            "dateCreated": record.times.created_at,
            "datePublished": at,
            "license": {"@id": _license_id(about)},
            "author": {"@id": owner},
            "publisher": {"@id": owner},
            "conformsTo": {"@id": _PROCESS},
            "hasPart": [{"@id": part["@id"]} for part in parts],
            "keywords": ", ".join(record.question.facets.subject),
        },
        {
            "@id": _IDENTIFIER,
            "@type": "PropertyValue",
            "name": "record id",
            "propertyID": "tag:sovereign-kernel,2026:record",
            "value": record.id,
        },
        {
            "@id": _PROCESS,
            "@type": ["CreativeWork", "Profile"],
            "name": "Process Run Crate",
            "version": "0.5",
        },
        _license(about),
        {
            "@id": owner,
            "@type": "Organization" if about.organization else "Person",
            "name": about.author or f"holder of the key {signer}",
            "identifier": signer,
        },
        {
            "@id": _SOFTWARE,
            "@type": "SoftwareApplication",
            "name": "Sovereign",
            "url": _SOFTWARE,
            "version": record.provenance.code_version,
            "description": "A self-hosted research kernel; it ran the packs in a sandbox and wrote the record.",
        },
        *_parties(files),
        *parts,
    ]
    if actions:
        graph[1]["mentions"] = _one_or_more(action["@id"] for action in actions)
        python = {"@id": _PYTHON, "@type": "ComputerLanguage", "name": "Python", "url": _PYTHON, "version": "3"}
        graph += [python, *actions]
    return canonical({"@context": f"{_CRATE}/context", "@graph": graph})


def _license_id(about: CrateAbout) -> str:
    if not about.license:
        return _NO_LICENCE
    return about.license if "://" in about.license else f"{_SPDX}{about.license}"


def _license(about: CrateAbout) -> Entity:
    name, description = about.license, "The owner's licence for what the owner wrote."
    if not about.license:
        name, description = "No licence", "The owner of this record grants none."
    rest = "The texts of sources stay under the terms of whoever published them."
    return {
        "@id": _license_id(about),
        "@type": "CreativeWork",
        "name": name,
        "description": f"{description} {rest}",
        "identifier": _license_id(about),
    }


def _file(identifier: str, path: str, data: bytes, scripts: set[str]) -> Entity:
    name = path.rsplit("/", 1)[-1]
    found: Entity = {"@id": identifier, "@type": "File", "name": path, "description": _described(path)}
    suffix = name[name.rfind(".") :] if "." in name else ""
    found["encodingFormat"] = _FORMATS.get(suffix, "application/octet-stream")
    if path != EXPORT_FILE:  # it is signed over this very document, so this cannot name its digest
        found |= {"contentSize": str(len(data)), "sha256": digest(data)}
    if identifier in scripts:
        found |= {"@type": ["File", "SoftwareSourceCode"], "version": found["sha256"][:12]}
        if suffix == ".py":
            found["programmingLanguage"] = {"@id": _PYTHON}
    return found


def _described(path: str) -> str:
    parts = path.split("/")
    if len(parts) > 2 and parts[1] == "texts":
        return "The text of a source, as it was read."
    if len(parts) > 2 and parts[1] == REPRODUCTIONS:
        return "Part of a run of a pack: the pack, its results, or the signed statement on them."
    if parts[0] == EVENTS:
        return "A signed event of the record's history."
    if parts[0] == ATTESTATIONS:
        return "What another party attests."
    return _NAMED.get(parts[-1], "A document of the record.")


_NAMED = {
    "record.json": "The record: question, answer, claims, sources, judgement.",
    "manifest.json": "Every file of the version with its digest.",
    "seal.json": "The owner's signature over manifest and record.",
    "audit.jsonl": "The chain of completed stages.",
    "hand.jsonl": "The signed entries of the owner's hand that the version took in.",
    "keys.json": "The public keys that signed.",
    "export.json": "The signed list of all files of this export.",
}


def _actions(files: Mapping[str, bytes], record: Record, root: str, owner: str) -> Iterator[Entity]:
    """A CreateAction for each attested run: our own of the newest version, and those of other parties."""
    version = version_folder(record.version)
    by_pack: dict[str, Reproduction] = {run.pack_digest: run for run in record.reproductions}
    for run in record.reproductions:
        folder = f"{version}/{REPRODUCTIONS}/{run.results_sha256}"
        singles = sorted({path.split("/")[4] for path in files if path.startswith(f"{folder}/{RUNS}/")}, key=int)
        for place in [f"{folder}/{RUNS}/{number}" for number in singles] or [folder]:
            yield from _action(files, root, place, folder, run.pack, owner)
    for path in sorted(files):
        if not path.startswith(f"{ATTESTATIONS}/") or not path.endswith(f"/{ATTESTATION_FILE}"):
            continue
        opened = open_envelope(files[path])
        subjects = {item["name"]: item["digest"]["sha256"] for item in opened.statement["subject"]}
        attached = by_pack.get(subjects.get("pack", ""))
        if attached is not None:
            folder = f"{version}/{REPRODUCTIONS}/{attached.results_sha256}"
            place = path.rpartition("/")[0]
            yield from _action(files, root, place, folder, attached.pack, f"#{opened.signatures[0][0]}")


def _action(files: Mapping[str, bytes], root: str, place: str, pack: str, name: str, agent: str) -> Iterator[Entity]:
    """The action of one run: its statement lies at `place`, the pack's files at `pack`."""
    data = files.get(f"{place}/{ATTESTATION_FILE}")
    if data is None:
        return
    said = open_envelope(data).statement["predicate"]
    machine = said.get("machine")
    machine = machine if isinstance(machine, dict) else {}
    held = [path for path in sorted(files) if path.startswith(f"{pack}/")]
    inside = [path for path in held if path[len(pack) + 1 :].split("/")[0] not in _NOT_PACK]
    script = f"{pack}/{_script(files.get(f'{pack}/{PACK_FILE}', b''))}"
    script = script if script in files else inside[0]
    action: Entity = {
        "@id": f"#run-{digest(data)[:16]}",
        "@type": "CreateAction",
        "name": f"Run of the pack {name}",
        "description": f"Seed {said.get('seed')}, {said.get('isolation')}, on {machine.get('processor', 'a machine')}.",
        "instrument": [{"@id": f"{root}/{script}"}, {"@id": _SOFTWARE}],
        "object": _one_or_more(f"{root}/{path}" for path in inside if path != script),
        "result": [{"@id": f"{root}/{place}/{file}"} for file in (RESULTS_FILE, ATTESTATION_FILE)],
        "agent": {"@id": agent},
        "actionStatus": _COMPLETED,
    }
    for field, fact in (("startTime", "started_at"), ("endTime", "finished_at")):
        if isinstance(machine.get(fact), str):
            action[field] = _offset(machine[fact])
    if "endTime" not in action and isinstance(said.get("attested_at"), str):
        action["endTime"] = _offset(said["attested_at"])
    yield action


def _offset(moment: str) -> str:
    """A time in UTC with its offset in digits, the one spelling that Process Run Crate's validator knows."""
    return moment.removesuffix("Z") + "+00:00" if moment.endswith("Z") else moment


def _one_or_more(identifiers: Iterable[str]) -> Entity | list[Entity]:
    """References; a single one stands alone, as the specification recommends."""
    found = [{"@id": identifier} for identifier in identifiers]
    return found[0] if len(found) == 1 else found


_NOT_PACK = frozenset({RESULTS_FILE, ATTESTATION_FILE, RUNS, "earlier"})


def _script(pack: bytes) -> str:
    """The script that a pack.toml names."""
    try:
        return str(tomllib.loads(pack.decode("utf-8")).get("script", "run.py"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return "run.py"


def _parties(files: Mapping[str, bytes]) -> list[Entity]:
    """The other parties that attested something, each once, as the owner's events name them."""
    names: dict[str, str] = {}
    for path in sorted(files):
        if path.startswith(f"{EVENTS}/"):
            party = open_envelope(files[path]).statement["predicate"].get("details", {}).get("party")
            if isinstance(party, dict) and isinstance(party.get("fingerprint"), str):
                names[party["fingerprint"]] = str(party.get("name") or "")
    return [
        {
            "@id": f"#{fingerprint}",
            "@type": "Organization",
            "name": name or f"holder of the key {fingerprint}",
            "identifier": fingerprint,
        }
        for fingerprint, name in sorted(names.items())
    ]
