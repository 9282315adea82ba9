"""The desk on a port of this machine, until it is interrupted."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass

from sovereign.records import BadInput, Busy
from sovereign.workspace import Workspace


@dataclass(frozen=True)
class Address:
    """Where the desk stands, and the address that lets a browser in."""

    origin: str
    entrance: str


def serve(workspace: Workspace, *, host: str, port: int, ready: Callable[[Address], None]) -> None:
    """Serve the desk on a loopback address until the process is interrupted; what was decided is stored by then.

    Args:
        host: a loopback address; the desk decides in its owner's name, so it is never open to a network.
        port: 0 chooses a free one.
        ready: told the address once connections are taken.

    Raises:
        BadInput: `host` is no loopback address.
        Busy: the port is taken.
    """
    import uvicorn

    from .app import desk
    from .guard import Guard

    try:
        alone = ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise BadInput(f"{host!r} is no address", "give 127.0.0.1 or ::1") from error
    if not alone:
        raise BadInput(f"{host} is not of this machine alone", "the desk stands on 127.0.0.1; use a tunnel from afar")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise Busy(f"port {port} of {host} is taken: {error.strerror}", "choose another with --port") from error
        guard = Guard(host, listener.getsockname()[1])
        listener.listen(128)
        config = uvicorn.Config(
            desk(workspace, guard), log_level="error", access_log=False, server_header=False, lifespan="off",
            timeout_graceful_shutdown=3,
        )  # fmt: skip
        ready(Address(guard.origin, guard.entrance))
        uvicorn.Server(config).run(sockets=[listener])
