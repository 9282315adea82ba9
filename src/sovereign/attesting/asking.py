"""What another party is asked, and what they answer: packs of a record, run and signed; a record, read and judged."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sovereign.check import check_path, unpack
from sovereign.judge.outcomes import pack_digest
from sovereign.records import AttestRequest, BadInput, NotFound, Record, RequestedPack, ReviewVerdict
from sovereign.records.layout import (
    ATTESTATION_FILE,
    CRATE_FILE,
    EARLIER,
    KEYS_FILE,
    MANIFEST_FILE,
    REPRODUCTIONS,
    RESULTS_FILE,
    RUNS,
)
from sovereign.seal import (
    PREDICATE_PROOF,
    PREDICATE_REVIEW,
    Key,
    canonical,
    digest,
    key_ring,
    open_envelope,
    sign,
    statement,
)

from ._files import PACKS, REQUEST_FILE, free, now, read_request, write

if TYPE_CHECKING:
    from sovereign.gate import Pack, Sandbox
    from sovereign.workspace import Workspace

Progress = Callable[[str], None]


def request(workspace: Workspace, what: str, output: Path, *, force: bool = False) -> AttestRequest:
    """Write what another party needs to run: the packs that a record's newest version attaches, or one pack.

    Args:
        what: a record's id, or the name of a pack.

    Raises:
        NotFound: neither a record nor a pack of that name.
        BadInput: the record attaches no run, or `output` exists.
    """
    record = _record_named(workspace, what)
    if record is not None:
        packs = _packs_of(workspace, record)
        if not packs:
            raise BadInput(f"{record.id} attaches no run of a pack", f"run one: `sovereign reproduce {record.id}`")
    else:
        packs = {what: _installed(workspace, what).files}
    asked = AttestRequest(
        record=None if record is None else record.id,
        packs=tuple(RequestedPack(name=name, digest=pack_digest(files)) for name, files in sorted(packs.items())),
    )
    files = {f"{PACKS}/{name}/{path}": data for name, held in packs.items() for path, data in held.items()}
    write(output, {REQUEST_FILE: canonical(asked), **files}, force)
    return asked


def run_request(
    key: Key,
    path: Path,
    output: Path,
    *,
    sandbox: Sandbox,
    inputs: Mapping[str, str | Path] | None = None,
    progress: Progress = lambda _: None,
    force: bool = False,
) -> tuple[str, ...]:
    """Run what a request asks for, sign it, and write the answer; returns a line per claim.

    Raises:
        BadInput: this is no request, or its packs are not what it names.
        SandboxUnavailable: nothing was run.
    """
    from sovereign import gate

    asked, packs = read_request(path)
    free(output, force)
    files: dict[str, bytes] = {KEYS_FILE: canonical(key_ring([key.public_bytes]))}
    lines = []
    for number, named in enumerate(asked.packs, start=1):
        pack = _loaded(named, packs[named.name])
        progress(f"running the pack {named.name}")
        run = gate.run_pack(pack, sandbox, inputs=inputs)
        signed = open_envelope(gate.attest(run, key, now())).statement
        signed["predicate"]["record"] = asked.record
        files[f"{number}/{ATTESTATION_FILE}"] = sign(signed, key)
        files[f"{number}/{RESULTS_FILE}"] = run.results_bytes
        lines += [f"{named.name}: {one.outcome.value} {one.pack_claim}: {one.reason}" for one in run.outcomes]
    write(output, files, force)
    return tuple(lines)


def review(key: Key, path: Path, verdict: ReviewVerdict, note: str, output: Path, *, force: bool = False) -> str:
    """Sign what a reviewer holds of the newest version of an exported record, and write it; returns the record's id.

    Raises:
        BadInput: the export has a fault, or an objection has no note.
    """
    if verdict is ReviewVerdict.OBJECTED and not note.strip():
        raise BadInput("an objection needs its reason", "give it with --note")
    report = check_path(path)
    if report.faults or report.kind != "export" or report.record_id is None:
        what = f"{report.faults[0].where}: {report.faults[0].what}" if report.faults else "it is not an exported file"
        raise BadInput(f"{path} is not reviewed: {what}", "ask for the file that `sovereign export` wrote")
    version = f"v{max(report.versions)}"
    entries = unpack(path.read_bytes(), {CRATE_FILE})
    manifest = next(data for name, data in entries.items() if name.endswith(f"/{version}/{MANIFEST_FILE}"))
    predicate = {"record": report.record_id, "version": max(report.versions), "verdict": verdict.value, "note": note}
    predicate |= {"at": now(), "by": key.fingerprint}
    signed = sign(statement(PREDICATE_REVIEW, {f"{version}/{MANIFEST_FILE}": digest(manifest)}, predicate), key)
    write(output, {KEYS_FILE: canonical(key_ring([key.public_bytes])), f"1/{ATTESTATION_FILE}": signed}, force)
    return report.record_id


def _loaded(named: RequestedPack, files: Mapping[str, bytes]) -> Pack:
    """The pack of a request, read like any other; it must be the one whose digest is named."""
    from sovereign import gate

    with tempfile.TemporaryDirectory(prefix="sovereign-") as folder:
        for name, data in files.items():
            path = Path(folder) / named.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        pack = gate.load_pack(Path(folder) / named.name)
    if pack.digest != named.digest or pack.files != dict(files):
        raise BadInput(f"the pack {named.name} is not the one that the request names", "ask for the request again")
    return pack


def _record_named(workspace: Workspace, what: str) -> Record | None:
    archive = workspace.archive()
    try:
        return archive.load(what)
    except NotFound:
        return None


def _packs_of(workspace: Workspace, record: Record) -> dict[str, dict[str, bytes]]:
    """The files of each pack whose run a version attaches, without what the run left."""
    folder = workspace.archive().path(record.id, record.version) / REPRODUCTIONS
    found = {}
    for run in record.reproductions:
        root = folder / run.results_sha256
        if open_envelope((root / ATTESTATION_FILE).read_bytes()).statement["predicateType"] == PREDICATE_PROOF:
            continue  # whoever doubts a proof puts it to the prover: `sovereign prove`
        files = {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
        found[run.pack] = {
            name: data
            for name, data in files.items()
            if name not in (RESULTS_FILE, ATTESTATION_FILE) and name.split("/")[0] not in (RUNS, EARLIER)
        }
    return found


def _installed(workspace: Workspace, name: str) -> Pack:
    from sovereign import gate

    packs = gate.available_packs(workspace.path / "packs")
    if name not in packs:
        raise NotFound(f"there is neither a record nor a pack {name!r}", f"the packs are: {', '.join(packs) or 'none'}")
    return packs[name]
