"""Signing what came out of a run, and handing it to the library as a measurement, with all that was run before.

    run = run_pack(pack, sandbox)
    envelope = attest(run, key, now)
    library.add_measurement(**measurement(run, envelope))

Several runs of one pack go the same way: `attested` makes of each what can be stored, `attest_together` signs what they
give together, `measurement_of` hands it over. `artifacts` is what a record attaches of a measurement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from sovereign.judge.repeats import combined_outcomes, combined_results
from sovereign.records import Document
from sovereign.seal import PREDICATE_REPRODUCTION, Key, SealError, canonical, digest, parse, sign, statement, verify

from .packs import Pack
from .reproduce import RESULTS_FILE, PackRun

ATTESTATION_FILE = "attestation.json"
RUNS, EARLIER = "runs", "earlier"
COMBINED_BY = "median of numbers, samples of all runs joined; runs that contradict each other resolve nothing"
_MOST_EARLIER = 20


class AttestedRun(Document):
    """A run and its signed statement, as they are stored: the one is never kept without the other."""

    seed: int
    grade: str
    results: str = Field(description="canonical JSON")
    attestation: str = Field(description="the DSSE envelope")
    seconds: float = 0.0


def attest(run: PackRun, key: Key, now: str) -> bytes:
    """A signed in-toto Statement (DSSE) on a run: pack and results as subjects, isolation and machine as predicate."""
    spec = run.pack.spec
    predicate = {
        "pack": spec.name,
        "pack_version": spec.version,
        "seed": run.seed,
        "isolation": run.isolation,
        "sandbox": run.report.to_json(),
        "passed_through": list(run.passed_through),
        "inputs": {one.name: one.sha256 for one in spec.inputs},
        "limits": spec.limits.to_json(),
        "machine": run.facts,
        "outcomes": [outcome.to_json() for outcome in run.outcomes],
        "attested_at": now,
    }
    subjects = {"pack": run.pack.digest, RESULTS_FILE: run.results_sha256}
    return sign(statement(PREDICATE_REPRODUCTION, subjects, predicate), key)


def attested(run: PackRun, key: Key, now: str) -> AttestedRun:
    """A run with its attestation, to be stored."""
    return AttestedRun(
        seed=run.seed,
        grade=run.isolation,
        results=run.results_bytes.decode("utf-8"),
        attestation=attest(run, key, now).decode("utf-8"),
        seconds=float(run.facts.get("seconds", "0")),
    )


def attest_together(pack: Pack, runs: Sequence[AttestedRun], key: Key, now: str) -> bytes:
    """A signed statement on what several runs of a pack give together; each run has its own besides.

    Raises:
        ValueError: the runs had different isolation: run them again on one host.
    """
    if len({run.grade for run in runs}) != 1:
        raise ValueError("runs of different isolation cannot be attested together")
    each = [parse(run.results.encode("utf-8")) for run in runs]
    predicate = {
        "pack": pack.spec.name,
        "pack_version": pack.spec.version,
        "seed": pack.spec.seed,
        "isolation": runs[0].grade,
        "runs": len(runs),
        "combined_by": COMBINED_BY,
        "outcomes": [outcome.to_json() for outcome in combined_outcomes(pack.spec, each)],
        "attested_at": now,
    }
    subjects = {"pack": pack.digest, RESULTS_FILE: digest(canonical(combined_results(each)))}
    subjects |= {f"{RUNS}/{n}/{RESULTS_FILE}": digest(run.results) for n, run in enumerate(runs, 1)}
    return sign(statement(PREDICATE_REPRODUCTION, subjects, predicate), key)


def measurement(run: PackRun, envelope: bytes) -> dict[str, Any]:
    """The arguments of `Library.add_measurement`: the results as a source, and what a record attaches of the run."""
    stored = AttestedRun(
        seed=run.seed,
        grade=run.isolation,
        results=run.results_bytes.decode("utf-8"),
        attestation=envelope.decode("utf-8"),
    )
    return measurement_of(run.pack, (stored,), envelope)


def measurement_of(
    pack: Pack, runs: Sequence[AttestedRun], envelope: bytes, earlier: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """The arguments of `Library.add_measurement` for one run or several.

    Args:
        envelope: the attestation of the one run, or of all together.
        earlier: what `earlier_of` found.
    """
    spec = pack.spec
    each = [parse(run.results.encode("utf-8")) for run in runs]
    words = [spec.title, spec.description, spec.facets.subject, spec.facets.metric, *spec.bears_on]
    meta: dict[str, Any] = {
        "pack": spec.to_json(),
        "pack_digest": pack.digest,
        "outcomes": [outcome.to_json() for outcome in combined_outcomes(spec, each)],
        "isolation": runs[0].grade,
        "files": {name: content.decode("utf-8") for name, content in pack.files.items()},
        "attestation": envelope.decode("utf-8"),
    }
    if len(runs) > 1:
        meta["runs"] = [{"results": run.results, "attestation": run.attestation} for run in runs]
    if earlier:
        meta["earlier"] = [dict(one) for one in earlier]
    return {
        "source_id": spec.source,
        "title": spec.title,
        "text": canonical(combined_results(each)).decode("utf-8"),
        "meta": meta,
        "index_text": "\n".join([word for word in words if word] + [claim.statement for claim in spec.claims]),
    }


def earlier_of(
    meta: Mapping[str, Any] | None, text: str, pack: Pack, runs: Sequence[AttestedRun]
) -> tuple[dict[str, Any], ...]:
    """What was run under this name before, oldest first: packs of another digest, and other results of this one.

    Args:
        meta: of the measurement that is in the library under the pack's source; None where there is none.
        text: its results.
    """
    if meta is None:
        return ()
    before = [dict(one) for one in meta.get("earlier", ())]
    before.append({"files": meta["files"], "results": text, "attestation": meta["attestation"]})
    results = canonical(combined_results([parse(run.results.encode("utf-8")) for run in runs])).decode("utf-8")
    now = {name: content.decode("utf-8") for name, content in pack.files.items()}
    found: list[dict[str, Any]] = []
    for one in before:
        seen = any((one["files"], one["results"]) == (other["files"], other["results"]) for other in found)
        if not seen and (one["files"], one["results"]) != (now, results):
            found.append(one)
    return tuple(found if len(found) <= _MOST_EARLIER else [found[0], *found[1 - _MOST_EARLIER :]])


def artifacts(meta: Mapping[str, Any], text: str, key: Key) -> dict[str, bytes]:
    """What a record attaches of a measurement: file name -> bytes, sub-folders for single and for earlier runs.

    The attestation of an earlier run is left out where it was signed by another key than the present one.
    """
    found = {name: content.encode("utf-8") for name, content in meta["files"].items()}
    found |= {RESULTS_FILE: text.encode("utf-8"), ATTESTATION_FILE: meta["attestation"].encode("utf-8")}
    for number, run in enumerate(meta.get("runs", ()), 1):
        for name, field in ((RESULTS_FILE, "results"), (ATTESTATION_FILE, "attestation")):
            found[f"{RUNS}/{number}/{name}"] = run[field].encode("utf-8")
    for number, one in enumerate(meta.get("earlier", ()), 1):
        folder = f"{EARLIER}/{number}"
        found |= {f"{folder}/{name}": content.encode("utf-8") for name, content in one["files"].items()}
        found[f"{folder}/{RESULTS_FILE}"] = one["results"].encode("utf-8")
        try:
            verify(one["attestation"].encode("utf-8"), {key.fingerprint: key.public_bytes})
        except SealError:
            continue
        found[f"{folder}/{ATTESTATION_FILE}"] = one["attestation"].encode("utf-8")
    return found
