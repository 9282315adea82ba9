"""`sovereign doctor`: what this machine and this workspace can do, and what to mend."""

from __future__ import annotations

import platform
import re
import shutil
import sqlite3
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import click

from sovereign._version import __version__
from sovereign.inquiry.runs import RunState
from sovereign.records import Document, NotFound, SovereignError
from sovereign.workspace import Workspace, default_path

from ._console import Console, verb

_LOW_DISK_BYTES = 1 << 30
_NAME = re.compile(r"[A-Za-z0-9._-]+")


class Finding(Document):
    """One thing that was looked at."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


@click.command()
@verb
def doctor(console: Console) -> None:
    """Look at the sandbox, the keys, the disk, the versions and the workspace; name a remedy for what is amiss.

    Looks and reports, so it ends with 0 whatever it finds; nothing is changed.

    \b
    Example:
      sovereign doctor
    """
    workspace = Workspace(default_path(console.given).absolute())
    console.progress("testing the sandbox")
    looks: list[Callable[[Workspace], Finding]] = [_versions, _sandbox, _provers, _disk, _workspace]
    if workspace.exists():
        looks += [_key, _policy, _services, _library, _records, _runs]
    findings = [_looked(look, workspace) for look in looks]
    lines = []
    for one in findings:
        lines.append(f"{'ok  ' if one.ok else 'MEND'}  {one.name:<10}{one.found}")
        if one.remedy:
            lines.append(f"      {'':<10}remedy: {one.remedy}")
    console.emit([one.to_json() for one in findings], lines)


def _looked(look: Callable[[Workspace], Finding], workspace: Workspace) -> Finding:
    """A look that itself fails is a finding, not the end of the others."""
    try:
        return look(workspace)
    except SovereignError as error:
        return Finding(name=look.__name__.strip("_"), ok=False, found=error.message, remedy=error.remedy)


def _versions(_: Workspace) -> Finding:
    try:
        wanted = metadata.requires("sovereign-kernel") or []
    except metadata.PackageNotFoundError:  # run from a source tree that is not installed
        wanted = []
    parts = [f"sovereign {__version__}", f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    for name in (_NAME.match(one) for one in wanted if "extra ==" not in one):
        if name is not None:
            parts.append(f"{name.group()} {metadata.version(name.group())}")
    return Finding(name="versions", ok=True, found=", ".join(parts))


def _sandbox(_: Workspace) -> Finding:
    """The sandbox that is used, and in a word whether another could be."""
    from sovereign import gate

    used = gate.default_sandbox()
    report = used.probe()
    others = [one() for name, one in gate.PROVIDERS.items() if name != used.name]
    tested = [(other.name, other.probe()) for other in others]
    words = [f"passes too ({its.grade})" if its.ok else f"does not: {its.reason[:160]}" for _, its in tested]
    also = "; ".join(f"{name} {said}" for (name, _), said in zip(tested, words, strict=True))
    if report.ok:
        found = f"{report.grade}: its own test passed; {also}"
        return Finding(name="sandbox", ok=True, found=found, remedy=report.remedy)
    usable = [name for name, its in tested if its.ok]
    instead = f"; or set {gate.PROVIDER_VARIABLE}={usable[0]}" if usable else ""
    return Finding(name="sandbox", ok=False, found=f"none: {report.reason}; {also}", remedy=report.remedy + instead)


def _provers(_: Workspace) -> Finding:
    """Rocq and Lean. Neither is needed but by `prove`, so a missing one is no fault; how to have it is said there."""
    from sovereign.gate.proofs import provers

    reports = [provider.probe() for provider in provers().values()]
    said = [f"{one.prover} {one.version}" if one.ok else f"{one.prover}: {one.reason}" for one in reports]
    return Finding(name="provers", ok=True, found="; ".join(said))


def _disk(workspace: Workspace) -> Finding:
    place = next(path for path in (workspace.path, *workspace.path.parents) if path.exists())
    free = shutil.disk_usage(place).free
    low = free < _LOW_DISK_BYTES
    remedy = "free some space; a full disk stops runs, and loses nothing that was completed" if low else ""
    return Finding(name="disk", ok=not low, found=f"{free / (1 << 30):.1f} GiB free at {place}", remedy=remedy)


def _workspace(workspace: Workspace) -> Finding:
    if workspace.exists():
        return Finding(name="workspace", ok=True, found=str(workspace.path))
    return Finding(
        name="workspace", ok=False, found=f"none at {workspace.path}", remedy="make one with `sovereign init`"
    )


def _key(workspace: Workspace) -> Finding:
    return Finding(name="key", ok=True, found=workspace.key().fingerprint)


def _policy(workspace: Workspace) -> Finding:
    return Finding(name="policy", ok=True, found=f"{workspace.policy().name}, from {workspace.policy_path}")


def _services(workspace: Workspace) -> Finding:
    """What a live search would ask. Nothing is asked now."""
    settings = workspace.services()
    enabled = [name for name, one in settings.services.items() if one.enabled]
    contact = settings.contact or "none"
    remedy = "" if settings.contact else "name a contact address in services.toml: services ask for one"
    found = f"{', '.join(enabled) or 'none enabled'}; contact {contact}"
    return Finding(name="services", ok=True, found=found, remedy=remedy)


def _library(workspace: Workspace) -> Finding:
    with workspace.library() as library:
        size, digest = library.size, library.digest()
    remedy = "" if size else "add sources with `sovereign library add PATH`, or the starter notes with `sovereign init`"
    return Finding(name="library", ok=size > 0, found=f"{size} sources, digest {digest[:12]}", remedy=remedy)


def _records(workspace: Workspace) -> Finding:
    archive = workspace.archive()
    ids = archive.list()
    broken = []
    for name in ids:
        try:
            archive.load(name)
        except SovereignError as error:
            broken.append(error.message)
    found = f"{len(ids)} records" + (f"; {'; '.join(broken)}" if broken else "")
    remedy = f"see `sovereign check {Path(workspace.records_path)}/srch-...`" if broken else ""
    return Finding(name="records", ok=not broken, found=found, remedy=remedy)


def _runs(workspace: Workspace) -> Finding:
    try:
        with workspace.journal(create=False) as journal:
            runs = journal.list()
    except NotFound:
        runs = ()
    open_runs = [run.id for run in runs if run.state in (RunState.INTERRUPTED, RunState.FAILED)]
    remedy = f"go on with `sovereign resume {open_runs[0]}`" if open_runs else ""
    found = f"{len(runs)} runs, {len(open_runs)} unfinished"
    return Finding(name="runs", ok=not open_runs, found=found, remedy=remedy)
