"""What can go wrong on the network, each by its kind: a caller decides by kind, a person reads cause and remedy."""

from __future__ import annotations

from sovereign.records import ServiceError


class NetError(ServiceError):
    """Base of what this part raises. `again` says whether the same request may succeed in a moment."""

    again = False


class Offline(NetError):
    """A request was made while the network is switched off; nothing was sent."""


class Forbidden(NetError):
    """An address that we were not told to talk to, or a scheme that is none of ours; nothing was sent there."""


class NoAnswer(NetError):
    """No whole answer: no connection, a time-out, a connection that broke, fewer bytes than were promised."""

    again = True


class Refused(NetError):
    """The service answered with a status that says no."""

    def __init__(self, message: str, remedy: str, status: int) -> None:
        super().__init__(message, remedy)
        self.status = status
        self.again = status in (408, 425, 429, 500, 502, 503, 504)


class BadAnswer(NetError):
    """An answer with the right status and the wrong content: garbage, an error page, the answer to another query."""

    again = True


class TooLarge(NetError):
    """An answer over the size that we take, as sent or after decompression. The rest of it was not read."""


class HostClosed(NetError):
    """A service asked us to stay away for longer than we are ready to wait; nothing more is sent to it until then."""


class OverBudget(NetError):
    """The run's budget of requests, bytes or seconds is used up."""


class Stopped(NetError):
    """The client was closed while the request was waiting or under way."""
