"""`sovereign keys`: the keys that sign for this workspace, and those of others. Private keys are never printed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sovereign.records import BadInput, KeyRole, NotFound, TrustedKey

from ._console import Console, verb
from ._now import now
from ._text import table

if TYPE_CHECKING:
    from sovereign.seal import KeyStore

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
ROLES = [role.value for role in KeyRole]


@click.group()
def keys() -> None:
    """Make, list, revoke and hand out keys; say whose keys you trust, and with what."""


@keys.command("list")
@verb
def list_keys(console: Console) -> None:
    """List the workspace's own keys, and those of others that you declared.

    \b
    Example:
      sovereign keys list
    """
    store = _store(console)
    own, others = store.own(), store.others()
    at = now()
    rows = [[key.id, "yours", key.role.value, _standing(key, at), key.fingerprint] for key in own]
    rows += [[key.id, key.party or "-", key.role.value, _standing(key, at), key.fingerprint] for key in others]
    value = [{**key.to_json(), "name": key.id, "own": key in own} for key in (*own, *others)]
    heads = ["id", "held by", "role", "standing", "fingerprint"]
    console.emit(value, table(heads, rows) if rows else "no keys; make one with `sovereign init`")


@keys.command()
@click.argument("name", metavar="ID", default="owner")
@verb
def show(console: Console, name: str) -> None:
    """Print the public half of a key as a keys.json, which others hand to `sovereign check --trust`.

    \b
    Example:
      sovereign keys show > my-public-key.json
    """
    from sovereign.seal import canonical, key_ring, raw_key

    entry = _store(console).entry(name)
    raw = raw_key(entry)
    if raw is None:
        raise NotFound(f"only the fingerprint of {entry.id} is known here", "ask its holder for the public key")
    console.write(canonical(key_ring([raw])))  # exact bytes: `check` takes canonical files only


@keys.command()
@click.argument("name", metavar="ID")
@click.option("--role", type=click.Choice(ROLES[:2]), default="owner", help="What it signs (owner: everything).")
@click.option("--from", "since", metavar="DATE", help="Signatures that state an earlier time are refused.")
@click.option("--until", metavar="DATE", help="Signatures that state a later time are refused.")
@verb
def new(console: Console, name: str, role: str, since: str | None, until: str | None) -> None:
    """Make a key pair of your own. The private half stays in the workspace, readable by you alone.

    A second key of yours is yours: what it attests is a repeat and never an independent reproduction.

    \b
    Example:
      sovereign keys new lab-2 --role reproducer --until 2027-12-31
    """
    made = _store(console).new(
        name, KeyRole(role), valid_from=_moment(since, "00:00:00"), valid_until=_moment(until, "23:59:59")
    )
    console.emit(made, f"made {made.id}, {made.role.value}: {made.fingerprint}")


@keys.command()
@click.argument("name", metavar="ID|FINGERPRINT")
@click.option("--reason", required=True, help="Why; stands in the trust file.")
@verb
def revoke(console: Console, name: str, reason: str) -> None:
    """Mark a key as revoked, for good: your own, or one that you declared.

    It signs nothing more here. Whoever checks with your trust file refuses all that it ever signed, except what another
    key of yours countersigns (`sovereign attest countersign`).

    \b
    Example:
      sovereign keys revoke owner --reason "the laptop was stolen"
    """
    gone = _store(console).revoke(name, reason, now())
    lines = [f"revoked {gone.id}: {gone.fingerprint}", "hand out your trust file anew: sovereign keys export"]
    console.emit(gone, lines)


@keys.command("export")
@click.option("--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Write it here, not to stdout.")
@click.option("--all", "everybody", is_flag=True, help="With the keys of others that you declared.")
@verb
def export_keys(console: Console, output: Path | None, everybody: bool) -> None:
    """Print your keys as a trust file: what others hand to `sovereign check --trust` or `sovereign keys trust`.

    \b
    Example:
      sovereign keys export > my-keys.json
    """
    from sovereign.seal import canonical

    data = canonical(_store(console).trust_file(everybody=everybody))
    if output is None:
        console.write(data)
        return
    output.write_bytes(data)
    console.emit({"file": str(output), "bytes": len(data)}, str(output))


@keys.command()
@click.argument("what", metavar="FINGERPRINT|FILE")
@click.option("--party", help="Who holds it: a person, a group, a laboratory. Needed for a second party.")
@click.option("--role", type=click.Choice(ROLES), help="What you trust it with; a trust file's own roles otherwise.")
@click.option("--id", "name", metavar="ID", help="What to call it here.")
@click.option("--from", "since", metavar="DATE", help="Signatures that state an earlier time are refused.")
@click.option("--until", metavar="DATE", help="Signatures that state a later time are refused.")
@verb
def trust(
    console: Console,
    what: str,
    party: str | None,
    role: str | None,
    name: str | None,
    since: str | None,
    until: str | None,
) -> None:
    """Declare keys of somebody else: that you compared the fingerprint, who holds it, and with what you trust it.

    FILE is what they printed with `sovereign keys export` or `keys show`. A key of role second-party, held by another
    party than you, can bring a record to level 6; one of role reviewer can bring it to level 7.

    \b
    Example:
      sovereign keys trust lab-b.json --role second-party --party "Lab B"
    """
    store = _store(console)
    limits = {"valid_from": _moment(since, "00:00:00"), "valid_until": _moment(until, "23:59:59")}
    changes = {key: value for key, value in {"party": party, "id": name, **limits}.items() if value is not None}
    if role is not None:
        changes["role"] = KeyRole(role)
    given = _declared(what, role)
    if name is not None and len(given) > 1:
        raise BadInput(f"{what} names {len(given)} keys, and --id is for one", "leave --id out")
    try:
        entries = [TrustedKey.model_validate({**key.to_json(), **changes}) for key in given]
    except ValueError as error:
        why = str(error).splitlines()[0]
        raise BadInput(f"the key cannot be declared so: {why}", "see `sovereign keys trust --help`") from error
    for entry in entries:
        if entry.role in (KeyRole.SECOND_PARTY, KeyRole.REVIEWER) and not entry.party:
            raise BadInput(f"who holds {entry.fingerprint}?", "say it with --party")
    store.declare(entries)
    value = [entry.to_json() for entry in entries]
    console.emit(value, [f"{entry.id}: {entry.role.value}, {entry.held_by}, {entry.fingerprint}" for entry in entries])


def _declared(what: str, role: str | None) -> list[TrustedKey]:
    """The keys that a fingerprint or a file names, as entries."""
    from sovereign.check import read_trust
    from sovereign.seal import key_entry

    found = read_trust([what])
    entries = list(found.entries.values())
    bare = sorted(found.fingerprints - set(found.entries))
    if bare and role is None:
        raise BadInput(f"{what} does not say with what you trust the key", f"say it with --role ({', '.join(ROLES)})")
    for fingerprint in bare:
        raw = found.keys.get(fingerprint)
        entries.append(
            TrustedKey(
                id=f"key-{fingerprint[7:15]}",
                fingerprint=fingerprint,
                public_key=None if raw is None else key_entry(raw).public_key,
                role=KeyRole(role or "owner"),
            )
        )
    return entries


def _store(console: Console) -> KeyStore:
    return console.workspace().keystore()


def _standing(key: TrustedKey, at: str) -> str:
    if key.revoked is not None:
        return f"revoked: {key.revoked.reason}"
    if not key.holds_at(at):
        return "out of its time"
    return f"until {key.valid_until[:10]}" if key.valid_until else "holds"


def _moment(given: str | None, time: str) -> str | None:
    """A day or a moment as UTC, ISO 8601. Raises BadInput."""
    if given is None:
        return None
    text = f"{given}T{time}Z" if _DAY.fullmatch(given) else given
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError as error:
        raise BadInput(f"{given!r} is no date", "write 2027-12-31, or 2027-12-31T12:00:00Z") from error
