"""Another party, as the owner of a record meets it: a key, a machine, and signed answers about the small record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.records import (
    NOTE_CLAIM,
    NOW,
    PACK_FILES,
    PACK_TOML,
    RECORD_ID,
    RESULTS,
    SmallRecord,
    small_record,
)

from sovereign.archive import Archive
from sovereign.judge import assess
from sovereign.judge.outcomes import outcomes, pack_digest
from sovereign.records import Answer, AnswerStatus, PackSpec, Sentence
from sovereign.seal import (
    PREDICATE_PROOF,
    PREDICATE_REPRODUCTION,
    PREDICATE_REVIEW,
    Key,
    canonical,
    digest,
    key_ring,
    open_envelope,
    pack_files,
    sign,
    statement,
)

OTHER_MACHINE = {"architecture": "aarch64", "processor": "Toy Processor Two", "processors": "64"}


def executed_record(key: Key, *, proof: str | None = None) -> SmallRecord:
    """The small record with an answer that rests on the reproduced claim alone: level 5.

    With `proof`, its run is attested as a proof of the statement of that digest.
    """
    small = small_record(key)
    if proof is not None:
        ((results, files),) = small.artifacts.items()
        said = open_envelope(files["attestation.json"]).statement
        said = {**said, "predicateType": PREDICATE_PROOF, "predicate": {**said["predicate"], "statement_sha256": proof}}
        small.artifacts[results]["attestation.json"] = sign(said, key)  # type: ignore[index]
    said = Sentence(
        text="A note says: a step of 16 tokens touches 7.1 experts; how decode latency changes is not measured.",
        claims=(NOTE_CLAIM,),
        cells=("cell-2",),
    )
    missing = Sentence(text="GhostRouter is named in the question but was not found.")
    answer = Answer(status=AnswerStatus.PARTLY_ANSWERED, sentences=(said, missing))
    evidence = small.evidence.model_copy(update={"answer": answer})
    return SmallRecord(
        evidence, assess(evidence, small.text_of.get), small.text_of, small.audit_lines, small.artifacts
    )


def write_executed(folder: Path, key: Key, record_id: str = RECORD_ID, *, proof: str | None = None) -> Archive:
    """Write the record of level 5 into an archive."""
    small = executed_record(key, proof=proof)
    archive = Archive(folder)
    archive.write_version(
        record_id,
        1,
        small.evidence,
        small.judgement,
        texts=small.texts,
        audit_lines=small.audit_lines,
        artifacts=small.artifacts,
        key=key,
        now=NOW,
    )
    return archive


def answer_bytes(
    key: Key,
    *,
    record: str | None = RECORD_ID,
    machine: Mapping[str, str] = OTHER_MACHINE,
    results: Mapping[str, Any] = RESULTS,
    signed_results: Mapping[str, Any] | None = None,
    pack: str | None = None,
    at: str = NOW,
) -> bytes:
    """A second party's answer on the toy pack; each argument can be a lie."""
    import tomllib

    data = canonical(dict(results))
    spec = PackSpec.model_validate(tomllib.loads(PACK_TOML))
    predicate = {
        "pack": spec.name,
        "pack_version": 1,
        "seed": 7,
        "isolation": "bubblewrap/full",
        "machine": dict(machine),
        "outcomes": [one.to_json() for one in outcomes(spec, dict(results))],
        "attested_at": at,
        "record": record,
    }
    signed = data if signed_results is None else canonical(dict(signed_results))
    subjects = {"pack": pack or pack_digest(PACK_FILES), "results.json": digest(signed)}
    envelope = sign(statement(PREDICATE_REPRODUCTION, subjects, predicate), key)
    return _packed(key, {"attestation.json": envelope, "results.json": data})


def review_bytes(
    key: Key, manifest: bytes, *, verdict: str = "endorsed", record: str = RECORD_ID, version: int = 1
) -> bytes:
    """A reviewer's answer on a version of the record."""
    predicate = {"record": record, "version": version, "verdict": verdict, "note": "read", "at": NOW}
    predicate["by"] = key.fingerprint
    subject = {f"v{version}/manifest.json": digest(manifest)}
    return _packed(key, {"attestation.json": sign(statement(PREDICATE_REVIEW, subject, predicate), key)})


def _packed(key: Key, files: Mapping[str, bytes]) -> bytes:
    ring = canonical(key_ring([key.public_bytes]))
    return pack_files({"keys.json": ring, **{f"1/{name}": data for name, data in files.items()}})
