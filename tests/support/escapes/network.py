"""The network, by every family that a kernel may have; a listener of ours is what they knock at."""

from __future__ import annotations

from tests.support.canaries import Canaries
from tests.support.escapes.case import Escape

BOTH = ("network namespace", "system-call filter")
RAW = ("no capabilities", "system-call filter", "spare uid")

CONNECT = """
def act():
    with socket.socket(getattr(socket, aim["family"]), getattr(socket, aim["kind"])) as end:
        end.settimeout(3)
        to = tuple(aim["to"]) if isinstance(aim["to"], list) else aim["to"]
        if aim["kind"] == "SOCK_DGRAM":
            end.sendto(bytes.fromhex(aim["bytes"]), to)
            return False  # that it was sent says nothing; the listener says whether it came
        else:
            end.connect(to)
tell(works(act))
"""
#: A query for the name secret.example, type A, as RFC 1035 has it.
QUERY = "00070100000100000000000006736563726574076578616d706c650000010001"


def to(name: str, family: str, kind: str = "SOCK_STREAM", data: str = "00") -> dict[str, object]:
    """How to reach a listener, given at the time of the run."""
    return {
        "aim": lambda at: {"family": family, "kind": kind, "bytes": data, "to": _address(at, name)},
        "reached": lambda at, found: at.knocked(name),
    }


def _address(at: Canaries, name: str) -> object:
    if name == "abstract":
        return (getattr(at, name), "\0" + at.marker)[1]
    address = getattr(at, name).getsockname()
    return list(address[:2]) if isinstance(address, tuple) else address


def opens(family: int, kind: int, protocol: int = 0, then: str = "pass") -> str:
    return f"""
def act():
    with socket.socket({family}, {kind}, {protocol}) as end:
        {then}
tell(works(act))
"""


NETWORK = [
    Escape("tcp", "connects to a TCP listener of the host", BOTH, CONNECT, **to("tcp", "AF_INET")),  # type: ignore[arg-type]
    Escape("tcp-ipv6", "connects over IPv6", BOTH, CONNECT, **to("tcp6", "AF_INET6")),  # type: ignore[arg-type]
    Escape("udp", "sends a datagram", BOTH, CONNECT, **to("udp", "AF_INET", "SOCK_DGRAM", "ff")),  # type: ignore[arg-type]
    Escape("dns", "asks a resolver for a name that carries a secret", BOTH, CONNECT,
           **to("udp", "AF_INET", "SOCK_DGRAM", QUERY)),  # type: ignore[arg-type]
    Escape("unix-abstract", "connects to an abstract socket of the host", BOTH, CONNECT, **to("abstract", "AF_UNIX")),  # type: ignore[arg-type]
    Escape("unix-path", "connects to a socket in a folder of the host", ("host's files hidden", "system-call filter"),
           CONNECT, **to("path_socket", "AF_UNIX")),  # type: ignore[arg-type]
    Escape("raw-socket", "opens a raw IP socket", RAW, opens(2, 3, 1)),
    Escape("packet-socket", "opens a packet socket on the network card", RAW, opens(17, 3, 0)),
    Escape("netlink", "asks the kernel for its interfaces and routes", ("system-call filter",),
           opens(16, 3, 0, "end.bind((0, 0))")),
    Escape("vsock", "opens a socket to the hypervisor", ("system-call filter",), opens(40, 1)),
    Escape("kernel-crypto", "opens a socket of the kernel's own cryptography", ("system-call filter",),
           opens(38, 5, 0, "end.bind(('hash', 'sha256'))")),
    Escape("any-family", "opens a socket of any of 46 address families, also as a pair", ("system-call filter",), """
opened = []
for family in range(46):
    for kind in (1, 2, 3, 5):
        for how in (socket.socket, socket.socketpair):
            if how is socket.socketpair and family == 1:
                continue
            try:
                made = how(family, kind)
                opened.append(family)
                for end in (made if isinstance(made, tuple) else (made,)):
                    end.close()
            except OSError:
                pass
tell(opened, families=sorted(set(opened)))
"""),
]  # fmt: skip
