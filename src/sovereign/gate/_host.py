"""What of the host a job may be shown by name: folders to read, and graphics devices. Secrets never."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from sovereign.records import BadInput

from ._interpreter import edited
from .sandbox import DATA, Job

#: Folders that are no data: the system's own state and devices. What lies in them is refused as well.
_NEVER = ("/proc", "/sys", "/dev", "/run", "/etc", "/boot", "/var/run", "/var/lib", "/var/log", "/var/spool")
#: Names under which people and programs keep what opens other doors; refused as the folder, above it, or in it.
_SECRET = re.compile(
    r"\.(ssh|gnupg|aws|azure|kube|docker|config|netrc|pgpass|pki|password-store|gcloud|mozilla|thunderbird|git-credentials"
    r"|npmrc|pypirc|env|bash_history|zsh_history|python_history|vault-token)|keyrings|id_(rsa|dsa|ecdsa|ed25519)\w*"
    r"|.*\.(pem|key|p12|pfx|kdbx|keystore)|shadow|credentials(\.json)?|secrets?",
    re.IGNORECASE,
)
#: Certificates that anybody may read lie in many packages and are no secrets.
_PUBLIC_PEM = re.compile(r"(ca-?certs?|cacert|ca-bundle|roots)\w*\.pem", re.IGNORECASE)
_DEVICE = re.compile(r"nvidia\d{1,3}|nvidiactl|nvidia-uvm|nvidia-uvm-tools|nvidia-modeset|kfd|dxg|dri/renderD\d{1,3}")


def folders(job: Job) -> dict[str, str]:
    """The host folders of a job, links followed, by their path inside.

    Raises:
        BadInput: one is missing, holds or is a secret, is the system's own, or holds what is no file (a socket or a
            pipe in it would be a way out).
    """
    found = {}
    for name, given in sorted(job.read_only.items()):
        path = Path(os.path.realpath(given))
        if not path.is_dir():
            raise BadInput(f"the folder {name} is not there: {given}", "name a folder of this machine")
        _refuse_system(name, path)
        for part in path.parts[1:]:
            if _secret(part):
                raise BadInput(f"the folder {name} lies in {part!r}, where secrets are kept", _REMEDY)
        for inside in _entries(path):
            if _secret(inside.name):
                raise BadInput(f"the folder {name} holds {inside.name!r}, which looks like a secret", _REMEDY)
            kind = inside.stat(follow_symlinks=False).st_mode
            if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind) or stat.S_ISLNK(kind)):
                raise BadInput(f"the folder {name} holds {inside.name!r}, a socket, pipe or device", _REMEDY)
        found[f"{DATA}/{name}"] = str(path)
    return found


def devices(job: Job) -> list[str]:
    """The device files of a job, as paths that are the same on both sides.

    Raises:
        BadInput: one is no graphics device by name, or not a character device of this machine.
    """
    found = []
    for name in job.devices:
        path = f"/dev/{name}"
        if not _DEVICE.fullmatch(name):
            raise BadInput(f"{name!r} is no device that may be let through", "name graphics devices, as nvidia0")
        try:
            kind = os.lstat(path).st_mode
        except OSError as error:
            raise BadInput(f"the device {name} is not there: {error.strerror}", "load its driver") from error
        if not stat.S_ISCHR(kind):
            raise BadInput(f"{path} is no character device", "leave it out")
        found.append(path)
    return found


def shown(job: Job) -> tuple[str, ...]:
    """What of the host a job is shown beside its system folders, by name."""
    names = [f"folder {name}" for name in sorted(job.read_only)] + [f"device {name}" for name in job.devices]
    if job.packages:
        names.append("packages of this Python")
    return (*names, *(f"code of {name}, as it is edited" for name in job.edited if edited((name,))))


def _refuse_system(name: str, path: Path) -> None:
    home = Path(os.path.realpath(Path.home()))
    if home.is_relative_to(path) or len(path.parts) < 2:
        raise BadInput(f"the folder {name} is a home, or holds one", "name a folder below it, with data alone")
    for place in map(Path, _NEVER):
        if path.is_relative_to(place) or place.is_relative_to(path):
            raise BadInput(f"the folder {name} lies in or above {place}, which is the system's own", _REMEDY)


def _entries(path: Path) -> Iterator[os.DirEntry[str]]:
    """All below a folder; links are not followed (inside, they lead to what is inside)."""
    waiting = [str(path)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found:
                for entry in found:
                    yield entry
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except PermissionError as error:
            raise BadInput(f"{error.filename} cannot be looked into", "give a folder that is yours to read") from error


def _secret(name: str) -> bool:
    return _SECRET.fullmatch(name) is not None and not _PUBLIC_PEM.fullmatch(name)


_REMEDY = "copy what the script needs into a folder of its own, and name that"
