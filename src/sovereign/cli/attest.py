"""`sovereign attest`: what another party is asked and answers, and how the answer enters a record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sovereign.records import BadInput, ReviewVerdict

from ._console import Console, verb

if TYPE_CHECKING:
    from sovereign.seal import Key

_OUTPUT = click.option(
    "--output", "-o", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The file to write."
)
_FORCE = click.option("--force", is_flag=True, help="Overwrite FILE.")
_KEY = click.option("--key", "key_id", metavar="ID", help="Sign with this key of yours; the owner's otherwise.")
_VERDICTS = [one.value for one in ReviewVerdict]
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def attest() -> None:
    """Ask another party to run or review; bring their answer; stand behind what others signed."""


@attest.command("export")
@click.argument("what", metavar="ID|PACK")
@_OUTPUT
@_FORCE
@verb
def export_request(console: Console, what: str, output: Path, force: bool) -> None:
    """Write what another party needs to run a record's packs, or one pack: a request.

    They answer with `sovereign attest run FILE`. For a review, hand them the record itself: `sovereign export`.

    \b
    Example:
      sovereign attest export SRCH:2603ABC8 --output request.zip
    """
    from sovereign import attesting

    asked = attesting.request(console.workspace(), what, output, force=force)
    lines = [f"{output}: {', '.join(one.name for one in asked.packs)}, for {asked.record or 'any record'}"]
    lines += ["they run: sovereign attest run FILE --output answer.zip", "and hand you: answer.zip, their public key"]
    console.emit({"file": str(output), **asked.to_json()}, lines)


@attest.command()
@click.argument("path", metavar="FILE", type=_FILE)
@_OUTPUT
@click.option("--input", "inputs", multiple=True, metavar="NAME=PATH", help="Data that a pack asks for, by name.")
@_KEY
@_FORCE
@verb
def run(
    console: Console, path: Path, output: Path, inputs: tuple[str, ...], key_id: str | None, force: bool
) -> None:
    """Run what a request asks for in the sandbox of this machine, sign what came out, write the answer.

    Nothing is added to this workspace: its key signs, and states this machine.

    \b
    Example:
      sovereign attest run request.zip --output answer.zip
    """
    from sovereign import attesting, gate

    given = dict(_pair(one) for one in inputs)
    key = _key(console, key_id)
    said = attesting.run_request(
        key,
        path,
        output,
        sandbox=gate.default_sandbox(),
        inputs=given,
        progress=console.progress,
        force=force,
    )
    value = {"file": str(output), "signer": key.fingerprint, "outcomes": list(said)}
    console.emit(value, [*said, f"{output}, signed by {key.fingerprint}"])


@attest.command()
@click.argument("path", metavar="FILE", type=_FILE)
@click.option("--verdict", type=click.Choice(_VERDICTS), required=True, help="What you hold of it.")
@click.option("--note", default="", help="Why; stored with the signature. An objection needs one.")
@_OUTPUT
@_KEY
@_FORCE
@verb
def review(
    console: Console, path: Path, verdict: str, note: str, output: Path, key_id: str | None, force: bool
) -> None:
    """Sign what you, a reviewer, hold of an exported record, and write the answer. The export is checked first.

    \b
    Example:
      sovereign attest review record.zip --verdict endorsed --note "read in full" --output review.zip
    """
    from sovereign import attesting

    key = _key(console, key_id)
    record = attesting.review(key, path, ReviewVerdict(verdict), note, output, force=force)
    value = {"file": str(output), "record": record, "verdict": verdict, "signer": key.fingerprint}
    console.emit(value, f"{output}: {record} {verdict}, signed by {key.fingerprint}")


@attest.command("import")
@click.argument("path", metavar="FILE", type=_FILE)
@click.option("--record", metavar="ID", help="The record; needed where the answer names none.")
@click.option("--note", default="", help="Stored with the event.")
@verb
def import_answer(console: Console, path: Path, record: str | None, note: str) -> None:
    """Verify an answer and bring it into the record that it is of, as an event that you sign.

    A run counts as independent only if you declared its key as a second party's (`sovereign keys trust`) and it states
    other hardware than yours; any other sound run is a repeat, and is brought as that.

    \b
    Example:
      sovereign attest import answer.zip
    """
    from sovereign import attesting, workflow

    workspace = console.workspace()
    brought = attesting.bring(workspace, path, record, workspace.key(), note)
    names = {"attested": ("independent", "a repeat"), "reviewed": ("an external review", "no external review")}
    lines, value = [], []
    for one in brought:
        lines.append(f"{one.event.record}: {names[one.kind][0 if one.counts else 1]}: {one.reason}")
        value.append({"event": one.event.to_json(), "counts": one.counts, "reason": one.reason})
    for identifier in sorted({one.event.record for one in brought}):
        workflow.publish(workspace, identifier)
        level, basis = _level(console, identifier)
        lines.append(f"{identifier}: verification level {level} of 7 ({basis})")
    console.emit(value, lines)


@attest.command()
@click.argument("record_id", metavar="ID")
@click.option("--pack", required=True, metavar="NAME", help="The attached proof.")
@click.option("--claim", "claims", multiple=True, metavar="ID", help="A claim that it means; without, all it settles.")
@click.option("--note", required=True, help="Why the statement means the claim; stored with the signature.")
@_KEY
@verb
def faithful(
    console: Console, record_id: str, pack: str, claims: tuple[str, ...], note: str, key_id: str | None
) -> None:
    """Sign, as a person, that the formal statement of an attached proof means the claims that it settles.

    A prover says that the statement is proved. Whether it says what the sentence says, only a reader can tell.

    \b
    Example:
      sovereign attest faithful SRCH:2603ABC8 --pack distinct-experts-bound --note "same quantities, same bound"
    """
    from sovereign import attesting, workflow

    workspace = console.workspace()
    event = attesting.vouch(workspace, record_id, pack, claims, note, _key(console, key_id))
    workflow.publish(workspace, event.record)
    level, basis = _level(console, event.record)
    console.emit(event, f"{event.record}: vouched for {pack}; verification level {level} of 7 ({basis})")


@attest.command()
@click.argument("record_id", metavar="ID")
@click.option("--note", default="", help="Why; stored with the signature.")
@_KEY
@verb
def countersign(console: Console, record_id: str, note: str, key_id: str | None) -> None:
    """Stand, with another key of yours, behind what a key signed that is revoked since.

    The record is checked first. What is countersigned holds again for whoever trusts the new key.

    \b
    Example:
      sovereign attest countersign SRCH:2603ABC8 --key owner-2
    """
    from sovereign import attesting

    event = attesting.countersign(console.workspace(), record_id, _key(console, key_id), note)
    files = event.details["files"]
    console.emit(event, f"{event.record}: {event.by} stands behind {len(files)} signed files")


def _key(console: Console, key_id: str | None) -> Key:
    from ._now import now

    workspace = console.workspace()
    return workspace.key() if key_id is None else workspace.keystore().private(key_id, now())


def _level(console: Console, record_id: str) -> tuple[int, str]:
    from sovereign.judge.attested import current_level

    archive = console.workspace().archive()
    record = archive.load(record_id)
    return current_level(record.evidence(), record.version, archive.events(record_id))


def _pair(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not (name and mark and value):
        raise BadInput(f"{text!r} is not NAME=PATH", "write --input data=/path/to/data")
    return name, value
