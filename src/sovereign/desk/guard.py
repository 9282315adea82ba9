"""Who may use the desk: a browser on this machine that was given the token, and no page of another site.

Four checks stand before every request. The Host header must name the desk's own address, so that a name that was made
to point here (DNS rebinding) reaches nothing. A cookie must hold the token, which only the printed address gives. What
changes something must be sent by POST, from a page of the desk (Origin, Sec-Fetch-Site), with the form's own key.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

COOKIE = "sovereign_desk"
#: The longest form: a note and some fields.
MOST_BYTES = 64 << 10

Next = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Guard:
    """The desk's address and secrets. A new one is made for every start."""

    host: str
    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def origin(self) -> str:
        """Where the desk stands, as a browser writes it."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{shown}:{self.port}"

    @property
    def entrance(self) -> str:
        """The address that lets a browser in."""
        return f"{self.origin}/enter?token={self.token}"

    @property
    def form_key(self) -> str:
        """What every form carries: made from the token, so that no other page can know it."""
        return hmac.new(self.token.encode(), b"form", sha256).hexdigest()

    async def __call__(self, request: Request, call_next: Next) -> Response:
        """Refuse what is not the owner's; else go on, with headers that keep the answer to itself."""
        refused = self._refused(request)
        response = refused or await call_next(request)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers.setdefault("Content-Security-Policy", "frame-ancestors 'none'")
        return response

    def enter(self, request: Request) -> Response:
        """Trade the token in the address for a cookie, so that the address can be forgotten."""
        given = request.query_params.get("token", "")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return _refusal("this address has another token", "use the address that `sovereign serve` printed")
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(self._cookie, self.token, httponly=True, samesite="strict", path="/")
        return response

    def holds_key(self, form: FormData) -> bool:
        """Whether a form was made by this desk."""
        given = form.get("key")
        return isinstance(given, str) and hmac.compare_digest(given.encode(), self.form_key.encode())

    @property
    def _cookie(self) -> str:
        """Cookies know no ports: the name tells two desks on one machine apart."""
        return f"{COOKIE}_{self.port}"

    def _refused(self, request: Request) -> Response | None:
        hosts = {self.origin.removeprefix("http://"), f"localhost:{self.port}"}
        if request.headers.get("host", "").lower() not in hosts:
            return _refusal("this desk has another address", f"open {self.origin}", 421)
        if request.url.path == "/enter":
            return None
        given = request.cookies.get(self._cookie, "")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return _refusal("this browser has not been let in", "open the address that `sovereign serve` printed")
        if request.method in ("GET", "HEAD"):
            return None
        if request.method != "POST":
            return _refusal(f"{request.method} does nothing here", "use the forms of the desk", 405)
        origin = request.headers.get("origin")
        own = {self.origin, f"http://localhost:{self.port}"}
        if (origin is not None and origin not in own) or request.headers.get("sec-fetch-site", "same-origin") not in (
            "same-origin",
            "none",
        ):
            return _refusal("this form was sent by a page of another site", "decide on the desk's own page")
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            return _refusal(f"a form has at most {MOST_BYTES:,} bytes", "write a shorter note", 413)
        return None


def _refusal(cause: str, remedy: str, status: int = 403) -> Response:
    return PlainTextResponse(f"{cause}\n{remedy}\n", status_code=status)
