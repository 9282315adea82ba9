"""What comes out of a sandbox, read as untrusted bytes: how the job ended, and the files that it left."""

from __future__ import annotations

import json
from typing import Any

from . import _host
from ._lines import printable
from ._process import Watched
from .errors import PackFailed
from .sandbox import Ending, Finished, Job


def finished(job: Job, watched: Watched, seconds: float, *, overran: bool) -> Finished:
    """A job that was started, as it ended. `overran`: the kernel ended a process for want of memory."""
    ending, code = watched.ended, None
    if ending is None:
        try:
            header = _opened(watched.parcel)[0]
            ending, code = Ending(header["ending"]), header["code"]
        except (PackFailed, KeyError, ValueError):
            ending = Ending.LOST
    if overran and not (ending is Ending.EXITED and code == 0):
        ending = Ending.OUT_OF_MEMORY
    if not isinstance(code, int) or ending not in (Ending.EXITED, Ending.SIGNALLED):
        code = None
    return Finished(
        ending=ending,
        code=code,
        log=printable(watched.log),
        seconds=seconds,
        parcel=watched.parcel,
        outputs=job.outputs,
        max_bytes=job.limits.output_mb << 20,
        passed_through=_host.shown(job),
    )


def files(done: Finished) -> dict[str, bytes]:
    """The files of a finished job.

    Raises:
        PackFailed: one of them is no regular file or too large, or the parcel is not what our launcher packs.
    """
    header, body = _opened(done.parcel)
    for fault in header.get("faults", []):
        if isinstance(fault, dict):
            raise PackFailed(f"{fault.get('name')} is {fault.get('why')}", "write a regular file", done.log)
    found: dict[str, bytes] = {}
    for entry in header.get("files", []):
        name, size = _entry(entry)
        if name not in done.outputs or name in found or size > done.max_bytes or size > len(body):
            raise PackFailed("the sandbox gave back something that no job asked for", "", done.log)
        found[name], body = body[:size], body[size:]
    if body:
        raise PackFailed("the sandbox gave back more than it said", "", done.log)
    return found


def lowered(grade: str, job: Job) -> str:
    """The grade of one run on a host of that grade."""
    provider, _, missing = grade.partition("/")
    if not job.devices:
        return grade
    return f"{provider}/devices" if missing == "full" else f"{provider}/{missing}+devices"


def _opened(parcel: bytes) -> tuple[dict[str, Any], bytes]:
    """The parcel's header and the bytes behind it."""
    first, _, rest = parcel.partition(b"\n")
    line, newline, body = rest.partition(b"\n")
    try:
        header = json.loads(line) if first == b"ready" and newline else None
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise PackFailed("the sandbox ended without giving back what the script left")
    return header, body


def _entry(entry: Any) -> tuple[str, int]:
    name, size = (entry.get("name"), entry.get("size")) if isinstance(entry, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise PackFailed("the sandbox gave back a list of files that cannot be read")
    return name, size
