"""The one way to the network: limits of each host, retries, cache, budget and sizes in one place.

    with Client(folder, [HostRule("https://export.arxiv.org", "arXiv", interval_s=3, connections=1)]) as client:
        answer = client.send(Request("GET", "https://export.arxiv.org/api/query?search_query=all:moe"))
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

from sovereign import _version

from ._cache import Cache
from ._limits import HostGate
from ._rules import Budget, HostRule
from ._types import Answer, Request, origin_of, plain_address
from ._waiting import Clock, SystemClock, backoff, retry_after
from ._wire import Exchange, Wire
from .errors import BadAnswer, Forbidden, NetError, Offline, Refused

#: Set to anything but 0: nothing is sent, whatever was asked for.
OFFLINE_VARIABLE = "SOVEREIGN_OFFLINE"
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_LEFT_ALONE = (429, 503)
Check = Callable[[Answer], object]


def _silent(_: str) -> None:
    return None


class Client:
    """Sends requests to hosts that have a rule, and to no other. Safe for several threads.

    Args:
        folder: where limits and kept answers lie.
        rules: one per host.
        contact: a mail address, named in the User-Agent.
        budget: what may be spent in all; None for no bound.
        offline: send nothing; kept answers serve, at any age.
        cache_days, cache_bytes: how old a kept answer may be, and how large all together.
        limits_folder: where limits lie instead, to share them between workspaces.
        progress: told of waiting and retries, a line at a time.
        clock: time; tests bring their own.

    `notices` lists what a person should know: refused cache entries, answers that could not be kept.
    """

    def __init__(
        self,
        folder: Path,
        rules: Iterable[HostRule] = (),
        *,
        contact: str = "",
        budget: Budget | None = None,
        offline: bool = False,
        cache_days: float = 7.0,
        cache_bytes: int = 512_000_000,
        limits_folder: Path | None = None,
        progress: Callable[[str], None] = _silent,
        clock: Clock | None = None,
    ) -> None:
        self.notices: list[str] = []
        self.budget = budget
        self.offline = offline or os.environ.get(OFFLINE_VARIABLE, "0") not in ("", "0")
        self._clock = clock or SystemClock()
        self._progress = progress
        self._user_agent = user_agent(contact)
        self._rules = {origin_of(rule.origin): rule for rule in rules}
        if "" in self._rules:
            raise Forbidden(f"{self._rules[''].origin!r} is no http address", "write https://host or http://host:port")
        self._limits_folder = limits_folder or folder / "hosts"
        self._gates: dict[str, HostGate] = {}
        self._cache = Cache(folder / "cache", cache_days, cache_bytes, self._now, self._notice)
        self._wire = Wire()
        self._guard = threading.Lock()

    def send(self, request: Request, check: Check | None = None) -> Answer:
        """The answer to a request: a kept one, or one that is fetched now within the host's limits.

        Args:
            request: what is asked.
            check: raises BadAnswer when an answer is not to this request (garbage, an error page, another query's);
                such an answer is asked for again and never kept.

        Raises:
            Offline, Forbidden: nothing was sent.
            NoAnswer, Refused, BadAnswer, TooLarge: what the last try came to.
            HostClosed, OverBudget, Stopped: no further try.
            StorageError: the host's limits cannot be kept, so nothing was sent.
        """
        rule = self._rule(request.url)
        kept = self._kept(request, check)
        if kept is not None:
            return kept
        if self.offline:
            raise Offline(f"the network is off: {plain_address(request.url)} was not asked", "leave out --offline")
        tries = max(1, request.tries or rule.tries)
        for failures in range(1, tries + 1):
            try:
                answer = self._fetch(request, rule)
                if check is not None:
                    check(answer)
            except NetError as error:
                if not error.again or failures == tries:
                    raise
                self._wait_after(error, failures, rule)
                continue
            if request.cache:
                self._cache.put(request, answer)
            return answer
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        """End what is waiting or under way (Stopped, in its thread) and let go of the connections."""
        if isinstance(self._clock, SystemClock):
            self._clock.stop()
        self._wire.close()
        self._cache.tidy()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # -- one try

    def _fetch(self, request: Request, rule: HostRule) -> Answer:
        """One exchange, and those that its redirects lead to, each within the limits of its own host."""
        url, private = _with(request.url, request.secret), dict(request.private)
        for _ in range(_MOST_REDIRECTS + 1):
            with self._gate(rule).passing(self._left_s):
                if self.budget is not None:
                    self.budget.take_request()
                status, headers, body = self._exchange(request, url, private, rule)
            if status not in _REDIRECTS or status in request.expect:
                break
            url, rule, private = self._redirected(request, url, headers, rule, private)
        else:
            raise BadAnswer(f"{rule.name or rule.origin} redirected {_MOST_REDIRECTS} times", "check the address")
        if status in request.expect:
            return Answer(status, headers, body, _without(url, request.secret), self._now().isoformat("T", "seconds"))
        wait = retry_after(headers.get("retry-after"), self._now())
        if status in _LEFT_ALONE and wait is not None:
            self._gate(rule).stay_away(wait)
        name = rule.name or rule.origin
        asked = f" and asks to wait {wait:.0f} s" if wait is not None else ""
        raise Refused(f"{name} answered with status {status}{asked}", _remedy(status), status)

    def _exchange(
        self, request: Request, url: str, private: Mapping[str, str], rule: HostRule
    ) -> tuple[int, dict[str, str], bytes]:
        seconds = min(request.timeout_s or rule.timeout_s, self._left_s())
        bounds = Exchange(rule.name or rule.origin, seconds, rule.max_bytes, rule.max_unpacked, self._count)
        headers = {"User-Agent": self._user_agent, "Accept-Encoding": "gzip", "Connection": "close"}
        return self._wire.send(request.method, url, {**headers, **request.headers, **private}, request.body, bounds)

    def _redirected(
        self, request: Request, url: str, headers: Mapping[str, str], rule: HostRule, private: Mapping[str, str]
    ) -> tuple[str, HostRule, dict[str, str]]:
        target = urljoin(url, headers.get("location", ""))
        name = rule.name or rule.origin
        if request.method != "GET":
            raise Forbidden(f"{name} redirects a {request.method}", "check the service's address in the settings")
        if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
            raise Forbidden(f"{name} redirects to {plain_address(target)!r}, which is not https", "check its address")
        onward = self._rules.get(origin_of(target))
        if onward is None:
            raise Forbidden(
                f"{name} redirects to {plain_address(target)!r}, a host that is none of ours",
                "if that is right, name the host in services.toml",
            )
        same = origin_of(target) == origin_of(url)
        return target, onward, dict(private) if same else {}

    def _wait_after(self, error: NetError, failures: int, rule: HostRule) -> None:
        wait = backoff(rule.backoff_s, failures, rule.max_wait_s)
        self._progress(f"{error.message}; trying again ({failures} of {rule.tries} tries failed)")
        if isinstance(error, Refused) and error.status in _LEFT_ALONE:
            self._gate(rule).stay_away(wait)  # for all processes; waited out at the gate
        else:
            self._clock.sleep(min(wait, self._left_s()))

    # -- what stands around it

    def _rule(self, url: str) -> HostRule:
        rule = self._rules.get(origin_of(url))
        if rule is None:
            raise Forbidden(f"{plain_address(url)!r} is at no host that is configured", "name it in services.toml")
        return rule

    def _kept(self, request: Request, check: Check | None) -> Answer | None:
        if not request.cache:
            return None
        answer = self._cache.get(request, any_age=self.offline)
        if answer is None:
            return None
        try:
            if check is not None:
                check(answer)
        except BadAnswer as error:
            self._notice(f"a kept answer is not used: {error.message}")
            return None
        if self.budget is not None:
            self.budget.take_cached()
        return answer

    def _gate(self, rule: HostRule) -> HostGate:
        with self._guard:
            gate = self._gates.get(rule.origin)
            if gate is None:
                name = rule.name or rule.origin
                told = lambda wait: self._progress(f"{name}: waiting {wait:.1f} s")  # noqa: E731
                gate = HostGate(self._limits_folder, rule, self._clock, told)
                self._gates[rule.origin] = gate
            return gate

    def _left_s(self) -> float:
        return self.budget.left_s() if self.budget is not None else float("inf")

    def _count(self, number: int) -> None:
        if self.budget is not None:
            self.budget.take_bytes(number)

    def _now(self) -> datetime:
        return self._clock.now()

    def _notice(self, message: str) -> None:
        with self._guard:
            self.notices.append(message)
        self._progress(message)


def user_agent(contact: str) -> str:
    """What services see: our name, version, and whom to write to."""
    return f"Sovereign/{_version.__version__} ({f'mailto:{contact}' if contact else 'no contact address configured'})"


def _with(url: str, secret: Mapping[str, str]) -> str:
    if not secret:
        return url
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(secret)) if part)
    return urlunsplit(parts._replace(query=query))


def _without(url: str, secret: Mapping[str, str]) -> str:
    """The address without the secret parameters that it was sent with."""
    if not secret:
        return url
    parts = urlsplit(url)
    hidden = tuple(f"{urlencode({name: ''})}" for name in secret)
    kept = [part for part in parts.query.split("&") if not part.startswith(hidden)]
    return urlunsplit(parts._replace(query="&".join(kept)))


def _remedy(status: int) -> str:
    if status in (401, 403):
        return "check the key for this service"
    if status in _LEFT_ALONE:
        return "ask again later; what was answered is kept"
    return "check the service's address, or try again later"
