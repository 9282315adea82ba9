"""`sovereign check`: is this record what it says, and who signed it? Offline, without a workspace."""

from __future__ import annotations

import sys

import click

from ._console import Console, verb


@click.command()
@click.argument("path", metavar="PATH")
@click.option(
    "--trust",
    multiple=True,
    metavar="FINGERPRINT|FILE",
    help="Whom you trust: a fingerprint, a trust file, a keys.json, a file of fingerprints. May be given again.",
)
@click.option("--earlier", metavar="PATH", help="A copy that you kept from before: nothing in it may be gone since.")
@verb
def check(console: Console, path: str, trust: tuple[str, ...], earlier: str | None) -> None:
    """Check an exported zip, a record's folder or one version: digests, signatures, events, quotes at their offsets,
    and every score, count and verdict, computed again.

    Ends with 0 when the record is sound and signed by someone you trust, 4 when it is sound and the signer is unknown
    to you, 5 when it has a fault, 9 when nothing is wrong but it was judged by other rules than this version's, so that
    its judgement was not computed again.

    \b
    Example:
      sovereign check record.zip --trust owner-keys.json
    """
    from sovereign.check import check_path

    report = check_path(path, trust=trust, earlier=earlier)
    versions = ", ".join(str(version) for version in report.versions)
    lines = [f"{report.record_id or path}, version {versions or 'unknown'}, signed by {report.signer or 'nobody'}"]
    lines += [f"fault  {fault.where}: {fault.what} ({fault.check})" for fault in report.faults]
    lines += [f"not recomputed  {what}" for what in report.not_recomputed]
    lines += [f"note   {note}" for note in report.notes]
    lines += [f"cannot be known offline: {what}" for what in report.cannot_know]
    if report.level is not None:
        lines.append(f"verification level {report.level} of 7 ({report.level_basis})")
    verdict = {
        0: "sound, and signed by keys that you trust, or that such a key declares",
        4: "sound; the signer is unknown to you: compare the fingerprint, then give it with --trust",
        9: "NOT fully checked: it was judged by other rules than this version's; no fault was found in the rest",
        5: f"NOT sound: {len(report.faults)} fault{'s' if len(report.faults) != 1 else ''}",
    }
    console.emit(report.to_json(), [*lines, verdict[report.exit_code]])
    sys.exit(report.exit_code)
