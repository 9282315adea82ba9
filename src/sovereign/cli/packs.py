"""`sovereign packs`: the reproductions that can be run, one of them in full, and making and adding one's own."""

from __future__ import annotations

from pathlib import Path

import click

from sovereign.gate import Pack, add_pack, new_pack
from sovereign.records import Comparison, NotFound, PackClaim

from ._console import Console, verb
from ._text import shorten, table


@click.group()
def packs() -> None:
    """Reproductions: list them, show one, start one of your own, add it to the workspace."""


@packs.command("list")
@verb
def list_(console: Console) -> None:
    """List the packs that are installed and those that were added to the workspace. Runs nothing.

    \b
    Example:
      sovereign packs list
    """
    known = _known(console)
    rows = [
        [
            *(name, pack.place, str(len(pack.spec.claims)), _seconds(pack)),
            ", ".join(one.name for one in pack.spec.inputs if one.file is None) or "-",
            shorten(pack.spec.title, 70),
        ]
        for name, pack in known.items()
    ]
    text = table(["pack", "from", "claims", "takes", "needs", "what it measures"], rows) if rows else "no packs"
    console.emit([_brief(pack) for pack in known.values()], text)


@packs.command()
@click.argument("name")
@verb
def show(console: Console, name: str) -> None:
    """Show a pack: what it measures, what it needs, its claims with their tolerances, its digest. Runs nothing.

    \b
    Example:
      sovereign packs show expected-distinct-experts
    """
    known = _known(console)
    if name not in known:
        raise NotFound(f"there is no pack {name!r}", f"the packs are: {', '.join(known) or 'none'}")
    pack = known[name]
    spec = pack.spec
    facets = [f"{field}: {value}" for field, value in spec.facets if value not in (None, ())]
    lines = [
        f"{spec.name} version {spec.version} ({pack.place})",
        f"digest     {pack.digest}",
        f"title      {spec.title}",
        *(f"           {line}" for line in spec.description.strip().splitlines()),
        f"measures   {'; '.join(facets) or '-'}",
        f"bears on   {', '.join(spec.bears_on) or '-'}",
        f"files      {', '.join(sorted(pack.files))}",
        f"takes      {_seconds(pack)} (limit {spec.limits.seconds:g} s, {spec.limits.memory_mb} MiB)",
        f"isolation  {spec.minimum_isolation} or better",
    ]
    for given in spec.inputs:
        how = f"the pack's {given.file}" if given.file else f"--input {given.name}=PATH"
        lines.append(f"input      {given.name}: {how}; {given.description}".rstrip("; "))
        lines += [f"           {given.fetch}"] if given.fetch else []
    lines += ["claims", *(f"  {claim.id}: {claim.statement} [{_asked(claim)}]" for claim in spec.claims)]
    console.emit({**_brief(pack), "spec": spec.to_json()}, lines)


@packs.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Take it in place of another pack of that name that was added before.")
@verb
def add(console: Console, folder: Path, replace: bool) -> None:
    """Add the pack in FOLDER to the workspace. Only the files that its pack.toml names are taken; links are refused.

    \b
    Example:
      sovereign packs add ./my-pack
    """
    pack, left_out = add_pack(folder, console.workspace().packs_path, replace=replace)
    lines = [f"added {pack.spec.name} (digest {pack.digest[:12]}, {len(pack.files)} files)"]
    if left_out:
        lines.append(f"not part of it, and not taken: {', '.join(left_out)}")
    lines.append(f"run it with `sovereign reproduce {pack.spec.name}`")
    console.emit({**_brief(pack), "left_out": list(left_out)}, lines)


@packs.command()
@click.argument("name")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="The folder to make; else ./NAME.")
@verb
def new(console: Console, name: str, output: Path | None) -> None:
    """Write a template for a pack called NAME: a folder with a pack.toml and a script that run as they are.

    \b
    Example:
      sovereign packs new my-pack
    """
    folder = output or Path(name)
    pack = new_pack(name, folder)
    lines = [f"{folder} holds {', '.join(sorted(pack.files))}; change both, then `sovereign packs add {folder}`"]
    console.emit({**_brief(pack), "folder": str(folder)}, lines)


def _known(console: Console) -> dict[str, Pack]:
    """The packs of the workspace, or where there is none and none was named, those that are installed."""
    from sovereign.measuring import packs_of

    try:
        return packs_of(console.workspace())
    except NotFound:
        if console.given is not None:
            raise
        return packs_of(None)


def _brief(pack: Pack) -> dict[str, object]:
    spec = pack.spec
    return {
        "name": spec.name,
        "version": spec.version,
        "title": spec.title,
        "digest": pack.digest,
        "from": pack.place,
        "claims": len(spec.claims),
        "expected_seconds": spec.expected_seconds,
        "inputs": [one.name for one in spec.inputs if one.file is None],
    }


def _seconds(pack: Pack) -> str:
    expected = pack.spec.expected_seconds
    return "?" if expected is None else f"about {expected:g} s"


def _asked(claim: PackClaim) -> str:
    """What a claim's comparison asks for, in one line."""
    against = claim.expected_field or (f"{claim.expected:g}" if claim.expected is not None else "")
    if claim.comparison is Comparison.MEASURED:
        return "measured, no expectation"
    if claim.comparison is Comparison.RATIO:
        bounds = [f"at least {claim.at_least:g}"] if claim.at_least is not None else []
        bounds += [f"at most {claim.at_most:g}"] if claim.at_most is not None else []
        return f"ratio over {against}: {' and '.join(bounds)}"
    return f"{claim.comparison.value} {against}, tolerance {claim.tolerance:g}"
